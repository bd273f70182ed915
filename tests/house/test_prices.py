"""Prices are for verified businesses, costs and percentages for the platform (EX-7): no page lets them slip."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from itertools import product as product_of

import pytest

from tests.client import HTMX
from tests.conftest import Cast
from tests.factories import accounts, catalog, orders
from tests.house import access_table as table
from tests.house.world import World, routes
from wholesale.cart import actions as cart
from wholesale.catalog.models import Product
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.pricing.rules import Settlement

# Figures that nothing else on any page has: not a date, a count, a size or a telephone number.
LADDER = ((10, "1462.37"), (50, "1381.43"), (200, "1217.89"))
COST = "773.19"
SPLIT = Settlement("profit_share", platform_percent=Decimal("13.57"), seller_percent=Decimal("23.79"))
QUANTITY = 50
TO_BANGLA = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")
KINDS = {"page": {}, "fragment": HTMX}
LANGUAGES = ("en", "bn")


def every_writing(amount: str) -> list[str]:
    """1462.37 as people or programs may write it: grouped or not, with comma or point, in poisha, in Bangla."""
    whole, _, part = amount.partition(".")
    stems = {whole, f"{int(whole):,}", f"{int(whole):,}".replace(",", "."), f"{int(whole):,}".replace(",", " ")}
    written = {stem + mark + part for stem in stems for mark in ".,"} | {whole + part}
    return sorted(written | {text.translate(TO_BANGLA) for text in written})


def shows(text: str, amounts: list[str]) -> list[str]:
    return [
        written
        for amount in amounts
        for written in every_writing(amount)
        if re.search(rf"(?<!\d){re.escape(written)}[0০]*(?!\d)", text)
    ]


def totals(unit_prices: list[str]) -> list[str]:
    """What lines and advice would show: each price times each quantity that stands on a page."""
    return [str(Decimal(price) * quantity) for price in unit_prices for quantity in (10, 40, QUANTITY, 100, 200)]


PRICES = [price for _, price in LADDER]
UNIT_COSTS = [COST, *totals([COST])]
PERCENTAGES = ["13.57", "23.79"]


@pytest.fixture
def shop(world: World, cast: Cast) -> World:
    """A world whose second product has the telling figures, ordered by Amina and in her and the newcomer's cart."""
    product = catalog.product(cast.trader, "Teapot", tiers=LADDER, cost=COST, settlement=SPLIT)
    amina, newcomer = accounts.actor(cast.amina), accounts.actor(cast.newcomer)
    for actor in (amina, newcomer):
        cart.put(actor=actor, variant_id=catalog.variants_of(product)[0], quantity=QUANTITY)
    [order] = orders.placed(amina, {product: 100})
    cart.put(actor=amina, variant_id=catalog.variants_of(product)[0], quantity=QUANTITY)
    db.session.commit()
    return replace(world, slug=product.slug, order_number=order.number)


SHOP = (
    "/",
    "/products",
    "/products?q=teapot",
    "/products?category=bags",
    "/products/{slug}",
    "/products/{slug}/price?quantity=50",
    "/cart",
    "/cart/badge",
    "/checkout/review",
    "/sources",
)


@pytest.mark.parametrize("role", [table.VISITOR, table.NEW_BUYER, table.NEW_SELLER])
def test_the_shop_shows_no_price_to_who_may_not_see_them(shop: World, role) -> None:
    wrong = []
    for language, kind, path in product_of(LANGUAGES, KINDS, SHOP):
        browser = shop.stranger(role)
        browser.set_cookie("language", language)
        response = browser.get(path.format(slug=shop.slug), headers=KINDS[kind])
        assert response.status_code < 500
        found = shows(response.text, [*PRICES, *totals(PRICES)])
        if found or "৳" in response.text:
            wrong.append((language, kind, path, found or "৳"))
    assert wrong == []


def test_these_tests_would_see_the_prices(shop: World) -> None:
    """A verified buyer does see them, where they belong, so what the other tests look for is what is written."""
    for language in LANGUAGES:
        browser = shop.stranger(table.BUYER)
        browser.set_cookie("language", language)
        for path in ("/products", "/products?q=teapot", "/products/{slug}", "/products/{slug}/price?quantity=50"):
            text = browser.get(path.format(slug=shop.slug)).text
            assert shows(text, PRICES), path
            assert "৳" in text, path
        assert shows(browser.get(f"/products/{shop.slug}/price?quantity=50").text, totals(PRICES))


def everything(shop: World, browser_of, role: str) -> list[tuple[str, str]]:
    """(path, text) of every page and fragment that this person can GET."""
    answers = []
    for rule, method in routes(shop.app):
        if method != "GET":
            continue
        for kind, headers in KINDS.items():
            with shop.undone():
                response = browser_of(role).get(shop.url(rule), headers=headers)
            if response.mimetype in {"text/html", "application/json"}:
                answers.append((f"{kind} {rule.rule}", response.text))
    return answers


@pytest.mark.parametrize("role", [role for role in table.ROLES if role != table.ADMIN])
def test_strangers_see_neither_costs_nor_percentages(shop: World, role) -> None:
    answers = everything(shop, shop.stranger, role)
    assert len(answers) > 40
    found = [(path, shows(text, [*UNIT_COSTS, *PERCENTAGES])) for path, text in answers]
    assert [row for row in found if row[1]] == []


def test_nor_does_the_buyer_of_the_goods(shop: World) -> None:
    """Not on the order either, which knows its cost and its split."""
    answers = everything(shop, shop.owner, "buyer")
    assert any(shows(text, PRICES) for path, text in answers if path.endswith("/orders/<number>")), "no order was seen"
    found = [(path, shows(text, [*UNIT_COSTS, *PERCENTAGES])) for path, text in answers]
    assert [row for row in found if row[1]] == []


def test_their_seller_sees_what_they_cost_where_products_are_kept_and_no_percentage(shop: World) -> None:
    """A seller types their cost, so it stands on the pages of their products; not on an order."""
    product = db.session.query(Product).filter_by(slug=shop.slug).one()
    object.__setattr__(shop, "product_id", product.id)
    db.session.commit()
    answers = everything(shop, shop.owner, "seller")
    assert any(shows(text, PRICES) for path, text in answers if path.endswith("/orders/<number>")), "no order was seen"
    own = "/seller/products/"
    assert any(shows(text, [COST]) for path, text in answers if own in path), "no product of theirs was seen"
    found = [(path, shows(text, PERCENTAGES if own in path else [*UNIT_COSTS, *PERCENTAGES])) for path, text in answers]
    assert [row for row in found if row[1]] == []


def test_every_writing_is_tried() -> None:
    assert {"1462.37", "1,462.37", "1462,37", "146237", "১,৪৬২.৩৭"} <= set(every_writing("1462.37"))
    assert shows("costs ৳1,462.37.", PRICES)
    assert shows("costs ১,৪৬২.৩৭৳", PRICES)
    assert shows("as the database has it: 1462.3700", PRICES)
    assert not shows("number 91462.371", PRICES)


def test_a_business_whose_licence_ended_yesterday_sees_no_prices(shop: World, cast: Cast) -> None:
    today = accounts.actor(cast.chandni).today
    assert today is not None
    db.session.get_one(Organization, cast.other_shop.id).verified_until = today.replace(year=today.year - 1)
    db.session.commit()
    for path in SHOP:
        assert not shows(shop.stranger(table.BUYER).get(path.format(slug=shop.slug)).text, PRICES), path
