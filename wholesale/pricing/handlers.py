"""What follows from many prices changed at once."""

from __future__ import annotations

import sqlalchemy as sa

from wholesale.platform.db import db
from wholesale.platform.outbox import on
from wholesale.pricing.actions.listed import relist
from wholesale.pricing.events import ManyPricesChanged
from wholesale.pricing.models import PriceHistory


@on(ManyPricesChanged)
def tell_lists(event: ManyPricesChanged) -> None:
    """Lists, filters and sorting learn the prices as they are now; who buys has read the new ones all along."""
    changed = sa.select(PriceHistory.product_id).where(
        PriceHistory.change_id == event.change_id, PriceHistory.product_id.between(event.first_id, event.last_id)
    )
    relist(list(db.session.scalars(changed.distinct())))
