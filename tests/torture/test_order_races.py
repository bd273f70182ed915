"""What many people do to the same money and the same goods at the same moment, with real commits and real deaths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import DBAPIError

from tests.factories import accounts, catalog, organizations
from tests.factories import orders as factory
from tests.verification.test_races import at_once
from wholesale.accounts.models import User
from wholesale.catalog.models import Product
from wholesale.inventory import queries as inventory
from wholesale.invoicing import actions as invoicing_actions
from wholesale.invoicing import queries as invoicing
from wholesale.invoicing.models import Invoice, InvoiceCounter
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.kernel.errors import DomainError, HouseError
from wholesale.kernel.money import Money
from wholesale.ledger import jobs as ledger
from wholesale.ledger import queries as balances
from wholesale.orders import actions
from wholesale.orders.models import Order, Purchase
from wholesale.payments import actions as payments
from wholesale.payments import queries as payment_queries
from wholesale.payments.models import Receipt
from wholesale.platform import outbox
from wholesale.platform.db import db
from wholesale.platform.idempotency import IdempotencyKey
from wholesale.platform.outbox import OutboxRow
from wholesale.platform.transaction import run, transaction

pytestmark = pytest.mark.torture
KEYS, CALLS = 5, 40
CONFIRMED, KILLED = 50, 8
POOL = 10  # connections of a process


def crowd(app: Flask, works: list[Callable[[], Any]], *, most: int = POOL) -> list[Any]:
    """Each in a request's transaction with its retries, `most` at a time; their answers or what refused them."""
    together = min(most, len(works))
    start = Barrier(together)

    def begin(_: int) -> None:
        start.wait(30)

    def one(work: Callable[[], Any]) -> Any:
        def attempt() -> Any:
            with transaction():
                return work()

        with app.app_context():
            try:
                return run(attempt)
            except HouseError as refusal:
                return refusal

    with ThreadPoolExecutor(together) as pool:
        list(pool.map(begin, range(together)))  # all threads are there
        return list(pool.map(one, works))


def proved(app: Flask) -> None:
    with app.app_context(), transaction():
        assert ledger.problems() == []
        assert inventory.proof() == []


# --- one key, many calls --------------------------------------------------------------------------------------


