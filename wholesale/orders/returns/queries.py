"""Reads of returns, for the two sides of their order and the platform's staff."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import Money
from wholesale.orders import queries as orders
from wholesale.orders.answers.models import OrderAnswer
from wholesale.orders.models import Order, OrderCredit, OrderLine, Shipment
from wholesale.orders.returns import rules
from wholesale.orders.returns.models import ReturnPhoto, ReturnRequest
from wholesale.platform.db import db

PAGE_SIZE = 20


def _visible_to(actor: Actor) -> sa.ColumnElement[bool]:
    if actor.is_staff:
        return sa.true()
    column = Order.seller_id if actor.is_seller else Order.buyer_id
    return column == actor.organization_id


def order_number(actor: Actor, number: str) -> str:
    """The number of the order that a return is of. Raises NotFoundError for strangers as for unknown numbers."""
    found = db.session.scalar(
        sa.select(Order.number)
        .join(ReturnRequest, ReturnRequest.order_id == Order.id)
        .where(ReturnRequest.number == number, _visible_to(actor))
    )
    if found is None:
        raise NotFoundError
    return found


def request(number: str, *, lock: bool = False) -> ReturnRequest:
    """A return with lines and photos; who may see it has been asked (`order_number`). `lock`: until the commit."""
    statement = (
        sa.select(ReturnRequest)
        .where(ReturnRequest.number == number)
        .options(selectinload(ReturnRequest.lines), selectinload(ReturnRequest.photos))
        .execution_options(populate_existing=True)
    )
    return db.session.scalars(statement.with_for_update(key_share=True) if lock else statement).one()


def request_by_id(return_id: int) -> ReturnRequest:
    """A return, for handlers: no actor asks."""
    return request(db.session.get_one(ReturnRequest, return_id).number)


def file(actor: Actor, number: str) -> tuple[Order, ReturnRequest, OrderCredit | None]:
    """A return with its order and what was taken back for it. Raises NotFoundError for strangers."""
    order = orders.order(actor, order_number(actor, number))
    found = request(number)
    credit = db.session.get(OrderCredit, found.credit_id) if found.credit_id else None
    return order, found, credit


def photo(actor: Actor, number: str, photo_id: int) -> ReturnPhoto:
    """A photo of a return. Raises NotFoundError for strangers."""
    order_number(actor, number)
    found = db.session.scalars(
        sa.select(ReturnPhoto)
        .join(ReturnRequest, ReturnRequest.id == ReturnPhoto.return_id)
        .where(ReturnPhoto.id == photo_id, ReturnRequest.number == number)
    ).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def open_return(order_id: int) -> ReturnRequest | None:
    """The return of an order that is not settled yet."""
    return db.session.scalars(
        sa.select(ReturnRequest)
        .where(ReturnRequest.order_id == order_id, ReturnRequest.state.in_(rules.OPEN))
        .options(selectinload(ReturnRequest.lines), selectinload(ReturnRequest.photos))
    ).one_or_none()


def open_among(order_ids: Collection[int]) -> set[int]:
    """Those of these orders of which a return is open: they are not completed yet."""
    return set(
        db.session.scalars(
            sa.select(ReturnRequest.order_id).where(
                ReturnRequest.order_id.in_(order_ids), ReturnRequest.state.in_(rules.OPEN)
            )
        )
    )


def is_open(order_id: int) -> bool:
    """Whether a return of an order is open."""
    return bool(open_among([order_id]))


def of_order(order: Order) -> list[ReturnRequest]:
    """All returns of an order, the newest first."""
    return list(
        db.session.scalars(
            sa.select(ReturnRequest).where(ReturnRequest.order_id == order.id).order_by(ReturnRequest.id.desc())
        )
    )


def returnable(order: Order) -> dict[int, int]:
    """How many pieces of each line (by its id) may still come back; lines with none are left out."""
    left = {line.id: line.progress.shipped - line.progress.returned for line in order.lines}
    return {line_id: pieces for line_id, pieces in left.items() if pieces > 0}


def returnable_lines(order: Order) -> list[OrderLine]:
    """The lines of which something may still come back."""
    return [line for line in order.lines if line.progress.shipped > line.progress.returned]


def left_to_allow(order: Order) -> dict[int, Money]:
    """How much of each line's goods (by its id) is still owed, of lines that cost anything any more."""
    gone = orders.credited(order)
    left: dict[int, Money] = {}
    for line in order.lines:
        goods = orders.portion(line, order.currency).goods
        if line.id in gone:
            goods -= gone[line.id].goods
        if goods.amount > 0:
            left[line.id] = goods
    return left


