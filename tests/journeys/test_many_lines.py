"""Many lines at once, without JavaScript: quick order, a list, and buying again, each into the cart."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.client import HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, orders
from tests.journeys.test_first_order import fields, follow
from wholesale.platform.db import db


@pytest.fixture
def amina(house: Flask, cast: Cast) -> HouseClient:
    catalog.product(cast.trader, "Jute bag", sku="JB-100")
    catalog.product(cast.trader, "Rice", sku="RICE-5", tiers=((5, "2450"), (20, "2390")))
    db.session.commit()
    browser = house.test_client().login(accounts.sign_in(cast.amina))
    db.session.commit()
    return browser


def test_from_a_paper_with_skus_to_the_cart(amina: HouseClient) -> None:
    page = follow(amina, amina.get("/").text, "Quick order")
    pasted = fields(page, "/quick-order") | {"paste": "SKU\tQuantity\nJB-100\t৫০\nRICE5 x 20\n"}
    page = amina.post("/quick-order", data=pasted).text
    assert "1 line needs your attention." in text_of(page)
    # The wrong SKU is typed again in its row, and all is checked once more.
    corrected = fields(page, "/quick-order")
    (row,) = [name for name, value in corrected.items() if value == "RICE5" and name.startswith("sku-")]
    page = amina.post("/quick-order", data=corrected | {row: "RICE-5"}).text
    assert "2 lines can be ordered" in text_of(page)
    cart = amina.post("/quick-order/cart", data=fields(page, "/quick-order"), follow_redirects=True)
    words = text_of(cart.text)
    assert "2 lines were put in your cart." in words
    assert "৳54,550.00" in words
    assert "Go to the checkout" in words


def test_from_a_product_to_a_list_to_the_cart(amina: HouseClient) -> None:
    page = amina.get("/products/jute-bag").text
    named = fields(page, "/lists/lines") | {"quantity": "50", "name": "Every Monday"}
    amina.post("/lists/lines", data=named)
    page = follow(amina, amina.get("/").text, "Lists")
    page = follow(amina, page, "Every Monday")
    address = next(part for part in page.split('"') if part.startswith("/lists/") and part.endswith("/cart"))
    cart = amina.post(address, data=fields(page, address), follow_redirects=True)
    assert "৳6,750.00" in text_of(cart.text)
    # What is in the cart is kept as another list.
    kept = amina.post("/lists/cart", data=fields(cart.text, "/lists/cart") | {"name": "June"}, follow_redirects=True)
    assert "৳135.00 × 50 = ৳6,750.00" in text_of(kept.text)


def test_from_an_earlier_order_to_the_cart(amina: HouseClient, cast: Cast) -> None:
    bag = catalog.product(cast.trader, "Cup", sku="CUP")
    [order] = orders.placed(accounts.actor(cast.amina), {bag: 60})
    number = order.number
    db.session.commit()
    page = follow(amina, amina.get("/orders").text, "Buy again")
    (quantity,) = [name for name in fields(page, "/orders/again") if name.startswith("quantity-")]
    chosen = fields(page, "/orders/again") | {quantity.replace("quantity", "take"): "1"}
    cart = amina.post("/orders/again", data=chosen, follow_redirects=True)
    assert "৳8,100.00" in text_of(cart.text)
    page = amina.get(f"/orders/{number}").text
    again = f"/orders/{number}/again"
    cart = amina.post(again, data=fields(page, again), follow_redirects=True)
    assert "৳8,100.00" in text_of(cart.text)
