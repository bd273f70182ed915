"""Hostile texts in every field of this room's forms: never our fault, and nothing is changed by nonsense."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import cycle, islice
from typing import Any

from flask import Flask

from tests.client import HouseClient
from tests.conftest import Cast
from tests.factories import catalog, purchasing
from tests.house.test_form_fuzz import HOSTILE
from wholesale.accounts.models import User
from wholesale.inventory import queries as inventory
from wholesale.platform.db import db

SERVER = 500
PER_FIELD = 2  # others for each, so that each form meets many of them


def test_hostile_texts(house: Flask, cast: Cast, client_of: Callable[[User], HouseClient]) -> None:
    tea, of = catalog.product(cast.trader, "Tea", sku="TEA-1"), purchasing.supplier(cast.trader)
    purchasing.sells(of, tea)
    draft, sent = purchasing.ordered(of, tea), purchasing.sent(of, tea)
    db.session.commit()
    line = sent.lines[0].id
    supplier, order, receiving = (
        f"/seller/suppliers/{of.id}", f"/seller/purchase-orders/{draft.id}", f"/seller/purchase-orders/{sent.id}"
    )  # fmt: skip
    location = str(sent.location_id)
    forms: dict[str, dict[str, str]] = {
        supplier: {
            "name": "X", "email": "", "currency": "BDT", "country": "", "lead_min": "1", "phone": "", "notes": "",
        },
        f"{supplier}/items": {
            "items-0-sku": "TEA-1", "items-0-cost": "1", "items-0-tiers": "5: 1", "items-0-moq": "1",
            "items-0-pack": "1", "items-0-lead_min": "1", "items-0-lead_max": "2", "items-0-supplier_sku": "S",
            "items-0-id": "1", "shown": "1", "items-0-preferred": "y", "do": "save",
        },
        order: {
            "revision": "1", "supplier_id": str(of.id), "location_id": location, "lines-0-sku": "TEA-1", "note": "x",
            "lines-0-quantity": "5", "lines-0-unit_cost": "1", "lines-0-exception": "x", "freight": "1", "do": "save",
        },
        "/seller/purchase-orders/new": {
            "key": "k", "supplier_id": str(of.id), "location_id": location, "lines-0-sku": "NOPE",
            "lines-0-quantity": "5", "other_costs": "1",
        },
        f"{receiving}/deliveries": {
            "key": "k", "revision": "0", "location_id": location, f"line-{line}-good": "1", f"line-{line}-damaged": "1",
            f"line-{line}-fate": "refused", f"line-{line}-reason": "x", f"line-{line}-unit_cost": "1", "freight": "1",
            f"line-{line}-code": "B", f"line-{line}-expires_on": "2030-01-01", "note": "DN",
        },
        f"{receiving}/sending": {"by": "x"},
        f"{order}/offers/1": {"answer": "average"},
    }  # fmt: skip
    browser = client_of(cast.dipu)
    before = inventory.available(catalog.variants_of(tea))
    texts = cycle(HOSTILE.items())
    for url, fine in forms.items():
        for field in fine:
            for name, text in islice(texts, PER_FIELD):
                answer = browser.post(url, data=fine | {field: text})
                assert answer.status_code < SERVER, (url, field, name)
    for name, text in islice(texts, PER_FIELD):
        upload: dict[str, Any] = {"file": (io.BytesIO(f"SKU,Price\nTEA-1,{text}\n{text},5\n".encode()), "list.csv")}
        assert browser.post(f"{supplier}/price-list", data=upload).status_code < SERVER, name
    for path in ("/seller/purchase-orders", "/seller/purchase-orders.csv", "/seller/suppliers"):
        for name, text in islice(texts, PER_FIELD):
            query = dict.fromkeys(("q", "state", "before", "after", "supplier", "seller", "late"), text[:1000])
            assert browser.get(path, query_string=query).status_code < SERVER, (path, name)
    assert inventory.available(catalog.variants_of(tea)) == before
