"""Reads of prices: what something costs whom, and how the money is shared."""

from __future__ import annotations

from wholesale.pricing.queries.offers import buyer_of, offer, offer_for, offers, offers_for
from wholesale.pricing.queries.settlement import settlements

__all__ = ["buyer_of", "offer", "offer_for", "offers", "offers_for", "settlements"]
