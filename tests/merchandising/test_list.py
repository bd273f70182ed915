"""The list: found, narrowed, paged; prices, stock and state changed in place; several at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from threading import Barrier

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.client import HTMX, XHTML, HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, orders, organizations
from tests.merchandising.pages import errors, form_on, ticked, typed
from tests.queries_counted import queries_counted
from wholesale.accounts.models import User
from wholesale.audit.models import AuditEntry
from wholesale.catalog.models import Product, Variant
from wholesale.inventory import actions as inventory
from wholesale.inventory import queries as stock
from wholesale.inventory.models import InventoryLog, Location, Stock
from wholesale.kernel.errors import ConflictError
from wholesale.kernel.money import Money
from wholesale.merchandising import actions, queries, rules
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction
from wholesale.pricing import actions as pricing
from wholesale.pricing.models import PriceTier

LIST = "/seller/products"
KINDS = pytest.mark.parametrize("kind", [{}, HTMX], ids=["page", "fragment"])


@dataclass
class Shop:
    """Dipu's assortment, and a stranger's."""

    dipu: HouseClient
    esha: HouseClient
    farid: HouseClient
    bag: Product
    cup: Product
    strange: Product


@pytest.fixture
def shop(cast: Cast, client_of: Callable[[User], HouseClient]) -> Shop:
    farid = accounts.user("Farid")
    other = organizations.business("Farid Traders", kind="seller", members={farid: "owner"})
    bag = catalog.product(cast.trader, "Jute bag", name_bn="পাটের ব্যাগ", stock=100)
    cup = catalog.product(cast.trader, "Cup", variants=(("CUP-R", "Red"), ("CUP-B", "Blue")), stock=5)
    strange = catalog.product(other, "Jute mat", sku="MAT")
    db.session.commit()
    return Shop(client_of(cast.dipu), client_of(cast.esha), client_of(farid), bag, cup, strange)


def names(text: str) -> list[str]:
    return [name for name in ("Jute bag", "Cup", "Jute mat") if f">{name}</a>" in text]


def on_hand(sku: str) -> int | None:
    return db.session.scalar(
        sa.select(Stock.on_hand).join(Variant, Variant.id == Stock.variant_id).where(Variant.sku == sku)
    )


def prices(product: Product) -> list[str]:
    rows = db.session.query(PriceTier).filter_by(product_id=product.id).order_by(PriceTier.min_qty)
    return [rules.amount(row.unit_price) for row in rows]


# --- what is listed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Jute bag", "Cup"]),
        ("?q=jute", ["Jute bag"]),
        ("?q=ব্যাগ", ["Jute bag"]),
        ("?q=cup-b", ["Cup"]),
        ("?q=CUP-", ["Cup"]),
        ("?q=farid", []),
        ("?q=%25", []),
        ("?q=nothing", []),
        ("?state=active", ["Jute bag", "Cup"]),
        ("?state=draft", []),
        ("?state=nonsense", ["Jute bag", "Cup"]),
        ("?low=yes", []),
        ("?seller=1", ["Jute bag", "Cup"]),
        ("?category=999999", []),
        ("?after=0", []),
        ("?after=nonsense", ["Jute bag", "Cup"]),
    ],
)
@KINDS
def test_a_seller_finds_their_own(shop: Shop, query, found, kind) -> None:
    response = shop.dipu.get(LIST + query, headers=kind)
    assert response.status_code == 200
    assert sorted(names(response.text)) == sorted(found)


def test_what_runs_out(shop: Shop) -> None:
    """At or below the reorder level; without one, below what a buyer must take."""
    shop.bag.reorder_level = 100
    db.session.commit()
    assert names(shop.dipu.get(f"{LIST}?low=yes").text) == ["Jute bag"]
    shop.bag.reorder_level = None
    inventory.set_on_hand(
        actor=accounts.actor(db.session.query(User).filter_by(name="Dipu").one()),
        location_id=catalog.location_of(shop.cup.seller_id).id,
        counts=dict.fromkeys(catalog.variants_of(shop.cup), 4),
        reference="x",
    )
    db.session.commit()
    assert names(shop.dipu.get(f"{LIST}?low=yes").text) == ["Cup"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Jute bag", "Cup", "Jute mat"]),
        ("?q=jute", ["Jute bag", "Jute mat"]),
        ("?q=ju", ["Jute bag", "Jute mat"]),
        ("?q=MAT", ["Jute mat"]),
        ("?q=cup-r", ["Cup"]),
        ("?q=cup-", ["Cup"]),
        ("?q=JUTE-B", ["Jute bag"]),
        ("?q=UTE-B", []),
        ("?q=c%25p", []),
        ("?q=farid+t", ["Jute mat"]),
        ("?q=%26%7C%21%27%28", []),
        ("?state=archived", []),
    ],
)
@KINDS
def test_an_admin_finds_everybodys(shop: Shop, query, found, kind) -> None:
    response = shop.esha.get("/admin/products" + query, headers=kind)
    assert response.status_code == 200
    assert sorted(names(response.text)) == sorted(found)


def test_an_admin_narrows_to_a_seller(shop: Shop) -> None:
    assert names(shop.esha.get(f"/admin/products?seller={shop.strange.seller_id}&q=ute").text) == ["Jute mat"]


def test_pages_follow_each_other_by_key(shop: Shop, cast: Cast) -> None:
    for number in range(queries.PAGE + 3):
        catalog.product(cast.trader, f"Pot {number:02}", stock=0)
    db.session.commit()
    seen: list[int] = []
    after: int | None = None
    actor = accounts.actor(cast.dipu)
    while True:
        page = queries.page(actor, queries.Filters(), after=after)
        seen += [row.product.id for row in page.rows]
        after = page.after
        if after is None:
            break
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == len(set(seen)) == queries.PAGE + 5
    assert 'rel="next"' in shop.dipu.get(LIST).text


def test_how_many_there_are_is_told(shop: Shop, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "2 products" in text_of(shop.dipu.get(LIST).text)
    for number in range(queries.PAGE):
        catalog.product(cast.trader, f"Pot {number:02}", sku=f"POT-{number}")
    db.session.commit()
    total = f"{queries.PAGE + 2} products"
    first = shop.dipu.get(LIST).text
    assert total in text_of(first)
    following = re.search(r"after=(\d+)", first)
    assert following is not None
    assert total in text_of(shop.dipu.get(f"{LIST}?after={following[1]}").text), "on every page the same"
    assert "1 product" in text_of(shop.dipu.get(f"{LIST}?q=pot 07").text)
    assert f"{queries.PAGE + 3} products" in text_of(shop.esha.get("/admin/products").text)
    monkeypatch.setattr(queries, "MOST_COUNTED", 10)
    assert "More than 10 products" in text_of(shop.dipu.get(LIST).text)


@pytest.mark.parametrize("was", ["active", "draft"])
@KINDS
def test_putting_away_is_taken_back_with_one_press(shop: Shop, was, kind) -> None:
    shop.bag.state = was
    db.session.commit()
    path = f"{LIST}/{shop.bag.id}/state?q=jute"
    answer = shop.dipu.post(path, data={"state": "archived"}, headers=kind)
    assert answer.status_code == 303
    page = shop.dipu.get(answer.location, headers=kind).text
    db.session.refresh(shop.bag)
    assert shop.bag.state == "archived"
    assert "archived" in text_of(page)
    form = next(
        form
        for form in parse(page).iter(f"{XHTML}form")
        if any("Undo" in "".join(each.itertext()) for each in form.iter(f"{XHTML}button"))
    )
    button = next(each for each in form.iter(f"{XHTML}button"))
    assert button.get("value") == was
    assert "q=jute" in form.get("action", ""), "the list stays where it was"
    shop.dipu.post(form.get("action"), data={"state": button.get("value")}, headers=kind)
    db.session.refresh(shop.bag)
    assert shop.bag.state == was
    assert "Undo" not in shop.dipu.get(answer.location, headers=kind).text, "it is on sale again"


def test_of_others_products_nothing_is_taken_back(shop: Shop) -> None:
    shop.strange.state = "archived"
    db.session.commit()
    for odd in (shop.strange.id, shop.bag.id, 0, "x", 10**30):
        assert "Undo" not in shop.dipu.get(f"{LIST}?archived={odd}&was=draft").text


def test_a_longer_list_asks_no_more(shop: Shop, cast: Cast) -> None:
    costs = {}
    for client, path in ((shop.dipu, LIST), (shop.esha, "/admin/products")):
        with queries_counted() as few:
            client.get(path)
        costs[path] = len(few)
    for number in range(20):
        catalog.product(cast.trader, f"Pot {number:02}", variants=((f"P{number}-1", "A"), (f"P{number}-2", "B")))
    db.session.commit()
    for client, path in ((shop.dipu, LIST), (shop.esha, "/admin/products")):
        with queries_counted() as many:
            assert client.get(path).status_code == 200
        assert len(many) == costs[path], many
    assert costs[LIST] <= 6


def test_who_has_no_product_yet_is_led_to_the_first(cast: Cast, client_of) -> None:
    page = client_of(cast.dipu).get(LIST)
    assert "No products yet" in page.text
    assert 'href="/seller/products/new"' in page.text
    assert 'href="/seller/imports"' in page.text


def test_the_way_there_is_in_the_header(shop: Shop, client_of, cast: Cast) -> None:
    assert f'href="{LIST}"' in shop.dipu.get("/").text
    assert 'href="/admin/products"' in shop.esha.get("/").text
    assert f'href="{LIST}"' not in client_of(cast.amina).get("/").text


# --- prices in place --------------------------------------------------------------------------------------


@KINDS
def test_a_price_is_changed_in_place(shop: Shop, kind) -> None:
    path = f"{LIST}/{shop.bag.id}/prices"
    form = form_on(shop.dipu.get(path, headers=kind).text, path)
    response = shop.dipu.post(path, data=form | {f"p{shop.bag.id}-tiers-0-unit_price": "150.25"}, headers=kind)
    assert response.status_code == 303
    assert prices(shop.bag) == ["150.25", "135", "120"]
    after = shop.dipu.get(response.location, headers=kind)
    assert after.status_code == 200
    assert ("<html" in after.text) is (not kind)
    assert "৳150.25" in after.text
    assert "The prices of Jute bag are changed." in after.text
    if kind:
        assert after.text.lstrip().startswith("<article")
    else:
        assert response.location.endswith(f"#merchandising-row-{shop.bag.id}")
    entry = db.session.query(AuditEntry).filter_by(action="product.prices_set").one()
    assert (entry.before, entry.after) == (
        {"tiers": "10: 145; 50: 135; 200: 120"},
        {"tiers": "10: 150.25; 50: 135; 200: 120"},
    )


def test_the_place_in_the_list_is_kept(shop: Shop) -> None:
    query = "q=jute&state=active&after=999"
    page = shop.dipu.get(f"{LIST}/{shop.bag.id}/prices?{query}&next=//evil.example")
    form = form_on(page.text, f"{LIST}/{shop.bag.id}/prices")
    response = shop.dipu.post(f"{LIST}/{shop.bag.id}/prices?{query}&next=//evil.example", data=form)
    assert response.location == f"{LIST}?q=jute&state=active&after=999#merchandising-row-{shop.bag.id}"


@pytest.mark.parametrize(
    ("price", "sentence"),
    [("", "Enter an amount"), ("cheap", "Enter an amount"), ("0", "Enter an amount"), ("-1", "Enter an amount"),
     ("150", "must be less than"), ("145", "must be less than")],
)  # fmt: skip
@KINDS
def test_a_wrong_price_stands_there_with_its_reason(shop: Shop, price, sentence, kind) -> None:
    path, field = f"{LIST}/{shop.bag.id}/prices", f"p{shop.bag.id}-tiers-1-unit_price"
    form = form_on(shop.dipu.get(path).text, path)
    response = shop.dipu.post(path, data=form | {field: price}, headers=kind)
    assert response.status_code == 422
    assert sentence in errors(response.text)[field]
    assert form_on(response.text, path)[field] == price
    assert prices(shop.bag) == ["145", "135", "120"]


@KINDS
def test_prices_that_somebody_else_changed_are_shown_first(shop: Shop, kind) -> None:
    path, first = f"{LIST}/{shop.bag.id}/prices", f"p{shop.bag.id}-tiers-0-unit_price"
    mine = form_on(shop.dipu.get(path).text, path)
    theirs = form_on(shop.esha.get(path).text, path)
    assert shop.esha.post(path, data=theirs | {first: "149"}).status_code == 303
    response = shop.dipu.post(path, data=mine | {first: "151"}, headers=kind)
    assert response.status_code == 409
    assert "149" in text_of(response.text)
    again = form_on(response.text, path)
    assert again[first] == "151"
    assert prices(shop.bag)[0] == "149"
    assert shop.dipu.post(path, data=again, headers=kind).status_code == 303
    assert prices(shop.bag)[0] == "151"


def test_a_product_without_prices_leads_to_its_page(shop: Shop) -> None:
    shop.dipu.post(f"{LIST}/new", data={**typed(catalog.category()), "tiers-0-min_qty": "", "tiers-0-unit_price": "",
                                        "tiers-1-min_qty": "", "tiers-1-unit_price": ""})  # fmt: skip
    draft = db.session.query(Product).filter_by(state="draft").one()
    assert f"{LIST}/{draft.id}#tiers" in shop.dipu.get(f"{LIST}/{draft.id}/prices").text
    assert shop.dipu.post(f"{LIST}/{draft.id}/prices", data={}).status_code < 500


# --- stock in place ---------------------------------------------------------------------------------------


@KINDS
def test_stock_is_counted_in_place(shop: Shop, kind) -> None:
    path = f"{LIST}/{shop.cup.id}/stock"
    form = form_on(shop.dipu.get(path, headers=kind).text, path)
    response = shop.dipu.post(path, data=form | {f"s{shop.cup.id}-rows-1-count": "২৫"}, headers=kind)
    assert response.status_code == 303
    assert (on_hand("CUP-R"), on_hand("CUP-B")) == (5, 25)
    assert "The stock of Cup is saved." in shop.dipu.get(response.location, headers=kind).text
    log = db.session.query(InventoryLog).order_by(InventoryLog.id.desc()).first()
    assert log is not None
    assert (log.kind, log.quantity, log.new) == ("ADJUSTMENT", 20, 25)
    assert stock.proof() == []
    assert "stock CUP-B" in (db.session.query(AuditEntry).filter_by(action="product.stock_counted").one().after or {})


@pytest.mark.parametrize("count", ["", "-1", "many", "1.5", "99999999999"])
@KINDS
def test_a_wrong_count_stands_there_with_its_reason(shop: Shop, count, kind) -> None:
    path, field = f"{LIST}/{shop.cup.id}/stock", f"s{shop.cup.id}-rows-0-count"
    form = form_on(shop.dipu.get(path).text, path)
    response = shop.dipu.post(path, data=form | {field: count}, headers=kind)
    assert response.status_code == 422
    assert "Enter a whole number" in errors(response.text)[field]
    assert form_on(response.text, path)[field] == count
    assert on_hand("CUP-R") == 5


def test_a_count_below_what_is_promised_is_refused_beside_its_variant(shop: Shop, cast: Cast) -> None:
    orders.placed(accounts.actor(cast.amina), {shop.bag: 60})
    db.session.commit()
    path, field = f"{LIST}/{shop.bag.id}/stock", f"s{shop.bag.id}-rows-0-count"
    form = form_on(shop.dipu.get(path).text, path)
    response = shop.dipu.post(path, data=form | {field: "59"})
    assert response.status_code == 422
    assert "promised 60" in errors(response.text)[field]


@KINDS
def test_a_count_of_what_was_sold_meanwhile_says_what_changed(shop: Shop, cast: Cast, kind) -> None:
    path, field = f"{LIST}/{shop.bag.id}/stock", f"s{shop.bag.id}-rows-0-count"
    form = form_on(shop.dipu.get(path).text, path)
    [order] = orders.placed(accounts.actor(cast.amina), {shop.bag: 60})
    inventory.ship(actor=accounts.actor(cast.dipu), reference=order.number)
    db.session.commit()
    # Looked at and not touched: nothing to save, nothing to quarrel about.
    assert shop.dipu.post(path, data=form, headers=kind).status_code == 303
    assert on_hand("JUTE-BAG") == 40
    response = shop.dipu.post(path, data=form | {field: "120"}, headers=kind)
    assert response.status_code == 409
    text = text_of(response.text)
    assert "100 → 40" in text
    assert "There are 40 now." in text
    again = form_on(response.text, path)
    assert again[field] == "120"
    assert shop.dipu.post(path, data=again, headers=kind).status_code == 303
    assert on_hand("JUTE-BAG") == 120


@KINDS
def test_a_count_of_one_variant_does_not_bring_back_what_was_sold_of_another(shop: Shop, cast: Cast, kind) -> None:
    path, prefix = f"{LIST}/{shop.cup.id}/stock", f"s{shop.cup.id}-rows"
    shop.dipu.post(path, data=form_on(shop.dipu.get(path).text, path) | {f"{prefix}-1-count": "100"})
    form = form_on(shop.dipu.get(path).text, path)
    red, blue = catalog.variants_of(shop.cup)
    location = catalog.location_of(cast.trader.id).id
    inventory.set_on_hand(
        actor=accounts.actor(cast.dipu), location_id=location, counts={red: 3, blue: 40}, reference="X"
    )
    db.session.commit()
    response = shop.dipu.post(path, data=form | {f"{prefix}-0-count": "9"}, headers=kind)
    assert response.status_code == 409
    again = form_on(response.text, path)
    assert (again[f"{prefix}-0-count"], again[f"{prefix}-1-count"]) == ("9", "40")
    assert shop.dipu.post(path, data=again, headers=kind).status_code == 303
    assert (on_hand("CUP-R"), on_hand("CUP-B")) == (9, 40)


@KINDS
def test_a_price_stays_beside_its_tier_when_tiers_were_added_meanwhile(shop: Shop, kind) -> None:
    path, prefix = f"{LIST}/{shop.bag.id}/prices", f"p{shop.bag.id}-tiers"
    form = form_on(shop.dipu.get(path).text, path)
    pricing.set_tiers(
        product=shop.bag,
        tiers=[(step, Money(Decimal(price), "BDT")) for step, price in ((10, 146), (20, 140), (50, 135), (200, 120))],
    )
    db.session.commit()
    response = shop.dipu.post(path, data=form | {f"{prefix}-2-unit_price": "119"}, headers=kind)
    assert response.status_code == 409
    again = form_on(response.text, path)
    assert [again[f"{prefix}-{row}-unit_price"] for row in range(4)] == ["146", "140", "135", "119"]
    assert shop.dipu.post(path, data=again, headers=kind).status_code == 303
    assert prices(shop.bag) == ["146", "140", "135", "119"]


def test_prices_are_not_emptied_in_the_list(shop: Shop) -> None:
    path = f"{LIST}/{shop.bag.id}/prices"
    seen = form_on(shop.dipu.get(path).text, path)[f"p{shop.bag.id}-seen"]
    assert shop.dipu.post(path, data={f"p{shop.bag.id}-seen": seen}).status_code == 422
    assert prices(shop.bag) == ["145", "135", "120"]


def test_stock_in_other_warehouses_is_neither_lost_nor_hidden(shop: Shop, cast: Cast) -> None:
    """What is counted is the first one; the total is of all, and both are said."""
    second = inventory.open_location(organization_id=cast.trader.id, name="Chattogram", district="Chattogram")
    [bag] = catalog.variants_of(shop.bag)
    inventory.receive(actor=accounts.actor(cast.dipu), location_id=second.id, quantities={bag: 30}, reference="PO-1")
    db.session.commit()
    assert "130 in stock" in text_of(shop.dipu.get(LIST).text)
    path, field = f"{LIST}/{shop.bag.id}/stock", f"s{shop.bag.id}-rows-0-count"
    for page in (path, f"{LIST}/{shop.bag.id}"):
        assert "There are 30 more in others." in text_of(shop.dipu.get(page).text)
    form = form_on(shop.dipu.get(path).text, path)
    assert form[field] == "100"
    assert shop.dipu.post(path, data=form | {field: "90"}).status_code == 303
    assert "120 in stock" in text_of(shop.dipu.get(LIST).text)
    assert stock.available([bag]) == {bag: 120}


def test_of_two_first_counts_at_once_one_opens_the_warehouse(committed_app: Flask) -> None:
    """In a second one the goods would be where their seller cannot count them."""
    with committed_app.app_context(), transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        dipu = accounts.user("Dipu")
        organizations.join(trader, {dipu: "owner"})
        ids = [catalog.product(trader, name, stock=0).id for name in ("Tea", "Rice", "Salt")]
        actor, seller_id = accounts.actor(dipu), trader.id
    together = Barrier(len(ids))

    def count(product_id: int) -> None:
        with committed_app.app_context():
            together.wait()
            with transaction():
                sku = db.session.get_one(Product, product_id).name.upper()
                actions.set_stock(actor=actor, product_id=product_id, counts={sku: 7}, seen={sku: 0})

    with ThreadPoolExecutor(len(ids)) as crowd:
        list(crowd.map(count, ids))
    with committed_app.app_context(), transaction():
        assert db.session.query(Location).filter_by(organization_id=seller_id).count() == 1
        assert {row.on_hand for row in db.session.query(Stock)} == {7}


def test_of_two_who_count_at_the_same_moment_one_is_told(committed_app: Flask) -> None:
    with committed_app.app_context(), transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        dipu = accounts.user("Dipu")
        organizations.join(trader, {dipu: "owner"})
        product_id = catalog.product(trader, "Tea", stock=10).id
        actor = accounts.actor(dipu)
    together = Barrier(3)

    def count(pieces: int) -> str:
        with committed_app.app_context():
            together.wait()
            try:
                with transaction():
                    actions.set_stock(actor=actor, product_id=product_id, counts={"TEA": pieces}, seen={"TEA": 10})
            except ConflictError:
                return "told"
            return "saved"

    with ThreadPoolExecutor(3) as crowd:
        assert sorted(crowd.map(count, [11, 12, 13])) == ["saved", "told", "told"]
    with committed_app.app_context(), transaction():
        assert stock.proof() == []


def test_of_two_who_set_prices_at_the_same_moment_one_is_told(committed_app: Flask) -> None:
    with committed_app.app_context(), transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        dipu = accounts.user("Dipu")
        organizations.join(trader, {dipu: "owner"})
        product_id = catalog.product(trader, "Tea", tiers=((10, "145"),)).id
        actor = accounts.actor(dipu)
    together = Barrier(3)

    def price(amount: int) -> str:
        with committed_app.app_context():
            together.wait()
            try:
                with transaction():
                    actions.set_prices(
                        actor=actor, product_id=product_id, tiers=[(10, Decimal(amount))], seen="10: 145"
                    )
            except ConflictError:
                return "told"
            return "saved"

    with ThreadPoolExecutor(3) as crowd:
        assert sorted(crowd.map(price, [146, 147, 148])) == ["saved", "told", "told"]


# --- several at once --------------------------------------------------------------------------------------


def test_several_are_put_on_sale_each_with_its_result(shop: Shop) -> None:
    shop.dipu.post(f"{LIST}/new", data={**typed(catalog.category()), "description": ""})
    draft = db.session.query(Product).filter_by(name="Golden tea").one()
    for product in (shop.bag, shop.cup):
        product.state = "archived"
    db.session.commit()
    ids = [draft.id, shop.bag.id, shop.cup.id]
    response = shop.dipu.post(f"{LIST}/states", data=ticked(ids, state="active"))
    assert response.status_code == 303
    assert response.location == LIST
    text = text_of(shop.dipu.get(response.location).text)
    assert "Jute bag: On sale." in text
    assert "Cup: On sale." in text
    assert "Golden tea: Describe it" in text
    db.session.expire_all()
    assert [db.session.get_one(Product, each).state for each in ids] == ["draft", "active", "active"]


def test_very_many_are_told_by_number(shop: Shop, cast: Cast) -> None:
    pots = [catalog.product(cast.trader, f"Pot {number:02}" + "x" * 150) for number in range(12)]
    db.session.commit()
    response = shop.dipu.post(f"{LIST}/states?state=active", data=ticked([each.id for each in pots], state="archived"))
    assert response.location == f"{LIST}?state=active"
    text = text_of(shop.dipu.get(response.location).text)
    assert text.count(": Archived.") == 5
    assert "8 more: Archived." in text


@pytest.mark.parametrize(
    "data", [{}, {"product": []}, {"product": ["x", "", "-1", "²"]}, {"product": "1", "state": "sold"}]
)
def test_nothing_ticked_or_no_state_is_said(shop: Shop, data) -> None:
    if "product" in data and data["product"] == "1":
        data = {**data, "product": str(shop.bag.id)}
    response = shop.dipu.post(f"{LIST}/states", data={"state": "archived", **data})
    assert response.status_code == 422
    assert {shop.bag.state, shop.cup.state} == {"active"}


def test_a_strangers_among_them_stops_all(shop: Shop) -> None:
    response = shop.dipu.post(f"{LIST}/states", data=ticked([shop.bag.id, shop.strange.id], state="archived"))
    assert response.status_code == 404
    db.session.expire_all()
    assert {shop.bag.state, shop.strange.state} == {"active"}


def test_at_most_a_hundred_at_once(shop: Shop, cast: Cast, monkeypatch) -> None:
    monkeypatch.setattr(rules, "MOST_AT_ONCE", 1)
    response = shop.dipu.post(f"{LIST}/states", data=ticked([shop.bag.id, shop.cup.id], state="archived"))
    assert response.status_code == 422
    assert "At most 1 at once." in text_of(response.text)


# --- who may ----------------------------------------------------------------------------------------------

GETS = ("", "/row", "/prices", "/stock", "/history")
POSTS = ("", "/prices", "/stock", "/state", "/copies")


@KINDS
def test_a_strangers_product_is_not_there(shop: Shop, kind) -> None:
    for path in GETS:
        assert shop.farid.get(f"{LIST}/{shop.bag.id}{path}", headers=kind).status_code == 404, path
    for path in POSTS:
        response = shop.farid.post(f"{LIST}/{shop.bag.id}{path}", data={"state": "archived"}, headers=kind)
        assert response.status_code == 404, path
    assert db.session.query(AuditEntry).count() == 0


def test_a_viewer_looks_and_has_no_buttons(shop: Shop, cast: Cast, client_of) -> None:
    person = accounts.user("Jahan")
    organizations.join(cast.trader, {person: "viewer"})
    db.session.commit()
    viewer = client_of(person)
    for path in ("", f"/{shop.bag.id}", f"/{shop.bag.id}/history"):
        page = viewer.get(LIST + path)
        assert page.status_code == 200, path
        assert "Jute bag" in page.text
        main = page.text.partition("<main")[2].partition("</main>")[0]
        assert 'method="post"' not in main, path
        assert "/new" not in main
    for path in ("/new", f"/{shop.bag.id}/prices", f"/{shop.bag.id}/stock"):
        assert viewer.get(LIST + path).status_code == 403, path
    for path in POSTS:
        assert viewer.post(f"{LIST}/{shop.bag.id}{path}", data={"state": "archived"}).status_code == 403, path


def test_a_member_manages_products(shop: Shop, cast: Cast, client_of) -> None:
    person = accounts.user("Ibrahim")
    organizations.join(cast.trader, {person: "member"})
    db.session.commit()
    member = client_of(person)
    assert member.post(f"{LIST}/{shop.bag.id}/state", data={"state": "archived"}).status_code == 303
    assert shop.bag.state == "archived"


def test_support_looks_at_all_and_changes_nothing(shop: Shop, client_of) -> None:
    helper = client_of(accounts.user("Helper", staff_role="support"))
    assert names(helper.get("/admin/products").text) == ["Jute bag", "Cup", "Jute mat"]
    assert helper.get(f"{LIST}/{shop.bag.id}").status_code == 200
    assert helper.get("/admin/settlements").status_code == 403
    assert helper.get(f"{LIST}/{shop.bag.id}/prices").status_code == 403
    for path in POSTS:
        assert helper.post(f"{LIST}/{shop.bag.id}{path}", data={"state": "archived"}).status_code == 403, path


def test_an_admin_adds_a_product_for_a_seller(shop: Shop, cast: Cast) -> None:
    assert shop.esha.get(f"{LIST}/new").location == "/admin/products"
    assert shop.esha.get(f"{LIST}/new?seller={cast.shop.id}").status_code == 404  # buys
    path = f"{LIST}/new?seller={cast.trader.id}"
    assert "Dipu Traders" in shop.esha.get(path).text
    assert shop.esha.post(path, data=typed(catalog.category())).status_code == 303
    made = db.session.query(Product).filter_by(name="Golden tea").one()
    assert made.seller_id == cast.trader.id
    # A seller cannot say whose it will be.
    shop.dipu.post(f"{LIST}/new?seller={shop.strange.seller_id}", data=typed(catalog.category(), variants__0__sku="T9"))
    mine = db.session.query(Product).filter_by(name="Golden tea").order_by(Product.id.desc()).first()
    assert mine is not None
    assert mine.seller_id == cast.trader.id


def test_a_seller_that_is_no_partner_yet_is_told_where_it_stands(cast: Cast, client_of) -> None:
    db.session.get_one(Organization, cast.trader.id).partner_since = None
    db.session.commit()
    browser = client_of(cast.dipu)
    assert browser.get(LIST).status_code == 403
    assert f'href="{LIST}"' not in browser.get("/").text
