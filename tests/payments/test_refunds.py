"""Money that goes back: exactly what is in excess, once, by one journal, and never more than was paid."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.conftest import Cast
from tests.factories import accounts, catalog, order_life, orders, organizations
from tests.payments.placed import Placed, cancel, deliver, purchase, taka
from wholesale.accounts.models import User
from wholesale.audit.models import AuditEntry
from wholesale.inventory import actions as inventory
from wholesale.inventory import queries as stock
from wholesale.kernel.actor import ANONYMOUS, SYSTEM, Actor
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError, HouseError, NotFoundError
from wholesale.ledger import jobs as ledger_jobs
from wholesale.ledger import queries as ledger
from wholesale.orders import actions as order_actions
from wholesale.orders.models import Order, Purchase
from wholesale.orders.returns import actions as returns
from wholesale.orders.returns import queries as return_queries
from wholesale.orders.returns.rules import Arrival, Wish
from wholesale.payments import actions, queries
from wholesale.payments.models import Receipt, Refund
from wholesale.platform import outbox
from wholesale.platform.db import db
from wholesale.platform.messages.queue import OutgoingMessage
from wholesale.platform.transaction import transaction


@pytest.fixture
def esha(cast: Cast) -> Actor:
    return accounts.actor(cast.esha)


def paid(cast: Cast, *amounts: str) -> Placed:
    """The purchase of ৳14,000.00, paid by transfers of these amounts, or by one."""
    placed = purchase(cast)
    for number, amount in enumerate(amounts or ("14000",), start=1):
        actions.receive(actor=SYSTEM, purchase_number=placed.number, amount=taka(amount), reference=f"FT-{number}")
    db.session.flush()
    return placed


def back(  # noqa: PLR0917 - short, for many tests
    actor: Actor, placed: Placed, amount: str, reference: str = "RF-1", key: str = "k", order: str = ""
) -> bool:
    return actions.refund(
        actor=actor,
        purchase_number=placed.number,
        amount=taka(amount),
        reference=reference,
        key=key,
        order_number=order or None,
    )


def bring_back(order: Order) -> None:
    """Everything of a delivered order comes back to the seller."""
    found = order_actions.locked(actor=SYSTEM, number=order.number)
    pieces = {line.variant_id: line.progress.shipped for line in found.lines}
    inventory.come_back(actor=SYSTEM, reference=found.number, restock=pieces)
    order_actions.take_back_rest(actor=SYSTEM, order=found, kind="returned", reason="wrong goods")
    db.session.commit()


def refunds() -> list[Refund]:
    return list(db.session.scalars(sa.select(Refund).order_by(Refund.id)))


def receivable(cast: Cast) -> str:
    return str(ledger.balance("buyer_receivable", cast.shop.id, "BDT").rounded().amount.quantize(Decimal("0.01")))


# --- by bank transfer -------------------------------------------------------------------------------------


def test_a_whole_purchase_cancelled_after_it_was_paid(cast: Cast, esha: Actor) -> None:
    placed = paid(cast)
    cancel(placed.bags)
    cancel(placed.soap)
    assert queries.balance(placed.purchase_id).excess == taka("14000")
    assert receivable(cast) == "-14000.00"
    assert back(esha, placed, "14000", " rf-1 ") is True
    [made] = refunds()
    assert (made.state, made.reference, made.amount, made.made_by, made.paid_by) == (
        "paid", "RF-1", 14000, cast.esha.id, cast.esha.id,
    )  # fmt: skip
    assert receivable(cast) == "0.00"
    assert ledger.balance("bank", None, "BDT").is_zero
    assert queries.balance(placed.purchase_id).excess.is_zero
    assert ledger_jobs.problems() == []
    assert stock.proof() == []


def test_one_seller_cancelled(cast: Cast, esha: Actor) -> None:
    placed = paid(cast)
    cancel(placed.soap)
    with pytest.raises(DomainError, match="At most BDT 500"):
        back(esha, placed, "500.01")
    back(esha, placed, "500")
    found = queries.balance(placed.purchase_id)
    assert (found.due, found.kept, found.is_paid) == (taka("13500"), taka("13500"), True)
    assert ledger_jobs.problems() == []


def test_some_pieces_cancelled_go_back_to_the_last_coin(cast: Cast, esha: Actor) -> None:
    """A third of 100 bags: what the split takes back is what the buyer gets back."""
    placed = paid(cast)
    order = order_actions.locked(actor=SYSTEM, number=placed.bags.number)
    inventory.release(actor=SYSTEM, reference=order.number, quantities={order.lines[0].variant_id: 33})
    order_actions.take_back(actor=SYSTEM, order=order, kind="cancelled", reason="short", pieces={order.lines[0].id: 33})
    db.session.flush()
    assert queries.balance(placed.purchase_id).excess == taka("4455")
    back(esha, placed, "4455")
    assert receivable(cast) == "0.00"
    assert ledger_jobs.problems() == []


def test_delivered_and_returned(cast: Cast, esha: Actor) -> None:
    placed = paid(cast)
    deliver(placed.bags)
    bring_back(placed.bags)
    assert queries.balance(placed.purchase_id).excess == taka("13500")
    back(esha, placed, "13500")
    for account, of in (("seller_payable", cast.trader.id), ("platform_fee", None), ("platform_share", None)):
        assert ledger.balance(account, of, "BDT").is_zero
    assert ledger_jobs.problems() == []
    assert stock.proof() == []


def test_in_parts_and_out_of_several_receipts(cast: Cast, esha: Actor) -> None:
    placed = paid(cast, "4000", "10000")
    cancel(placed.bags)
    back(esha, placed, "6000", "RF-1", "a")
    back(esha, placed, "7500", "RF-2", "b")
    assert [(each.key, each.part, each.amount, each.reference) for each in refunds()] == [
        ("a", 1, 6000, "RF-1"), ("b", 1, 4000, "RF-2"), ("b", 2, 3500, "RF-2"),
    ]  # fmt: skip
    assert [each.refunded for each in db.session.scalars(sa.select(Receipt).order_by(Receipt.id))] == [3500, 10000]
    assert [each.amount for each in queries.refunds_for(placed.purchase_id)] == [taka("6000"), taka("7500")]
    assert ledger_jobs.problems() == []
    with pytest.raises(DomainError, match="Nothing is to be paid back"):
        back(esha, placed, "1", "RF-3", "c")


def test_the_same_form_twice_pays_once(cast: Cast, esha: Actor) -> None:
    placed = paid(cast)
    cancel(placed.bags)
    assert back(esha, placed, "4000") is True
    assert back(esha, placed, "4000") is False
    assert len(refunds()) == 1


def test_a_reference_is_taken_once(cast: Cast, esha: Actor) -> None:
    placed = paid(cast)
    cancel(placed.bags)
    back(esha, placed, "4000", "RF-1", "a")
    with pytest.raises(DomainError) as refusal:
        back(esha, placed, "4000", "rf-1", "b")
    assert refusal.value.field == "reference"


def test_due_first_then_paid(cast: Cast, esha: Actor) -> None:
    placed = paid(cast)
    cancel(placed.soap)
    back(esha, placed, "500", "")
    [made] = refunds()
    assert (made.state, made.reference) == ("due", None)
    assert receivable(cast) == "-500.00", "it has not left yet"
    assert queries.balance(placed.purchase_id).excess.is_zero, "and cannot be paid back twice"
    assert ledger_jobs.problems() == []
    with pytest.raises(DomainError) as refusal:
        actions.pay_refund(actor=esha, key="k", reference=" ")
    assert refusal.value.field == "reference"
    assert actions.pay_refund(actor=esha, key="k", reference="RF-9") is True
    assert actions.pay_refund(actor=esha, key="k", reference="RF-9") is False
    assert receivable(cast) == "0.00"
    assert ledger_jobs.problems() == []
    noted = db.session.scalars(sa.select(AuditEntry.action).where(AuditEntry.action.startswith("refund."))).all()
    assert noted == ["refund.made", "refund.paid"]


def test_only_admins(cast: Cast) -> None:
    placed = paid(cast)
    cancel(placed.soap)
    support = replace(SYSTEM, staff_role="support")
    for actor in (placed.buyer, accounts.actor(cast.dipu), support, ANONYMOUS):
        with pytest.raises(ForbiddenError):
            back(actor, placed, "500")
        with pytest.raises(ForbiddenError):
            actions.pay_refund(actor=actor, key="k", reference="RF-1")
    assert refunds() == []


def test_unknown_purchase_and_key(cast: Cast, esha: Actor) -> None:
    placed = paid(cast)
    with pytest.raises(NotFoundError):
        back(esha, replace(placed, number="PUR-0"), "1")
    with pytest.raises(NotFoundError):
        actions.pay_refund(actor=esha, key="nothing", reference="RF-1")


def test_letters_go_to_who_ordered_and_to_the_owner_once(cast: Cast, esha: Actor) -> None:
    placed = paid(cast)
    cancel(placed.soap)
    back(esha, placed, "500")
    outbox.drain()
    outbox.drain()
    letters = db.session.execute(
        sa.select(OutgoingMessage.recipient, OutgoingMessage.subject).where(OutgoingMessage.template == "refund_paid")
    ).all()
    assert letters == [("amina@test.example", f"৳500.00 was paid back for purchase {placed.number}")]


# --- cash -------------------------------------------------------------------------------------------------


def test_a_seller_gives_cash_back_for_returned_goods(cast: Cast) -> None:
    placed = purchase(cast, "pay_on_delivery")
    dipu = accounts.actor(cast.dipu)
    deliver(placed.bags)
    outbox.drain()
    bring_back(placed.bags)
    state = queries.state_of_order(dipu, placed.bags.number)
    assert state.label == "Give the buyer ৳13,500.00 back in cash."
    assert queries.state_of_order(placed.buyer, placed.bags.number).label == "৳13,500.00 is due back to you."
    assert actions.give_cash_back(actor=dipu, number=placed.bags.number, amount=taka("13000"), key="a") is True
    assert actions.give_cash_back(actor=dipu, number=placed.bags.number, amount=taka("13000"), key="a") is False
    with pytest.raises(DomainError):
        actions.give_cash_back(actor=dipu, number=placed.bags.number, amount=taka("500.01"), key="b")
    actions.give_cash_back(actor=dipu, number=placed.bags.number, amount=taka("500"), key="b")
    assert [each.reference for each in refunds()] == [f"{placed.bags.number}/1", f"{placed.bags.number}/2"]
    assert ledger.balance("cash_with_seller", cast.trader.id, "BDT").is_zero
    assert receivable(cast) == "500.00", "the other order is still to come"
    assert ledger_jobs.problems() == []


def test_cash_of_others_is_not_there(cast: Cast) -> None:
    placed, by_bank = purchase(cast, "pay_on_delivery"), paid(cast)
    cancel(by_bank.bags)
    dipu = accounts.actor(cast.dipu)
    for actor, number in (
        (dipu, placed.soap.number),
        (placed.buyer, placed.bags.number),
        (dipu, by_bank.bags.number),
        (accounts.actor(cast.chandni), placed.bags.number),
    ):
        with pytest.raises(NotFoundError):
            actions.give_cash_back(actor=actor, number=number, amount=taka("1"), key="k")
    with pytest.raises(DomainError):
        actions.give_cash_back(actor=dipu, number=placed.bags.number, amount=taka("1"), key="k")


def test_an_unpaid_order_hides_no_excess_of_another(cast: Cast, esha: Actor) -> None:
    """Paid on delivery each order is for itself: what one still owes does not eat what the other is owed."""
    placed = purchase(cast, "pay_on_delivery")
    deliver(placed.bags)
    outbox.drain()
    bring_back(placed.bags)
    [row] = queries.excesses()
    assert (row.order_number, row.amount, row.seller_name) == (placed.bags.number, taka("13500"), "Dipu Traders")
    with pytest.raises(NotFoundError):
        back(esha, placed, "13500", "", "a")
    with pytest.raises(NotFoundError):
        back(esha, placed, "13500", "", "a", "ORD-0")
    back(esha, placed, "13500", "", "a", placed.bags.number)
    assert queries.excesses() == []
    assert ledger_jobs.problems() == []


# --- the list and the proof -------------------------------------------------------------------------------


def test_the_list_has_what_is_in_excess_and_nothing_else(cast: Cast, esha: Actor) -> None:
    first, second, third = paid(cast), paid_again(cast, "FT-8"), purchase(cast)
    cancel(second.soap)
    cancel(third.soap)  # unpaid
    assert [(row.number, row.amount, row.order_number) for row in queries.excesses()] == [
        (second.number, taka("500"), None)
    ]
    cancel(first.bags)
    assert [row.number for row in queries.excesses()] == [first.number, second.number]
    assert [row.number for row in queries.excesses(after=first.purchase_id)] == [second.number]
    back(esha, first, "13500", "RF-1", "a")
    back(esha, second, "100", "RF-2", "b")
    assert [(row.number, row.amount) for row in queries.excesses()] == [(second.number, taka("400"))]
    rows, older = queries.refunds(limit=1)
    assert [row.key for row in rows] == ["b"]
    assert [row.key for row in queries.refunds(before=older, limit=1)[0]] == ["a"]


def paid_again(cast: Cast, reference: str) -> Placed:
    placed = purchase(cast)
    actions.receive(actor=SYSTEM, purchase_number=placed.number, amount=taka("14000"), reference=reference)
    return placed


def test_the_proof_finds_what_was_tampered_with(cast: Cast, esha: Actor) -> None:
    placed = paid(cast)
    cancel(placed.soap)
    back(esha, placed, "500")
    assert queries.proof() == []
    db.session.execute(sa.update(Refund).values(amount=400))
    assert queries.proof() == [
        f"refund {refunds()[0].id} of bank_transfer RF-1 has no journal of the same amount",
        "receipt bank_transfer FT-1: what went back is not the sum of its refunds",
    ]
    db.session.execute(sa.delete(Refund))
    assert any("has no refund that was paid" in problem for problem in queries.proof())


def test_postgresql_keeps_the_bound(cast: Cast) -> None:
    paid(cast)
    with pytest.raises(sa.exc.IntegrityError), db.session.begin_nested():
        db.session.execute(sa.update(Receipt).values(refunded=Decimal("14000.01")))


# --- what follows -----------------------------------------------------------------------------------------


def test_a_return_is_settled_with_the_last_of_its_money(cast: Cast, esha: Actor) -> None:
    placed = paid(cast)
    deliver(placed.bags)
    deliver(placed.soap)
    number = order_life.asked_back(placed.buyer, placed.bags, Wish(40, "damaged"))
    returns.decide(actor=accounts.actor(cast.dipu), number=number, approve=True)
    line = placed.bags.lines[0].id
    returns.receive(actor=accounts.actor(cast.dipu), number=number, arrivals={line: Arrival(40)})
    db.session.commit()

    def state() -> str:
        db.session.commit()
        outbox.drain()
        db.session.expire_all()
        return return_queries.request(number).state

    excess = queries.balance(placed.purchase_id).excess
    assert excess == taka("5400")
    back(esha, placed, "5000")
    assert state() == "received"
    back(esha, placed, "400", reference="", key="rest")
    assert state() == "received"  # decided, and not paid yet
    actions.pay_refund(actor=esha, key="rest", reference="RF-2")
    assert state() == "closed"


def test_cash_given_back_settles_the_return_of_its_own_order_only(cast: Cast) -> None:
    placed = purchase(cast, "pay_on_delivery")
    numbers = []
    for order in (placed.bags, placed.soap):
        deliver(order)
        outbox.drain()
        number = order_life.asked_back(placed.buyer, order, Wish(1, "damaged"))
        returns.decide(actor=SYSTEM, number=number, approve=True)
        returns.receive(actor=SYSTEM, number=number, arrivals={order.lines[0].id: Arrival(1)})
        numbers.append(number)
    db.session.commit()
    actions.give_cash_back(actor=accounts.actor(cast.dipu), number=placed.bags.number, amount=taka("135"), key="c")
    db.session.commit()
    outbox.drain()
    db.session.expire_all()
    assert [return_queries.request(number).state for number in numbers] == ["closed", "received"]


def test_a_key_belongs_to_one_refund(cast: Cast, esha: Actor) -> None:
    """A form that is sent twice pays once; the same key with something else in it is no second click."""
    placed = paid(cast)
    cancel(placed.soap)
    assert back(esha, placed, "300", key="same") is True
    assert back(esha, placed, "300", key="same") is False
    for amount, key in (("200", "same"), ("200", ""), ("200", "x" * 65)):
        with pytest.raises(DomainError, match="Reload the page"):
            back(esha, placed, amount, reference="RF-2", key=key)
    assert len(refunds()) == 1


# --- at once ----------------------------------------------------------------------------------------------


@pytest.mark.torture
def test_of_twenty_refunds_of_30_per_cent_exactly_three_go_through(committed_app: Flask) -> None:
    with committed_app.app_context():
        with transaction():
            amina, admin = accounts.user("Amina"), accounts.user("Esha", staff_role="admin")
            owners: dict[User, str] = {amina: "owner"}
            organizations.business("Amina Store", members=owners)
            bag = catalog.product(organizations.business("Dipu Traders", kind="seller"))
            [order] = orders.placed(accounts.actor(amina), {bag: 100}, payment="bank_transfer")
            number = order.purchase.number
            actions.receive(actor=SYSTEM, purchase_number=number, amount=taka("13500"), reference="FT-1")
            order_actions.move_order(actor=SYSTEM, number=order.number, to="cancelled", reason="sold out")
            esha = accounts.actor(admin)
        db.session.remove()
    crowd = 20
    start = threading.Barrier(crowd)

    def go(each: int) -> str:
        with committed_app.app_context():
            start.wait()
            try:
                with transaction():
                    made = actions.refund(
                        actor=esha,
                        purchase_number=number,
                        amount=taka("4050"),
                        reference=f"RF-{each}",
                        key=f"key-{each}",
                    )
            except HouseError as refusal:
                return str(refusal.field)
            else:
                return "paid" if made else "again"
            finally:
                db.session.remove()

    with ThreadPoolExecutor(crowd) as pool:
        ends = sorted(pool.map(go, range(crowd)))
    assert ends == ["amount"] * 17 + ["paid"] * 3
    with committed_app.app_context():
        assert db.session.scalar(sa.select(Receipt.refunded)) == Decimal(12150)
        assert ledger.balance("bank", None, "BDT") == taka("1350")
        assert ledger_jobs.problems() == []
        db.session.remove()


@pytest.mark.torture
def test_one_reference_for_two_refunds_at_once_is_taken_once(committed_app: Flask) -> None:
    with committed_app.app_context():
        with transaction():
            amina, admin = accounts.user("Amina"), accounts.user("Esha", staff_role="admin")
            owners: dict[User, str] = {amina: "owner"}
            organizations.business("Amina Store", members=owners)
            bag = catalog.product(organizations.business("Dipu Traders", kind="seller"))
            numbers = []
            for each in range(2):
                [order] = orders.placed(accounts.actor(amina), {bag: 100}, payment="bank_transfer")
                numbers.append(order.purchase.number)
                actions.receive(actor=SYSTEM, purchase_number=numbers[-1], amount=taka("13500"), reference=f"FT-{each}")
                order_actions.move_order(actor=SYSTEM, number=order.number, to="cancelled", reason="sold out")
            esha = accounts.actor(admin)
        db.session.remove()
    start = threading.Barrier(2)

    def go(number: str) -> str:
        with committed_app.app_context():
            start.wait()
            try:
                with transaction():
                    actions.refund(
                        actor=esha, purchase_number=number, amount=taka("100"), reference="RF-1", key=f"k-{number}"
                    )
            except HouseError as refusal:
                return str(refusal.field)
            else:
                return "paid"
            finally:
                db.session.remove()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(go, numbers)) == ["paid", "reference"]


@pytest.mark.torture
def test_a_double_click_pays_back_once(committed_app: Flask) -> None:
    with committed_app.app_context():
        with transaction():
            amina, admin = accounts.user("Amina"), accounts.user("Esha", staff_role="admin")
            owners: dict[User, str] = {amina: "owner"}
            organizations.business("Amina Store", members=owners)
            bag = catalog.product(organizations.business("Dipu Traders", kind="seller"))
            [order] = orders.placed(accounts.actor(amina), {bag: 100}, payment="bank_transfer")
            number = order.purchase.number
            actions.receive(actor=SYSTEM, purchase_number=number, amount=taka("13500"), reference="FT-1")
            order_actions.move_order(actor=SYSTEM, number=order.number, to="cancelled", reason="sold out")
            esha = accounts.actor(admin)
        db.session.remove()

    def click(_: int) -> bool:
        with committed_app.app_context():
            try:
                with transaction():
                    return actions.refund(
                        actor=esha, purchase_number=number, amount=taka("1000"), reference="RF-1", key="same"
                    )
            finally:
                db.session.remove()

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(click, range(6))) == [False] * 5 + [True]


def test_two_admins_note_one_payment(committed_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one had looked while it was due: what the first noted stays, and the second is told."""
    with committed_app.app_context():
        with transaction():
            amina, admin = accounts.user("Amina"), accounts.user("Esha", staff_role="admin")
            owners: dict[User, str] = {amina: "owner"}
            organizations.business("Amina Store", members=owners)
            bag = catalog.product(organizations.business("Dipu Traders", kind="seller"))
            [order] = orders.placed(accounts.actor(amina), {bag: 100}, payment="bank_transfer")
            number = order.purchase.number
            actions.receive(actor=SYSTEM, purchase_number=number, amount=taka("13500"), reference="FT-1")
            order_actions.move_order(actor=SYSTEM, number=order.number, to="cancelled", reason="sold out")
            esha = accounts.actor(admin)
            actions.refund(actor=esha, purchase_number=number, amount=taka("13500"), reference="", key="k")
        db.session.remove()
    lock, began = actions._lock, threading.Event()

    def pay(reference: str) -> bool:
        with committed_app.app_context():
            try:
                with transaction():
                    return actions.pay_refund(actor=esha, key="k", reference=reference)
            finally:
                db.session.remove()

    def slowly(which: sa.ColumnElement[bool]) -> Purchase:
        if not began.is_set():
            began.set()
            with ThreadPoolExecutor(1) as other:
                assert other.submit(pay, "RF-1").result()
        return lock(which)

    monkeypatch.setattr(actions, "_lock", slowly)
    with pytest.raises(ConflictError):
        pay("RF-2")
    assert pay("RF-1") is False
    with committed_app.app_context():
        assert db.session.execute(sa.select(Refund.state, Refund.reference)).all() == [("paid", "RF-1")]
        db.session.remove()
