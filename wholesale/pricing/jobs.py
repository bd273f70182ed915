"""What follows from dates: prices hold by themselves, and this keeps tiers, history and lists up with them."""

from __future__ import annotations

import sqlalchemy as sa

from wholesale.kernel import clock
from wholesale.platform.db import db
from wholesale.pricing.actions import dated, history
from wholesale.pricing.actions.listed import relist_soon
from wholesale.pricing.models import DatedPrice


def follow_dates() -> str:
    """Merge what became regular, note what began and what is over."""
    waiting = sa.select(DatedPrice.seller_id).where(DatedPrice.ended_at.is_(None), DatedPrice.valid_from <= clock.now())
    sellers = sorted(db.session.scalars(waiting.distinct()))
    history.lock_prices(sellers, all_of_them=True)
    counts = [0, 0, 0]
    for seller_id in sellers:
        found = [follow(seller_id=seller_id) for follow in (dated.merge_due, dated.begin_due, dated.end_due)]
        relist_soon(seller_id, {product_id for ids in found for product_id in ids})
        counts = [count + len(ids) for count, ids in zip(counts, found, strict=True)]
    return f"{counts[0]} became regular, {counts[1]} began, {counts[2]} are over"
