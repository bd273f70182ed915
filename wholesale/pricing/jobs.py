"""What follows from dates: prices hold by themselves, and this keeps tiers, history and lists up with them."""

from __future__ import annotations

import sqlalchemy as sa

from wholesale.kernel import clock
from wholesale.platform.db import db
from wholesale.platform.outbox import LONG_WORK, emit
from wholesale.pricing.actions import dated
from wholesale.pricing.events import ManyPricesDue
from wholesale.pricing.models import DatedPrice

AT_ONCE = 5_000  # products of a seller; more are a piece of work of their own, so that others' need not wait


def follow_dates() -> str:
    """Merge what became regular, note what began and what is over."""
    now = clock.now()
    waiting = (
        sa.select(DatedPrice.seller_id, sa.func.count())
        .where(
            DatedPrice.ended_at.is_(None),
            DatedPrice.valid_from <= now,
            sa.or_(DatedPrice.valid_until.is_(None), DatedPrice.noted_at.is_(None), DatedPrice.valid_until <= now),
        )
        .group_by(DatedPrice.seller_id)
        .order_by(DatedPrice.seller_id)
    )
    totals = [0, 0, 0]
    for seller_id, products in db.session.execute(waiting).all():
        if products > AT_ONCE:
            emit(ManyPricesDue(seller_id=seller_id), priority=LONG_WORK)
        else:
            totals = [total + count for total, count in zip(totals, dated.follow(seller_id=seller_id), strict=True)]
    return f"{totals[0]} became regular, {totals[1]} began, {totals[2]} are over"
