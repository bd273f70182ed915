"""An order confirmed gets its invoice, what is taken back later a credit note, and each of them its document."""

from __future__ import annotations

from wholesale.invoicing import actions, cii
from wholesale.invoicing.events import CreditNoteIssued, InvoiceIssued
from wholesale.orders.answers.events import LineSubstituted
from wholesale.orders.events import OrderCredited, OrderMoved
from wholesale.platform import pdf
from wholesale.platform.outbox import on

pdf.also_prepare(cii.prepare)


@on(OrderMoved, when=lambda event: event.after == "confirmed")
def issue_invoice(event: OrderMoved) -> None:
    """Give the confirmed order its invoice; one that is there already stays as it is."""
    actions.issue(event.order_id)


@on(LineSubstituted)
def issue_supplement(event: LineSubstituted) -> None:
    """What the buyer accepted in place of something else, after the invoice, gets an invoice of its own."""
    actions.issue(event.order_id)


@on(OrderCredited)
def issue_credit_note(event: OrderCredited) -> None:
    """What was taken back of an invoiced order gets its credit note; all of it at once makes the invoice void."""
    actions.issue_credit_notes(event.order_id)


# Rows of their own in the outbox: rendering takes a while, in which the seller's counter must be free.
@on(InvoiceIssued)
def make_document(event: InvoiceIssued) -> None:
    """Render and keep the document, unless it is there."""
    actions.make_document(event.invoice_id)


@on(CreditNoteIssued)
def make_credit_note_document(event: CreditNoteIssued) -> None:
    """Render and keep the credit note's document, unless it is there."""
    actions.make_credit_note_document(event.note_id)
