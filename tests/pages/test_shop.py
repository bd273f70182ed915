"""Home, listing, product page: goods for everybody, prices for the verified."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import catalog
from wholesale.accounts.models import User
from wholesale.platform.db import db

Browser = Callable[[User], HouseClient]


def test_home_greets_everybody(client: HouseClient, cast: Cast) -> None:
    catalog.product(cast.trader)
    db.session.commit()
    page = client.get("/")
    assert page.status_code == 200
    assert "Bags" in page.text


def test_listing_shows_goods_without_prices_to_visitors(client: HouseClient, cast: Cast) -> None:
    catalog.product(cast.trader)
    db.session.commit()
    words = text_of(client.get("/products").text)
    assert "Jute bag" in words
    assert "145" not in words
    assert "120.00" not in words
    assert "verified" in words


def test_listing_shows_prices_and_tiers_to_the_verified(client_of: Browser, cast: Cast) -> None:
    catalog.product(cast.trader)
    db.session.commit()
    words = text_of(client_of(cast.amina).get("/products").text)
    for figure in ("৳145.00", "৳135.00", "৳120.00", "Minimum 10"):
        assert figure in words


def test_listing_as_fragment(client_of: Browser, cast: Cast) -> None:
    catalog.product(cast.trader)
    db.session.commit()
    fragment = client_of(cast.amina).get("/products", headers=HTMX)
    assert "<html" not in fragment.text
    assert 'id="pages-listing"' in fragment.text
    assert "HX-Request" in fragment.headers["Vary"]


def test_search_finds_words_and_exact_skus(client_of: Browser, cast: Cast) -> None:
    catalog.product(cast.trader, "Jute bag", sku="EX-JUTE-01")
    catalog.product(cast.trader, "Lemon tea", sku="EX-TEA-01", name_bn="লেবু চা")
    db.session.commit()
    browser = client_of(cast.amina)
    for query, found, missing in (
        ("jute", "Jute bag", "Lemon tea"),
        ("ex-tea-01", "Lemon tea", "Jute bag"),
        ("চা", "Lemon tea", "Jute bag"),
    ):
        words = text_of(browser.get("/products", query_string={"q": query}, headers=HTMX).text)
        assert found in words, query
        assert missing not in words, query


def test_search_without_result_says_what_to_do(client: HouseClient, cast: Cast) -> None:
    words = text_of(client.get("/products?q=zeppelin").text)
    assert "Nothing found" in words
    assert "Show all products" in words


def test_a_search_inside_a_category_without_result_is_offered_in_all(client: HouseClient, cast: Cast) -> None:
    catalog.product(cast.trader)
    db.session.commit()
    everywhere = '<a class="button primary" href="/products?q=zeppelin">Search in all categories</a>'
    assert everywhere in client.get("/products?q=zeppelin&category=bags").text
    narrowed = client.get("/products?q=zeppelin&category=bags&country=BD").text
    assert '<a href="/products?q=zeppelin">Search in all categories</a>' in narrowed
    assert "Without filters" in narrowed
    assert "Search in all categories" not in client.get("/products?q=zeppelin").text


def test_the_title_follows_what_is_swapped(client: HouseClient, cast: Cast) -> None:
    catalog.product(cast.trader)
    db.session.commit()
    for query in ("", "?category=bags", "?q=jute&country=BD"):
        titles = []
        for headers in ({}, HTMX):
            found = re.findall(
                r"<title>(.*?)</title>", client.get(f"/products{query}", headers=headers).text, re.DOTALL
            )
            titles.append([" ".join(title.split()) for title in found])
        assert titles[0] == titles[1], query
        assert len(titles[0]) == 1
    assert titles[0][0].startswith("Search: jute – ")


def test_absurd_addresses_are_answered(client: HouseClient, cast: Cast) -> None:
    catalog.product(cast.trader)
    db.session.commit()
    for query in (
        "after=x",
        "after=-1",
        "after=99999999999999999",
        "after=1~e",
        "after=1~..",
        "after=1~-",
        "after=১~১",
        "q=%00",
        "q=" + "a" * 5000,
        "q=%F0%9F",
        "q='&%7C!",
    ):
        assert client.get(f"/products?{query}").status_code == 200, query
    assert client.get("/products?category=nowhere").status_code == 404


def test_pages_follow_each_other_without_gap_or_repetition(client_of: Browser, cast: Cast) -> None:
    for number in range(30):
        catalog.product(cast.trader, f"Bag {number:02d}", stock=0)
    db.session.commit()
    browser = client_of(cast.amina)
    for query in ({}, {"q": "bag"}):
        first = browser.page("/products", query_string=query)
        following = [
            link.get("href") for link in first.iter("{http://www.w3.org/1999/xhtml}a") if link.get("rel") == "next"
        ]
        assert len(following) == 1
        second = browser.get(following[0]).text
        names = {f"Bag {number:02d}" for number in range(30)}
        on_first = {name for name in names if name in "".join(first.itertext())}
        on_second = {name for name in names if name in second}
        assert len(on_first) == 24
        assert on_first | on_second == names
        assert not on_first & on_second


def test_product_page_quotes_the_minimum_order(client_of: Browser, cast: Cast) -> None:
    bag = catalog.product(cast.trader)
    db.session.commit()
    words = text_of(client_of(cast.amina).get(f"/products/{bag.slug}").text)
    assert "৳1,450.00" in words
    assert "Put in the cart" in words


def test_product_page_without_prices_says_why(client_of: Browser, cast: Cast) -> None:
    bag = catalog.product(cast.trader)
    db.session.commit()
    answer = client_of(cast.newcomer).get(f"/products/{bag.slug}")
    assert "৳" not in answer.text
    assert "/verify-business" in answer.text


def test_product_that_is_out_of_stock_says_so(client_of: Browser, cast: Cast) -> None:
    bag = catalog.product(cast.trader, stock=0)
    db.session.commit()
    answer = client_of(cast.amina).get(f"/products/{bag.slug}")
    assert answer.status_code == 200
    assert "out of stock" in answer.text
    assert "in the cart" not in answer.text


def test_unknown_and_archived_products_are_not_there(client: HouseClient, cast: Cast) -> None:
    bag = catalog.product(cast.trader)
    bag.state = "archived"
    db.session.commit()
    assert client.get("/products/nothing").status_code == 404
    assert client.get(f"/products/{bag.slug}").status_code == 404


def test_language_is_remembered_and_leads_back(client: HouseClient, cast: Cast) -> None:
    answer = client.get("/language/bn?next=/products?q=x")
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith("/products?q=x")
    assert '<html lang="bn"' in client.get("/products").text
    assert client.get("/language/xx").status_code == 404
    assert client.get("/language/en?next=//evil.example").headers["Location"] == "/"


def test_styleguide_and_sources(client: HouseClient) -> None:
    assert client.get("/styleguide").status_code == 200
    assert "Online Retail" in client.get("/sources").text
