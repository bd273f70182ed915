"""Prices are for verified businesses, costs and percentages for the platform (EX-7): no page lets them slip."""

from __future__ import annotations

from itertools import product as product_of

import pytest

from tests.client import HTMX
from tests.conftest import Cast
from tests.factories import accounts
from tests.house import access_table as table
from tests.house.telling import (
    ALL_PRICES,
    COST,
    PERCENTAGES,
    PRICES,
    SECRETS,
    every_writing,
    shows,
    totals,
    with_a_teapot,
)
from tests.house.world import World, routes
from wholesale.catalog.models import Product
from wholesale.organizations.models import Organization
from wholesale.platform.db import db

KINDS = {"page": {}, "fragment": HTMX}
LANGUAGES = ("en", "bn")
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


@pytest.fixture
def shop(world: World, cast: Cast) -> World:
    return with_a_teapot(world, cast)


@pytest.mark.parametrize("role", [table.VISITOR, table.NEW_BUYER, table.NEW_SELLER])
def test_the_shop_shows_no_price_to_who_may_not_see_them(shop: World, role) -> None:
    wrong = []
    for language, kind, path in product_of(LANGUAGES, KINDS, SHOP):
        browser = shop.stranger(role)
        browser.set_cookie("language", language)
        response = browser.get(path.format(slug=shop.slug), headers=KINDS[kind])
        assert response.status_code < 500
        found = shows(response.text, ALL_PRICES)
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


def everything(shop: World, owner: str) -> list[tuple[str, str]]:
    """(path, text) of every page and fragment that this person can GET; strangers' are read by test_access."""
    answers = []
    for rule, method in routes(shop.app):
        if method != "GET":
            continue
        for kind, headers in KINDS.items():
            with shop.undone():
                response = shop.owner(owner).get(shop.url(rule), headers=headers)
            if response.mimetype in {"text/html", "application/json"}:
                answers.append((f"{kind} {rule.rule}", response.text))
    return answers


def test_nor_does_the_buyer_of_the_goods(shop: World) -> None:
    """Not on the order either, which knows its cost and its split."""
    answers = everything(shop, "buyer")
    assert any(shows(text, PRICES) for path, text in answers if path.endswith("/orders/<number>")), "no order was seen"
    found = [(path, shows(text, SECRETS)) for path, text in answers]
    assert [row for row in found if row[1]] == []


def test_their_seller_sees_what_they_cost_where_products_are_kept_and_no_percentage(shop: World) -> None:
    """A seller types their cost, so it stands on the pages of their products; not on an order."""
    product = db.session.query(Product).filter_by(slug=shop.slug).one()
    object.__setattr__(shop, "product_id", product.id)
    db.session.commit()
    answers = everything(shop, "seller")
    assert any(shows(text, PRICES) for path, text in answers if path.endswith("/orders/<number>")), "no order was seen"
    own = "/seller/products/"
    assert any(shows(text, [COST]) for path, text in answers if own in path), "no product of theirs was seen"
    found = [(path, shows(text, PERCENTAGES if own in path else SECRETS)) for path, text in answers]
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
