"""The sweep that finds orders without their papers and papers without their document."""

from __future__ import annotations

from wholesale.invoicing import actions, queries
from wholesale.invoicing.events import CreditNoteIssued, InvoiceIssued
from wholesale.kernel.events import Event
from wholesale.platform import outbox


def sweep() -> str:
    """Issue what was never issued; ask again for documents that are late, but not for those still in the outbox."""
    unissued = queries.without_invoice()
    for order_id in unissued:
        actions.issue(order_id)
    unnoted = queries.without_note()
    for order_id in unnoted:
        actions.issue_credit_notes(order_id)
    asked = _ask_again([InvoiceIssued(invoice_id=late) for late in queries.without_document("invoice")])
    asked += _ask_again([CreditNoteIssued(note_id=late) for late in queries.without_document("credit_note")])
    return f"{len(unissued) + len(unnoted)} issued late, {asked} late documents asked for again"


def _ask_again(late: list[Event]) -> int:
    if not late:
        return 0
    waiting = {tuple(row.payload.values()): row for row in outbox.unfinished(type(late[0]))}
    asked = 0
    for event in late:
        row = waiting.get(tuple(event.payload().values()))
        if row is None:
            outbox.emit(event)
        elif row.dead_at is None or not outbox.restart(row.id):
            continue
        asked += 1
    return asked
