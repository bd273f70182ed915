"""What pages weigh and how often they ask the database. `pytest --log-cli-level=INFO` shows the figures.

Times are measured by bench/, never here.
"""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable

import pytest
from flask import Flask

from tests.client import HTMX, HouseClient
from tests.conftest import Cast
from tests.factories import accounts, catalog, orders
from tests.queries_counted import queries_counted
from wholesale.cart import actions as cart
from wholesale.cart.models import CartLine
from wholesale.catalog.models import Product
from wholesale.config import ROOT
from wholesale.order_lists import actions as lists
from wholesale.platform.db import db

log = logging.getLogger(__name__)

FIRST_RESPONSE = 14_000  # one round trip: ten packets
FRAGMENT = 1_500
LINES = 10

BrowserOf = Callable[[str], HouseClient]
NAMES = (
    "Golden jute shopping bag",
    "Hand-woven Nakshi Kantha throw",
    "Assam black tea, 500 g",
    "Stainless steel tiffin box",
    "Ceramic cup with saucer",
    "Bamboo floor mat, 4 × 6 ft",
    "Terracotta flower pot",
    "Cotton gamcha, checked",
)


def compressed(data: bytes) -> int:
    return len(gzip.compress(data, 6))


STYLE = compressed((ROOT / "static" / "css" / "site.css").read_bytes())


@pytest.fixture
def goods(house: Flask, cast: Cast) -> list[Product]:
    """A full page of the listing: 24 products with three tiers each, of names as long as real ones, and a next page."""
    made = [
        catalog.product(
            cast.trader,
            f"{NAMES[index % len(NAMES)]} no. {index}",
            sku=f"SKU-{index:05}",
            tiers=((10, f"{145 + index}.50"), (50, f"{135 + index}.25"), (200, f"{120 + index}.00")),
        )
        for index in range(26)
    ]
    db.session.commit()
    return made


@pytest.fixture
def people(house: Flask, cast: Cast, client_of: Callable[..., HouseClient]) -> dict[str, HouseClient]:
    return {
        "visitor": house.test_client(),
        "buyer": client_of(cast.amina),
        "newcomer": client_of(cast.newcomer),
        "seller": client_of(cast.dipu),
        "admin": client_of(cast.esha),
    }


def fill_cart(cast: Cast, goods: list[Product], lines: int) -> None:
    actor = accounts.actor(cast.amina)
    for product in goods[:lines]:
        cart.put(actor=actor, variant_id=catalog.variants_of(product)[0], quantity=100)
    db.session.commit()


@pytest.fixture
def order_number(cast: Cast, goods: list[Product]) -> str:
    """An order of ten lines with its invoice; afterwards a cart of ten lines, ready to be reviewed."""
    [order] = orders.placed(accounts.actor(cast.amina), dict.fromkeys(goods[:LINES], 100))
    number = order.number
    db.session.commit()
    orders.ready_to_place(accounts.actor(cast.amina), dict.fromkeys(goods[:LINES], 100))
    db.session.commit()
    return number


PAGES = {
    "home, visitor": ("visitor", "/"),
    "home, buyer": ("buyer", "/"),
    "listing, visitor": ("visitor", "/products"),
    "listing, 24 products with tiers": ("buyer", "/products"),
    "search": ("buyer", "/products?q=jute"),
    "product, visitor": ("visitor", "/products/{slug}"),
    "product": ("buyer", "/products/{slug}"),
    "calculator": ("buyer", "/products/{slug}/price?quantity=49"),
    "cart, 10 lines": ("buyer", "/cart"),
    "checkout, address": ("buyer", "/checkout/address"),
    "checkout, delivery": ("buyer", "/checkout/delivery"),
    "checkout, payment": ("buyer", "/checkout/payment"),
    "checkout, review of 10 lines": ("buyer", "/checkout/review"),
    "order of 10 lines, buyer": ("buyer", "/orders/{order}"),
    "order of 10 lines, seller": ("seller", "/orders/{order}"),
    "orders": ("buyer", "/orders"),
    "buy again, 10 products": ("buyer", "/orders/again"),
    "comparing four": ("buyer", "/compare?{four}&quantity=100"),
    "comparing four, visitor": ("visitor", "/compare?{four}"),
    "sellers of the same goods": ("buyer", "/products/{slug}/sellers?quantity=100"),
    "quick order": ("buyer", "/quick-order"),
    "lists": ("buyer", "/lists"),
    "a list of 10 lines": ("buyer", "/lists/{list}"),
    "favourites": ("buyer", "/lists/favourites"),
    "orders to fill": ("seller", "/seller/orders"),
    "login": ("visitor", "/login"),
    "register": ("visitor", "/register"),
    "verify business": ("newcomer", "/verify-business"),
    "business": ("buyer", "/business"),
    "people of a business": ("buyer", "/business/people"),
    "inviting somebody": ("buyer", "/business/people/invite"),
    "businesses to choose from": ("buyer", "/business/switch"),
    "one more business": ("buyer", "/business/new"),
    "a new address": ("buyer", "/business/addresses/new"),
    "sources": ("visitor", "/sources"),
}
FRAGMENTS = {
    "calculator": ("buyer", "/products/{slug}/price?quantity=49"),
    "calculator, refused": ("buyer", "/products/{slug}/price?quantity=9"),
    "cart badge": ("buyer", "/cart/badge"),
    "invoice": ("buyer", "/orders/{order}/invoice"),
    "payment": ("buyer", "/orders/{order}/payment"),
}


