"""Orders further on in their life, answers and returns, made by the real actions."""

from __future__ import annotations

from collections.abc import Mapping

from tests.factories import orders
from wholesale.catalog.models import Product
from wholesale.inventory import queries as inventory
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.ledger import jobs as ledger
from wholesale.orders import actions, queries
from wholesale.orders.answers import actions as answers
from wholesale.orders.answers import queries as answer_queries
from wholesale.orders.answers.models import OrderAnswer
from wholesale.orders.answers.rules import Reply
from wholesale.orders.models import Order, Purchase
from wholesale.orders.returns import actions as returns
from wholesale.orders.returns import queries as return_queries
from wholesale.orders.returns.rules import Wish
from wholesale.platform.db import db


def fresh(number: str) -> Order:
    """The order as the database has it now."""
    db.session.flush()
    db.session.expire_all()
    return queries.order(SYSTEM, number)


def placed(buyer: Actor, wanted: Mapping[Product, int]) -> list[Order]:
    """The orders of one purchase, read as a request of its own would."""
    numbers = [order.number for order in orders.placed(buyer, wanted)]
    db.session.flush()
    for row in [row for row in db.session if isinstance(row, Order)]:
        db.session.expunge(row)
    return [queries.order(SYSTEM, number) for number in numbers]


def wishing(order: Order, if_short: str) -> Order:
    """The buyer chose that at the checkout."""
    db.session.get_one(Purchase, order.purchase_id).if_short = if_short
    return fresh(order.number)


def delivered(buyer: Actor, seller: Actor, wanted: Mapping[Product, int]) -> Order:
    """One seller's order that has arrived."""
    (order,) = placed(buyer, wanted)
    return moved(seller, order, "confirmed", "shipped", "delivered")


def moved(seller: Actor, order: Order, *states: str) -> Order:
    for state in states:
        actions.move_order(actor=seller, number=order.number, to=state)
    return fresh(order.number)


def answered(seller: Actor, order: Order, *replies: Reply, note: str = "") -> OrderAnswer:
    """The seller's answer, line by line in their order; lines without one are accepted."""
    now = fresh(order.number)
    lines = answer_queries.open_lines(now)
    return answers.give(
        actor=seller,
        number=order.number,
        seen=answer_queries.seen_by_seller(now),
        replies={line.id: reply for line, reply in zip(lines, replies, strict=False)},
        note=note,
    )


def proposed(order: Order) -> answer_queries.Proposal:
    """The order as it would be with the answer that waits."""
    now = fresh(order.number)
    waiting = answer_queries.waiting(now)
    assert waiting is not None
    return answer_queries.proposal(now, waiting)


def asked_back(buyer: Actor, order: Order, *wishes: Wish | None) -> str:
    """The number of a return of these lines, in their order."""
    now = fresh(order.number)
    return returns.ask(
        actor=buyer,
        number=order.number,
        seen=return_queries.seen(now),
        wishes={line.id: wish for line, wish in zip(now.lines, wishes, strict=False) if wish is not None},
    )


def proved() -> None:
    """Ledger and stock are as they should be."""
    db.session.flush()
    db.session.expire_all()
    assert ledger.problems() == []
    assert inventory.proof() == []
