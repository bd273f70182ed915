"""Reads of invoices and credit notes, scoped by who may see the order; the gap report and the proof."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from wholesale.invoicing import rules
from wholesale.invoicing.errors import DamagedDocumentError
from wholesale.invoicing.events import CreditNoteIssued, InvoiceIssued
from wholesale.invoicing.models import CreditNote, CreditNoteCounter, Invoice, InvoiceCounter
from wholesale.invoicing.models import Paper as Paper  # noqa: PLC0414 - named by the views
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import Money
from wholesale.ledger.models import LedgerAccount, LedgerJournal, LedgerPosting
from wholesale.orders import queries as orders
from wholesale.orders.answers.events import LineSubstituted
from wholesale.orders.events import OrderCredited, OrderMoved
from wholesale.orders.models import Order, OrderCredit, OrderLine
from wholesale.organizations.models import Organization
from wholesale.platform import files
from wholesale.platform.db import db
from wholesale.platform.outbox import OutboxRow
from wholesale.platform.transaction import as_platform

PAGE_SIZE = 30
_AT_MOST = 20
_MONTHS = 12
_NONE_YET = ("placed", "cancelled")

Kind = Literal["invoice", "credit_note"]


# --- the documents of an order -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Document:
    """A paper as people see it in a list; `superseded_by`: the credit notes that were issued on an invoice."""

    kind: Kind
    id: int
    number: str
    order_number: str
    seller_name: str
    buyer_name: str
    issued_at: datetime
    total: Money
    state: str
    token: str
    size: int | None
    part: int
    superseded_by: tuple[str, ...] = ()

    @property
    def is_made(self) -> bool:
        return self.size is not None

    @property
    def kilobytes(self) -> int:
        return max(1, round((self.size or 0) / 1000))


def _seen(paper: Paper, superseded_by: Sequence[str] = ()) -> Document:
    return Document(
        kind="invoice" if isinstance(paper, Invoice) else "credit_note",
        id=paper.id,
        number=paper.number,
        order_number=paper.content["order"],
        seller_name=paper.seller_name,
        buyer_name=paper.buyer_name,
        issued_at=paper.issued_at,
        total=Money(paper.total, paper.currency),
        state=paper.state,
        token=paper.token,
        size=paper.size if paper.file_key else None,
        part=paper.part if isinstance(paper, Invoice) else 1,
        superseded_by=tuple(superseded_by),
    )


def documents_of(actor: Actor, order_number: str) -> list[Document]:
    """The invoices and the credit notes of the actor's order, as issued; raises NotFoundError for strangers."""
    found = status(actor, order_number)
    if found.invoice is None:
        return []
    invoices = [
        _seen(invoice, [note.number for note in found.notes if note.invoice_id == invoice.id])
        for invoice in (found.invoice, *found.supplements)
    ]
    return [*invoices, *map(_seen, found.notes)]


@dataclass(frozen=True)
class Status:
    """Where an order's invoice stands; `invoice` is None until it is issued.

    `supplements`: invoices of what the buyer accepted later in place of something else; `notes`: the credit notes.
    """

    order_number: str
    order_state: str
    since: datetime
    invoice: Invoice | None
    supplements: tuple[Invoice, ...] = ()
    notes: tuple[CreditNote, ...] = ()

    @property
    def is_made(self) -> bool:
        return self.invoice is not None and self.invoice.file_key is not None

    @property
    def is_void(self) -> bool:
        return self.invoice is not None and self.invoice.state == "void"

    @property
    def is_refused(self) -> bool:
        """Cancelled before an invoice was issued: there will be none."""
        return self.invoice is None and self.order_state == "cancelled"

    @property
    def is_to_follow(self) -> bool:
        """The seller has not confirmed the order yet."""
        return self.invoice is None and self.order_state == "placed"

    @property
    def is_waiting(self) -> bool:
        """Something is being made: it is worth looking again."""
        if self.invoice is None:
            return self.order_state not in _NONE_YET
        more: list[Paper] = [*self.supplements, *self.notes]
        return not self.is_made or any(paper.file_key is None for paper in more)

    def part(self, part: int) -> Invoice | None:
        """The invoice (1) or one of its supplements (2 and on)."""
        papers = (self.invoice, *self.supplements)
        return papers[part - 1] if 0 < part <= len(papers) else None

    @property
    def file_name(self) -> str:
        """What the download is called: a buyer keeps the papers of many sellers in one folder."""
        assert self.invoice is not None, "ask for the file of an issued invoice"
        return file_name(self.invoice)

    @property
    def kilobytes(self) -> int:
        assert self.invoice is not None, "ask for the size of a made document"
        return max(1, round((self.invoice.size or 0) / 1000))

    @property
    def age(self) -> timedelta:
        return clock.now() - self.since

    @property
    def is_late(self) -> bool:
        return self.age >= rules.LATE

    @property
    def look_again_after(self) -> int:
        return rules.look_again_after(self.age)

    @property
    def retry_after(self) -> int:
        """Seconds after which a page asks again although its last question was not answered."""
        return max(30, 2 * self.look_again_after)


