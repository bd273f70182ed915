"""The cart through HTTP, as page and as fragment."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import catalog, organizations
from wholesale.accounts.models import User
from wholesale.cart.models import CartLine
from wholesale.catalog.models import Product
from wholesale.platform.db import db
from wholesale.pricing import actions as pricing

Browser = Callable[[User], HouseClient]


@pytest.fixture
def bag(cast: Cast) -> Product:
    made = catalog.product(cast.trader)
    db.session.commit()
    return made


def put(browser: HouseClient, product: Product, quantity: object, **kwargs: object):
    (variant, *_) = catalog.variants_of(product)
    return browser.post("/cart/lines", data={"variant_id": variant, "quantity": quantity}, **kwargs)


def line_id() -> int:
    return db.session.query(CartLine.id).scalar()


def test_empty_cart_says_what_to_do(client_of: Browser, cast: Cast) -> None:
    words = text_of(client_of(cast.amina).get("/cart").text)
    assert "Your cart is empty" in words
    assert "Find products" in words


def test_put_and_see(client_of: Browser, cast: Cast, bag: Product) -> None:
    amina = client_of(cast.amina)
    answer = put(amina, bag, 49)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/cart")
    words = text_of(amina.get("/cart").text)
    for figure in ("Dipu Traders", "৳145.00", "৳7,105.00", "Buy 50, pay less: ৳6,750.00", "Can be ordered"):
        assert figure in words


def test_putting_twice_is_putting_once(client_of: Browser, cast: Cast, bag: Product) -> None:
    amina = client_of(cast.amina)
    put(amina, bag, 20)
    put(amina, bag, 20)
    assert [row.quantity for row in db.session.query(CartLine)] == [20]


@pytest.mark.parametrize("quantity", ["", "abc", "0", "-5", "1.5", "9", "5001", "9" * 30, "1e309", "NaN", "\0"])
def test_what_cannot_be_ordered_is_not_put(client_of: Browser, cast: Cast, bag: Product, quantity: str) -> None:
    answer = put(client_of(cast.amina), bag, quantity)
    assert answer.status_code == 422
    assert 'class="error"' in answer.text
    assert db.session.query(CartLine).count() == 0


@pytest.mark.parametrize(("quantity", "takes"), [("9", [10]), ("5001", [5000]), ("many", []), ("0", [])])
def test_what_is_refused_leads_to_what_can_be_ordered(
    client_of: Browser, cast: Cast, bag: Product, quantity: str, takes: list[int]
) -> None:
    amina = client_of(cast.amina)
    links = re.findall(r'<a href="([^"]*)">Take ([\d,]+)</a>', put(amina, bag, quantity).text)
    assert [int(number.replace(",", "")) for _, number in links] == takes
    for href, _ in links:
        page = amina.get(href)
        assert page.status_code == 200
        assert f'value="{takes[0]}"' in page.text


def test_nothing_that_is_not_sold(client_of: Browser, cast: Cast, bag: Product) -> None:
    amina = client_of(cast.amina)
    assert amina.post("/cart/lines", data={"variant_id": 999999, "quantity": 10}).status_code == 404
    assert amina.post("/cart/lines", data={"variant_id": "x", "quantity": 10}).status_code == 422


def test_change_as_fragment_answers_the_whole_cart(client_of: Browser, cast: Cast, bag: Product) -> None:
    amina = client_of(cast.amina)
    put(amina, bag, 20)
    answer = amina.post(f"/cart/lines/{line_id()}", data={"quantity": 200}, headers=HTMX, follow_redirects=True)
    assert "<html" not in answer.text
    assert 'id="cart-contents"' in answer.text
    assert "৳24,000.00" in answer.text


def test_a_wrong_quantity_stays_in_its_field(client_of: Browser, cast: Cast, bag: Product) -> None:
    amina = client_of(cast.amina)
    put(amina, bag, 20)
    for headers in ({}, HTMX):
        answer = amina.post(f"/cart/lines/{line_id()}", data={"quantity": "many"}, headers=headers)
        assert answer.status_code == 422
        assert 'value="many"' in answer.text
        assert "whole number" in answer.text
    assert db.session.query(CartLine.quantity).scalar() == 20


def test_below_the_minimum_is_marked_and_keeps_from_the_checkout(client_of: Browser, cast: Cast, bag: Product) -> None:
    amina = client_of(cast.amina)
    put(amina, bag, 20)
    amina.post(f"/cart/lines/{line_id()}", data={"quantity": 9})
    words = text_of(amina.get("/cart").text)
    assert "The minimum order is 10: 1 more needed." in words
    assert "Go to the checkout" not in words
    assert amina.get("/checkout/address").headers["Location"] == "/cart"


def test_remove(client_of: Browser, cast: Cast, bag: Product) -> None:
    amina = client_of(cast.amina)
    put(amina, bag, 20)
    line = line_id()
    for _ in range(2):
        assert amina.post(f"/cart/lines/{line}/removal").status_code == 303
    assert db.session.query(CartLine).count() == 0


def test_another_persons_line_is_not_there(client_of: Browser, cast: Cast, bag: Product) -> None:
    put(client_of(cast.amina), bag, 20)
    for stranger in (cast.chandni, cast.babul):
        browser = client_of(stranger)
        assert browser.post(f"/cart/lines/{line_id()}", data={"quantity": 30}).status_code == 404
        browser.post(f"/cart/lines/{line_id()}/removal")
    assert db.session.query(CartLine.quantity).scalar() == 20


def test_a_changed_price_is_pointed_out_and_accepted(client_of: Browser, cast: Cast, bag: Product) -> None:
    from tests.orders.test_actions import taka

    amina = client_of(cast.amina)
    put(amina, bag, 20)
    pricing.set_tiers(product=bag, tiers=[(10, taka("150"))])
    db.session.commit()
    assert "The price was ৳145.00, it is ৳150.00 now." in text_of(amina.get("/cart").text)
    amina.post("/cart/prices")
    assert "The price was" not in amina.get("/cart").text


def test_sellers_minimum_order_value(client_of: Browser, cast: Cast) -> None:
    mill = organizations.business("Farid Mills", kind="seller", minimum_order="5000", members={})
    rice = catalog.product(mill, "Rice", tiers=((5, "60"),), cost="50")
    db.session.commit()
    amina = client_of(cast.amina)
    put(amina, rice, 10)
    words = text_of(amina.get("/cart").text)
    assert "minimum order is ৳5,000.00: ৳4,400.00 more needed" in words


def test_badge(client_of: Browser, cast: Cast, bag: Product) -> None:
    amina = client_of(cast.amina)
    put(amina, bag, 20)
    assert ">1<" in amina.get("/cart/badge", headers=HTMX).text


def test_who_may_not(client: HouseClient, client_of: Browser, cast: Cast) -> None:
    assert client.get("/cart").status_code == 303
    for person in (cast.newcomer, cast.dipu, cast.esha):
        assert client_of(person).get("/cart").status_code == 403


def test_post_without_token_is_offered_again(client_of: Browser, cast: Cast, bag: Product) -> None:
    answer = put(client_of(cast.amina), bag, 20, csrf=False)
    assert answer.status_code == 400
    assert 'name="quantity" value="20"' in answer.text
    assert db.session.query(CartLine).count() == 0
