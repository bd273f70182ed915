"""What browsers never send, and others do: an answer below 500, and nothing kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.client import HouseClient
from tests.conftest import Cast
from tests.factories import accounts, catalog, prices
from wholesale.accounts.models import User
from wholesale.platform.db import db

Browser = Callable[[User], HouseClient]
TERMS = {"name": "Friends", "valid_from": "2026-01-01", "valid_until": "", "off_percent": "5", "version": "1"}


@pytest.mark.parametrize(
    "query", ["buyer=%00", "buyer=a%00b", "sku=%00", "buyer=%25_%5C", "sku=" + "9" * 500, "buyer=%F0%9F%98%80"]
)
def test_words_of_a_price_list(client_of: Browser, cast: Cast, query) -> None:
    made = prices.price_list(accounts.actor(cast.dipu), cast.shop)
    db.session.commit()
    assert client_of(cast.dipu).get(f"/seller/price-lists/{made.id}?{query}").status_code == 200


@pytest.mark.parametrize(
    "given",
    [
        {"off_percent": "99.99999"},
        {"off_percent": "0.00001"},
        {"off_percent": "1e5"},
        {"name": "\0"},
        {"valid_from": "9999-12-31x"},
        {"valid_from": "0000-00-00"},
        {"valid_until": "0001-01-01"},
    ],
)
def test_terms_that_cannot_be(client_of: Browser, cast: Cast, given) -> None:
    assert client_of(cast.dipu).post("/seller/price-lists/new", data=TERMS | given).status_code == 422


@pytest.mark.parametrize("version", ["", "x", "-1", "9" * 30])
def test_versions_that_cannot_be(client_of: Browser, cast: Cast, version) -> None:
    made = prices.price_list(accounts.actor(cast.dipu), cast.shop)
    db.session.commit()
    answer = client_of(cast.dipu).post(f"/seller/price-lists/{made.id}", data=TERMS | {"version": version})
    assert answer.status_code in {409, 422}


@pytest.mark.parametrize("tiers", ["10 5\0", "10 0.00001", "99999999999 5", "10 99999999999999999999", "10 5\n10 4"])
def test_tiers_that_cannot_be(client_of: Browser, cast: Cast, tiers) -> None:
    bag = catalog.product(cast.trader)
    made = prices.price_list(accounts.actor(cast.dipu), cast.shop)
    db.session.commit()
    url = f"/seller/price-lists/{made.id}/products/{bag.id}"
    sent = {}
    for number, line in enumerate(tiers.split("\n")):
        sent[f"tiers-{number}-min_qty"], sent[f"tiers-{number}-unit_price"] = line.split(" ")
    assert client_of(cast.dipu).post(url, data=sent).status_code == 422


def test_another_sellers_list_is_not_there(client_of: Browser, cast: Cast) -> None:
    bag = catalog.product(cast.trader)
    browser = client_of(cast.dipu)
    assert browser.get(f"/seller/price-lists/999999/products/{bag.id}").status_code == 404


@pytest.mark.parametrize(
    "query",
    ["sku=%00", "page=-1", "page=999999", "percent=%00", "percent=5&starts_on=9999-12-31&ends_on=9999-12-31",
     "percent=5&ends_on=0001-01-01", "percent=1e9", "percent=5&rounding=2", "percent=5&category=nothing"],
)  # fmt: skip
def test_previews_that_cannot_be(client_of: Browser, cast: Cast, query) -> None:
    catalog.product(cast.trader)
    db.session.commit()
    assert client_of(cast.dipu).get(f"/seller/prices/changes?percent=5&{query}").status_code < 500


HUGE = "9" * 25


@pytest.mark.parametrize(
    "path",
    [
        "/products/a%00b",
        "/products/%00/price",
        "/products/%00/sellers",
        f"/lists/{HUGE}",
        f"/lists/favourites?before={HUGE}",
        f"/orders/again?before={HUGE}",
        f"/compare?p=%00&p=jute-bag&quantity={HUGE}",
        "/compare?find=%00&p=jute-bag",
        f"/products/jute-bag/sellers?quantity={HUGE}",
        f"/products/jute-bag/price?v{HUGE}=3",
        f"/products/jute-bag/price?quantity={HUGE}",
        "/products/jute-bag?quantity=%00",
    ],
)
def test_addresses_that_nobody_has(client_of: Browser, cast: Cast, path) -> None:
    catalog.product(cast.trader)
    db.session.commit()
    assert client_of(cast.amina).get(path).status_code < 500


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/products/%00/favourite", {"marked": "yes"}),
        ("/orders/%00/again", {}),
        ("/orders/again", {f"take-{HUGE[:17]}": "1", f"quantity-{HUGE[:17]}": "5"}),
        ("/quick-order", {"paste": f"JUTE-BAG, {HUGE}\n\0, 5\n{'X' * 300} 5"}),
        ("/quick-order", {"sku-1": "JUTE-BAG\0", "quantity-1": "10\0", "variant-1": HUGE}),
        ("/quick-order/cart", {"sku-1": "JUTE-BAG", "quantity-1": "2147483648"}),
        ("/quick-order/cart", {"sku-1": "x", "quantity-1": "10", "variant-1": HUGE, "for-1": "x"}),
        ("/cart/lines", {"variant_id": HUGE, "quantity": "10"}),
        ("/cart/lines", {"variant_id": "\0", "quantity": HUGE}),
    ],
)
def test_forms_that_no_browser_sends(client_of: Browser, cast: Cast, path, data) -> None:
    catalog.product(cast.trader)
    db.session.commit()
    assert client_of(cast.amina).post(path, data=data).status_code < 500
