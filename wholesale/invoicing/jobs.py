"""The sweep that finds invoices without their document."""

from __future__ import annotations

from wholesale.invoicing import queries
from wholesale.invoicing.events import InvoiceIssued
from wholesale.platform import outbox


def sweep() -> str:
    """Ask again for documents that are late; who still waits in the outbox is left alone."""
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
    return f"{len(late)} late, {asked} asked for again"
