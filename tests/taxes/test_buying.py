"""A tax from the card to the ledger: shown, agreed to, frozen, posted, taken back and reported, to the last unit."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts, approvals, catalog, orders, organizations, taxes
from tests.factories.prices import day
from tests.queries_counted import queries_counted
from wholesale.accounts.models import User
from wholesale.cart import queries as carts
from wholesale.catalog import actions as catalogue
from wholesale.catalog.models import Product
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.errors import ConflictError
from wholesale.kernel.money import Money
from wholesale.ledger import actions as posting
from wholesale.ledger import queries as ledger
from wholesale.ledger.rules import credit, debit
from wholesale.orders import actions, queries
from wholesale.orders import jobs as orders_jobs
from wholesale.orders.approval.models import ApprovalRequest
from wholesale.orders.models import LineProgress, Order, OrderLine, Purchase
from wholesale.orders.tax_report import queries as report
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.pricing import queries as pricing
from wholesale.taxes import actions as rates

Browser = Callable[[User], HouseClient]


def taka(amount: str) -> Money:
    return Money(Decimal(amount), "BDT")


@pytest.fixture
def bag(cast: Cast) -> Product:
    """EX-1 and EX-2: 100 cost 13,500."""
    made = catalog.product(cast.trader)
    organizations.address(cast.shop)
    db.session.commit()
    return made


def placed(cast: Cast, bag: Product, pieces: int = 100) -> Order:
    [order] = orders.placed(accounts.actor(cast.amina), {bag: pieces})
    number = order.number
    db.session.commit()
    for each in list(db.session):  # as the next request meets it: read anew
        if isinstance(each, Order | OrderLine | LineProgress):
            db.session.expunge(each)
    return queries.order(SYSTEM, number)


def balances(order: Order) -> dict[str, Decimal]:
    owners = {"buyer_receivable": order.buyer_id, "platform_pending": None, "platform_fee": None}
    codes = ("buyer_receivable", "seller_pending", "platform_pending", "tax_pending", "seller_payable", "tax_payable")
    return {
        code: ledger.balance(code, owners.get(code, order.seller_id), order.currency).amount
        for code in codes
        if not ledger.balance(code, owners.get(code, order.seller_id), order.currency).is_zero
    }


def prove() -> None:
    assert ledger.proof() + orders_jobs.proof() + report.proof() == []
    db.session.commit()


def test_on_top(cast: Cast, bag: Product) -> None:
    """The split is that of EX-2: the tax is nobody's of them."""
    taxes.rate("15", country="BD")
    order = placed(cast, bag)
    [line] = order.lines
    assert (line.tax_name, line.tax_kind, line.tax_percent, line.tax_included) == ("VAT", "standard", 15, False)
    assert (line.line_total, line.tax_amount) == (13500, 2025)
    assert (line.platform_fee, line.platform_rest, line.seller_share, line.owner_recovers) == (825, 3740, 935, 8000)
    assert (order.goods_total, order.tax_total, order.total) == (13500, 2025, 15525)
    purchase = db.session.get_one(Purchase, order.purchase_id)
    assert (purchase.goods_total, purchase.tax_total, purchase.total) == (13500, 2025, 15525)
    assert balances(order) == {
        "buyer_receivable": 15525, "seller_pending": -8935, "platform_pending": -4565, "tax_pending": -2025,
    }  # fmt: skip
    prove()


def test_included(cast: Cast, bag: Product) -> None:
    """13,500 hold 1,760.87 of tax; 11,739.13 are shared: 3,739.13 of profit, fee 560.87, seller's 635.65."""
    taxes.rate("15", country="BD", included=True)
    order = placed(cast, bag)
    [line] = order.lines
    assert (line.line_total, line.tax_amount, line.tax_included) == (13500, Decimal("1760.87"), True)
    shares = (line.platform_fee, line.platform_rest, line.seller_share, line.owner_recovers)
    assert shares == (Decimal("560.87"), Decimal("2542.61"), Decimal("635.65"), 8000)
    assert sum(shares) == Decimal("11739.13")
    assert (order.goods_total, order.tax_total, order.total) == (13500, 0, 13500)
    assert balances(order)["tax_pending"] == Decimal("-1760.87")
    assert balances(order)["buyer_receivable"] == 13500
    prove()


