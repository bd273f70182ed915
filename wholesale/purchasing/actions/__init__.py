"""What changes suppliers and purchase orders."""

from __future__ import annotations

from wholesale.purchasing.actions.costs import answer_offer
from wholesale.purchasing.actions.ending import cancel, close_short
from wholesale.purchasing.actions.raising import raise_draft, raise_order, reopen, save_draft
from wholesale.purchasing.actions.receiving import receive, receive_once
from wholesale.purchasing.actions.sending import ask_for_document, make_document, send
from wholesale.purchasing.actions.suppliers import (
    add_supplier,
    change_supplier,
    end_supplier,
    resume_supplier,
    save_items,
    take_price_list,
)

__all__ = [
    "add_supplier",
    "answer_offer",
    "ask_for_document",
    "cancel",
    "change_supplier",
    "close_short",
    "end_supplier",
    "make_document",
    "raise_draft",
    "raise_order",
    "receive",
    "receive_once",
    "reopen",
    "resume_supplier",
    "save_draft",
    "save_items",
    "send",
    "take_price_list",
]
