"""Full pages of stock and their styles fit into one round trip, in both languages."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pytest

from tests.client import HouseClient
from tests.conftest import Cast
from tests.factories import accounts, catalog, transfers
from wholesale.accounts.models import User
from wholesale.config import ROOT
from wholesale.inventory import actions
from wholesale.inventory.transfers import actions as moving
from wholesale.kernel.actor import SYSTEM
from wholesale.platform.db import db

FIRST_RESPONSE = 14_000
GOODS, CHANGES, LOCATIONS = 45, 20, 6


def compressed(data: bytes) -> int:
    return len(gzip.compress(data, 6))


@pytest.mark.parametrize("language", ["en", "bn"])
def test_a_full_page_and_its_styles_fit_into_one_round_trip(
    cast: Cast, client_of: Callable[[User], HouseClient], language: str
) -> None:
    goods = [
        catalog.product(cast.trader, f"Terracotta flower pot no. {number}", sku=f"SKU-{number:05}", stock=number * 7)
        for number in range(GOODS)
    ]
    variants = [catalog.variants_of(product)[0] for product in goods]
    here, there = catalog.location_of(cast.trader.id), transfers.second_location(cast.trader.id)
    for number in range(LOCATIONS - 2):
        actions.open_location(organization_id=cast.trader.id, name=f"Warehouse no. {number}", district="Khulna")
    last = variants[-1]
    amina, dipu = accounts.actor(cast.amina), accounts.actor(cast.dipu)
    for number in range(CHANGES):
        actions.allocate(actor=amina, reference=f"ORD-2026-{number * 7919:06}", wanted={last: 1})
        note = f"Broken on shelf {number * 31}."
        actions.adjust(actor=dipu, location_id=here.id, changes={last: -1}, reference="", note=note)
    sent = moving.send(
        actor=SYSTEM,
        from_location_id=here.id,
        to_location_id=there.id,
        pieces=dict.fromkeys(variants[1:], 3),
        key="k",
    )
    db.session.commit()
    seller = client_of(cast.dipu)
    seller.set_cookie("language", language)
    style = compressed((ROOT / "static" / "css" / "site.css").read_bytes())
    weights = {}
    for path in (
        "/seller/stock",
        f"/seller/stock/{last}",
        "/seller/locations",
        f"/seller/locations/{here.id}",
        "/seller/locations/new",
        "/seller/transfers",
        f"/seller/transfers/{sent.id}",
        f"/seller/transfers/new?from={here.id}",
    ):
        response = seller.get(path)
        assert response.status_code == 200, path
        weights[path] = compressed(response.data) + style
    assert {path: weight for path, weight in weights.items() if weight > FIRST_RESPONSE} == {}, weights