@pytest.mark.parametrize(("kind", "reason"), [("zero", ""), ("exempt", "Raw food")])
def test_nothing_to_pay_is_frozen_too(cast: Cast, bag: Product, kind: str, reason: str) -> None:
    taxes.rate("0", country="BD", kind=kind, reason=reason)
    order = placed(cast, bag)
    [line] = order.lines
    assert (line.tax_name, line.tax_kind, line.tax_reason, line.tax_amount) == ("VAT", kind, reason, 0)
    assert order.total == 13500
    prove()


def test_without_a_rate_everything_is_as_it_was(cast: Cast, bag: Product) -> None:
    taxes.rate("18", country="UG")
    order = placed(cast, bag)
    [line] = order.lines
    assert (line.tax_name, line.tax_kind, line.tax_percent, line.tax_amount) == ("", "", 0, 0)
    assert order.total == 13500
    assert order.taxes == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_lines_orders_and_purchase_agree_whatever_the_rates(house: Flask, cast: Cast, data: st.DataObject) -> None:
    """Several sellers, shelves, rates in prices and on top, in taka and in shillings without decimals, up to 10^12."""
    point = db.session.begin_nested()
    currency = data.draw(st.sampled_from(["BDT", "UGX"]))
    if data.draw(st.booleans()):
        taxes.rate(data.draw(_percents()), country="BD", included=data.draw(st.booleans()))
    wanted: dict[Product, int] = {}
    for number in range(data.draw(st.integers(1, 4))):
        shelf = catalogue.add_category(slug=f"shelf-{number}", name=f"Shelf {number}").id
        seller = cast.trader if number % 2 else organizations.business(f"Seller {number}", kind="seller")
        seller.currency = currency
        digits = 2 if currency == "BDT" else 0
        price = data.draw(st.decimals(Decimal("0.5"), Decimal(10**8), places=digits).filter(lambda each: each > 0))
        made = catalog.product(seller, f"Thing {number}", tiers=((1, str(price)),), cost="0.4", stock=20_000)
        db.session.execute(sa.update(Product).where(Product.id == made.id).values(category_id=shelf))
        if data.draw(st.booleans()):
            taxes.rate(
                data.draw(_percents()), country="BD", category_id=shelf, included=data.draw(st.booleans()), name="Duty"
            )
        wanted[made] = data.draw(st.integers(1, 10_000))
    db.session.flush()
    found = orders.placed(accounts.actor(cast.amina), wanted)
    for order in found:
        on_top = sum(line.tax_amount for line in order.lines if not line.tax_included)
        assert (order.goods_total, order.tax_total) == (sum(line.line_total for line in order.lines), on_top)
        assert order.total == order.goods_total + order.tax_total + order.delivery_fee
        assert queries.money_of(order).charged == Money(order.total, currency)
        assert queries.money_of(order).tax.amount == sum(line.tax_amount for line in order.lines)
        assert sum(due.tax.amount for due in order.taxes) == sum(line.tax_amount for line in order.lines)
    purchase = db.session.get_one(Purchase, found[0].purchase_id)
    assert purchase.tax_total == sum(order.tax_total for order in found)
    assert purchase.total == sum(order.total for order in found)
    db.session.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
    assert report.proof() == []
    point.rollback()


@st.composite
def _percents(draw: st.DrawFn) -> str:
    return str(draw(st.decimals(Decimal("0.0001"), Decimal(100), places=4)))


def test_a_rate_that_changed_between_review_and_placing_is_shown_first(cast: Cast, bag: Product) -> None:
    amina = accounts.actor(cast.amina)
    key, seen = orders.ready_to_place(amina, {bag: 100})
    taxes.rate("15", country="BD")
    with pytest.raises(ConflictError, match="changed since you looked"):
        actions.place_order(actor=amina, key=key, seen=seen)
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Order)) == 0


