"""Reads of papers, scoped by who asked for them; of orders, for the papers that many of them have."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from wholesale.inventory.models import Allocation
from wholesale.invoicing.models import CreditNote, Invoice
from wholesale.invoicing.rules import look_again_after
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.orders.history import queries as history
from wholesale.orders.history.rules import Filters
from wholesale.orders.models import LineProgress, Order, Purchase
from wholesale.papers import rules
from wholesale.papers.events import PaperAdvanced
from wholesale.papers.models import Paper
from wholesale.platform import files
from wholesale.platform.db import db
from wholesale.platform.outbox import OutboxRow

PAGE_SIZE = 20

Documents = list[tuple[str, int]]
"""Stored documents: `invoice` or `credit_note`, and the id."""


# --- papers -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """A paper as people see it."""

    id: int
    kind: str
    subject: dict[str, Any]
    state: str
    done: int
    total: int
    size: int | None
    file_key: str | None
    asked_at: datetime
    made_at: datetime | None
    expires_at: datetime

    @property
    def orders(self) -> list[str]:
        return list(self.subject.get("orders", ()))

    @property
    def left_out(self) -> int:
        """Of the chosen orders, those that had nothing for it."""
        return int(self.subject.get("left_out", 0))

    @property
    def first_day(self) -> date | None:
        """The month's first day, of a month."""
        return rules.month_of(self.subject["month"]) if "month" in self.subject else None

    @property
    def shipment(self) -> str:
        return str(self.subject.get("shipment", ""))

    @property
    def is_ready(self) -> bool:
        return self.state == "ready"

    @property
    def is_failed(self) -> bool:
        return self.state == "failed"

    @property
    def is_waiting(self) -> bool:
        return not self.is_ready and not self.is_failed

    @property
    def kilobytes(self) -> int:
        return max(1, round((self.size or 0) / 1000))

    @property
    def media_type(self) -> str:
        return "application/zip" if self.kind == "month" else "application/pdf"

    @property
    def look_again_after(self) -> int:
        """Seconds until a page that waits asks again."""
        return look_again_after(clock.now() - self.asked_at)

    def file_name(self, zone: str) -> str:
        return rules.file_name(self.kind, self.subject, self.asked_at.astimezone(ZoneInfo(zone)).date())

    def content(self) -> Iterator[bytes]:
        """The stored file, piece by piece; raises NotFoundError while there is none."""
        if self.file_key is None:
            raise NotFoundError
        return files.storage().chunks(self.file_key)


def _own(actor: Actor) -> sa.ColumnElement[bool]:
    """What a business asked for is everybody's who belongs to it; staff have their own."""
    if actor.organization_id is None and not actor.is_staff:
        return sa.false()
    return Paper.organization_id.is_not_distinct_from(actor.organization_id)


def _dead() -> sa.ColumnElement[bool]:
    """Whether a paper's step failed for good: so says the outbox, where an admin may start it again."""
    return sa.and_(
        Paper.state != "ready",
        sa.exists().where(
            OutboxRow.event == PaperAdvanced.__name__,
            OutboxRow.dead_at.is_not(None),
            OutboxRow.done_at.is_(None),
            sa.cast(OutboxRow.payload["paper_id"].astext, sa.BigInteger) == Paper.id,
        ),
    )


def _papers(actor: Actor) -> sa.Select[Any]:
    names = [name for name in Seen.__dataclass_fields__ if name != "state"]
    state = sa.case((_dead(), "failed"), else_=Paper.state).label("state")
    lives = sa.or_(Paper.state != "ready", Paper.expires_at > clock.now())
    return sa.select(state, *(getattr(Paper, name) for name in names)).where(_own(actor), lives)


def paper(actor: Actor, paper_id: int) -> Seen:
    """A paper of the actor's business; raises NotFoundError for strangers, and when it has had its time."""
    row = db.session.execute(_papers(actor).where(Paper.id == paper_id)).one_or_none()
    if row is None:
        raise NotFoundError
    return Seen(**row._mapping)  # noqa: SLF001 - the public way to a row's names


@dataclass(frozen=True, slots=True)
class Page:
    """Some papers, newest first, and where the next page begins (an id)."""

    papers: list[Seen]
    older: int | None
    newest: bool


def page(actor: Actor, *, before: int | None = None) -> Page:
    """What the actor's business asked for in the last 30 days, by key."""
    statement = _papers(actor).order_by(Paper.id.desc()).limit(PAGE_SIZE + 1)
    if before is not None:
        statement = statement.where(Paper.id < before)
    found = [Seen(**row._mapping) for row in db.session.execute(statement)]  # noqa: SLF001 - as above
    more, found = len(found) > PAGE_SIZE, found[:PAGE_SIZE]
    return Page(found, found[-1].id if more else None, before is None)


