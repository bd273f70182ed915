"""Reads of prices: what something costs whom, and how the money is shared."""

from __future__ import annotations

from wholesale.pricing.queries.history import Entry, history, own_product
from wholesale.pricing.queries.ladders_sql import regular_ladders
from wholesale.pricing.queries.offers import buyer_of, offer, offer_for, offer_of_variants, offers, offers_for
from wholesale.pricing.queries.settlement import (
    Book,
    all_rules,
    as_settlement,
    receipts_preview,
    rules_for,
    settlements,
    terms_of,
)

__all__ = [
    "Book",
    "Entry",
    "all_rules",
    "as_settlement",
    "buyer_of",
    "history",
    "offer",
    "offer_for",
    "offer_of_variants",
    "offers",
    "offers_for",
    "own_product",
    "receipts_preview",
    "regular_ladders",
    "rules_for",
    "settlements",
    "terms_of",
]