def test_only_in_the_price_or_on_top_is_another_agreement(cast: Cast, bag: Product) -> None:
    amina = accounts.actor(cast.amina)
    first = taxes.rate("15", country="BD")
    key, seen = orders.ready_to_place(amina, {bag: 100})
    rates.withdraw_rate(actor=SYSTEM, rate_id=first)
    taxes.rate("15", country="BD", included=True)
    with pytest.raises(ConflictError):
        actions.place_order(actor=amina, key=key, seen=seen)


def test_through_the_pages(cast: Cast, bag: Product, client_of: Browser) -> None:
    taxes.rate("15", country="BD", valid_from=day())
    db.session.commit()
    browser = client_of(cast.amina)
    assert "plus 15 % VAT" in text_of(browser.get("/products").text)
    assert "plus 15 % VAT" in text_of(browser.get(f"/products/{bag.slug}?quantity=100").text)
    assert "plus 15 % VAT" in text_of(browser.get(f"/products/{bag.slug}/price?quantity=100", headers=HTMX).text)
    key, _seen = orders.ready_to_place(accounts.actor(cast.amina), {bag: 100})
    db.session.commit()
    for path, total in (("/cart", "Goods with tax ৳15,525.00"), ("/checkout/review", "You pay in total ৳15,525.00")):
        words = text_of(browser.get(path).text)
        assert "15 % VAT ৳2,025.00" in words, path
        assert total in words, path
    actor = accounts.actor(cast.amina)
    seen = actions.agreed(carts.contents(actor), actions.begin_checkout(actor=actor))
    number = actions.place_order(actor=actor, key=key, seen=seen)
    [order] = queries.purchase(SYSTEM, number).orders
    db.session.commit()
    for person in (cast.amina, cast.dipu, cast.esha):
        words = text_of(client_of(person).get(f"/orders/{order.number}").text)
        assert "15 % VAT ৳2,025.00" in words
        assert "৳15,525.00" in words


def test_a_page_says_that_a_price_holds_it_and_visitors_read_of_no_rate(
    cast: Cast, bag: Product, client_of: Browser, client: HouseClient
) -> None:
    taxes.rate("15", country="BD", included=True)
    db.session.commit()
    assert "incl. 15 % VAT" in text_of(client_of(cast.amina).get(f"/products/{bag.slug}").text)
    assert "VAT" not in text_of(client.get(f"/products/{bag.slug}").text)


def test_the_limit_counts_with_the_tax_and_the_request_keeps_it(cast: Cast, bag: Product, client_of: Browser) -> None:
    approvals.limit(cast.babul, cast.shop, "14000")
    taxes.rate("15", country="BD")
    request = approvals.asked(accounts.actor(cast.babul), {bag: 100})
    kept = db.session.get_one(ApprovalRequest, request.id)
    assert (kept.goods_total, kept.tax_total, kept.total) == (13500, 2025, 15525)
    db.session.commit()
    words = text_of(client_of(cast.amina).get(f"/approvals/{request.id}").text)
    assert "15 % VAT ৳2,025.00" in words
    assert "৳15,525.00" in words


def test_no_page_asks_once_more_for_it(cast: Cast, bag: Product, client_of: Browser) -> None:
    browser = client_of(cast.amina)
    orders.ready_to_place(accounts.actor(cast.amina), {bag: 100})
    db.session.commit()
    pages = (f"/products/{bag.slug}/price?quantity=10", f"/products/{bag.slug}", "/products", "/cart")

    def counted() -> list[int]:
        found = []
        for page in pages:
            browser.get(page)
            with queries_counted() as sent:
                assert browser.get(page).status_code == 200
            found.append(len(sent))
        return found

    before = counted()
    taxes.rate("15", country="BD")
    taxes.rate("5", country="BD", category_id=bag.category_id)
    db.session.commit()
    assert counted() == before
    assert before[0] <= 2


def confirmed(order: Order) -> Order:
    actions.move_order(actor=SYSTEM, number=order.number, to="confirmed")
    db.session.commit()
    return queries.order(SYSTEM, order.number)


