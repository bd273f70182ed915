"""The proof of an order: EX-2 and EX-3 to the last poisha, and a page that says so when something does not agree."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa

from tests.client import text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, orders
from tests.factories import taxes as tax_factory
from wholesale.inventory import actions as stock
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.money import Money
from wholesale.ledger import actions as ledger
from wholesale.ledger.rules import credit, debit
from wholesale.orders.actions import locked, move_order, take_back
from wholesale.pages import proving
from wholesale.payments import actions as payments
from wholesale.platform.db import db


def taka(amount: str) -> Money:
    return Money(Decimal(amount), "BDT")


@pytest.fixture
def number(cast: Cast) -> str:
    """100 jute bags at 135, as in EX-2."""
    bag = catalog.product(cast.trader)
    return orders.placed(accounts.actor(cast.amina), {bag: 100})[0].number


def test_the_worked_example_is_proved(number: str) -> None:
    proof = proving.order_proof(SYSTEM, number)
    (line,) = proof.lines
    assert proof.holds
    assert (line.split.revenue, line.split.gross_profit) == (taka("13500"), taka("5500"))
    assert (line.whole.platform_fee, line.whole.seller_share) == (taka("825"), taka("935"))
    assert (line.split.platform_total, line.split.margin_percent) == (taka("4565"), Decimal("40.74"))
    assert (line.scope, line.source.kind, line.discount_percent) == ("product", "list", Decimal("6.9"))
    assert [entry.key for entry in proof.entries] == [f"order:{number}:placed"]


def test_a_commission_is_proved(cast: Cast) -> None:
    bag = catalog.product(cast.trader, settlement=catalog.COMMISSION)
    number = orders.placed(accounts.actor(cast.amina), {bag: 100})[0].number
    (line,) = proving.order_proof(SYSTEM, number).lines
    assert (line.whole.platform_fee, line.whole.seller_share) == (taka("1080"), taka("12420"))


def test_what_was_cancelled_leaves_nothing_on_any_account(cast: Cast, number: str) -> None:
    move_order(actor=accounts.actor(cast.dipu), number=number, to="cancelled", reason="Wet goods")
    proof = proving.order_proof(SYSTEM, number)
    assert proof.holds
    assert proof.accounts == []
    assert proof.lines[0].left.goods == taka("0")
    assert len(proof.entries) == 2


def test_an_entry_too_many_is_seen(number: str) -> None:
    legs = [debit("platform_fee", taka("1")), credit("platform_pending", taka("1"))]
    ledger.post(actor=SYSTEM, key=f"order:{number}:stray", reference=number, memo="Stray", legs=legs)
    proof = proving.order_proof(SYSTEM, number)
    assert not proof.holds
    assert {each.account.code for each in proof.accounts if not each.agrees} == {"platform_fee", "platform_pending"}


def test_the_page_says_all_of_it(client_of, cast: Cast, number: str) -> None:  # type: ignore[no-untyped-def]
    page = client_of(cast.esha).get(f"/admin/orders/{number}/proof")
    assert page.status_code == 200
    for figure in ("13,500.00", "8,000.00", "5,500.00", "825.00", "4,675.00", "935.00", "4,565.00", "40.74"):
        assert figure in page.text
    assert "Every line is shared without remainder" in page.text
    assert "Owed by buyers" in page.text
    assert "buyer_receivable" in page.text
    assert client_of(cast.esha).get("/admin/orders/ORD-2026-999999/proof").status_code == 404


def test_the_source_of_the_settlement_is_frozen(number: str) -> None:
    source = db.session.scalar(sa.text("SELECT settlement_source FROM order_line"))
    assert str(source).startswith("product:")


def test_what_went_back_names_all_parts_and_what_is_open(client_of, cast: Cast) -> None:  # type: ignore[no-untyped-def]
    """Of 100 bags 20 come back, 5 of them ruined: 2,700 are 913 + 187 + 1,600, and 405 of tax on top."""
    tax_factory.rate("15", country="BD")
    bag = catalog.product(cast.trader)
    [order] = orders.placed(accounts.actor(cast.amina), {bag: 100}, payment="bank_transfer")
    number, line = order.number, order.lines[0]
    payments.record_transfer(
        actor=accounts.actor(cast.esha),
        purchase_number=order.purchase.number,
        amount=taka(str(order.total)),
        bank_reference="FT-9",
    )
    for state in ("confirmed", "shipped", "delivered"):
        move_order(actor=SYSTEM, number=number, to=state)
    stock.come_back(actor=SYSTEM, reference=number, restock={line.variant_id: 15}, write_off={line.variant_id: 5})
    take_back(actor=SYSTEM, order=locked(actor=SYSTEM, number=number), kind="returned", reason="Wet",
              pieces={line.id: 20})  # fmt: skip
    proof = proving.order_proof(SYSTEM, number)
    assert proof.holds
    assert [(each.sku, pieces) for each, pieces in proof.written_off] == [(line.sku, 5)]
    assert (proof.balance.paid, proof.balance.owed) == (taka(str(order.total)), taka("0"))
    assert proof.balance.excess == taka("3105")
    words = text_of(client_of(cast.esha).get(f"/admin/orders/{number}/proof").text)
    assert (
        "Cancelled or returned: ৳3,105.00 = platform ৳913.00 + seller's share ৳187.00 + cost of the goods ৳1,600.00"
        " + tax ৳405.00. Left: ৳12,420.00." in words
    )
    assert "Paid beyond what it costs, the buyer's ৳3,105.00" in words
    assert f"{line.sku}: 5" in words
    assert "this order's own journals" in words
