"""The product's page, products side by side, and the same goods of several sellers."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from flask import Flask

from tests.client import HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, orders, organizations
from tests.queries_counted import queries_counted
from wholesale.accounts.models import User
from wholesale.catalog.models import Category, CategoryAttribute, Product, Variant
from wholesale.kernel.money import Money
from wholesale.orders.models import Order
from wholesale.platform.db import db
from wholesale.pricing import actions as pricing

Browser = Callable[[User], HouseClient]


def taka(text: str) -> Money:
    return Money(Decimal(text), "BDT")


@pytest.fixture
def bag(cast: Cast) -> Product:
    made = catalog.product(cast.trader, "Jute bag", lead_time_days=3)
    db.session.commit()
    return made


def tell_all(product: Product) -> None:
    """The product tells everything that products can tell."""
    parent = Category(slug="goods", name="Goods & more")
    db.session.add(parent)
    db.session.flush()
    category = db.session.get_one(Category, product.category_id)
    category.parent_id = parent.id
    size = CategoryAttribute(category_id=parent.id, name="Size", kind="number", unit="cm")
    db.session.add(size)
    db.session.flush()
    product.brand, product.country, product.attributes = "Sonali", "BD", {str(size.id): "40"}
    product.specifications = [["Material", "Jute <b>"], ["broken"]]
    db.session.query(Variant).filter_by(product_id=product.id).update({"barcode": "8901234567894"})
    db.session.commit()


def test_the_page_tells_all_about_a_product(client_of: Browser, house: Flask, cast: Cast, bag: Product) -> None:
    tell_all(bag)
    for browser in (client_of(cast.amina), house.test_client()):
        page = browser.get("/products/jute-bag").text
        words = text_of(page)
        for fact in (
            "All products Goods & more Bags Jute bag", "Brand Sonali", "Made in Bangladesh", "Size 40 cm",
            "Material Jute <b>", "Barcode 8901234567894", "SKU JUTE-BAG", "New stock usually within 3 days",
        ):  # fmt: skip
            assert fact in words
        assert '<meta name="description"' in page
        assert "৳" not in page[: page.index("<body")]
    cookie = house.test_client()
    cookie.set_cookie("language", "bn")
    assert "বাংলাদেশ" in cookie.get("/products/jute-bag").text


@pytest.mark.parametrize(
    ("price", "said"),
    [
        ("143.10", "The price rose 6 % since: ৳143.10 today."),
        ("135.14", "The price rose 0.1 % since: ৳135.14 today."),
        ("128.25", "The price fell 5 % since: ৳128.25 today."),
        ("135", "The price has not changed since."),
    ],
)
def test_what_the_business_bought_before_and_what_has_become_of_the_price(
    client_of: Browser, cast: Cast, bag: Product, price, said
) -> None:
    """At the quantity of that order, and for nobody else to see."""
    orders.placed(accounts.actor(cast.amina), {bag: 60})
    pricing.set_tiers(product=bag, tiers=[(10, taka("170")), (50, taka(price))])
    db.session.commit()
    for colleague in (cast.amina, cast.babul):
        words = text_of(client_of(colleague).get("/products/jute-bag").text)
        assert "You bought 60 on" in words
        assert f"at ৳135.00 each. {said}" in words
    for stranger in (client_of(cast.chandni), client_of(cast.dipu), client_of(cast.esha), client_of(cast.newcomer)):
        assert "You bought" not in text_of(stranger.get("/products/jute-bag").text)


def test_what_was_cancelled_was_not_bought(client_of: Browser, cast: Cast, bag: Product) -> None:
    orders.placed(accounts.actor(cast.amina), {bag: 60})
    db.session.query(Order).update({"state": "cancelled"})
    db.session.commit()
    assert "You bought" not in text_of(client_of(cast.amina).get("/products/jute-bag").text)


def test_the_page_asks_five_times_at_most(client_of: Browser, house: Flask, cast: Cast, bag: Product) -> None:
    tell_all(bag)
    orders.placed(accounts.actor(cast.amina), {bag: 60})
    rival(bag)
    db.session.commit()
    for browser in (client_of(cast.amina), client_of(cast.dipu), house.test_client()):
        browser.get("/products/jute-bag")
        with queries_counted() as counted:
            assert browser.get("/products/jute-bag").status_code == 200
        assert len(counted) <= 5, counted


# --- side by side -----------------------------------------------------------------------------------------


def rival(product: Product, name: str = "Farid Mills", **changes: object) -> Product:
    """The same goods of another seller: by name, or by what `changes` say."""
    mill = organizations.business(name, kind="seller", delivery_fee="120", free_delivery_from="10000")
    made = catalog.product(
        mill, str(changes.pop("called", product.name)), tiers=((10, "140"), (50, "130")), lead_time_days=7
    )
    for column, value in changes.items():
        setattr(made, column, value)
    db.session.commit()
    return made


def test_products_stand_side_by_side_at_a_quantity(client_of: Browser, cast: Cast, bag: Product) -> None:
    tell_all(bag)
    other = rival(bag, called="Cotton bag", country="IN")
    amina = client_of(cast.amina)
    page = amina.get("/compare?p=jute-bag&p=cotton-bag&quantity=50").text
    words = text_of(page)
    for fact in (
        "Dipu Traders", "Farid Mills", "৳6,750.00 50 × ৳135.00 / piece", "৳6,500.00 Cheapest",
        "150 more brings ৳120.00 each.",
        "from 200: ৳120.00", "3 days", "7 days", "Bangladesh", "India", "Size", "40 cm",
    ):  # fmt: skip
        assert fact in words
    assert words.count("Cheapest") == 1
    # Taking one out is a link; the other and the quantity stay.
    links = [
        link.get("href") for link in parse(page).iter() if "Take out" in "".join(link.itertext()) and link.get("href")
    ]
    assert links == ["/compare?p=cotton-bag&quantity=50", "/compare?p=jute-bag&quantity=50"]
    assert f'href="/compare?p={bag.slug}"' in amina.get("/products/jute-bag").text
    assert other.slug == "cotton-bag"


def test_without_a_quantity_they_are_compared_at_the_highest_minimum(
    client_of: Browser, cast: Cast, bag: Product
) -> None:
    catalog.product(cast.trader, "Rice", tiers=((20, "50"),))
    db.session.commit()
    assert "20 × ৳145.00" in text_of(client_of(cast.amina).get("/compare?p=jute-bag&p=rice").text)


def test_what_cannot_be_ordered_says_why_and_what_could_be(client_of: Browser, cast: Cast, bag: Product) -> None:
    catalog.product(cast.trader, "Rice", tiers=((20, "50"),), multiple=20)
    db.session.commit()
    page = client_of(cast.amina).get("/compare?p=jute-bag&p=rice&quantity=30").text
    words = text_of(page)
    assert "This is sold in multiples of 20: 20 or 40 would fit." in words
    assert "40 for ৳2,000.00" in words
    assert "/compare?p=jute-bag&amp;p=rice&amp;quantity=40" in page
    assert "Cheapest" not in words


def test_a_fifth_is_left_out_and_said(client_of: Browser, cast: Cast) -> None:
    for number in range(5):
        catalog.product(cast.trader, f"Bag {number}")
    db.session.commit()
    amina = client_of(cast.amina)
    address = "/compare?" + "&".join(f"p=bag-{number}" for number in range(5))
    words = text_of(amina.get(address).text)
    assert "At most four products can be compared at once." in words
    assert ("Bag 3" in words, "Bag 4" in words) == (True, False)
    assert "Add a product" not in words
    words = text_of(amina.get("/compare?p=bag-0&p=bag-0&p=never-was").text)
    assert "1 product is not sold any more, and is left out." in words


@pytest.mark.parametrize("quantity", ["0", "-1", "many", "1.5", "9" * 30, "%00", "১০"])
def test_absurd_quantities_are_answered(client_of: Browser, cast: Cast, bag: Product, quantity) -> None:
    for address in ("/compare?p=jute-bag&", "/products/jute-bag/sellers?"):
        answer = client_of(cast.amina).get(f"{address}quantity={quantity}")
        assert answer.status_code == (200 if quantity == "১০" else 422)
        assert "Jute bag" in answer.text


def test_other_units_and_currencies_are_said(client_of: Browser, cast: Cast, bag: Product) -> None:
    other = rival(bag, called="Rice", unit="kg")
    words = text_of(client_of(cast.amina).get(f"/compare?p=jute-bag&p={other.slug}&quantity=50").text)
    assert "different units" in words
    assert "Cheapest" not in words


def test_a_product_is_added_by_its_name(client_of: Browser, cast: Cast, bag: Product) -> None:
    catalog.product(cast.trader, "Cotton bag")
    db.session.commit()
    amina = client_of(cast.amina)
    assert "Nothing to compare yet" in text_of(amina.get("/compare").text)
    page = amina.get("/compare?p=jute-bag&quantity=50&find=cotton").text
    assert "/compare?p=jute-bag&amp;p=cotton-bag&amp;quantity=50" in page
    assert "Nothing found" in text_of(amina.get("/compare?p=jute-bag&find=zzzzzzz").text)


def test_visitors_and_the_unverified_compare_goods_without_prices(
    client_of: Browser, house: Flask, cast: Cast, bag: Product
) -> None:
    other = rival(bag)
    for browser in (house.test_client(), client_of(cast.newcomer)):
        for address in (f"/compare?p=jute-bag&p={other.slug}&quantity=50", "/products/jute-bag/sellers?quantity=50"):
            page = browser.get(address).text
            assert "৳" not in page
            assert "Farid Mills" in page
            assert "Cheapest" not in page
            assert "available" not in text_of(page)


# --- the same goods of several sellers --------------------------------------------------------------------


def test_the_same_goods_by_barcode_and_by_name(client_of: Browser, cast: Cast, bag: Product) -> None:
    tell_all(bag)
    by_code = rival(bag, "Anis & Sons", called="Bag of jute")
    db.session.query(Variant).filter_by(product_id=by_code.id).update({"barcode": "8901234567894"})
    rival(bag, "Farid Mills", called="JUTE BAG", brand="sonali")
    rival(bag, "Other Brand", brand="Rupali")
    rival(bag, "Other Unit", brand="Sonali", unit="kg")
    rival(bag, "Archived", brand="Sonali", state="archived")
    gone = rival(bag, "Unverified", brand="Sonali")
    db.session.get_one(type(cast.trader), gone.seller_id).verified_until = None
    db.session.commit()
    amina = client_of(cast.amina)
    assert "2 more sellers have it" in text_of(amina.get("/products/jute-bag").text)
    words = text_of(amina.get("/products/jute-bag/sellers?quantity=50").text)
    assert "Same barcode" in words
    assert "Same name: check that it is the same" in words
    assert [name for name in ("Other Brand", "Other Unit", "Archived", "Unverified") if name in words] == []
    # From the cheapest up: ৳6,500 twice, then ৳6,750.
    assert words.index("Anis & Sons") < words.index("Farid Mills") < words.index("Dipu Traders")
    for fact in (
        "৳6,500.00",
        "৳6,750.00",
        "Delivery ৳120.00 (free from ৳10,000.00)",
        "5,000 available",
        "Put 50 in the cart",
    ):
        assert fact in words


def test_no_other_seller_is_said(client_of: Browser, cast: Cast, bag: Product) -> None:
    amina = client_of(cast.amina)
    assert "more seller" not in text_of(amina.get("/products/jute-bag").text)
    assert "We know of no other seller" in text_of(amina.get("/products/jute-bag/sellers").text)
    assert amina.get("/products/never-was/sellers").status_code == 404


def test_a_rival_reads_no_stock(client_of: Browser, cast: Cast, bag: Product) -> None:
    rival(bag)
    assert "available" not in text_of(client_of(cast.dipu).get("/products/jute-bag/sellers?quantity=50").text)


def test_comparing_asks_as_often_for_four_as_for_one(client_of: Browser, cast: Cast, bag: Product) -> None:
    for number in range(3):
        rival(bag, f"Mill {number}")
    amina = client_of(cast.amina)
    slugs = [row.slug for row in db.session.query(Product.slug).order_by(Product.id)]
    for address in (
        "/compare?" + "&".join(f"p={slug}" for slug in slugs),
        "/compare?p=jute-bag",
        "/products/jute-bag/sellers",
    ):
        with queries_counted() as counted:
            assert amina.get(address).status_code == 200
        assert len(counted) <= 4, counted
