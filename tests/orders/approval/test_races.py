"""Several people at the same moment, with real commits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.factories import accounts, approvals, catalog, orders, organizations
from tests.verification.test_races import at_once
from wholesale.accounts.models import User
from wholesale.cart.models import CartLine
from wholesale.catalog.models import Product
from wholesale.inventory import queries as inventory
from wholesale.inventory.models import Stock
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.ledger import jobs as ledger
from wholesale.orders.actions import place_order
from wholesale.orders.approval import actions, queries, rules
from wholesale.orders.approval.models import ApprovalMove, ApprovalRequest
from wholesale.orders.models import Order, Purchase
from wholesale.organizations.models import Membership, Organization
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
        # What is set aside is what an order has or a request waits for, and nothing else.
        waiting = dict(db.session.execute(sa.select(ApprovalRequest.id, ApprovalRequest.state)).all())
        for request_id, known in waiting.items():
            assert sum(inventory.held(rules.hold(request_id)).values()) == (100 if known == "waiting" else 0)
        ordered = sum(sum(inventory.held(number).values()) for number in db.session.scalars(sa.select(Order.number)))
        assert ordered + 100 * list(waiting.values()).count("waiting") == db.session.scalar(
            sa.select(sa.func.sum(Stock.allocated))
        )
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


@pytest.mark.parametrize("round_", range(4))
def test_approved_at_the_moment_its_time_ends(committed_app: Flask, shop: Shop, round_: int) -> None:
    """Either it is ordered with what was set aside for it, or that is free again: never both, never neither."""
    with committed_app.app_context(), transaction():
        request = db.session.get_one(ApprovalRequest, shop.request_id)
        ends_at = request.expires_at

    def expire() -> None:
        with clock.at(ends_at):
            assert actions.expire() in {0, 1}

    ends = at_once(
        committed_app,
        [
            lambda: actions.approve(actor=shop.approvers[0], request_id=shop.request_id, seen=shop.seen),
            expire,
        ],
    )
    state, purchases, moves, in_cart = after(committed_app)
    if state == "waiting":  # the timetable leaves alone what somebody is deciding, and that somebody came too late
        assert (purchases, moves) == (0, 0)
        return
    assert (state, purchases, moves, in_cart) in {("approved", 1, 1, 0), ("expired", 0, 1, 100)}
    assert ends == (["done"] * 2 if state == "approved" else ["ConflictError", "done"])


def test_two_refuse_the_same_line(committed_app: Flask, shop: Shop) -> None:
    """It is taken out once, and its pieces are free once."""
    with committed_app.app_context(), transaction():
        bag, cup = db.session.scalars(sa.select(Product).order_by(Product.id)).all()
        approvals.limit(db.session.get_one(User, shop.member.user_id), organization_of(shop), "5000")
        request = approvals.asked(shop.member, {bag: 50, cup: 50})
        request_id = request.id
        line_id = queries.request(shop.approvers[0], request_id).lines[1].id
    ends = at_once(
        committed_app,
        [
            lambda who=who: actions.refuse_line(actor=who, request_id=request_id, line_id=line_id, comment="No")
            for who in shop.approvers
        ],
    )
    assert ends == ["done"] * 4
    with committed_app.app_context(), transaction():
        assert sorted(inventory.held(rules.hold(request_id)).values()) == [50]
        assert inventory.proof() == []


def organization_of(shop: Shop) -> Organization:
    return db.session.get_one(Organization, shop.member.organization_id)


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
