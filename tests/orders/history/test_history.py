"""Orders that are looked for, and taken along as a table."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, orders, organizations, taxes
from tests.factories.prices import day
from tests.queries_counted import queries_counted
from wholesale.accounts.models import User
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM
from wholesale.orders import actions as ordering
from wholesale.orders.history import actions, jobs, queries, rules
from wholesale.orders.history.models import OrderExport
from wholesale.orders.history.reading import read_filters
from wholesale.orders.history.rules import Filters
from wholesale.orders.models import Order
from wholesale.platform import files
from wholesale.platform.db import db
from wholesale.platform.outbox import OutboxRow

Browser = Callable[[User], HouseClient]


@pytest.fixture
def placed(cast: Cast) -> dict[str, str]:
    """Amina's bags with her number PO-7, Chandni's tea; what each order is called."""
    bag = catalog.product(cast.trader, "Jute bag", sku="EX-JUTE-01", name_bn="পাটের ব্যাগ")
    tea = catalog.product(cast.trader, "Black tea 100%", sku="TEA_1", tiers=((5, "125"),))
    for shop in (cast.shop, cast.other_shop):
        organizations.address(shop)
    [first] = orders.placed(accounts.actor(cast.amina), {bag: 100})
    [second] = orders.placed(accounts.actor(cast.chandni), {tea: 10})
    [third] = orders.placed(accounts.actor(cast.amina), {bag: 10, tea: 5})
    found = {"bags": first.number, "tea": second.number, "both": third.number}
    db.session.commit()
    return found


def numbers(cast: Cast, person: User, /, **given: object) -> set[str]:
    found = queries.page(accounts.actor(person), Filters(**given))  # type: ignore[arg-type]
    return {order.number for order in found.orders}


def test_searching(cast: Cast, placed: dict[str, str]) -> None:
    bags, tea, both = placed["bags"], placed["tea"], placed["both"]
    purchase = db.session.scalars(sa.select(Order).where(Order.number == both)).one()
    cases = {
        bags: {bags},
        bags[-4:]: {bags},
        "jute": {bags, both},
        "পাটের": {bags, both},
        "ex-jute": {bags, both},
        "EX-JUTE-০১": {bags, both},
        "tea_1": {tea, both},
        "teaX1": set(),  # _ means itself
        "100%": {tea, both},
        "10%0": set(),
        "po-7": {bags, tea, both},
        "chandni": {tea},
        "DIPU": {bags, tea, both},
        "nothing like it": set(),
        "\\": set(),
        "'; --": set(),
    }
    for q, expected in cases.items():
        assert numbers(cast, cast.dipu, q=q) == expected, q
        assert numbers(cast, cast.esha, q=q) == expected, q
        assert numbers(cast, cast.amina, q=q) == expected - {tea}, q
    assert purchase.number == both


def test_filters(cast: Cast, placed: dict[str, str]) -> None:
    bags, tea, both = placed["bags"], placed["tea"], placed["both"]
    ordering.move_order(actor=SYSTEM, number=bags, to="confirmed")
    db.session.commit()
    assert numbers(cast, cast.dipu, state="confirmed") == {bags}
    assert numbers(cast, cast.dipu, state="placed", q="jute") == {both}
    assert numbers(cast, cast.dipu, who="amina") == {bags, both}
    assert numbers(cast, cast.amina, who="amina") == set()  # the other side's name
    assert numbers(cast, cast.amina, who="dipu") == {bags, both}
    assert numbers(cast, cast.esha, who="chandni st") == {tea}
    assert numbers(cast, cast.dipu, since=day(), until=day()) == {bags, tea, both}
    assert numbers(cast, cast.dipu, since=day(1)) == set()
    assert numbers(cast, cast.dipu, until=day(-1)) == set()


def test_days_are_the_platforms(cast: Cast, placed: dict[str, str]) -> None:
    """An order of 23:30 in Dhaka belongs to that day, although it is the same day's 17:30 in UTC; so does 00:30."""
    noon = clock.now().replace(hour=6, minute=0, second=0, microsecond=0)
    for number, at in ((placed["bags"], timedelta(hours=11.5)), (placed["tea"], timedelta(hours=-11.5))):
        db.session.execute(sa.update(Order).where(Order.number == number).values(placed_at=noon + at))
    dhaka = (noon + timedelta(hours=6)).date()
    found = numbers(cast, cast.dipu, since=dhaka, until=dhaka)
    assert {placed["bags"], placed["tea"]} <= found


