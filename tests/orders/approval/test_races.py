"""Several people at the same moment, with real commits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.factories import accounts, approvals, catalog, orders, organizations
from tests.verification.test_races import at_once
from wholesale.cart.models import CartLine
from wholesale.inventory import queries as inventory
from wholesale.kernel.actor import Actor
from wholesale.ledger import jobs as ledger
from wholesale.orders.actions import place_order
from wholesale.orders.approval import actions
from wholesale.orders.approval.models import ApprovalMove, ApprovalRequest
from wholesale.orders.models import Purchase
from wholesale.organizations.models import Membership
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction

pytestmark = pytest.mark.torture


@dataclass
class Shop:
    """A business with a member who has a limit, and four who approve."""

    member: Actor
    approvers: list[Actor]
    request_id: int = 0
    seen: str = ""
    form: tuple[str, str] = ("", "")


@pytest.fixture
def shop(committed_app: Flask) -> Shop:
    with committed_app.app_context(), transaction():
        babul = accounts.user("Babul")
        admins = [accounts.user(f"Approver{number}") for number in range(4)]
        business = organizations.business("Amina Store", members={babul: "member"} | dict.fromkeys(admins, "admin"))
        approvals.limit(babul, business, "5000")
        trader = organizations.business("Dipu Traders", kind="seller")
        bag, cup = catalog.product(trader, stock=500), catalog.product(trader, "Cup", tiers=((10, "60"),), stock=500)
        made = Shop(accounts.actor(babul), [accounts.actor(admin) for admin in admins])
        request = approvals.asked(made.member, {bag: 100})
        made.request_id, made.seen = request.id, actions.today(request).seen
        approvals.limit(babul, business, "20000")
        made.form = orders.ready_to_place(made.member, {cup: 200})  # ৳12,000.00
    return made


def after(app: Flask) -> tuple[str, int, int, int]:
    """The request's state, purchases, moves after the first, pieces in carts; money and stock must be right."""
    with app.app_context(), transaction():
        assert ledger.problems() == []
        assert inventory.proof() == []
        state = db.session.scalar(sa.select(ApprovalRequest.state)) or ""
        purchases = db.session.query(Purchase).count()
        moves = db.session.query(ApprovalMove).count() - 1
        waiting = sa.select(sa.func.sum(CartLine.quantity)).where(CartLine.quantity == 100)
        return state, purchases, moves, db.session.scalar(waiting) or 0


def test_many_approve_and_one_order_is_placed(committed_app: Flask, shop: Shop) -> None:
    works: list[Callable[[], object]] = [
        lambda who=who: actions.approve(actor=who, request_id=shop.request_id, seen=shop.seen) for who in shop.approvers
    ]
    assert at_once(committed_app, works) == ["ConflictError"] * 3 + ["done"]
    assert after(committed_app) == ("approved", 1, 1, 0)


def test_one_approves_and_one_refuses(committed_app: Flask, shop: Shop) -> None:
    first, second = shop.approvers[:2]
    ends = at_once(
        committed_app,
        [
            lambda: actions.approve(actor=first, request_id=shop.request_id, seen=shop.seen),
            lambda: actions.refuse(actor=second, request_id=shop.request_id, reason="No"),
        ],
    )
    assert ends == ["ConflictError", "done"]
    # What was refused is in the asker's cart again, to be corrected.
    assert after(committed_app) in {("approved", 1, 1, 0), ("refused", 0, 1, 100)}


@pytest.mark.parametrize("round_", range(4))
def test_approved_while_it_is_taken_back(committed_app: Flask, shop: Shop, round_: int) -> None:
    """Either it is ordered, or its lines are in the cart: never both, never neither."""
    ends = at_once(
        committed_app,
        [
            lambda: actions.approve(actor=shop.approvers[0], request_id=shop.request_id, seen=shop.seen),
            lambda: actions.withdraw(actor=shop.member, request_id=shop.request_id),
        ],
    )
    assert ends == ["ConflictError", "done"]
    assert after(committed_app) in {("approved", 1, 1, 0), ("withdrawn", 0, 1, 100)}


def test_a_limit_lowered_while_the_order_is_placed(committed_app: Flask, shop: Shop) -> None:
    """Whoever lowers it and has committed is obeyed: placing waits for the row instead of reading the old limit."""
    from threading import Event, Thread

    lowered, placing = Event(), Event()
    ends: list[str] = []

    def lower() -> None:
        with committed_app.app_context(), transaction():
            db.session.execute(
                sa.update(Membership).where(Membership.user_id == shop.member.user_id).values(spending_limit=5000)
            )
            lowered.set()
            placing.wait(5)
            db.session.execute(sa.text("SELECT pg_sleep(0.4)"))  # placing is at the row by now

    def place() -> None:
        lowered.wait(5)
        placing.set()
        key, seen = shop.form
        ends.extend(at_once(committed_app, [lambda: place_order(actor=shop.member, key=key, seen=seen)]))

    threads = [Thread(target=lower), Thread(target=place)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert ends == ["ConflictError"]
    assert after(committed_app)[:2] == ("waiting", 0)
