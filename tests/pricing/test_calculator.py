"""The calculator's form: what is typed is what is ordered, of one variant or several; no address holds a secret."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from flask import Flask

from tests.client import HTMX, HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, prices
from tests.queries_counted import queries_counted
from wholesale.accounts.models import User
from wholesale.cart import queries as carts
from wholesale.catalog.models import Product, Variant
from wholesale.platform.db import db

Browser = Callable[[User], HouseClient]
XHTML = "{http://www.w3.org/1999/xhtml}"


@pytest.fixture
def amina(client_of: Browser, cast: Cast) -> HouseClient:
    catalog.product(cast.trader)
    db.session.commit()
    return client_of(cast.amina)


@pytest.fixture
def shirt(cast: Cast) -> Product:
    made = catalog.product(cast.trader, "Shirt", variants=(("S-R", "Red"), ("S-B", "Blue")), stock=100)
    db.session.get_one(Variant, catalog.variants_of(made)[1]).surcharge = Decimal(5)
    db.session.commit()
    return made


def form_of(html: str):
    return next(form for form in parse(html).iter(f"{XHTML}form") if form.get("id") == "pricing-calculator")


def held(who: User) -> dict[str, int]:
    return {line.item.sku: line.item.quantity for line in carts.contents(accounts.actor(who)).lines}


@pytest.mark.parametrize("path", ["/products/jute-bag", "/products/jute-bag/price"])
def test_one_form_orders_what_is_typed_and_asks_by_its_first_button(amina: HouseClient, cast: Cast, path) -> None:
    form = form_of(amina.get(path).text)
    assert (form.get("method"), form.get("action")) == ("post", "/cart/lines")
    first, order = list(form.iter(f"{XHTML}button"))
    # Enter presses the first button: it asks, by GET, and the token is the other one's own value.
    assert (first.get("formmethod"), first.get("formaction"), first.get("name")) == (
        "get",
        "/products/jute-bag/price",
        None,
    )
    assert order.get("name") == "csrf_token"
    fields = {each.get("name"): each.get("value") for each in form.iter(f"{XHTML}input")}
    assert set(fields) == {"quantity", "variant_id"}
    sent = amina.post("/cart/lines", data={**fields, "quantity": "60", "csrf_token": order.get("value")}, csrf=False)
    assert sent.status_code == 303
    assert held(cast.amina) == {"JUTE-BAG": 60}


def test_the_answer_that_is_swapped_holds_neither_field_nor_token(amina: HouseClient) -> None:
    fragment = amina.get("/products/jute-bag/price?quantity=49", headers=HTMX).text
    assert "<input" not in fragment
    assert "<button" not in fragment
    assert "csrf" not in fragment


def test_who_may_not_order_gets_no_button(client_of: Browser, cast: Cast) -> None:
    catalog.product(cast.trader)
    db.session.commit()
    for who in (cast.dipu, cast.esha):
        form = form_of(client_of(who).get("/products/jute-bag/price").text)
        assert form.get("method") is None
        assert len(list(form.iter(f"{XHTML}button"))) == 1


@pytest.mark.parametrize(
    "quantity",
    ["9" * 10_000, "-" * 10_000, "1e9", "-5", "৫.৫", "٣x", "9999999999", "0x10", "1\n2", "½", "50" + " " * 60 + "0"],
)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_absurd_input_is_refused_plainly(amina: HouseClient, quantity, headers) -> None:
    answer = amina.get("/products/jute-bag/price", query_string={"quantity": quantity}, headers=headers)
    assert answer.status_code == 422
    assert "whole number" in text_of(answer.text)
    assert len(answer.data) < 60_000


@pytest.mark.parametrize(("quantity", "total"), [("৫০", "৳6,750.00"), ("1,000", "৳120,000.00"), (" 50 ", "৳6,750.00")])
def test_numbers_as_people_type_them(amina: HouseClient, quantity, total) -> None:
    words = text_of(amina.get("/products/jute-bag/price", query_string={"quantity": quantity}).text)
    assert total.replace("120,000", "1,20,000") in words


class TestMultiples:
    @pytest.fixture
    def eggs(self, client_of: Browser, cast: Cast) -> HouseClient:
        catalog.product(cast.trader, "Eggs", tiers=((12, "10"), (144, "8")), multiple=12, stock=200)
        db.session.commit()
        return client_of(cast.amina)

    @pytest.mark.parametrize(
        ("quantity", "links"),
        [
            (50, {48: "৳480.00", 60: "৳600.00"}),
            (7, {12: "৳120.00"}),
            (130, {120: "৳1,200.00", 132: "৳1,320.00", 144: "৳1,152.00"}),  # the last is the cheapest way to 130
            (199, {192: "৳1,536.00"}),
            (500, {192: "৳1,536.00"}),
        ],
    )
    def test_the_nearest_that_fit_are_links_with_their_totals(self, eggs: HouseClient, quantity, links) -> None:
        answer = eggs.get(f"/products/eggs/price?quantity={quantity}", headers=HTMX)
        assert answer.status_code == 422
        found = {}
        for link in parse(answer.text).iter(f"{XHTML}a"):
            page, _, each = str(link.get("href")).removesuffix("#pricing-calculator").rpartition("=")
            assert page == "/products/eggs?quantity"  # the product's own page, with that quantity
            found[int(each)] = str(link.text).rpartition(" ")[2].strip()
        assert found == links
        for each in found:
            assert eggs.get(f"/products/eggs/price?quantity={each}").status_code == 200

    def test_nothing_is_rounded_silently(self, eggs: HouseClient, cast: Cast) -> None:
        variant = db.session.query(Variant).filter_by(sku="EGGS").one().id
        assert eggs.post("/cart/lines", data={"variant_id": variant, "quantity": "50"}).status_code == 422
        assert held(cast.amina) == {}


class TestSeveralVariants:
    def test_a_field_for_each_and_one_post(self, client_of: Browser, cast: Cast, shirt: Product) -> None:
        red, blue = catalog.variants_of(shirt)
        browser = client_of(cast.amina)
        form = form_of(browser.get("/products/shirt").text)
        assert {each.get("name") for each in form.iter(f"{XHTML}input")} == {f"v{red}", f"v{blue}"}
        data = {f"v{red}": "30", f"v{blue}": "20"}
        for _again in range(2):  # saying it twice changes nothing
            assert browser.post("/cart/lines", data=data).status_code == 303
            assert held(cast.amina) == {"S-R": 30, "S-B": 20}
        assert browser.post("/cart/lines", data={f"v{red}": "40", f"v{blue}": ""}).status_code == 303
        assert held(cast.amina) == {"S-R": 40, "S-B": 20}, "what is left empty stays as it is"

    @pytest.mark.parametrize(
        ("typed", "words"),
        [
            (("4", "5"), "1 more needed"),
            (("", ""), "whole number of at least 10"),
            (("101", ""), "Only 100 of Red"),
            (("abc", "20"), "whole number"),
            (("-3", "20"), "whole number"),
        ],
    )
    def test_refused_keeps_what_was_typed(self, client_of: Browser, cast: Cast, shirt: Product, typed, words) -> None:
        first, second = catalog.variants_of(shirt)
        browser = client_of(cast.amina)
        red, blue = typed
        data = {f"v{first}": red, f"v{second}": blue}
        asked = browser.get("/products/shirt/price", query_string=data)
        assert asked.status_code == 422
        assert words in text_of(asked.text)
        sent = browser.post("/cart/lines", data=data)
        assert sent.status_code == 422
        for answer in (asked, sent):
            assert f'value="{red}"' in answer.text
            assert f'value="{blue}"' in answer.text
        assert held(cast.amina) == {}

    def test_the_advice_is_a_question_of_its_own(self, client_of: Browser, cast: Cast, shirt: Product) -> None:
        red, blue = catalog.variants_of(shirt)
        browser = client_of(cast.amina)
        answer = browser.get(f"/products/shirt/price?v{red}=29&v{blue}=20")
        assert "Buy 50, pay less" in text_of(answer.text)
        link = next(a.get("href") for a in parse(answer.text).iter(f"{XHTML}a") if f"v{red}=30" in str(a.get("href")))
        assert "৳6,850.00" in text_of(browser.get(link).text)

    def test_of_two_products_nothing_is_put(self, client_of: Browser, cast: Cast, shirt: Product) -> None:
        bag = catalog.product(cast.trader)
        db.session.commit()
        data = {f"v{catalog.variants_of(shirt)[0]}": "30", f"v{catalog.variants_of(bag)[0]}": "30"}
        assert client_of(cast.amina).post("/cart/lines", data=data).status_code == 404
        assert held(cast.amina) == {}

    @pytest.mark.usefixtures("shirt")
    def test_a_single_quantity_is_answered_too(self, client_of: Browser, cast: Cast) -> None:
        assert "৳6,750.00" in text_of(client_of(cast.amina).get("/products/shirt/price?quantity=50").text)


class TestReasons:
    @pytest.fixture(autouse=True)
    def prices(self, cast: Cast) -> None:
        bag = catalog.product(cast.trader)
        dipu = accounts.actor(cast.dipu)
        prices.price_list(
            dipu, cast.shop, name="Dhaka wholesalers", tiers={bag: [(50, "130")]}, valid_until=prices.day(9)
        )
        prices.price_list(dipu, cast.other_shop, name="Secret friends", percent="33.3333")
        db.session.commit()

    def test_the_page_says_which_list(self, client_of: Browser, cast: Cast) -> None:
        for path in ("/products/jute-bag?quantity=50", "/products/jute-bag/price?quantity=50"):
            words = text_of(client_of(cast.amina).get(path).text)
            assert "Price from your list “Dhaka wholesalers”, until" in words
            assert "Secret friends" not in words
        assert "rounded to 4 decimals" in text_of(client_of(cast.chandni).get("/products/jute-bag/price").text)

    @pytest.mark.parametrize("who", ["dipu", "esha", "newcomer"])
    @pytest.mark.parametrize("path", ["/products/jute-bag", "/products/jute-bag/price?quantity=50", "/products"])
    @pytest.mark.parametrize("headers", [{}, HTMX, {"Accept": "application/json"}])
    def test_others_learn_of_no_list(self, client_of: Browser, cast: Cast, who, path, headers) -> None:
        text = client_of(getattr(cast, who)).get(path, headers=headers).text
        assert "Dhaka wholesalers" not in text
        assert "Secret friends" not in text
        assert "130.00" not in text
        assert "96.66" not in text

    def test_a_visitor_learns_no_price(self, client: HouseClient) -> None:
        for path in ("/products/jute-bag", "/products/jute-bag/price?quantity=50"):
            text = client.get(path).text
            assert "135" not in text
            assert "Dhaka wholesalers" not in text


def test_two_queries_with_the_one_for_the_actor(house: Flask, client_of: Browser, cast: Cast) -> None:
    bag = catalog.product(cast.trader, "Shirt", variants=(("S-R", "Red"), ("S-B", "Blue")))
    dipu = accounts.actor(cast.dipu)
    prices.price_list(dipu, cast.shop, percent="5", tiers={bag: [(20, "100")]})
    prices.confirmed(dipu, prices.change("-5", ends_on=prices.day(5)))
    db.session.commit()
    browser = client_of(cast.amina)
    red = catalog.variants_of(bag)[0]
    for query in ("quantity=50", f"v{red}=50", "quantity=7"):
        for headers in ({}, HTMX):
            db.session.expire_all()
            with queries_counted() as sent:
                browser.get(f"/products/shirt/price?{query}", headers=headers)
            assert len(sent) <= 2, (query, sent)
