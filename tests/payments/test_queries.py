"""What is said of a payment, to whom, and the proof that the ledger agrees."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa

from tests.conftest import Cast
from tests.factories import accounts, catalog, orders
from tests.payments.placed import Placed, cancel, deliver, purchase, taka
from wholesale.kernel.actor import ANONYMOUS, SYSTEM
from wholesale.kernel.errors import NotFoundError
from wholesale.ledger import actions as ledger
from wholesale.ledger.rules import credit, debit
from wholesale.payments import actions, queries
from wholesale.payments.models import Receipt
from wholesale.platform import outbox
from wholesale.platform.db import db


def transfer(placed: Placed, amount: str, reference: str = "FT-1") -> None:
    actions.record_transfer(actor=SYSTEM, purchase_number=placed.number, amount=taka(amount), bank_reference=reference)
    db.session.flush()


# --- states -----------------------------------------------------------------------------------------------


def test_waiting_for_a_transfer(cast: Cast) -> None:
    placed = purchase(cast)
    state = queries.state_of(placed.purchase_id)
    assert (state.paid, state.owed, state.is_paid) == (taka("0"), taka("14000"), False)
    assert state.label == f"Waiting for your bank transfer of ৳14,000.00 with reference {placed.number}"
    assert state.tone == "warn"
    transfer(placed, "4000")
    state = queries.state_of(placed.purchase_id)
    assert "৳4,000.00 has arrived" in state.label
    assert f"৳10,000.00 with reference {placed.number}" in state.label


def test_paid(cast: Cast) -> None:
    placed = purchase(cast)
    transfer(placed, "14000")
    state = queries.state_of(placed.purchase_id)
    assert (state.label, state.tone, state.is_paid) == ("Paid", "good", True)


def test_cancelled_and_paid_too_much(cast: Cast) -> None:
    placed = purchase(cast)
    transfer(placed, "500")
    cancel(placed.bags)
    assert queries.state_of(placed.purchase_id).label == "Paid"
    cancel(placed.soap)
    state = queries.state_of(placed.purchase_id)
    assert state.label == "৳500.00 is due back to you."
    assert state.tone == "warn"


def test_cancelled_and_unpaid(cast: Cast) -> None:
    placed = purchase(cast)
    cancel(placed.bags)
    cancel(placed.soap)
    state = queries.state_of(placed.purchase_id)
    assert (state.label, state.tone) == ("Cancelled: nothing is to be paid.", "neutral")


def test_unknown_purchase(cast: Cast) -> None:
    with pytest.raises(NotFoundError):
        queries.state_of(-1)
    with pytest.raises(NotFoundError):
        queries.balance(-1)


def test_on_delivery_each_order_is_paid_by_itself(cast: Cast) -> None:
    placed = purchase(cast, "pay_on_delivery")
    dipu = accounts.actor(cast.dipu)
    assert queries.state_of(placed.purchase_id).label == "Pay ৳14,000.00 on delivery"
    assert queries.state_of_order(placed.buyer, placed.bags.number).label == "Pay ৳13,500.00 on delivery"
    assert queries.state_of_order(dipu, placed.bags.number).label == "Collect ৳13,500.00 on delivery"
    assert queries.state_of_order(SYSTEM, placed.soap.number).label == "The buyer pays ৳500.00 on delivery"
    deliver(placed.bags)
    outbox.drain()
    for actor in (placed.buyer, dipu, SYSTEM):
        assert queries.state_of_order(actor, placed.bags.number).label == "Paid"
    assert queries.state_of_order(placed.buyer, placed.soap.number).label == "Pay ৳500.00 on delivery"
    cancel(placed.soap)
    assert queries.state_of_order(placed.buyer, placed.soap.number).label == "Cancelled: nothing is to be paid."


def test_a_seller_learns_only_whether_it_is_paid(cast: Cast) -> None:
    placed = purchase(cast)
    dipu = accounts.actor(cast.dipu)
    state = queries.state_of_order(dipu, placed.bags.number)
    assert state.label == "The buyer's bank transfer has not arrived yet."
    assert state.instructions is None
    transfer(placed, "4000")
    assert queries.state_of_order(dipu, placed.bags.number).label == "The buyer's bank transfer has not arrived yet."
    transfer(placed, "10000", "FT-2")
    assert queries.state_of_order(dipu, placed.bags.number).label == "Paid"
    cancel(placed.soap)
    assert queries.state_of_order(dipu, placed.bags.number).label == "Paid", "the excess is not the seller's business"
    assert "৳500.00 is due back to you." in queries.state_of_order(placed.buyer, placed.bags.number).label
    cancel(placed.bags)
    assert queries.state_of_order(dipu, placed.bags.number).label == "Cancelled: nothing is to be paid."


def test_strangers_find_nothing(cast: Cast) -> None:
    placed = purchase(cast)
    for actor in (accounts.actor(cast.chandni), accounts.actor(cast.newcomer), ANONYMOUS):
        with pytest.raises(NotFoundError):
            queries.state_of_order(actor, placed.bags.number)
    with pytest.raises(NotFoundError):
        queries.state_of_order(accounts.actor(cast.dipu), placed.soap.number)


# --- the list ---------------------------------------------------------------------------------------------


def test_awaiting_lists_what_is_owed_oldest_first_by_key(cast: Cast) -> None:
    placed = purchase(cast)
    pen = catalog.product(cast.trader, "Pen", tiers=((10, "20"),), cost="5")
    buyer = accounts.actor(cast.chandni)
    later = [orders.placed(buyer, {pen: 10 + n}, payment="bank_transfer")[0] for n in range(4)]
    on_delivery = orders.placed(buyer, {pen: 10})[0].purchase.number
    numbers = [order.purchase.number for order in later]
    cancel(later[1])
    page = queries.awaiting(limit=2)
    assert [row.number for row in page.rows] == [placed.number, numbers[0]]
    assert (page.rows[0].owed, page.rows[0].buyer_name) == (taka("14000"), "Amina Store")
    assert page.is_first
    transfer(placed, "14000")
    second = queries.awaiting(after=page.next_after, limit=2)
    assert [row.number for row in second.rows] == [numbers[2], numbers[3]]
    assert (second.next_after, second.is_first) == (None, False)
    listed = {row.number for row in queries.awaiting().rows}
    assert listed.isdisjoint({placed.number, numbers[1], on_delivery})


def test_awaited_shows_any_purchase(cast: Cast) -> None:
    placed = purchase(cast)
    transfer(placed, "14000")
    row = queries.awaited(placed.number)
    assert (row.owed, row.currency, row.method_label) == (taka("0"), "BDT", "Bank transfer")
    with pytest.raises(NotFoundError):
        queries.awaited("PUR-0")


# --- the proof --------------------------------------------------------------------------------------------


def test_proof_is_clean_after_real_payments(cast: Cast) -> None:
    placed = purchase(cast)
    transfer(placed, "14000")
    assert queries.proof() == []


def test_proof_finds_a_receipt_without_its_journal(cast: Cast) -> None:
    placed = purchase(cast)
    db.session.add(
        Receipt(
            purchase_id=placed.purchase_id,
            method="bank_transfer",
            reference="FT-LOST",
            amount=Decimal(5),
            currency="BDT",
            recorded_by=None,
        )
    )
    db.session.flush()
    assert queries.proof() == ["receipt bank_transfer FT-LOST has no journal of the same amount"]


def test_proof_finds_another_amount_and_too_much(cast: Cast) -> None:
    placed = purchase(cast)
    transfer(placed, "14000")
    db.session.execute(sa.update(Receipt).values(amount=Decimal(15000)))
    assert queries.proof() == [
        "receipt bank_transfer FT-1 has no journal of the same amount",
        f"purchase {placed.number} was paid beyond its total",
    ]


def test_proof_finds_a_journal_without_its_receipt(cast: Cast) -> None:
    placed = purchase(cast)
    ledger.post(
        actor=SYSTEM,
        key="receipt:bank_transfer:GHOST",
        reference=placed.number,
        memo="x",
        legs=[debit("bank", taka("5")), credit("buyer_receivable", taka("5"), cast.shop.id)],
    )
    assert queries.proof() == ["journal receipt:bank_transfer:GHOST has no receipt"]
