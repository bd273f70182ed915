"""Home, listing, product page: goods for everybody, prices for the verified."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, orders, organizations
from tests.queries_counted import queries_counted
from wholesale.accounts.models import User
from wholesale.catalog.actions import listings
from wholesale.order_lists import actions as lists
from wholesale.organizations.models import Organization
from wholesale.platform.db import db

XHTML = "{http://www.w3.org/1999/xhtml}"
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


def links_of(page: Any) -> dict[str, str]:
    """The addresses of the pager by rel."""
    return {str(link.get("rel")): str(link.get("href")) for link in page.iter(f"{XHTML}a") if link.get("rel")}


def test_previous_leads_back_without_script(client_of: Browser, cast: Cast) -> None:
    for number in range(60):
        catalog.product(cast.trader, f"Bag {number:02d}", stock=0, tiers=((10, f"{100 + number % 7}"),))
    db.session.commit()
    browser = client_of(cast.amina)
    for query in ("", "?q=bag", "?sort=price", "?sort=price-down", "?sort=name&moq=10"):
        first = browser.page(f"/products{query}")
        assert links_of(first).keys() == {"next"}
        second = browser.page(links_of(first)["next"])
        assert links_of(second).keys() == {"prev", "next"}
        third = browser.page(links_of(second)["next"])
        assert links_of(third).keys() == {"prev"}
        again = browser.page(links_of(third)["prev"])
        assert cards_of(again) == cards_of(second)
        assert links_of(again).keys() == {"prev", "next"}
        begun = browser.page(links_of(again)["prev"])
        assert cards_of(begun) == cards_of(first)
        assert links_of(begun).keys() == {"next"}
        assert "60 products" in " ".join("".join(begun.itertext()).split())
        assert cards_of(browser.page(links_of(begun)["next"])) == cards_of(second)
        for address in links_of(again).values():
            assert "before" in address or "after" in address


def cards_of(page: Any) -> list[str]:
    return ["".join(heading.itertext()).strip() for heading in page.iter(f"{XHTML}h2")]


def test_an_address_is_cleaned_of_empty_fields(client_of: Browser, client: HouseClient, cast: Cast) -> None:
    catalog.product(cast.trader)
    db.session.commit()
    for sent, clean in (
        ("?sort=newest&category=&min_price=&max_price=&moq=", "/products"),
        ("?q=&sort=name&country=&country=BD", "/products?sort=name&country=BD"),
        ("?q=%E0%A6%9A%E0%A6%BE&sort=match&moq=&min_price=abc", "/products?q=%E0%A6%9A%E0%A6%BE&min_price=abc"),
    ):
        answer = client.get(f"/products{sent}")
        assert (answer.status_code, answer.headers["Location"]) == (303, clean)
        assert client.get(clean).status_code == 200
        fragment = client_of(cast.amina).get(f"/products{sent}", headers=HTMX)
        assert (fragment.status_code, fragment.headers["HX-Push-Url"]) == (200, clean)
    assert "HX-Push-Url" not in client.get("/products?sort=name", headers=HTMX).headers


def test_all_sellers_can_be_chosen(client: HouseClient, cast: Cast, monkeypatch) -> None:
    for number in range(14):
        catalog.product(organizations.business(f"Traders {number:02}", kind="seller"), "Bag", sku=f"B{number}")
    catalog.product(cast.trader, "Cup")
    db.session.commit()
    page = client.page("/products?q=bag&sort=name")
    [address] = [link.get("href") for link in page.iter(f"{XHTML}a") if link.text == "All sellers"]
    assert address == "/sellers?q=bag&sort=name"
    monkeypatch.setattr("wholesale.search.queries.all_sellers.SELLERS_PAGE", 10)
    listed = client.page(address)
    words = "".join(listed.itertext())
    assert "Traders 03" in words
    assert "Traders 13" not in words
    following = client.page(links_of(listed)["next"])
    last = organizations_named("Traders 13")
    [choice] = [link.get("href") for link in following.iter(f"{XHTML}a") if "Traders 13" in "".join(link.itertext())]
    assert choice == f"/products?q=bag&seller={last}&sort=name"
    assert "1 product" in text_of(client.get(choice).text)
    found = client.get(f"{address}&name=ders+13")
    assert "Traders 13" in found.text
    assert "Traders 03" not in found.text
    assert 'name="q" value="bag"' in found.text
    assert "Nothing found" in text_of(client.get("/sellers?name=zeppelin").text)
    for absurd in ("name=%00", "name=" + "a" * 5000, "after=x", "after=" + "9" * 40, "after=-1", "seller=x&q=%ff"):
        assert client.get(f"/sellers?{absurd}").status_code == 200, absurd


def organizations_named(name: str) -> int:
    return db.session.scalars(sa.select(Organization.id).where(Organization.name == name)).one()


def test_a_country_of_which_none_was_counted_can_be_chosen(client: HouseClient, cast: Cast, monkeypatch) -> None:
    for number, country in enumerate(["BD", "BD", "BD", "ZW"]):
        product = catalog.product(cast.trader, f"Bag {number}")
        product.country = country
        db.session.flush()
        listings.refresh([product.id])
    db.session.commit()
    monkeypatch.setattr("wholesale.search.queries.counting.MOST_COUNTED", 1)
    page = client.get("/products").text
    assert page.count('value="ZW"') == 1
    assert "Another country" in page
    chosen = client.get("/products?country=ZW")
    assert "Bag 3" in chosen.text
    assert 'value="ZW" checked' in chosen.text
    # One that nothing comes from stays chosen when the form is sent again.
    assert 'value="JP" checked' in client.get("/products?country=JP&country=BD").text


def test_a_business_that_is_not_verified_yet_is_told_once(client_of: Browser, client: HouseClient, cast: Cast) -> None:
    bag = catalog.product(cast.trader)
    db.session.commit()
    newcomer = client_of(cast.newcomer)
    for path in ("/products", f"/products/{bag.slug}", f"/products/{bag.slug}/sellers", f"/compare?p={bag.slug}"):
        words = text_of(newcomer.get(path).text)
        assert words.count("Prices and orders open when your business is verified.") == 1, path
        assert "Wholesale prices are for verified businesses." not in words, path
        assert words.count("Price after verification") == 1, path
        words = text_of(client.get(path).text)
        assert words.count("Wholesale prices are for verified businesses.") == 1, path


def test_home_has_at_hand_what_a_buyer_comes_back_for(client_of: Browser, client: HouseClient, cast: Cast) -> None:
    bag = catalog.product(cast.trader)
    db.session.commit()
    amina = client_of(cast.amina)
    words = text_of(amina.get("/").text)
    assert "Quick order by SKU" in words
    assert "Buy again" not in words
    buyer = accounts.actor(cast.amina)
    for _ in range(4):
        placed = orders.placed(buyer, {bag: 50})
    orders.placed(accounts.actor(cast.chandni), {bag: 50})
    lists.create(actor=buyer, name="Every week", shared=True)
    lists.mark(actor=buyer, slug=bag.slug, marked=True)
    db.session.commit()
    with queries_counted() as sent:
        page = amina.get("/")
    assert len(sent) <= 4
    words = text_of(page.text)
    for said in ("Buy again", placed[0].number, "Every week", "Favourites", "Trader", "Order again"):
        assert said in words, said
    assert page.text.count("/again") == 3 + 1  # three orders, and all that was bought
    assert amina.post(f"/orders/{placed[0].number}/again").status_code == 303
    answer = amina.post("/quick-order", data={"sku-1": "JUTE-BAG", "quantity-1": "50"})
    assert "1 line can be ordered" in text_of(answer.text)
    for other in (client, client_of(cast.newcomer), client_of(cast.dipu), client_of(cast.esha)):
        assert "pages-at-hand" not in other.get("/").text
    assert "Every week" not in client_of(cast.chandni).get("/").text


def test_the_advice_keeps_its_reader_on_the_products_page(client_of: Browser, cast: Cast) -> None:
    bag = catalog.product(cast.trader)
    db.session.commit()
    amina = client_of(cast.amina)
    address = f"/products/{bag.slug}?quantity=50#pricing-calculator"
    for path, headers in ((f"/products/{bag.slug}?quantity=49", {}), (f"/products/{bag.slug}/price?quantity=49", HTMX)):
        assert f'href="{address}"' in amina.get(path, headers=headers).text
    page = amina.page(address.partition("#")[0])
    [field] = [field for field in page.iter(f"{XHTML}input") if field.get("id") == "quantity"]
    assert field.get("value") == "50"


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
