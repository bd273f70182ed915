"""Issue an invoice, take back by a credit note or void it, and make their documents once."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects.postgresql import insert

from wholesale.config import Settings
from wholesale.invoicing import content, paper, rules
from wholesale.invoicing.events import CreditNoteIssued, InvoiceIssued
from wholesale.invoicing.models import CreditNote, CreditNoteCounter, Invoice, InvoiceCounter, Paper
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.events import Event
from wholesale.orders import queries as orders
from wholesale.orders.models import Order, OrderCredit
from wholesale.platform import files
from wholesale.platform.db import db
from wholesale.platform.outbox import emit, unfinished

P = TypeVar("P", Invoice, CreditNote)

_NONE_YET = ("placed", "cancelled")


def issue(order_id: int) -> Invoice | None:
    """Give the confirmed order its invoice and number, of what is left of it by now; and what came later a supplement.

    None if all of it is invoiced already, or it is not confirmed, or was cancelled before. The order is locked first:
    whoever comes second, another issue or a cancellation, sees what the first did, and the counter is not touched for
    an invoice that is not to be.
    """
    state = _lock_order(order_id)
    invoices = _invoices(order_id)
    if invoices:
        return _supplement(orders.order_by_id(order_id), invoices)
    if state in _NONE_YET:
        return None
    order = orders.order_by_id(order_id)
    # Read before the counter is locked: other orders of the seller wait for it.
    copied = content.of_invoice(order, _settings(), _today())
    return _issue(order, copied, part=1)


def issue_credit_notes(order_id: int) -> list[CreditNote]:
    """A credit note for each time that something was taken back of the order since its invoice; those just issued.

    An invoice that was never anything but cancelled, whole and before any of it was sent, becomes void instead and
    keeps its number. What was taken back before the invoice was issued is not on it.
    """
    _lock_order(order_id)
    invoices = _invoices(order_id)
    if not invoices:
        return []
    if supplement := _supplement(orders.order_by_id(order_id), invoices):
        invoices.append(supplement)
    main, issued = invoices[0], []
    noted = set(db.session.scalars(sa.select(CreditNote.credit_id).where(CreditNote.order_id == order_id)))
    for credit in orders.credits(order_id):
        if credit.sequence <= main.credits or credit.id in noted:
            continue
        if _cancels_all(main, credit):
            if main.state == "issued":
                main.state, main.voided_at = "void", clock.now()
                db.session.flush()
            continue
        issued.append(_issue_credit_note([invoice for invoice in invoices if invoice.state == "issued"], credit))
    return issued


def make_document(invoice_id: int) -> None:
    """Render and store the invoice's PDF unless that has been done.

    A worker killed in here leaves the row as it was, and at worst a file that no row knows.
    """
    _make(_locked(Invoice, Invoice.id == invoice_id))


def make_credit_note_document(note_id: int) -> None:
    """The same for a credit note."""
    _make(_locked(CreditNote, CreditNote.id == note_id))


def ask_for_document(*, actor: Actor, number: str) -> None:
    """Somebody wants the documents of the order `number` now: ask for them ahead of what waits in the background.

    Nothing happens when they have been made. Raises NotFoundError for strangers, as for an order without invoice.
    """
    order = orders.order(actor, number)
    invoices = db.session.scalars(sa.select(Invoice).where(Invoice.order_id == order.id)).all()
    if not invoices:
        raise NotFoundError
    for invoice in invoices:
        if invoice.file_key is None:
            _ask(InvoiceIssued(invoice_id=invoice.id))
    for note in db.session.scalars(sa.select(CreditNote).where(CreditNote.order_id == order.id)):
        if note.file_key is None:
            _ask(CreditNoteIssued(note_id=note.id))


def _ask(event: Event) -> None:
    asked = any(
        row.dead_at is None and row.priority == 0 and row.available_at <= clock.now() and row.payload == event.payload()
        for row in unfinished(type(event))
    )
    if not asked:
        emit(event)


def _cancels_all(invoice: Invoice, credit: OrderCredit) -> bool:
    """Whether this taking back is the first since the invoice, of all that it says, and nothing was sent."""
    return (
        credit.kind == "cancelled"
        and credit.sequence == invoice.credits + 1
        and credit.total == invoice.total
        and not orders.shipments_of(invoice.order_id)
    )


def _supplement(order: Order, invoices: list[Invoice]) -> Invoice | None:
    """An invoice of the lines that came after the others; None when there are none."""
    last = max(invoice.last_position for invoice in invoices)
    added = [line for line in order.lines if line.position > last]
    if not added:
        return None
    copied = content.of_supplement(order, added, invoices[0], _settings(), _today())
    return _issue(order, copied, part=len(invoices) + 1)


def _issue(order: Order, copied: dict[str, Any], *, part: int) -> Invoice:
    year = _fiscal_year(order.seller_id)
    sequence = _next_number(InvoiceCounter, order.seller_id, year)
    invoice = Invoice(
        order_id=order.id,
        seller_id=order.seller_id,
        buyer_id=order.buyer_id,
        seller_name=order.seller_name,
        buyer_name=order.buyer_name,
        fiscal_year=year,
        sequence=sequence,
        number=rules.number(year, sequence),
        content=copied,
        total=Decimal(copied["total"]),
        currency=order.currency,
        credits=orders.credits_of(order.id),
        last_position=max(line.position for line in order.lines),
        part=part,
        issued_at=clock.now(),
    )
    db.session.add(invoice)
    db.session.flush()
    emit(InvoiceIssued(invoice_id=invoice.id))
    return invoice


def _issue_credit_note(invoices: list[Invoice], credit: OrderCredit) -> CreditNote:
    """On the first of the order's `invoices` that are not void."""
    invoice = invoices[0]
    order = orders.order_by_id(invoice.order_id)
    copied = content.of_credit_note(order, credit, invoices, _settings(), _today())
    year = _fiscal_year(order.seller_id)
    sequence = _next_number(CreditNoteCounter, order.seller_id, year)
    note = CreditNote(
        credit_id=credit.id,
        order_id=order.id,
        invoice_id=invoice.id,
        seller_id=invoice.seller_id,
        buyer_id=invoice.buyer_id,
        seller_name=invoice.seller_name,
        buyer_name=invoice.buyer_name,
        fiscal_year=year,
        sequence=sequence,
        number=rules.note_number(year, sequence),
        content=copied,
        total=credit.total,
        currency=credit.currency,
        issued_at=clock.now(),
    )
    db.session.add(note)
    db.session.flush()
    emit(CreditNoteIssued(note_id=note.id))
    return note


