"""An order placed gets its invoice, an invoice its document; an order cancelled voids it."""

from __future__ import annotations

from wholesale.invoicing import actions
from wholesale.invoicing.events import InvoiceIssued
from wholesale.orders.events import OrderMoved, OrderPlaced
from wholesale.platform.outbox import on


@on(OrderPlaced)
def issue_invoice(event: OrderPlaced) -> None:
    """Give the order its invoice; one that is there already stays as it is."""
    actions.issue(event.order_id)


# A row of its own in the outbox: rendering takes half a second, in which the seller's counter must be free.
@on(InvoiceIssued)
def make_document(event: InvoiceIssued) -> None:
    """Render and keep the document, unless it is there."""
    actions.make_document(event.invoice_id)


@on(OrderMoved)
def void_invoice(event: OrderMoved) -> None:
    """A cancelled order owes nothing: its invoice is void and keeps its number."""
    if event.after == "cancelled":
        actions.void(event.order_id)