def test_the_report_agrees_with_the_ledger(cast: Cast, bag: Product, client_of: Browser) -> None:
    taxes.rate("15", country="BD")
    placed(cast, bag, 50)
    order = confirmed(placed(cast, bag))
    dipu, esha, year = accounts.actor(cast.dipu), accounts.actor(cast.esha), report.this_year()
    found = report.report(dipu, year)
    [row] = found.rows
    assert (row.month, row.country) == (day().replace(day=1), "BD")
    assert (row.net, row.tax, row.tax_left) == (taka("13500"), taka("2025"), taka("2025"))
    assert found.unconfirmed == [taka("1012.50")]
    with_progress = actions.locked(actor=SYSTEM, number=order.number)
    actions.take_back(
        actor=SYSTEM, order=with_progress, kind="cancelled", reason="Broken", pieces={with_progress.lines[0].id: 33}
    )
    [row] = report.report(esha, year).rows
    assert (row.tax, row.tax_back, row.net_left) == (taka("2025"), taka("668.25"), taka("9045"))
    held = ledger.balance("tax_pending", cast.trader.id, "BDT")
    assert held == -(row.tax_left + taka("1012.50"))
    assert report.proof() == []
    assert report.report(accounts.actor(cast.chandni), year).rows == []
    assert report.report(dipu, year - 1).rows == []

    for person, path in ((cast.dipu, "/seller/taxes"), (cast.esha, "/admin/taxes/report")):
        browser = client_of(person)
        words = text_of(browser.get(path).text)
        for part in ("15 % VAT", "৳9,045.00", "৳2,025.00", "৳668.25", "৳1,356.75", "৳1,012.50"):
            assert part in words, (path, part)
        table = list(csv.DictReader(io.StringIO(browser.get(f"{path}.csv").text.removeprefix("\ufeff"))))
        assert [(each["Net left"], each["Tax left"], each["Per cent"]) for each in table] == [
            ("9045.00", "1356.75", "15")
        ]
        assert browser.get(f"{path}?year=99999").status_code == 200
        assert "Nothing in this year" in text_of(browser.get(f"{path}?year=2001").text)
    assert client_of(cast.amina).get("/seller/taxes").status_code == 403
    assert client_of(cast.dipu).get("/admin/taxes/report").status_code == 403


def test_what_was_cancelled_before_it_was_confirmed_was_never_charged(cast: Cast, bag: Product) -> None:
    taxes.rate("15", country="BD")
    order = placed(cast, bag)
    actions.move_order(actor=SYSTEM, number=order.number, to="cancelled", reason="Twice")
    found = report.report(accounts.actor(cast.dipu), report.this_year())
    assert (found.rows, found.unconfirmed) == ([], [])
    prove()


def test_the_proof_finds_what_is_wrong(cast: Cast, bag: Product) -> None:
    taxes.rate("15", country="BD")
    order = confirmed(placed(cast, bag))
    assert report.proof() == []
    posting.post(
        actor=SYSTEM,
        key=f"order:{order.number}:forged",
        reference=order.number,
        memo="A tax that nobody charged",
        legs=[debit("bank", taka("0.01")), credit("tax_pending", taka("0.01"), order.seller_id)],
    )
    said = f"taxes of seller {order.seller_id} in BDT: reports say 2025.0000, the ledger 2025.0100"
    assert report.proof() == [said]


def test_an_offer_without_stock_still_tells_its_tax(cast: Cast, client_of: Browser) -> None:
    catalog.product(cast.trader, "Rare", stock=0)
    taxes.rate("15", country="BD")
    db.session.commit()
    assert pricing.offer("rare").tax is not None
    assert "plus 15 % VAT" in text_of(client_of(cast.amina).get("/products").text)


def test_frozen_for_good(cast: Cast, bag: Product) -> None:
    """A rate set later, or ended, changes no order; nobody can change the line."""
    first = taxes.rate("15", country="BD")
    order = placed(cast, bag)
    rates.withdraw_rate(actor=SYSTEM, rate_id=first)
    taxes.rate("18", country="BD")
    line: Any = db.session.scalars(sa.select(OrderLine).where(OrderLine.order_id == order.id)).one()
    assert (line.tax_percent, line.tax_amount) == (15, 2025)
    with pytest.raises(sa.exc.DBAPIError), db.session.begin_nested():
        db.session.execute(sa.update(OrderLine).values(tax_amount=0))
    assert db.session.get_one(Organization, order.seller_id).country == "BD"