def seen(order: Order) -> str:
    """The digest of what somebody sees of an order's pieces and money before they change it."""
    return rules.digest(
        order.number,
        order.state,
        str(order.credited),
        orders.credits_of(order.id),
        [(line.id, line.progress.shipped, line.progress.returned) for line in order.lines],
    )


def has_arrived(order_id: int) -> bool:
    """Whether a shipment of an order has arrived already."""
    return bool(
        db.session.scalar(
            sa.select(sa.func.count()).where(Shipment.order_id == order_id, Shipment.delivered_at.is_not(None))
        )
    )


def received_of(purchase_id: int, order_id: int | None = None) -> list[str]:
    """The numbers of a purchase's (or one order's) returns whose goods have arrived and that are not closed."""
    statement = (
        sa.select(ReturnRequest.number)
        .join(Order, Order.id == ReturnRequest.order_id)
        .where(Order.purchase_id == purchase_id, ReturnRequest.state == "received")
        .order_by(ReturnRequest.order_id, ReturnRequest.id)
    )
    if order_id is not None:
        statement = statement.where(Order.id == order_id)
    return list(db.session.scalars(statement))


@dataclass(frozen=True, slots=True)
class Waits:
    """What of some orders waits for somebody, beside their next step.

    `returns`: how many returns wait for the reader; `asked_back`: the state of the open return of an order, by its id;
    `asked`: orders about which the buyer is asked.
    """

    returns: int
    asked_back: Mapping[int, str]
    asked: frozenset[int]


def waits(actor: Actor, order_ids: Collection[int]) -> Waits:
    """What waits of these orders, and how many returns wait for the actor's business, in one look-up.

    A return that is asked for waits for the seller; one that may come back waits for the buyer, who sends it.
    """
    mine = (
        sa.select(sa.literal("mine").label("what"), sa.func.count().label("number"))
        .select_from(ReturnRequest)
        .join(Order, Order.id == ReturnRequest.order_id)
        .where(_visible_to(actor), ReturnRequest.state == ("approved" if actor.is_buyer else "requested"))
    )
    back = sa.select(ReturnRequest.state, ReturnRequest.order_id).where(
        ReturnRequest.order_id.in_(order_ids), ReturnRequest.state.in_(rules.OPEN)
    )
    asked = sa.select(sa.literal("asked"), OrderAnswer.order_id).where(
        OrderAnswer.order_id.in_(order_ids), OrderAnswer.state == "waiting"
    )
    rows = db.session.execute(sa.union_all(mine, back, asked)).all()
    return Waits(
        returns=sum(number for what, number in rows if what == "mine"),
        asked_back={number: what for what, number in rows if what in rules.OPEN},
        asked=frozenset(number for what, number in rows if what == "asked"),
    )


@dataclass(frozen=True, slots=True)
class Row:
    """A return in the list."""

    id: int
    number: str
    order_number: str
    other: str
    state: str
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Some returns, newest first, and where the next page begins (a return's id)."""

    rows: list[Row]
    older: int | None
    newest: bool


def page(actor: Actor, *, state: str | None = None, before: int | None = None) -> Page:
    """The actor's returns by key."""
    other = Order.seller_name if actor.is_buyer else Order.buyer_name
    statement = (
        sa.select(
            ReturnRequest.id,
            ReturnRequest.number,
            Order.number.label("order_number"),
            other.label("other"),
            ReturnRequest.state,
            ReturnRequest.requested_at,
        )
        .join(Order, Order.id == ReturnRequest.order_id)
        .where(_visible_to(actor))
        .order_by(ReturnRequest.id.desc())
        .limit(PAGE_SIZE + 1)
    )
    if state:
        statement = statement.where(ReturnRequest.state == state)
    if before is not None:
        statement = statement.where(ReturnRequest.id < before)
    rows = [Row(*row) for row in db.session.execute(statement)]
    more = len(rows) > PAGE_SIZE
    rows = rows[:PAGE_SIZE]
    return Page(rows, rows[-1].id if more else None, before is None)