def test_nonsense_finds_everything(cast: Cast, placed: dict[str, str], client_of: Browser) -> None:
    given = {"q": "\0 ", "state": "gone", "from": "yesterday", "until": "2026-99-99", "who": "", "before": "x"}
    assert read_filters(given) == Filters()
    browser = client_of(cast.dipu)
    answer = browser.get("/seller/orders", query_string=given | {"from": "31/12/2026junk"})
    assert answer.status_code == 200
    assert all(number in answer.text for number in placed.values())
    assert len(read_filters({"q": "x" * 500}).q) == rules.LONGEST
    assert read_filters({"from": "০১/১১/২০২৬"}).since is not None


def test_the_page_keeps_what_is_looked_for(cast: Cast, placed: dict[str, str], client_of: Browser) -> None:
    browser = client_of(cast.dipu)
    page = browser.get("/seller/orders?q=jute&who=amina&from=2020-01-01")
    assert placed["bags"] in page.text
    assert placed["tea"] not in page.text
    assert 'value="jute"' in page.text
    assert 'value="2020-01-01"' in page.text
    for link in ("/orders/export.csv?", "/orders/export.xlsx?"):
        start = page.text.index(link)
        assert "q=jute" in page.text[start : start + 120]
    empty = browser.get("/seller/orders?q=nothing+like+it")
    assert "No order is like that" in text_of(empty.text)
    fragment = browser.get("/seller/orders?q=tea_1", headers=HTMX)
    assert fragment.text.lstrip().startswith('<section id="orders-list"')
    assert placed["bags"] not in fragment.text


def test_pages_by_key_keep_the_filters(
    cast: Cast, placed: dict[str, str], client_of: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "PAGE_SIZE", 1)
    page = client_of(cast.dipu).get("/seller/orders?q=jute")
    assert placed["both"] in page.text
    assert placed["bags"] not in page.text
    start = page.text.index('rel="next"')
    link = page.text[start : start + 200].split('href="')[1].split('"')[0].replace("&amp;", "&")
    assert "q=jute" in link
    following = client_of(cast.dipu).get(link)
    assert placed["bags"] in following.text
    assert placed["both"] not in following.text


def table(data: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.removeprefix("\ufeff"))))


def test_a_table_with_lines_whose_columns_add_up(cast: Cast, placed: dict[str, str], client_of: Browser) -> None:
    answer = client_of(cast.amina).get("/orders/export.csv")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=orders-")
    found = table(answer.text)
    assert [(row["Order"], row["SKU"], row["Ordered"]) for row in found] == [
        (placed["both"], "EX-JUTE-01", "10"),
        (placed["both"], "TEA_1", "5"),
        (placed["bags"], "EX-JUTE-01", "100"),
    ]
    assert {row["Buyer"] for row in found} == {"Amina Store"}
    totals = db.session.execute(
        sa.select(sa.func.sum(Order.total), sa.func.sum(Order.goods_total)).where(Order.buyer_id == cast.shop.id)
    ).one()
    assert sum(Decimal(row["Order's total"] or 0) for row in found) == totals[0]
    assert sum(Decimal(row["Goods"]) for row in found) == totals[1]
    for secret in ("825", "935", "cost", "share"):  # what the platform and the seller get is nobody's else
        assert secret not in answer.text.lower()