def test_forty_calls_on_each_of_five_keys_and_some_ask_for_something_else(committed_app: Flask) -> None:
    """One order per key; whoever asked the same has the same answer, whoever asked something else a 422."""
    forms: list[tuple[Actor, str, str]] = []
    with committed_app.app_context(), transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        bag, cup = catalog.product(trader, stock=1000), catalog.product(trader, "Cup", stock=1000)
        people = [accounts.user(f"Buyer{number}") for number in range(KEYS)]
        shops = [organizations.business(f"Shop {n}", members={person: "owner"}) for n, person in enumerate(people)]
        assert len(shops) == KEYS
        for person in people:
            actor = accounts.actor(person)
            forms.append((actor, *factory.ready_to_place(actor, {bag: 10, cup: 20})))

    def call(form: tuple[Actor, str, str], seen: str) -> Callable[[], str]:
        return lambda: actions.place_order(actor=form[0], key=form[1], seen=seen)

    asked = [(form, number) for number in range(CALLS) for form in forms]
    is_other = [number % 8 == 5 for _, number in asked]
    answers = crowd(
        committed_app,
        [call(form, "of another body" if other else form[2]) for (form, _), other in zip(asked, is_other, strict=True)],
    )
    assert len(answers) == KEYS * CALLS
    told: dict[str, Counter[str]] = {form[1]: Counter() for form in forms}
    for (form, _), other, answer in zip(asked, is_other, answers, strict=True):
        if other:
            assert type(answer) is DomainError  # a 422 to people
            assert "other contents" in str(answer)
        else:
            told[form[1]][answer] += 1
    # 35 of each key's 40 asked for the order itself; all of them read the same number, and no two keys share one.
    assert all(len(each) == 1 and each.total() == CALLS - CALLS // 8 for each in told.values()), told
    assert len({number for each in told.values() for number in each}) == KEYS
    with committed_app.app_context(), transaction():
        assert db.session.query(Purchase).count() == db.session.query(Order).count() == KEYS
        assert db.session.query(IdempotencyKey).count() == KEYS
    proved(committed_app)


# --- a refund against a cancellation --------------------------------------------------------------------------


@dataclass
class Paid:
    """A purchase of two orders of ৳13,500.00, paid by transfer; the first is cancelled, so that half is in excess."""

    admin: Actor
    seller: Actor
    number: str
    purchase_id: int
    orders: tuple[str, str]


@pytest.fixture
def paid(committed_app: Flask) -> Paid:
    with committed_app.app_context(), transaction():
        amina, dipu = accounts.user("Amina"), accounts.user("Dipu")
        esha = accounts.user("Esha", staff_role="admin")
        organizations.business("Amina Store", members={amina: "owner"})
        sellers = [
            organizations.business("Dipu Traders", kind="seller", members={dipu: "owner"}),
            organizations.business("Meghna Mills", kind="seller"),
        ]
        wanted = {catalog.product(seller, f"Bag of {seller.name}"): 100 for seller in sellers}
        made = factory.placed(accounts.actor(amina), wanted, payment="bank_transfer")
        first, second = sorted(made, key=lambda order: order.seller_name == "Meghna Mills", reverse=True)
        number, purchase_id, orders = first.purchase.number, first.purchase_id, (first.number, second.number)
        total = Money(Decimal(27000), "BDT")
        payments.receive(actor=SYSTEM, purchase_number=number, amount=total, reference="FT-1")
        actions.move_order(actor=SYSTEM, number=orders[0], to="cancelled", reason="sold out")
        return Paid(accounts.actor(esha), accounts.actor(dipu), number, purchase_id, orders)


def refund(paid: Paid, taka: int, name: str) -> Callable[[], bool]:
    return lambda: payments.refund(
        actor=paid.admin,
        purchase_number=paid.number,
        amount=Money(Decimal(taka), "BDT"),
        reference=f"RF-{name}",
        key=f"refund-{name}",
    )


def settled(app: Flask, paid: Paid) -> tuple[Decimal, Decimal]:
    """What has gone back, and what is in excess still; the bank has the rest, and everything is proved."""
    proved(app)
    with app.app_context(), transaction():
        refunded = db.session.scalar(sa.select(Receipt.refunded)) or Decimal(0)
        assert balances.balance("bank", None, "BDT") == Money(Decimal(27000) - refunded, "BDT")
        return refunded, payment_queries.balance(paid.purchase_id).excess.amount


@pytest.mark.parametrize("round_", range(4))
def test_a_refund_of_all_while_the_other_order_is_cancelled(committed_app: Flask, paid: Paid, round_: int) -> None:
    """All of it goes back only if the cancellation was first; else the refund is refused, and nothing has moved."""

    def cancel() -> None:
        actions.move_order(actor=paid.seller, number=paid.orders[1], to="cancelled", reason="sold out")

    works = [refund(paid, 27000, "all"), cancel]
    ends = at_once(committed_app, works if round_ % 2 else works[::-1])
    assert (ends, *settled(committed_app, paid)) in [
        (["done", "done"], Decimal(27000), Decimal(0)),
        (["DomainError", "done"], Decimal(0), Decimal(27000)),
    ]


def test_two_refund_the_excess_while_more_is_cancelled(committed_app: Flask, paid: Paid) -> None:
    """What goes back is what was asked of an excess that was there: twice half of it fits, three times never."""

    def cancel() -> None:
        actions.move_order(actor=paid.seller, number=paid.orders[1], to="cancelled", reason="sold out")

    ends = at_once(committed_app, [*(refund(paid, 13500, str(each)) for each in range(4)), cancel])
    refunded, excess = settled(committed_app, paid)
    done = ends.count("done") - 1  # cancelling always is
    assert set(ends) <= {"done", "DomainError"}
    assert done in {1, 2}
    assert (refunded, excess) == (Decimal(13500) * done, Decimal(27000) - Decimal(13500) * done)


def test_nothing_goes_back_for_a_cancellation_that_dies(committed_app: Flask, paid: Paid) -> None:
    """Whoever refunds while somebody cancels and is killed before COMMIT finds the first order's excess only."""

    def cancel_and_die() -> None:
        actions.move_order(actor=paid.seller, number=paid.orders[1], to="cancelled", reason="sold out")
        _die()

    def refund_all() -> str:
        try:
            refund(paid, 27000, "all")()
        except DomainError:
            return "refused"
        return "paid"

    works = [cancel_and_die, refund_all, refund(paid, 13500, "half"), cancel_and_die]
    ends = _with_deaths(committed_app, works)
    assert ends == ["dead", "refused", True, "dead"]
    assert settled(committed_app, paid) == (Decimal(13500), Decimal(0))


# --- invoice numbers ------------------------------------------------------------------------------------------


def confirming(app: Flask) -> tuple[Actor, list[str]]:
    """A seller with fifty orders that wait to be confirmed."""
    with app.app_context(), transaction():
        amina, dipu = accounts.user("Amina"), accounts.user("Dipu")
        organizations.business("Amina Store", members={amina: "owner"})
        trader = organizations.business("Dipu Traders", kind="seller", members={dipu: "owner"})
        bag_id, dipu_id = catalog.product(trader, stock=CONFIRMED * 10).id, dipu.id
        buyer = accounts.actor(amina)
        numbers = [factory.placed(buyer, {db.session.get_one(Product, bag_id): 10})[0].number for _ in range(CONFIRMED)]
        return accounts.actor(db.session.get_one(User, dipu_id)), numbers


def test_fifty_confirmations_with_deaths_leave_no_gap_in_the_invoice_numbers(committed_app: Flask) -> None:
    """Confirmed at once by many, and what follows done by many workers of whom some die in the middle.

    As a kill -9 looks to the database, the connection is gone before COMMIT: whoever dies has used no number.
    """
    dipu, numbers = confirming(committed_app)
    doomed = set(numbers[:: CONFIRMED // KILLED][:KILLED])
    assert len(doomed) == KILLED

    def confirm(number: str, *, dies: bool) -> Callable[[], str]:
        def work() -> str:
            actions.move_order(actor=dipu, number=number, to="confirmed")
            if dies:
                _die()
            return number

        return work

    answers = _with_deaths(committed_app, [confirm(number, dies=number in doomed) for number in numbers])
    assert answers.count("dead") == KILLED
    with committed_app.app_context(), transaction():
        states = Counter(db.session.scalars(sa.select(Order.state)))
    assert states == {"confirmed": CONFIRMED - KILLED, "placed": KILLED}
    # Those who died are tried again, as people do; meanwhile workers issue, and of those some die as well.
    again = [confirm(number, dies=False) for number in sorted(doomed)]
    assert "dead" not in _with_deaths(committed_app, again)
    with committed_app.app_context(), transaction():
        ids = db.session.scalars(sa.select(Order.id).order_by(Order.id)).all()

    def issue(order_id: int, *, dies: bool) -> Callable[[], int | None]:
        def work() -> int | None:
            invoice = invoicing_actions.issue(order_id)
            if dies:
                _die()
            return invoice.sequence if invoice else None

        return work

    # Each order by two workers, as when the outbox delivers twice; one of the two may die holding the number.
    works = [issue(order_id, dies=turn == 0 and order_id % 6 == 0) for order_id in ids for turn in (0, 1)]
    sequences = Counter(_with_deaths(committed_app, works))
    assert sequences.pop("dead") >= 1
    assert sequences.pop(None) >= 1
    assert sequences == dict.fromkeys(range(1, CONFIRMED + 1), 1)
    with committed_app.app_context():
        with transaction():  # drawing fifty documents is another test's
            db.session.execute(
                sa.update(OutboxRow)
                .where(OutboxRow.handler.like("%document%"))
                .values(available_at=clock.now() + timedelta(days=1))
            )
        outbox.drain(limit=2000, seconds=60)
        with transaction():
            invoices = db.session.execute(sa.select(Invoice.sequence, Invoice.order_id).order_by(Invoice.sequence))
            assert sorted(order_id for _, order_id in invoices) == ids
            assert db.session.scalars(sa.select(InvoiceCounter.last)).one() == CONFIRMED
            assert all(series.is_whole for series in invoicing.gap_report(SYSTEM))
            assert outbox.state().dead == 0
    proved(committed_app)


def _die() -> None:
    db.session.flush()
    driver = db.session.connection().connection.driver_connection
    assert driver is not None
    driver.close()


def _with_deaths(app: Flask, works: list[Callable[[], Any]]) -> list[Any]:
    """Answers of a crowd of whom some die: those say "dead". A lock that took too long is tried again."""

    def one(work: Callable[[], Any]) -> Any:
        with app.app_context():
            for _ in range(5):
                try:
                    with transaction():
                        return work()
                except DBAPIError as error:
                    if getattr(error.orig, "sqlstate", None) is None:  # not PostgreSQL's answer: there was none
                        return "dead"
            raise AssertionError("a lock was never free")

    with ThreadPoolExecutor(POOL) as pool:
        return list(pool.map(one, works))
