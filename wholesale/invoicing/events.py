"""What this room announces."""

from __future__ import annotations

from dataclasses import dataclass

from wholesale.kernel.events import Event


@dataclass(frozen=True)
class InvoiceIssued(Event):
    """An invoice has its number and its frozen content; its document is still to be made."""

    invoice_id: int


@dataclass(frozen=True)
class CreditNoteIssued(Event):
    """A credit note has its number and its frozen content; its document is still to be made."""

    note_id: int