def _make(document: Paper | None) -> None:
    if document is None:
        raise NotFoundError
    if document.file_key is not None:
        return
    data = paper.render(
        document.number,
        document.content,
        void=document.state == "void",
        address=public_address(document.token),
    )
    stored = files.storage().put(data, "application/pdf")
    document.file_key = stored.key
    document.sha256 = stored.sha256
    document.size = stored.size
    document.made_at = clock.now()
    db.session.flush()


def public_address(token: str) -> str:
    """Where anybody sees whether a document is genuine; it is printed on it, so it holds for ever."""
    return f"{_settings().public_url}/documents/{token}"


def _lock_order(order_id: int) -> str:
    """Lock the order against another issue and against its cancellation; its state as it is now."""
    state = db.session.scalar(sa.select(Order.state).where(Order.id == order_id).with_for_update(key_share=True))
    if state is None:
        raise NotFoundError
    return state


def _invoices(order_id: int) -> list[Invoice]:
    """The order's invoice and its supplements, locked."""
    return list(
        db.session.scalars(
            sa.select(Invoice)
            .where(Invoice.order_id == order_id)
            .order_by(Invoice.part)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
    )


def _locked(kind: type[P], which: sa.ColumnElement[bool]) -> P | None:
    return db.session.scalars(
        sa.select(kind).where(which).with_for_update(key_share=True).execution_options(populate_existing=True)
    ).one_or_none()


def _fiscal_year(seller_id: int) -> str:
    first_month = _settings().first_fiscal_month(content.seller_country(seller_id))
    return rules.fiscal_year(_today(), first_month)


def _today() -> date:
    return clock.today(_settings().time_zone)


def _next_number(counter: type[InvoiceCounter | CreditNoteCounter], seller_id: int, year: str) -> int:
    """The next number, its counter locked until this transaction ends: a rollback gives the number back."""
    taken = (
        insert(counter)
        .values(seller_id=seller_id, fiscal_year=year, last=1)
        .on_conflict_do_update(
            index_elements=[counter.seller_id, counter.fiscal_year],
            set_={"last": counter.last + 1},
        )
        .returning(counter.last)
    )
    return db.session.scalars(taken).one()


def _settings() -> Settings:
    return cast("Settings", current_app.extensions["settings"])