def file_name(paper: Paper) -> str:
    """What the download is called: a buyer keeps the papers of many sellers in one folder."""
    return f"{paper.content['seller']['slug']}-{paper.number}.pdf"


def status(actor: Actor, number: str) -> Status:
    """The state of the invoice of the actor's order `number`; raises NotFoundError for strangers."""
    order = orders.order(actor, number)
    invoices = db.session.scalars(sa.select(Invoice).where(Invoice.order_id == order.id).order_by(Invoice.part)).all()
    if not invoices:
        return Status(order.number, order.state, order.confirmed_at or order.placed_at, None)
    notes = db.session.scalars(
        sa.select(CreditNote).where(CreditNote.order_id == order.id).order_by(CreditNote.id)
    ).all()
    papers: list[Paper] = [*invoices, *notes]
    latest = max((paper.issued_at for paper in papers if paper.file_key is None), default=invoices[0].issued_at)
    return Status(order.number, order.state, latest, invoices[0], tuple(invoices[1:]), tuple(notes))


def credit_note(actor: Actor, order_number: str, note_id: int) -> CreditNote:
    """A credit note of the actor's order; raises NotFoundError for strangers."""
    order = orders.order(actor, order_number)
    note = db.session.scalars(
        sa.select(CreditNote).where(CreditNote.order_id == order.id, CreditNote.id == note_id)
    ).one_or_none()
    if note is None:
        raise NotFoundError
    return note


def document(paper: Paper) -> bytes:
    """The stored bytes, which are those that were made; raises DamagedDocumentError otherwise."""
    assert paper.file_key is not None, "ask for a document that has been made"
    try:
        data = files.storage().get(paper.file_key)
    except (NotFoundError, OSError) as error:
        raise DamagedDocumentError(f"{paper.number} ({paper.token}): its file is gone.") from error
    if hashlib.sha256(data).hexdigest() != paper.sha256:
        raise DamagedDocumentError(f"{paper.number} ({paper.token}): its file has changed.")
    return data


# --- the public page ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Public:
    """What anybody with its paper in hand may know of a document. Neither buyer nor goods are among it."""

    kind: Kind
    number: str
    seller_name: str
    issued_on: date
    total: Money
    state: str
    sha256: str | None
    superseded_by: tuple[str, ...]

    def is_genuine(self, digest: str) -> bool:
        """Whether a file of that hash is the one that was issued."""
        return self.sha256 is not None and digest == self.sha256


def public(token: str) -> Public:
    """The document that a QR code leads to; raises NotFoundError."""
    with as_platform():  # whoever holds the paper may ask, and is told nothing that is not on it
        paper: Paper | None = db.session.scalars(sa.select(Invoice).where(Invoice.token == token)).one_or_none()
        notes: Sequence[str] = ()
        if paper is not None:
            notes = db.session.scalars(
                sa.select(CreditNote.number).where(CreditNote.invoice_id == paper.id).order_by(CreditNote.id)
            ).all()
        else:
            paper = db.session.scalars(sa.select(CreditNote).where(CreditNote.token == token)).one_or_none()
    if paper is None:
        raise NotFoundError
    return Public(
        kind="invoice" if isinstance(paper, Invoice) else "credit_note",
        number=paper.number,
        seller_name=paper.content["seller"]["legal_name"],
        issued_on=date.fromisoformat(paper.content["issued_on"]),
        total=Money(paper.total, paper.currency),
        state=paper.state,
        sha256=paper.sha256,
        superseded_by=tuple(notes),
    )


# --- lists ------------------------------------------------------------------------------------------------


def _whose(
    actor: Actor, table: type[Invoice | CreditNote | InvoiceCounter | CreditNoteCounter]
) -> sa.ColumnElement[bool]:
    """Staff see everybody's, a seller their own."""
    if actor.is_staff:
        return sa.true()
    return table.seller_id == actor.organization_id if actor.is_seller else sa.false()


