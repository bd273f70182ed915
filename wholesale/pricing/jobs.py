"""What follows from dates: prices hold by themselves, and this keeps tiers, history and lists up with them."""

from __future__ import annotations

import sqlalchemy as sa

from wholesale.kernel import clock
from wholesale.platform.db import db
from wholesale.pricing.actions import dated, history
from wholesale.pricing.actions.listed import relist
from wholesale.pricing.models import DatedPrice


def follow_dates() -> str:
    """Merge what became regular, note what began and what is over."""
    waiting = sa.select(DatedPrice.seller_id).where(DatedPrice.ended_at.is_(None), DatedPrice.valid_from <= clock.now())
    sellers = set(db.session.scalars(waiting.distinct()))
    history.lock_prices(sellers, all_of_them=True)
    merged, begun, over = dated.merge_due(), dated.begin_due(), dated.end_due()
    touched = sorted({*merged, *begun, *over})
    if touched:
        relist(touched)
    return f"{len(merged)} became regular, {len(begun)} began, {len(over)} are over"