def test_it_says_what_was_taken_back_and_the_tax(cast: Cast, client_of: Browser) -> None:
    bag = catalog.product(cast.trader)
    taxes.rate("15", country="BD")
    organizations.address(cast.shop)
    [order] = orders.placed(accounts.actor(cast.amina), {bag: 100})
    number = order.number
    db.session.commit()
    db.session.expunge(order)
    held = ordering.locked(actor=SYSTEM, number=number)
    ordering.take_back(actor=SYSTEM, order=held, kind="cancelled", reason="Broken", pieces={held.lines[0].id: 20})
    db.session.commit()
    [row] = table(client_of(cast.dipu).get("/orders/export.csv").text)
    said = {
        "Ordered": "100", "Cancelled": "20", "Goods": "13500.00", "Goods taken back": "2700.00", "Tax": "VAT",
        "Tax, per cent": "15", "Tax on top": "2025.00", "Tax in the price": "0.00", "Order's total": "15525.00",
        "Cancelled and returned": "3105.00", "Left to pay for": "12420.00", "Price each": "135.00", "Currency": "BDT",
    }  # fmt: skip
    assert {name: row[name] for name in said} == said


def test_formulas_do_nothing(cast: Cast, client_of: Browser) -> None:
    evil = catalog.product(cast.trader, '=HYPERLINK("http://evil.example")', sku="+1")
    organizations.address(cast.shop)
    orders.placed(accounts.actor(cast.amina), {evil: 10})
    db.session.commit()
    browser = client_of(cast.dipu)
    [row] = table(browser.get("/orders/export.csv").text)
    assert row["Product"].startswith("'=")
    assert row["SKU"] == "'+1"
    with zipfile.ZipFile(io.BytesIO(browser.get("/orders/export.xlsx").data)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "HYPERLINK" in sheet


def test_one_that_failed_for_good_is_told_and_asked_for_again(
    cast: Cast, placed: dict[str, str], client_of: Browser
) -> None:
    browser = client_of(cast.amina)
    browser.post("/orders/exports", data={"kind": "csv", "q": "jute"})
    [export] = db.session.scalars(sa.select(OrderExport))
    export.asked_at -= rules.LATE + timedelta(minutes=1)
    db.session.commit()
    told = browser.get(f"/orders/exports/{export.id}", headers=HTMX).text
    assert "could not be written" in told
    assert "hx-trigger" not in told
    assert 'name="q" value="jute"' in told
    browser.post("/orders/exports", data={"kind": "csv", "q": "jute"})
    assert db.session.scalar(sa.select(sa.func.count()).select_from(OrderExport)) == 2


def test_nobody_has_many_tables_written_at_once(cast: Cast, placed: dict[str, str], client_of: Browser) -> None:
    browser = client_of(cast.amina)
    answers = [
        browser.post("/orders/exports", data={"kind": "csv", "q": f"jute {n}"}).status_code
        for n in range(rules.MOST_AT_ONCE + 1)
    ]
    assert answers == [303] * rules.MOST_AT_ONCE + [422]
    assert client_of(cast.dipu).post("/orders/exports", data={"kind": "csv"}).status_code == 303


def test_what_is_long_is_made_in_the_background(
    cast: Cast, placed: dict[str, str], client_of: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "AT_ONCE", 1)
    browser = client_of(cast.amina)
    page = browser.get("/orders/export.csv?q=jute")
    assert page.mimetype == "text/html"
    assert 'name="q" value="jute"' in page.text
    answer = browser.post("/orders/exports", data={"kind": "csv", "q": "jute"})
    assert answer.status_code == 303
    again = browser.post("/orders/exports", data={"kind": "csv", "q": "jute"})
    assert again.headers["Location"] == answer.headers["Location"]
    [export] = db.session.scalars(sa.select(OrderExport))
    here = f"/orders/exports/{export.id}"
    waiting = browser.get(here, headers=HTMX)
    assert "hx-trigger" in waiting.text
    assert len(waiting.data) < 1500
    assert browser.get(f"{here}/file").status_code == 404
    rung = db.session.scalars(sa.select(OutboxRow).where(OutboxRow.event == "OrderExportRequested")).one()
    assert rung.payload == {"export_id": export.id}
    actions.make_export(export.id)
    actions.make_export(export.id)  # delivered twice
    db.session.commit()
    ready = browser.get(here)
    assert "3 lines of orders" in text_of(ready.text)
    assert "hx-trigger" not in browser.get(here, headers=HTMX).text
    found = table(browser.get(f"{here}/file").text)
    assert [row["SKU"] for row in found] == ["EX-JUTE-01", "TEA_1", "EX-JUTE-01"]
    for stranger in (cast.chandni, cast.dipu, cast.esha):
        assert client_of(stranger).get(here).status_code == 404
        assert client_of(stranger).get(f"{here}/file").status_code == 404
    assert client_of(cast.babul).get(here).status_code == 200  # of the same business


def test_a_long_table_is_never_held_in_memory(
    cast: Cast, placed: dict[str, str], client_of: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = OrderExport(
        organization_id=cast.trader.id, side="seller", user_id=cast.dipu.id, kind="csv", filters={}, language="en"
    )
    db.session.add(made)
    db.session.flush()

    def whole(*_given: object) -> None:
        pytest.fail("the whole file was read at once")

    monkeypatch.setattr(type(files.storage()), "put", whole)
    actions.make_export(made.id)
    db.session.commit()
    monkeypatch.setattr(type(files.storage()), "get", whole)
    answer = client_of(cast.dipu).get(f"/orders/exports/{made.id}/file")
    assert len(table(answer.text)) == made.rows == 4
    assert answer.content_length == made.size


def test_a_table_in_bangla(cast: Cast, placed: dict[str, str]) -> None:
    made = OrderExport(
        organization_id=cast.trader.id, side="seller", user_id=cast.dipu.id, kind="xlsx", filters={}, language="bn"
    )
    db.session.add(made)
    db.session.flush()
    actions.make_export(made.id)
    assert made.rows == 4
    with zipfile.ZipFile(io.BytesIO(files.storage().get(made.file_key or ""))) as book:
        assert "পাটের ব্যাগ" in book.read("xl/worksheets/sheet1.xml").decode()


def test_old_tables_go(cast: Cast) -> None:
    made = OrderExport(organization_id=None, side="staff", user_id=cast.esha.id, kind="csv", filters={}, language="en")
    db.session.add(made)
    db.session.flush()
    actions.make_export(made.id)
    assert jobs.expire().startswith("0 ")
    with clock.at(clock.now() + timedelta(days=8)):
        assert jobs.expire().startswith("1 ")
    assert db.session.scalars(sa.select(OrderExport)).all() == []


def test_an_unknown_kind_and_nobodys_business(cast: Cast, client_of: Browser) -> None:
    assert client_of(cast.amina).post("/orders/exports", data={"kind": "exe"}).status_code == 303
    assert db.session.scalars(sa.select(OrderExport.kind)).all() == ["csv"]
    assert client_of(cast.amina).get(f"/orders/exports/{2**62}").status_code == 404
    loner = accounts.user("Loner")
    db.session.commit()
    browser = client_of(loner)
    assert browser.get("/orders").status_code == 200
    assert browser.get("/orders/export.csv").status_code == 404


def test_many_orders_cost_as_many_statements_as_few(cast: Cast, client_of: Browser) -> None:
    bag = catalog.product(cast.trader)
    organizations.address(cast.shop)
    amina = accounts.actor(cast.amina)
    counted = []
    for _ in range(2):
        for _each in range(3):
            orders.placed(amina, {bag: 10})
        db.session.commit()
        browser = client_of(cast.amina)
        browser.get("/orders")
        with queries_counted() as sent:
            browser.get("/orders?q=jute")
            browser.get("/orders/export.csv")
        counted.append(len(sent))
    assert counted[0] == counted[1]


def test_filters_come_back_from_an_address() -> None:
    found = Filters("jute", "placed", day(-3), day(), "amina")
    assert Filters.kept(found.query) == found
    assert Filters.kept({}) == Filters()
    assert "state" not in found.without_state()
