"""A seller's Monday through plain HTTP, without JavaScript: what to order, why, three taps, goods in, nothing left."""

from __future__ import annotations

import re
from collections.abc import Callable

from flask import Flask

from tests.client import HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import replenishment as goods
from tests.journeys.test_first_order import XHTML, fields, follow
from wholesale.accounts.models import User
from wholesale.inventory import jobs as inventory
from wholesale.inventory.models import InventoryLog
from wholesale.platform import outbox
from wholesale.platform.db import db
from wholesale.replenishment import jobs, queries


def press(browser: HouseClient, action: str, data: dict[str, str]) -> str:
    answer = browser.post(action, data=data)
    assert answer.status_code == 303, text_of(answer.text)
    return browser.get(answer.location).text


def chosen(page: str) -> dict[str, str]:
    """What stands in the page's boxes of choices, or comes first there."""
    found: dict[str, str] = {}
    for box in parse(page).iter(f"{XHTML}select"):
        options = list(box.iter(f"{XHTML}option"))
        picked = next((each for each in options if each.get("selected") is not None), options[0])
        found[box.get("name") or ""] = picked.get("value") or ""
    return found


def test_from_the_alert_to_the_goods_on_the_shelf(
    house: Flask, cast: Cast, client_of: Callable[[User], HouseClient]
) -> None:
    tea = goods.tea(cast.trader)
    goods.supplier(cast.trader, tea)
    jobs.check()
    db.session.commit()
    outbox.drain()
    browser = client_of(cast.dipu)

    page = browser.get("/seller/inventory").text  # the first tap
    text = text_of(page)
    assert "Critical low stock" in text
    assert "Reorder 100 units now" in text
    alert = goods.alert_of(tea)
    order = fields(page, "/seller/inventory/orders")
    order |= {"one": str(alert.id), f"line-{alert.id}-quantity": "100"}
    page = press(browser, "/seller/inventory/orders", order)  # the second
    number = f"PO-{queries.today().year}-001"
    assert number in text_of(page)
    assert "৳8,000.00" in text_of(page)
    [sending] = set(re.findall(r'action="(/seller/purchase-orders/\d+/sending)"', page))
    page = press(browser, sending, fields(page, sending))  # the third
    assert "Sent" in text_of(page)
    assert "100 on order" in text_of(browser.get("/seller/inventory").text)

    page = follow(browser, page, "Goods have arrived")
    [deliveries] = set(re.findall(r'action="(/seller/purchase-orders/\d+/deliveries)"', page))
    page = press(browser, deliveries, fields(page, deliveries) | chosen(page))
    assert "Received" in text_of(page)
    db.session.commit()
    outbox.drain()
    assert "Nothing runs out" in text_of(browser.get("/seller/inventory").text)
    entry = db.session.query(InventoryLog).order_by(InventoryLog.id.desc()).first()
    assert entry
    told = (entry.kind, entry.quantity, entry.previous, entry.new, entry.reference)
    assert told == ("PURCHASE", 100, 15, 115, number)
    assert "exactly" in inventory.prove()
    history = text_of(browser.get(f"/seller/inventory/{alert.id}").text)
    assert "The stock is back." in history
    assert f"Ordered {number}: 100" in history
