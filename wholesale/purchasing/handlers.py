"""An order that was sent gets its document, and the supplier the e-mail with it."""

from __future__ import annotations

from wholesale.platform.outbox import on
from wholesale.purchasing import actions
from wholesale.purchasing.events import PurchaseOrderSent


@on(PurchaseOrderSent)
def make_document(event: PurchaseOrderSent) -> None:
    """Draw and keep the document, unless it is there; then the letter."""
    actions.make_document(event.document_id)
