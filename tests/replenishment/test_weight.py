"""What the panel weighs: a phone on 2G waits for it, and asks for news again and again."""

from __future__ import annotations

import logging
import re

from tests.client import HTMX
from tests.conftest import Cast
from tests.factories import replenishment as goods
from tests.house.test_weight import FIRST_RESPONSE, FRAGMENT, STYLE, compressed
from wholesale.platform.db import db
from wholesale.replenishment import actions, queries

log = logging.getLogger(__name__)
NAMES = ("Golden jute shopping bag", "Assam black tea, 500 g", "Stainless steel tiffin box", "Bamboo floor mat")


def test_a_full_panel_fits_into_one_round_trip_and_its_news_are_small(cast: Cast, client_of) -> None:
    made = [
        goods.tea(cast.trader, f"{NAMES[number % len(NAMES)]} no. {number}", stock=number % 31, sku=f"SKU-{number:05}")
        for number in range(queries.PAGE + 3)
    ]
    goods.supplier(cast.trader, *made)
    actions.look()
    db.session.commit()
    dipu, weights = client_of(cast.dipu), {}
    for language in ("en", "bn"):
        dipu.get(f"/language/{language}")
        html = dipu.get("/seller/inventory")
        assert html.text.count('id="replenishment-row-') == queries.PAGE
        weights[language] = compressed(html.data) + STYLE
    asking = re.search(r'hx-get="(/seller/inventory/changes[^"]*)"', html.text)
    assert asking
    news = compressed(dipu.get(asking[1].replace("&amp;", "&"), headers=HTMX).data)
    log.info("%s, nothing new %s", weights, news)
    assert {language: weight for language, weight in weights.items() if weight > FIRST_RESPONSE} == {}
    assert news < FRAGMENT / 3
