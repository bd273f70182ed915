"""One price function: the same buyer, product and quantity cost the same on every surface."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, orders, organizations, prices
from wholesale.accounts.models import User
from wholesale.cart import actions as cart
from wholesale.cart import queries as carts
from wholesale.catalog.models import Product, Variant
from wholesale.kernel.actor import Actor
from wholesale.kernel.money import Money
from wholesale.order_lists import actions as order_lists
from wholesale.order_lists.models import OrderList
from wholesale.orders import actions as ordering
from wholesale.orders.models import OrderLine
from wholesale.platform import i18n
from wholesale.platform.db import db
from wholesale.pricing import queries

Browser = Callable[[User], HouseClient]


def on_card(html: str, product: Product) -> str:
    return text_of(re.search(rf'<p id="pricing-card-quote-{product.id}".*?</p>', html, re.DOTALL)[0])  # type: ignore[index]


def listed(amina: Actor, product: Product, quantity: int) -> int:
    """A list that holds so many; its id."""
    lines = {catalog.variants_of(product)[0]: (quantity, Money(Decimal(1), "BDT"))}
    db.session.query(OrderList).delete()
    made = order_lists.keep_new(actor=amina, name="Weekly", lines=lines)
    db.session.commit()
    return made


@pytest.fixture
def bag(cast: Cast) -> Product:
    """On two lists, with a promotion: which rule holds depends on the quantity."""
    dipu = accounts.actor(cast.dipu)
    made = catalog.product(cast.trader)
    prices.confirmed(dipu, prices.change("-3.7", ends_on=prices.day(9)))
    prices.price_list(dipu, cast.shop, name="Group", percent="4.4444")
    prices.price_list(dipu, cast.shop, name="Ours", tiers={made: [(60, "121.3333"), (300, "101.0001")]})
    organizations.address(cast.shop)
    db.session.commit()
    return made


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(quantity=st.one_of(st.sampled_from([10, 49, 50, 59, 60, 199, 200, 299, 300]), st.integers(10, 600)))
def test_everywhere_the_same(bag: Product, cast: Cast, house: Flask, quantity: int) -> None:
    amina = accounts.actor(cast.amina)
    token = accounts.sign_in(cast.amina)
    db.session.commit()
    browser = house.test_client().login(token)
    agreed = queries.offer_for(amina, bag.slug).quote(quantity)
    unit, total = i18n.unit_money(agreed.unit_price, "en"), i18n.money(agreed.total, "en")
    answers = {
        "page": browser.get(f"/products/{bag.slug}?quantity={quantity}"),
        "calculator": browser.get(f"/products/{bag.slug}/price?quantity={quantity}"),
        "fragment": browser.get(f"/products/{bag.slug}/price?quantity={quantity}", headers=HTMX),
        "card": browser.get(
            f"/products/{bag.slug}/price?quantity={quantity}",
            headers={**HTMX, "HX-Target": f"p#pricing-card-quote-{bag.id}"},
        ),
        "compare": browser.get(f"/compare?p={bag.slug}&quantity={quantity}"),
        "sellers": browser.get(f"/products/{bag.slug}/sellers?quantity={quantity}"),
        "quick order": browser.post("/quick-order", data={"paste": f"JUTE-BAG, {quantity}"}),
        "order list": browser.get(f"/lists/{listed(amina, bag, quantity)}"),
    }
    for name, answer in answers.items():
        words = text_of(answer.text)
        assert unit in words, name
        assert total in words, name
    key, seen = orders.ready_to_place(amina, {bag: quantity})
    [line] = carts.contents(amina).lines
    assert (line.unit_price, line.total) == (agreed.unit_price, agreed.total)
    db.session.commit()
    for name, url in (("cart", "/cart"), ("review", "/checkout/review")):
        words = text_of(browser.get(url).text)
        assert unit in words, name
        assert total in words, name
    number = ordering.place_order(actor=amina, key=key, seen=seen)
    placed = db.session.scalars(sa.select(OrderLine).order_by(OrderLine.id.desc()).limit(1)).one()
    assert number
    assert (placed.unit_price, placed.line_total) == (agreed.unit_price.amount, agreed.total.amount)
    assert placed.tier_min_qty == agreed.tier.min_qty
    assert placed.price_source == agreed.source.note
    db.session.commit()


def test_the_card_shows_the_minimum_order(bag: Product, cast: Cast, client_of: Browser) -> None:
    answer = client_of(cast.amina).get(
        f"/products/{bag.slug}/price", headers={**HTMX, "HX-Target": f"p#pricing-card-quote-{bag.id}"}
    )
    found = queries.offer_for(accounts.actor(cast.amina), bag.slug)
    assert i18n.money(found.from_price * 10, "en") in on_card(answer.text, bag)
    assert len(answer.data) < 1500


def test_the_order_keeps_which_rule_gave_its_price(bag: Product, cast: Cast) -> None:
    [order] = orders.placed(accounts.actor(cast.amina), {bag: 60})
    assert json.loads(order.lines[0].price_source) == {"kind": "price_list", "name": "Ours"}
    [other] = orders.placed(accounts.actor(cast.chandni), {bag: 60})
    assert json.loads(other.lines[0].price_source) == {"kind": "dated", "until": prices.day(9).isoformat()}


def test_variants_with_surcharges_cost_the_same_everywhere(cast: Cast, client_of: Browser) -> None:
    shirt = catalog.product(cast.trader, "Shirt", variants=(("S-R", "Red"), ("S-X", "XXL")))
    red, large = catalog.variants_of(shirt)
    db.session.get_one(Variant, large).surcharge = Decimal("12.5")
    organizations.address(cast.shop)
    db.session.commit()
    browser, amina = client_of(cast.amina), accounts.actor(cast.amina)
    words = text_of(browser.get(f"/products/shirt/price?v{red}=30&v{large}=20").text)
    for part in ("30 × ৳135.00", "৳4,050.00", "20 × ৳147.50", "৳2,950.00", "৳7,000.00", "50 together"):
        assert part in words, part
    cart.put_many(actor=amina, quantities={red: 30, large: 20})
    db.session.commit()
    shown = text_of(browser.get("/cart").text)
    assert "৳147.50" in shown
    assert "৳7,000.00" in shown
    checked = text_of(browser.post("/quick-order", data={"paste": "S-R, 30\nS-X, 20"}).text)
    kept = order_lists.keep_cart(actor=amina, name="Shirts")
    db.session.commit()
    for name, words in (("quick order", checked), ("list", text_of(browser.get(f"/lists/{kept}").text))):
        for part in ("৳135.00 × 30 = ৳4,050.00", "৳147.50 × 20 = ৳2,950.00", "৳7,000.00"):
            assert part in words, (name, part)
    checkout = ordering.begin_checkout(actor=amina)
    ordering.choose_payment(actor=amina, method="pay_on_delivery", buyer_reference="", note="")
    seen = ordering.agreed(carts.contents(amina), checkout)
    ordering.place_order(actor=amina, key=checkout.key, seen=seen)
    lines = db.session.execute(
        sa.select(OrderLine.unit_price, OrderLine.list_price, OrderLine.line_total).order_by(OrderLine.position)
    ).all()
    assert [tuple(line) for line in lines] == [
        (Decimal(135), Decimal(145), Decimal(4050)),
        (Decimal("147.5"), Decimal("157.5"), Decimal(2950)),
    ]