# --- what can be made ---------------------------------------------------------------------------------------


def _incoming(actor: Actor) -> sa.ColumnElement[bool]:
    """The orders that a seller has to fill."""
    return Order.seller_id == actor.acting_organization if actor.is_seller else sa.false()


def chosen(actor: Actor, numbers: Collection[str], everything: Filters | None = None) -> list[str]:
    """The numbers of the seller's orders among `numbers`, oldest first; `everything`: of all that are like that.

    One more than may be taken at once is enough to know that it is too many.
    """
    statement = sa.select(Order.number).where(_incoming(actor)).order_by(Order.id.desc()).limit(rules.MOST + 1)
    if everything is None:
        statement = statement.where(Order.number.in_(numbers))
    else:
        statement = statement.where(*history.conditions(history.Whose.of(actor), everything))
    return list(db.session.scalars(statement))[::-1]


def to_be_sent(actor: Actor, numbers: Collection[str]) -> list[str]:
    """Of these orders of the seller, those of which something is to be packed, oldest first."""
    is_open = sa.exists().where(
        LineProgress.order_id == Order.id,
        LineProgress.quantity - LineProgress.cancelled - LineProgress.shipped > 0,
    )
    return list(
        db.session.scalars(
            sa.select(Order.number)
            .where(_incoming(actor), Order.number.in_(numbers), Order.state.in_(rules.TO_BE_SENT), is_open)
            .order_by(Order.id)
        )
    )


def invoices_of(actor: Actor, numbers: Collection[str]) -> Documents:
    """The invoices of these orders of the seller that hold, by their numbers."""
    ids = db.session.scalars(
        sa.select(Invoice.id)
        .join(Order, Order.id == Invoice.order_id)
        .where(_incoming(actor), Order.number.in_(numbers), Invoice.state == "issued")
        .order_by(Invoice.fiscal_year, Invoice.sequence)
    )
    return [("invoice", invoice_id) for invoice_id in ids]


def issued_in(actor: Actor, first: date, zone: str) -> Documents:
    """What the seller issued in a month of the platform's zone: the invoices (void ones too), then the credit notes."""
    start, end = (
        datetime.combine(day, time(), ZoneInfo(zone)).astimezone(ZoneInfo("UTC"))
        for day in (first, rules.month_after(first))
    )
    found: Documents = []
    for kind, table in (("invoice", Invoice), ("credit_note", CreditNote)):
        ids = db.session.scalars(
            sa.select(table.id)
            .where(table.seller_id == actor.acting_organization, table.issued_at >= start, table.issued_at < end)
            .order_by(table.fiscal_year, table.sequence)
        )
        found += [(kind, document_id) for document_id in ids]
    return found


def truth(kind: str, numbers: Collection[str]) -> list[Any]:
    """All of these orders that could change what a paper of that kind says."""
    orders = (
        sa.select(Order.id, Order.state, Order.credited, Purchase.buyer_reference)
        .join(Purchase, Purchase.id == Order.purchase_id)
        .where(Order.number.in_(numbers))
        .order_by(Order.id)
    )
    lines = (
        sa.select(
            LineProgress.line_id,
            LineProgress.cancelled,
            LineProgress.shipped,
            LineProgress.returned,
            LineProgress.ready_on,
        )
        .join(Order, Order.id == LineProgress.order_id)
        .where(Order.number.in_(numbers))
        .order_by(LineProgress.line_id)
    )
    asked: list[sa.Executable] = [orders, lines]
    if kind == "pick_list":
        asked.append(
            sa.select(
                Allocation.id, Allocation.location_id, Allocation.quantity, Allocation.shipped, Allocation.released
            )
            .where(Allocation.reference.in_(numbers))
            .order_by(Allocation.id)
        )
    return [[list(row) for row in db.session.execute(statement)] for statement in asked]


def void_among(documents: Documents) -> int:
    """How many of these documents are void by now: their number can only grow."""
    ids = [document_id for kind, document_id in documents if kind == "invoice"]
    return db.session.scalar(sa.select(sa.func.count()).where(Invoice.id.in_(ids), Invoice.state == "void")) or 0


def same(actor: Actor, digest: str) -> int | None:
    """The paper of the actor's business that says the same: it is being made, or is ready and fresh."""
    fresh = sa.or_(Paper.state != "ready", Paper.made_at > clock.now() - rules.FRESH)
    return db.session.scalar(
        sa.select(Paper.id).where(_own(actor), Paper.digest == digest, fresh).order_by(Paper.id.desc()).limit(1)
    )