@dataclass(frozen=True, slots=True)
class Page:
    """Some papers, newest first, and where the next page begins (an id)."""

    documents: list[Document]
    older: int | None
    newest: bool


def page(actor: Actor, kind: Kind, *, sought: str = "", state: str = "", before: int | None = None) -> Page:
    """The seller's papers (staff: everybody's) by key; `sought`: a part of number or buyer, or the order."""
    table = CreditNote if kind == "credit_note" else Invoice
    statement = sa.select(table).where(_whose(actor, table)).order_by(table.id.desc()).limit(PAGE_SIZE + 1)
    if sought:
        like = "%" + sought.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        statement = statement.where(
            sa.or_(
                table.number.ilike(like),
                table.buyer_name.ilike(like),
                table.content["order"].astext == sought.upper(),
            )
        )
    if state and table is Invoice:
        statement = statement.where(Invoice.state == state)
    if before is not None:
        statement = statement.where(table.id < before)
    rows: list[Any] = list(db.session.scalars(statement))
    more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
    return Page([_seen(row) for row in rows], rows[-1].id if more else None, before is None)


@dataclass(frozen=True, slots=True)
class Month:
    """What was issued in a month of the platform's zone, void invoices left out."""

    first: date
    invoices: int
    invoiced: Money
    notes: int
    credited: Money

    @property
    def left(self) -> Money:
        return self.invoiced - self.credited


def months(actor: Actor, zone: str) -> list[Month]:
    """The last twelve months with anything in them, newest first, per currency."""
    since = clock.now() - timedelta(days=31 * _MONTHS)

    def per_month(
        table: type[Invoice | CreditNote], *only: sa.ColumnElement[bool]
    ) -> sa.Select[date, str, int, Decimal]:
        month = sa.cast(sa.func.date_trunc("month", sa.func.timezone(zone, table.issued_at)), sa.Date)
        return (
            sa.select(
                month.label("first"),
                table.currency,
                sa.func.count().label("papers"),
                sa.func.sum(table.total).label("total"),
            )
            .where(_whose(actor, table), table.issued_at >= since, *only)
            .group_by(sa.literal_column("1"), table.currency)
        )

    found: dict[tuple[date, str], list[tuple[int, Money]]] = {}
    for place, statement in enumerate((per_month(Invoice, Invoice.state == "issued"), per_month(CreditNote))):
        for row in db.session.execute(statement):
            nothing = (0, Money.zero(row.currency))
            found.setdefault((row.first, row.currency), [nothing, nothing])[place] = (
                row.papers,
                Money(row.total, row.currency),
            )
    return [
        Month(first, invoices, invoiced, notes, credited)
        for (first, _), [(invoices, invoiced), (notes, credited)] in sorted(found.items(), reverse=True)
    ][: _MONTHS * 2]


# --- no number is missing ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Series:
    """The numbers of one seller, fiscal year and kind of paper: `given` says the counter, `papers` there are."""

    kind: Kind
    seller_name: str
    fiscal_year: str
    given: int
    papers: int
    void: int
    missing: tuple[int, ...]

    @property
    def is_whole(self) -> bool:
        """1 to n, each once: the database lets no number be twice."""
        return not self.missing and self.papers == self.given


def gap_report(actor: Actor) -> list[Series]:
    """Every series with what is missing of it (the first hundred), the newest year first; staff see all sellers'."""
    found: list[Series] = []
    for kind, table, counter in (
        ("invoice", Invoice, InvoiceCounter),
        ("credit_note", CreditNote, CreditNoteCounter),
    ):
        found += _series(actor, kind, table, counter)  # type: ignore[arg-type]  # the names are those of Kind
    return sorted(found, key=lambda row: (row.fiscal_year, row.seller_name), reverse=True)


