"""Reads of orders, scoped by who asks: the buyer's business, the seller's business, or the platform's staff."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import contains_eager, selectinload

from wholesale.accounts.models import User
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import Money
from wholesale.ledger.models import LedgerAccount, LedgerJournal, LedgerPosting
from wholesale.orders.models import Checkout, Order, OrderMove, Purchase
from wholesale.platform.db import db

PAGE_SIZE = 20
_WITH_MOVES = selectinload(Order.moves).joinedload(OrderMove.user).load_only(User.name)


def _visible_to(actor: Actor) -> sa.ColumnElement[bool]:
    if actor.is_staff:
        return sa.true()
    if actor.organization_id is None:
        return sa.false()
    column = Order.seller_id if actor.is_seller else Order.buyer_id
    return column == actor.organization_id


def order(actor: Actor, number: str) -> Order:
    """One order with lines, moves and purchase; raises NotFoundError for strangers as for unknown numbers."""
    found = db.session.scalars(
        sa.select(Order)
        .join(Order.purchase)
        .where(Order.number == number, _visible_to(actor))
        .options(contains_eager(Order.purchase), selectinload(Order.lines), _WITH_MOVES)
    ).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def order_by_id(order_id: int) -> Order:
    """One order with lines and purchase, for handlers and jobs: no actor asks."""
    found = db.session.scalars(
        sa.select(Order)
        .join(Order.purchase)
        .where(Order.id == order_id)
        .options(contains_eager(Order.purchase), selectinload(Order.lines))
    ).one_or_none()
    if found is None:
        raise NotFoundError
    return found


@dataclass(frozen=True)
class Page:
    """Some orders, newest first, and where the next and the previous page begin (an order's id)."""

    orders: list[Order]
    older: int | None
    newest: bool


def page(actor: Actor, *, state: str | None = None, before: int | None = None) -> Page:
    """The actor's orders by key, so that the hundredth page costs what the first does."""
    statement = sa.select(Order).where(_visible_to(actor)).order_by(Order.id.desc()).limit(PAGE_SIZE + 1)
    if state:
        statement = statement.where(Order.state == state)
    if before is not None:
        statement = statement.where(Order.id < before)
    rows = list(db.session.scalars(statement))
    more = len(rows) > PAGE_SIZE
    rows = rows[:PAGE_SIZE]
    return Page(rows, rows[-1].id if more else None, before is None)


def counts(actor: Actor) -> dict[str, int]:
    """How many orders the actor has in each state."""
    statement = sa.select(Order.state, sa.func.count()).where(_visible_to(actor)).group_by(Order.state)
    return dict(db.session.execute(statement).all())


def purchase(actor: Actor, number: str) -> Purchase:
    """A purchase of the actor's business with its orders."""
    found = db.session.scalars(
        sa.select(Purchase)
        .where(
            Purchase.number == number,
            sa.true() if actor.is_staff else Purchase.organization_id == actor.organization_id,
        )
        .options(selectinload(Purchase.orders))
    ).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def due(purchase: Purchase) -> Money:
    """What a purchase costs without its cancelled orders."""
    kept = (Money(order.total, purchase.currency) for order in purchase.orders if order.state != "cancelled")
    return Money.total(kept, purchase.currency)


def checkout(actor: Actor) -> Checkout | None:
    """What the actor has chosen so far."""
    return db.session.get(Checkout, (actor.acting_user, actor.acting_organization))


def orders_with_postings() -> Iterator[tuple[Order, dict[tuple[str, int | None], Money]]]:
    """Every order with what its own journals leave on each account (zero balances left out), a thousand at a time."""
    last = 0
    while True:
        orders = db.session.scalars(
            sa.select(Order).where(Order.id > last).order_by(Order.id).limit(1000).options(selectinload(Order.lines))
        ).all()
        if not orders:
            return
        last = orders[-1].id
        sums = db.session.execute(
            sa.select(
                LedgerJournal.reference,
                LedgerAccount.code,
                LedgerAccount.organization_id,
                LedgerPosting.currency,
                sa.func.sum(LedgerPosting.amount).label("amount"),
            )
            .join(LedgerPosting, LedgerPosting.journal_id == LedgerJournal.id)
            .join(LedgerAccount, LedgerAccount.id == LedgerPosting.account_id)
            .where(
                LedgerJournal.reference.in_([order.number for order in orders]),
                LedgerJournal.key.startswith("order:"),
            )
            .group_by(
                LedgerJournal.reference, LedgerAccount.code, LedgerAccount.organization_id, LedgerPosting.currency
            )
            .having(sa.func.sum(LedgerPosting.amount) != 0)
        )
        posted: dict[str, dict[tuple[str, int | None], Money]] = {order.number: {} for order in orders}
        for row in sums:
            posted[row.reference][row.code, row.organization_id] = Money(row.amount, row.currency)
        yield from ((order, posted[order.number]) for order in orders)
        db.session.expunge_all()
