"""Buying again what was bought: from the history, a whole order, or as a list."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.client import HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, orders
from tests.queries_counted import queries_counted
from wholesale.accounts.models import User
from wholesale.cart.models import CartLine
from wholesale.catalog.models import Product, Variant
from wholesale.kernel.money import Money
from wholesale.order_lists.models import OrderListLine
from wholesale.orders.models import Order
from wholesale.platform.db import db
from wholesale.pricing import actions as pricing

Browser = Callable[[User], HouseClient]


@pytest.fixture
def bag(cast: Cast) -> Product:
    made = catalog.product(cast.trader, "Jute bag", sku="JB-100")
    db.session.commit()
    return made


def order(cast: Cast, wanted: dict[Product, int]) -> str:
    [placed] = orders.placed(accounts.actor(cast.amina), wanted)
    number = placed.number
    db.session.commit()
    return number


def dearer(product: Product, price: str = "143.10") -> None:
    pricing.set_tiers(product=product, tiers=[(10, Money(Decimal(170), "BDT")), (50, Money(Decimal(price), "BDT"))])
    db.session.commit()


def held() -> dict[str, int]:
    rows = db.session.query(Variant.sku, CartLine.quantity).join(CartLine, CartLine.variant_id == Variant.id)
    return dict(rows.all())


def test_what_was_bought_with_todays_price(client_of: Browser, cast: Cast, bag: Product) -> None:
    amina = client_of(cast.amina)
    assert "Nothing here yet" in text_of(amina.get("/orders/again").text)
    order(cast, {bag: 20})
    order(cast, {bag: 60})
    dearer(bag)
    words = text_of(client_of(cast.babul).get("/orders/again").text)
    assert words.count("JB-100") == 1
    assert "60 at ৳135.00" in words
    assert "Today ৳143.10 rose 6 %" in words
    assert "Nothing here yet" in text_of(client_of(cast.chandni).get("/orders/again").text)


def test_chosen_ones_go_into_the_cart(client_of: Browser, cast: Cast, bag: Product) -> None:
    rice = catalog.product(cast.trader, "Rice", sku="RICE", tiers=((5, "2450"),))
    order(cast, {bag: 60, rice: 5})
    bags, sacks = catalog.variants_of(bag)[0], catalog.variants_of(rice)[0]
    amina = client_of(cast.amina)
    page = amina.get("/orders/again").text
    assert f'name="take-{bags}"' in page
    for _ in range(2):
        answer = amina.post(
            "/orders/again", data={f"take-{bags}": "1", f"quantity-{bags}": "৭০", f"quantity-{sacks}": "5"}
        )
        assert answer.headers["Location"] == "/cart"
    assert held() == {"JB-100": 70}


def test_nothing_chosen_or_no_number_is_said(client_of: Browser, cast: Cast, bag: Product) -> None:
    order(cast, {bag: 60})
    bags = catalog.variants_of(bag)[0]
    amina = client_of(cast.amina)
    answer = amina.post("/orders/again", data={})
    assert (answer.status_code, "Choose at least one product." in answer.text) == (422, True)
    answer = amina.post("/orders/again", data={f"take-{bags}": "1", f"quantity-{bags}": "a few"})
    assert answer.status_code == 422
    assert 'value="a few"' in answer.text
    assert "checked" in answer.text
    # What the business never bought is not in its history, whatever a form says.
    other = catalog.product(cast.trader, "Rice", sku="RICE", tiers=((5, "2450"),))
    db.session.commit()
    stranger = catalog.variants_of(other)[0]
    amina.post("/orders/again", data={f"take-{stranger}": "1", f"quantity-{stranger}": "5", "take-x": "1"})
    assert held() == {}


def test_history_follows_page_by_page(client_of: Browser, cast: Cast, monkeypatch) -> None:
    monkeypatch.setattr("wholesale.orders.queries.PAGE_SIZE", 2)
    made = [catalog.product(cast.trader, f"Bag {number}") for number in range(5)]
    for product in made:
        order(cast, {product: 10})
    amina, seen, url = client_of(cast.amina), [], "/orders/again"
    while url:
        page = parse(amina.get(url).text)
        seen += [link.text for link in page.iter() if (link.get("href") or "").startswith("/products/bag-")]
        url = next((link.get("href") for link in page.iter() if link.get("rel") == "next"), None)
    assert seen == [f"Bag {number}" for number in (4, 3, 2, 1, 0)]
    assert amina.get("/orders/again?before=nonsense").status_code == 200


def test_an_order_again_says_what_has_changed(client_of: Browser, cast: Cast, bag: Product) -> None:
    rice = catalog.product(cast.trader, "Rice", sku="RICE", tiers=((5, "2450"),))
    number = order(cast, {bag: 60, rice: 5})
    dearer(bag)
    rice.state = "archived"
    db.session.commit()
    amina = client_of(cast.amina)
    assert f'action="/orders/{number}/again"' in amina.get(f"/orders/{number}").text
    words = text_of(amina.post(f"/orders/{number}/again").text)
    assert "The price was ৳135.00, it is ৳143.10 now." in words
    assert "Rice RICE This is no longer sold." in words
    assert held() == {"JB-100": 60}


def test_an_order_that_costs_the_same_goes_straight_to_the_cart(client_of: Browser, cast: Cast, bag: Product) -> None:
    number = order(cast, {bag: 60})
    amina = client_of(cast.amina)
    for _ in range(2):
        assert amina.post(f"/orders/{number}/again").headers["Location"] == "/cart"
    assert held() == {"JB-100": 60}
    for stranger, status in ((cast.chandni, 404), (cast.dipu, 403), (cast.esha, 403)):
        assert client_of(stranger).post(f"/orders/{number}/again").status_code == status


def test_an_order_is_kept_as_a_list(client_of: Browser, cast: Cast, bag: Product) -> None:
    number = order(cast, {bag: 60})
    amina = client_of(cast.amina)
    answer = amina.post(f"/orders/{number}/list", data={"name": " "})
    assert (answer.status_code, "Please fill this in" in answer.text) == (422, True)
    assert amina.post(f"/orders/{number}/list", data={"name": "As in June"}).status_code == 303
    (line,) = db.session.query(OrderListLine)
    assert (line.quantity, line.seen_price) == (60, Decimal(135))
    assert client_of(cast.chandni).post(f"/orders/{number}/list", data={"name": "x"}).status_code == 404


def test_cancelled_orders_were_not_bought(client_of: Browser, cast: Cast, bag: Product) -> None:
    order(cast, {bag: 60})
    db.session.query(Order).update({"state": "cancelled"})
    db.session.commit()
    assert "Nothing here yet" in text_of(client_of(cast.amina).get("/orders/again").text)


def test_a_longer_history_asks_no_more(client_of: Browser, cast: Cast) -> None:
    costs = []
    for count in (1, 12):
        order(cast, {catalog.product(cast.trader, f"Bag {count} {number}"): 10 for number in range(count)})
        amina = client_of(cast.amina)
        with queries_counted() as counted:
            assert amina.get("/orders/again").status_code == 200
        costs.append(len(counted))
    assert costs[0] == costs[1] <= 3


def test_a_variant_that_has_no_price_any_more_breaks_no_page(client_of: Browser, cast: Cast) -> None:
    shirt = catalog.product(cast.trader, "Shirt", sku="S", variants=(("S-R", "Red"), ("S-X", "XXL")))
    order(cast, {shirt: 60})
    bought = db.session.query(Variant).filter_by(id=catalog.variants_of(shirt)[0]).one()
    bought.surcharge = Decimal(-140)
    db.session.commit()
    amina = client_of(cast.amina)
    for page in ("/orders/again", "/products/shirt"):
        answer = amina.get(page)
        assert answer.status_code == 200, page
    answer = amina.post("/quick-order", data={"paste": "S-R, 60"})
    assert "S-R has no price at this quantity" in text_of(answer.text)