def _series(
    actor: Actor,
    kind: Kind,
    table: type[Invoice | CreditNote],
    counter: type[InvoiceCounter | CreditNoteCounter],
) -> list[Series]:
    void = sa.func.count().filter(Invoice.state == "void") if table is Invoice else sa.literal(0)
    there = (
        sa.select(
            table.seller_id,
            table.fiscal_year,
            sa.func.count().label("papers"),
            sa.func.max(table.sequence).label("highest"),
            void.label("void"),
        )
        .where(_whose(actor, table))
        .group_by(table.seller_id, table.fiscal_year)
        .subquery()
    )
    counters = sa.select(counter).where(_whose(actor, counter)).subquery()
    joined = sa.join(
        counters,
        there,
        sa.and_(counters.c.seller_id == there.c.seller_id, counters.c.fiscal_year == there.c.fiscal_year),
        full=True,
    )
    seller_id = sa.func.coalesce(counters.c.seller_id, there.c.seller_id)
    rows = db.session.execute(
        sa.select(
            seller_id.label("seller_id"),
            Organization.name,
            sa.func.coalesce(counters.c.fiscal_year, there.c.fiscal_year).label("fiscal_year"),
            sa.func.coalesce(counters.c.last, 0).label("given"),
            sa.func.coalesce(there.c.papers, 0).label("papers"),
            sa.func.coalesce(there.c.highest, 0).label("highest"),
            sa.func.coalesce(there.c.void, 0).label("void"),
        )
        .select_from(joined)
        .join(Organization, Organization.id == seller_id)
    ).all()
    return [
        Series(
            kind=kind,
            seller_name=row.name,
            fiscal_year=row.fiscal_year,
            given=row.given,
            papers=row.papers,
            void=row.void,
            missing=_missing(table, row) if row.papers != row.given or row.highest != row.given else (),
        )
        for row in rows
    ]


def _missing(table: type[Invoice | CreditNote], row: Any) -> tuple[int, ...]:
    numbers = sa.func.generate_series(1, max(row.given, row.highest)).column_valued("number")
    there = sa.select(table.sequence).where(table.seller_id == row.seller_id, table.fiscal_year == row.fiscal_year)
    return tuple(db.session.scalars(sa.select(numbers).where(numbers.not_in(there)).order_by(numbers).limit(100)))


# --- what the sweep looks for -----------------------------------------------------------------------------


def without_invoice() -> list[int]:
    """Confirmed orders that should have had their invoice by now, or its supplement, oldest first."""
    late = (
        sa.select(Order.id)
        .outerjoin(Invoice, Invoice.order_id == Order.id)
        .where(Invoice.id.is_(None), Order.state.not_in(_NONE_YET), Order.confirmed_at < clock.now() - rules.LATE)
    )
    return list(
        db.session.scalars(late.union(sa.select(OrderLine.order_id).where(*_uninvoiced())).order_by("id").limit(100))
    )


def _uninvoiced() -> tuple[sa.ColumnElement[bool], ...]:
    """Of `OrderLine`: it came after its order's invoice and is on no supplement."""
    return (
        OrderLine.replaces_id.is_not(None),
        sa.exists().where(Invoice.order_id == OrderLine.order_id),
        ~sa.exists().where(Invoice.order_id == OrderLine.order_id, Invoice.last_position >= OrderLine.position),
    )


def without_note() -> list[int]:
    """Orders of which something was taken back that should have had its credit note by now, oldest first."""
    return list(
        db.session.scalars(
            sa.select(OrderCredit.order_id)
            .where(*_unnoted(), OrderCredit.at < clock.now() - rules.LATE)
            .distinct()
            .order_by(OrderCredit.order_id)
            .limit(100)
        )
    )


def without_document(kind: Kind) -> list[int]:
    """Papers that should have had their document by now, oldest first."""
    table = CreditNote if kind == "credit_note" else Invoice
    return list(
        db.session.scalars(
            sa.select(table.id)
            .where(table.file_key.is_(None), table.issued_at < clock.now() - rules.LATE)
            .order_by(table.id)
        )
    )


def _unnoted() -> tuple[sa.ColumnElement[bool], ...]:
    """Of `OrderCredit`: it took back something after the invoice, did not make that void, and has no credit note."""
    return (
        sa.exists().where(
            Invoice.order_id == OrderCredit.order_id,
            Invoice.part == 1,
            Invoice.credits + sa.case((Invoice.state == "void", 1), else_=0) < OrderCredit.sequence,
        ),
        ~sa.exists().where(CreditNote.credit_id == OrderCredit.id),
    )


# --- the proof --------------------------------------------------------------------------------------------


def proof() -> list[str]:
    """This room's part of the ledger's proof: what is wrong, one sentence each.

    What the worker has still to do is not wrong; what failed for good is. Each check is one statement, so that it sees
    one moment.
    """
    problems: list[str] = []
    for check in (_proof_of_invoices, _proof_of_notes, _proof_of_totals, _proof_of_voids, _proof_of_documents):
        problems += check()[:_AT_MOST]
    for series in gap_report(SYSTEM):
        if not series.is_whole:
            problems.append(
                f"{series.kind} numbers of {series.seller_name} in {series.fiscal_year}:"
                f" {series.given} given, {series.papers} there, missing {series.missing[:5]}"
            )
    return problems


