"""Several people and the timetable at the same moment, with real commits: one wins, the other reads what happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.factories import accounts, catalog, order_life, organizations
from tests.verification.test_races import at_once
from wholesale.inventory import queries as inventory
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.kernel.money import Money
from wholesale.ledger import jobs as ledger
from wholesale.orders import queries as orders
from wholesale.orders.answers import actions as answers
from wholesale.orders.answers import queries as answer_queries
from wholesale.orders.answers.models import OrderAnswer
from wholesale.orders.answers.rules import Reply
from wholesale.orders.models import Order
from wholesale.orders.returns import actions as returns
from wholesale.orders.returns import queries
from wholesale.orders.returns.rules import Arrival, Wish
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction

pytestmark = pytest.mark.torture


@dataclass
class Scene:
    """Two people who buy, two who sell, and an order of 100 bags at 135 and 50 cups at 60."""

    buyers: list[Actor]
    sellers: list[Actor]
    number: str = ""
    seen: str = ""
    back: str = ""
    lines: tuple[int, ...] = ()


def scene(app: Flask, prepare: Callable[[Scene, Order], None], *, delivered: bool) -> Scene:
    with app.app_context(), transaction():
        amina, babul = accounts.user("Amina"), accounts.user("Babul")
        dipu, farid = accounts.user("Dipu"), accounts.user("Farid")
        organizations.business("Amina Store", members={amina: "owner", babul: "member"})
        trader = organizations.business("Dipu Traders", kind="seller", members={dipu: "owner", farid: "member"})
        bag = catalog.product(trader, stock=500)
        cup = catalog.product(trader, "Cup", tiers=((10, "60"),), cost="40", stock=500)
        catalog.product(trader, "Basket", tiers=((10, "130"),), cost="70", stock=100)
        made = Scene([accounts.actor(amina), accounts.actor(babul)], [accounts.actor(dipu), accounts.actor(farid)])
        (order,) = order_life.placed(made.buyers[0], {bag: 100, cup: 50})
        if delivered:
            order = order_life.moved(made.sellers[0], order, "confirmed", "shipped", "delivered")
        made.number, made.lines = order.number, tuple(line.id for line in order.lines)
        prepare(made, order)
    return made


def after(app: Flask, number: str) -> tuple[str, Decimal]:
    """The order's state and what is due for it; money and stock must be right."""
    with app.app_context(), transaction():
        assert ledger.problems() == []
        assert inventory.proof() == []
        order = orders.order(SYSTEM, number)
        return order.state, order.due


def asked(made: Scene, order: Order) -> None:
    order_life.answered(
        made.sellers[0],
        order,
        Reply("substitute", quantity=90, unit_price=Money(Decimal(130), "BDT"), sku="BASKET"),
        Reply("less", quantity=10),
    )
    made.seen = order_life.proposed(order).seen


def approved(made: Scene, order: Order) -> None:
    made.back = order_life.asked_back(made.buyers[0], order, Wish(40, "damaged"))
    returns.decide(actor=made.sellers[0], number=made.back, approve=True)


def test_two_people_decide(committed_app: Flask) -> None:
    made = scene(committed_app, asked, delivered=False)
    ends = at_once(
        committed_app,
        [
            lambda: answers.accept(actor=made.buyers[0], number=made.number, seen=made.seen),
            lambda: answers.decline(actor=made.buyers[1], number=made.number, seen=made.seen),
        ],
    )
    assert ends == ["ConflictError", "done"]
    assert after(committed_app, made.number) in {("confirmed", Decimal(12300)), ("cancelled", Decimal(0))}


def test_accepted_while_its_time_ends(committed_app: Flask) -> None:
    made = scene(committed_app, asked, delivered=False)
    with committed_app.app_context(), transaction():
        # The one's clock says there is still time, the other's that it is over.
        soon = sa.update(OrderAnswer).values(expires_at=OrderAnswer.given_at + timedelta(minutes=5))
        db.session.execute(soon)

    def in_time() -> None:
        answers.accept(actor=made.buyers[0], number=made.number, seen=made.seen)

    def expire() -> None:
        with clock.at(clock.now() + timedelta(minutes=10)):
            answers.expire()

    ends = at_once(committed_app, [in_time, expire])
    # Time finds nothing left to end, or whoever accepts reads that it is over: never both.
    assert (ends, *after(committed_app, made.number)) in [
        (["done", "done"], "confirmed", Decimal(12300)),
        (["ConflictError", "done"], "cancelled", Decimal(0)),
    ]


def test_two_sellers_answer(committed_app: Flask) -> None:
    made = scene(
        committed_app, lambda made, order: setattr(made, "seen", answer_queries.seen_by_seller(order)), delivered=False
    )
    ends = at_once(
        committed_app,
        [
            lambda who=who, pieces=pieces: answers.give(
                actor=who,
                number=made.number,
                seen=made.seen,
                replies={made.lines[0]: Reply("less", quantity=pieces)},
            )
            for who, pieces in zip(made.sellers, (60, 70), strict=True)
        ],
    )
    assert ends == ["ConflictError", "done"]
    assert after(committed_app, made.number)[0] == "placed"


def test_received_twice(committed_app: Flask) -> None:
    made = scene(committed_app, approved, delivered=True)
    ends = at_once(
        committed_app,
        [
            lambda who=who: returns.receive(
                actor=who, number=made.back, arrivals={made.lines[0]: Arrival(40, written_off=5)}
            )
            for who in made.sellers
        ],
    )
    assert ends == ["ConflictError", "done"]
    assert after(committed_app, made.number)[1] == Decimal(16500 - 5400)


def test_received_while_it_is_withdrawn(committed_app: Flask) -> None:
    made = scene(committed_app, approved, delivered=True)
    ends = at_once(
        committed_app,
        [
            lambda: returns.receive(actor=made.sellers[0], number=made.back, arrivals={made.lines[0]: Arrival(40)}),
            lambda: returns.withdraw(actor=made.buyers[0], number=made.back),
        ],
    )
    assert ends == ["ConflictError", "done"]
    assert after(committed_app, made.number)[1] in {Decimal(16500), Decimal(11100)}


def test_let_off_twice(committed_app: Flask) -> None:
    made = scene(committed_app, lambda made, order: setattr(made, "seen", queries.seen(order)), delivered=True)
    ends = at_once(
        committed_app,
        [
            lambda who=who: returns.allow(
                actor=who,
                number=made.number,
                seen=made.seen,
                amounts={made.lines[0]: Money(Decimal(9000), "BDT")},
                reason="Late",
            )
            for who in made.sellers
        ],
    )
    assert ends == ["ConflictError", "done"]
    assert after(committed_app, made.number)[1] == Decimal(7500)


def test_asked_back_twice(committed_app: Flask) -> None:
    made = scene(committed_app, lambda made, order: setattr(made, "seen", queries.seen(order)), delivered=True)
    ends = at_once(
        committed_app,
        [
            lambda who=who, pieces=pieces: returns.ask(
                actor=who,
                number=made.number,
                seen=made.seen,
                wishes={made.lines[0]: Wish(pieces, "damaged")},
            )
            for who, pieces in zip(made.buyers, (60, 70), strict=True)
        ],
    )
    assert ends == ["ConflictError", "done"]