@pytest.mark.parametrize("language", ["en", "bn"])
def test_a_page_and_its_styles_fit_into_one_round_trip(people, cast, goods, order_number, language) -> None:
    slug, weights = goods[0].slug, {}
    four = "&".join(f"p={product.slug}" for product in goods[:4])
    list_id = lists.keep_cart(actor=accounts.actor(cast.amina), name="Every week")
    for product in goods[:LINES]:
        lists.mark(actor=accounts.actor(cast.amina), slug=product.slug, marked=True)
    db.session.commit()
    for page, (who, path) in PAGES.items():
        people[who].set_cookie("language", language)
        response = people[who].get(path.format(slug=slug, order=order_number, four=four, list=list_id))
        assert response.status_code == 200, (page, response.status_code, response.location)
        weights[page] = compressed(response.data) + STYLE
        log.info("%s, %s: %s bytes", page, language, weights[page])
    assert {page: weight for page, weight in weights.items() if weight > FIRST_RESPONSE} == {}


def test_a_fragment_fits_into_one_packet(people, cast, goods, order_number) -> None:
    slug, weights = goods[0].slug, {}
    for fragment, (who, path) in FRAGMENTS.items():
        response = people[who].get(path.format(slug=slug, order=order_number), headers=HTMX)
        assert response.status_code in {200, 422}, (fragment, response.status_code)
        assert "<html" not in response.text
        weights[fragment] = compressed(response.data)
    db.session.query(CartLine).delete()
    fill_cart(cast, goods, 1)
    weights["cart of one line"] = compressed(people["buyer"].get("/cart", headers=HTMX).data)
    for fragment, weight in weights.items():
        log.info("fragment %s: %s bytes", fragment, weight)
    assert {fragment: weight for fragment, weight in weights.items() if weight > FRAGMENT} == {}


QUERIES = {
    "calculator": ("/products/{slug}/price?quantity=49", 2),
    "product": ("/products/{slug}", 5),
    "listing": ("/products", 6),
    "listing of a category": ("/products?category=bags", 6),
    "search": ("/products?q=jute", 6),
    "cart": ("/cart", 6),
    "home": ("/", 4),
}


def test_how_often_a_page_asks_the_database(people, cast, goods) -> None:
    """The query that finds out who asks is counted too."""
    fill_cart(cast, goods, LINES)
    slug, too_often = goods[0].slug, {}
    for page, (path, most) in QUERIES.items():
        for who in ("buyer", "visitor", "seller", "admin"):
            with queries_counted() as counted:
                people[who].get(path.format(slug=slug))
            log.info("%s, %s: %s queries", page, who, len(counted))
            assert who == "visitor" or counted, "nothing was counted: has the way of counting changed?"
            if len(counted) > most:
                too_often[page, who] = (len(counted), most)
    assert too_often == {}


def test_a_longer_cart_asks_no_more(people, cast, goods) -> None:
    costs = {}
    for lines in (1, 5, 24):
        fill_cart(cast, goods, lines)
        assert db.session.query(CartLine).count() == lines
        with queries_counted() as counted:
            assert people["buyer"].get("/cart").status_code == 200
        costs[lines] = len(counted)
    assert len(set(costs.values())) == 1, costs
    assert costs[1] <= 6


def test_placing_an_order_costs_the_same_however_many_lines(people, cast, goods) -> None:
    """At most one statement more for each line; here, none."""
    costs = {}
    for lines in (1, LINES):
        actor = accounts.actor(cast.amina)
        key, seen = orders.ready_to_place(actor, dict.fromkeys(goods[:lines], 100))
        db.session.commit()
        with queries_counted() as counted:
            response = people["buyer"].post("/checkout/review", data={"key": key, "seen": seen})
        assert response.status_code == 303, response.text[:500]
        costs[lines] = len(counted)
    assert costs[LINES] <= costs[1] + (LINES - 1), costs
