"""What the product screens weigh: a phone on 2G waits for them."""

from __future__ import annotations

import logging

from tests.client import HTMX
from tests.conftest import Cast
from tests.factories import catalog
from tests.house.test_weight import FIRST_RESPONSE, STYLE, compressed
from wholesale.catalog.actions import add_category
from wholesale.platform.db import db

log = logging.getLogger(__name__)
TIERS = ((10, "145.50"), (50, "135.25"), (200, "120"), (500, "112.75"), (1000, "99.5"))


def test_a_products_page_and_the_list_fit_into_one_round_trip(cast: Cast, client_of) -> None:
    for number in range(30):
        add_category(slug=f"shelf-{number}", name=f"Shelf for goods of kind {number}")
    variants = [(f"BAG-{size}-{colour}", f"{colour}, {size}") for size in "SMLXZ" for colour in ("Natural", "Red")]
    bag = catalog.product(cast.trader, "Hand-woven jute bag", tiers=TIERS, variants=variants)
    for number in range(25):
        catalog.product(cast.trader, f"Assam black tea, tin no. {number}", tiers=TIERS)
    db.session.commit()
    dipu = client_of(cast.dipu)
    weights = {}
    for path in (f"/seller/products/{bag.id}", "/seller/products", "/seller/products/new"):
        weights[path] = compressed(dipu.get(path).data) + STYLE
    log.info("%s", weights)
    assert {path: weight for path, weight in weights.items() if weight > FIRST_RESPONSE} == {}
    row = compressed(dipu.get(f"/seller/products/{bag.id}/row", headers=HTMX).data)
    assert row <= 1_500, row
