"""The sweep that finds orders without their invoice and invoices without their document."""

from __future__ import annotations

from wholesale.invoicing import actions, queries
from wholesale.invoicing.events import InvoiceIssued
from wholesale.platform import outbox


def sweep() -> str:
    """Issue what was never issued; ask again for documents that are late, but not for those still in the outbox."""
    unissued = queries.without_invoice()
    for order_id in unissued:
        actions.issue(order_id)
    late = queries.without_document()
    waiting = {row.payload["invoice_id"]: row for row in outbox.unfinished(InvoiceIssued)} if late else {}
    asked = 0
    for invoice_id in late:
        row = waiting.get(invoice_id)
        if row is None:
            outbox.emit(InvoiceIssued(invoice_id=invoice_id))
        elif row.dead_at is None or not outbox.restart(row.id):
            continue
        asked += 1
    return f"{len(unissued)} issued late, {asked} late documents asked for again"
