"""Taking money in: what is owed, once, and balanced."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.conftest import Cast
from tests.factories import accounts, catalog, orders, organizations
from tests.payments.placed import cancel, deliver, purchase, taka
from wholesale.accounts.models import User
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError, HouseError, NotFoundError
from wholesale.kernel.money import Money
from wholesale.ledger import jobs as ledger_jobs
from wholesale.ledger import queries as ledger
from wholesale.orders import actions as order_actions
from wholesale.payments import actions, queries
from wholesale.payments.models import Receipt
from wholesale.platform import outbox
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction


def receipts() -> list[Receipt]:
    return list(db.session.scalars(sa.select(Receipt).order_by(Receipt.id)))


def record(actor: Actor, number: str, amount: str, reference: str = "FT-1") -> bool:
    return actions.record_transfer(actor=actor, purchase_number=number, amount=taka(amount), bank_reference=reference)


@pytest.fixture
def esha(cast: Cast) -> Actor:
    return accounts.actor(cast.esha)


# --- bank transfers ---------------------------------------------------------------------------------------


def test_transfer_is_noted_and_posted(cast: Cast, esha: Actor) -> None:
    placed = purchase(cast)
    assert record(esha, placed.number, "14000.00", " ft-1 ") is True
    [receipt] = receipts()
    assert (receipt.method, receipt.reference, receipt.amount) == ("bank_transfer", "FT-1", 14000)
    assert receipt.recorded_by == cast.esha.id
    assert ledger.balance("bank", None, "BDT") == taka("14000")
    assert ledger.balance("buyer_receivable", cast.shop.id, "BDT") == taka("0")
    assert queries.balance(placed.purchase_id).is_paid
    assert ledger_jobs.problems() == []


def test_transfer_in_parts(cast: Cast, esha: Actor) -> None:
    placed = purchase(cast)
    record(esha, placed.number, "4000.50", "FT-1")
    assert queries.balance(placed.purchase_id).owed == taka("9999.50")
    with pytest.raises(DomainError) as refusal:
        record(esha, placed.number, "9999.51", "FT-2")
    assert refusal.value.field == "amount"
    assert refusal.value.values["owed"] == taka("9999.50")
    record(esha, placed.number, "9999.50", "FT-2")
    assert queries.balance(placed.purchase_id).is_paid
    assert ledger.balance("buyer_receivable", cast.shop.id, "BDT").is_zero


def test_the_same_transfer_again_changes_nothing(cast: Cast, esha: Actor) -> None:
    placed = purchase(cast)
    assert record(esha, placed.number, "14000") is True
    assert record(esha, placed.number, "14000.0000", "ft-1") is False, "even though nothing is owed any more"
    assert len(receipts()) == 1
    assert ledger.balance("bank", None, "BDT") == taka("14000")


@pytest.mark.parametrize("amount", ["3999", "4001"])
def test_reference_of_another_amount_is_refused(cast: Cast, esha: Actor, amount: str) -> None:
    placed = purchase(cast)
    record(esha, placed.number, "4000")
    with pytest.raises(DomainError) as refusal:
        record(esha, placed.number, amount)
    assert refusal.value.field == "reference"
    assert len(receipts()) == 1


def test_reference_of_another_purchase_is_refused(cast: Cast, esha: Actor) -> None:
    first = purchase(cast)
    buyer = accounts.actor(cast.chandni)
    pen = catalog.product(cast.trader, "Pen", tiers=((10, "20"),), cost="5")
    [second] = orders.placed(buyer, {pen: 20}, payment="bank_transfer")
    record(esha, first.number, "400")
    with pytest.raises(DomainError, match=first.number) as refusal:
        record(esha, second.purchase.number, "400")
    assert refusal.value.field == "reference"


def test_cancelled_orders_are_not_owed(cast: Cast, esha: Actor) -> None:
    placed = purchase(cast)
    cancel(placed.bags)
    with pytest.raises(DomainError, match="500"):
        record(esha, placed.number, "14000")
    record(esha, placed.number, "500")
    assert queries.balance(placed.purchase_id).is_paid
    cancel(placed.soap)
    assert queries.balance(placed.purchase_id).excess == taka("500")
    assert ledger.balance("buyer_receivable", cast.shop.id, "BDT") == taka("-500"), "the buyer gets it back"
    assert ledger_jobs.problems() == []


def test_only_for_purchases_by_transfer(cast: Cast, esha: Actor) -> None:
    placed = purchase(cast, "pay_on_delivery")
    with pytest.raises(DomainError, match="on delivery"):
        record(esha, placed.number, "14000")


def test_unknown_purchase_and_another_currency(cast: Cast, esha: Actor) -> None:
    placed = purchase(cast)
    with pytest.raises(NotFoundError):
        record(esha, "PUR-2026-999999", "1")
    with pytest.raises(DomainError) as refusal:
        actions.record_transfer(
            actor=esha,
            purchase_number=placed.number,
            amount=Money(taka("1").amount, "USD"),
            bank_reference="FT-9",
        )
    assert refusal.value.field == "amount"


def test_only_admins(cast: Cast) -> None:
    placed = purchase(cast)
    support = replace(SYSTEM, staff_role="support")
    for actor in (placed.buyer, accounts.actor(cast.dipu), support):
        with pytest.raises(ForbiddenError):
            record(actor, placed.number, "14000")
    assert receipts() == []


# --- cash -------------------------------------------------------------------------------------------------


def test_cash_is_taken_when_the_order_is_delivered(cast: Cast) -> None:
    placed = purchase(cast, "pay_on_delivery")
    deliver(placed.bags)
    outbox.drain()
    [receipt] = receipts()
    assert (receipt.method, receipt.reference, receipt.amount) == ("cash", placed.bags.number, 13500)
    assert receipt.recorded_by is None
    assert ledger.balance("cash_with_seller", cast.trader.id, "BDT") == taka("13500")
    assert ledger.balance("buyer_receivable", cast.shop.id, "BDT") == taka("500"), "the other seller's is still owed"
    assert ledger_jobs.problems() == []


def test_cash_is_taken_once(cast: Cast) -> None:
    placed = purchase(cast, "pay_on_delivery")
    deliver(placed.bags)
    outbox.drain()
    assert actions.take_cash(order_id=placed.bags.id) is False
    assert len(receipts()) == 1
    assert ledger.balance("cash_with_seller", cast.trader.id, "BDT") == taka("13500")


def test_no_cash_before_delivery_nor_for_transfers(cast: Cast) -> None:
    placed = purchase(cast)
    deliver(placed.bags)
    outbox.drain()
    assert actions.take_cash(order_id=placed.bags.id) is False
    assert receipts() == []


def test_no_cash_for_an_order_that_is_on_its_way(cast: Cast) -> None:
    placed = purchase(cast, "pay_on_delivery")
    with pytest.raises(ConflictError):
        actions.take_cash(order_id=placed.bags.id)
    with pytest.raises(NotFoundError):
        actions.take_cash(order_id=-1)


# --- at once ----------------------------------------------------------------------------------------------


def _race(app: Flask, calls: list[tuple[Actor, str, str, str]]) -> list[object]:
    """Record all at the same moment, each in a thread and transaction of its own; what came of each."""
    start = threading.Barrier(len(calls))

    def go(call: tuple[Actor, str, str, str]) -> object:
        with app.app_context():
            start.wait()
            try:
                with transaction():
                    return record(*call)
            except HouseError as refusal:
                return refusal.field
            finally:
                db.session.remove()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(go, call) for call in calls]]


def _committed_purchases(app: Flask, count: int = 1) -> tuple[Actor, list[str]]:
    """An admin and that many purchases of ৳1,350 each, really committed."""
    with app.app_context():
        with transaction():
            amina, admin = accounts.user("Amina"), accounts.user("Esha", staff_role="admin")
            shop: dict[User, str] = {amina: "owner"}
            organizations.business("Amina Store", members=shop)
            trader = organizations.business("Dipu Traders", kind="seller")
            bag = catalog.product(trader)
            buyer = accounts.actor(amina)
            numbers = [
                orders.placed(buyer, {bag: 10}, payment="bank_transfer")[0].purchase.number for _ in range(count)
            ]
            esha = accounts.actor(admin)
        db.session.remove()
    return esha, numbers


@pytest.mark.torture
def test_two_admins_note_the_same_transfer_at_once(committed_app: Flask) -> None:
    esha, [number] = _committed_purchases(committed_app)
    outcomes = _race(committed_app, [(esha, number, "1000", "FT-1")] * 4)
    assert sorted(outcomes, key=str) == [False, False, False, True]
    with committed_app.app_context():
        assert len(receipts()) == 1
        assert ledger.balance("bank", None, "BDT") == taka("1000")
        assert ledger_jobs.problems() == []
        db.session.remove()


@pytest.mark.torture
def test_two_transfers_at_once_never_exceed_what_is_owed(committed_app: Flask) -> None:
    esha, [number] = _committed_purchases(committed_app)
    outcomes = _race(committed_app, [(esha, number, "1000", f"FT-{n}") for n in range(4)])
    assert sorted(outcomes, key=str) == [True, "amount", "amount", "amount"]
    with committed_app.app_context():
        assert ledger.balance("bank", None, "BDT") == taka("1000")
        db.session.remove()


@pytest.mark.torture
def test_one_reference_for_two_purchases_at_once_is_taken_once(committed_app: Flask) -> None:
    esha, numbers = _committed_purchases(committed_app, 2)
    outcomes = _race(committed_app, [(esha, number, "1000", "FT-1") for number in numbers])
    assert sorted(outcomes, key=str) == [True, "reference"]
    with committed_app.app_context():
        assert len(receipts()) == 1
        assert ledger_jobs.problems() == []
        db.session.remove()


def test_cash_noted_late_is_what_was_due_at_the_door(cast: Cast) -> None:
    """The worker was away for an hour, and the seller let something off meanwhile: that is to be given back."""
    placed = purchase(cast, "pay_on_delivery")
    for state in ("confirmed", "shipped", "delivered"):
        order_actions.move_order(actor=SYSTEM, number=placed.bags.number, to=state)
    order = order_actions.locked(actor=SYSTEM, number=placed.bags.number)
    order_actions.take_back(
        actor=SYSTEM, order=order, kind="allowance", reason="Late", amounts={order.lines[0].id: taka("500")}
    )
    db.session.commit()
    outbox.drain()
    found = queries.order_balance(placed.bags.id)
    assert (found.paid, found.excess) == (taka("13500"), taka("500"))
    assert ledger_jobs.problems() == []


def test_what_was_cancelled_before_delivery_is_not_taken_at_the_door(cast: Cast) -> None:
    placed = purchase(cast, "pay_on_delivery")
    line = order_actions.locked(actor=SYSTEM, number=placed.bags.number).lines[0].id
    order_actions.cancel_pieces(actor=SYSTEM, number=placed.bags.number, pieces={line: 40}, reason="Broken")
    deliver(placed.bags)
    outbox.drain()
    found = queries.order_balance(placed.bags.id)
    assert (found.paid, found.excess) == (taka("8100"), taka("0"))