def _waits(event: str, field: str, value: InstrumentedAttribute[int]) -> sa.ColumnElement[bool]:
    """Whether an event of this room's handlers is still to be worked off."""
    return sa.exists().where(
        OutboxRow.event == event,
        OutboxRow.handler.startswith("wholesale.invoicing."),
        OutboxRow.done_at.is_(None),
        OutboxRow.dead_at.is_(None),
        sa.cast(OutboxRow.payload[field].astext, sa.BigInteger) == value,
    )


def _proof_of_invoices() -> list[str]:
    bare = (
        sa.select(Order.number)
        .where(
            Order.state.not_in(_NONE_YET),
            ~sa.exists().where(Invoice.order_id == Order.id),
            ~_waits(OrderMoved.__name__, "order_id", Order.id),
        )
        .limit(_AT_MOST)
    )
    added = (
        sa.select(Order.number)
        .join(OrderLine, OrderLine.order_id == Order.id)
        .where(*_uninvoiced(), ~_waits(LineSubstituted.__name__, "order_id", Order.id))
        .limit(_AT_MOST)
    )
    return [
        *(f"order {number} is confirmed and has no invoice" for number in db.session.scalars(bare)),
        *(f"order {number} has a line that is on no invoice" for number in db.session.scalars(added)),
    ]


def _proof_of_notes() -> list[str]:
    bare = (
        sa.select(Order.number, OrderCredit.sequence)
        .join(OrderCredit, OrderCredit.order_id == Order.id)
        .where(*_unnoted(), ~_waits(OrderCredited.__name__, "order_id", Order.id))
        .limit(_AT_MOST)
    )
    return [f"order {row.number}: taking back {row.sequence} has no credit note" for row in db.session.execute(bare)]


def _proof_of_totals() -> list[str]:
    """An order's invoices less its credit notes are what the ledger says that the buyer owes for it."""
    invoiced = (
        sa.select(Invoice.order_id, sa.func.sum(Invoice.total).filter(Invoice.state == "issued").label("amount"))
        .group_by(Invoice.order_id)
        .subquery()
    )
    credited = (
        sa.select(CreditNote.order_id, sa.func.sum(CreditNote.total).label("amount"))
        .group_by(CreditNote.order_id)
        .subquery()
    )
    charged = sa.func.coalesce(invoiced.c.amount, 0) - sa.func.coalesce(credited.c.amount, 0)
    owed = (
        sa.select(LedgerJournal.reference, sa.func.sum(LedgerPosting.amount).label("amount"))
        .join(LedgerPosting, LedgerPosting.journal_id == LedgerJournal.id)
        .join(LedgerAccount, LedgerAccount.id == LedgerPosting.account_id)
        .where(LedgerJournal.key.startswith("order:"), LedgerAccount.code == "buyer_receivable")
        .group_by(LedgerJournal.reference)
        .subquery()
    )
    wrong = (
        sa.select(Order.number, charged.label("charged"), owed.c.amount)
        .join(invoiced, invoiced.c.order_id == Order.id)
        .outerjoin(credited, credited.c.order_id == Order.id)
        .outerjoin(owed, owed.c.reference == Order.number)
        .where(
            charged != sa.func.coalesce(owed.c.amount, 0),
            ~_waits(OrderCredited.__name__, "order_id", Order.id),
            ~_waits(LineSubstituted.__name__, "order_id", Order.id),
        )
        .limit(_AT_MOST)
    )
    return [
        f"the papers of order {row.number} leave {row.charged}, the ledger {row.amount}"
        for row in db.session.execute(wrong)
    ]


def _proof_of_voids() -> list[str]:
    both = (
        sa.select(Invoice.number)
        .where(Invoice.state == "void", sa.exists().where(CreditNote.invoice_id == Invoice.id))
        .limit(_AT_MOST)
    )
    return [f"{number} is void and has a credit note" for number in db.session.scalars(both)]


def _proof_of_documents() -> list[str]:
    problems: list[str] = []
    for table, event, field in (
        (Invoice, InvoiceIssued.__name__, "invoice_id"),
        (CreditNote, CreditNoteIssued.__name__, "note_id"),
    ):
        bare = sa.select(table.number, table.seller_name).where(table.sha256.is_(None), ~_waits(event, field, table.id))
        problems += [
            f"{row.number} of {row.seller_name} has no document and none is being made"
            for row in db.session.execute(bare.limit(_AT_MOST))
        ]
    return problems
