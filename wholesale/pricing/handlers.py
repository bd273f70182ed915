"""What follows from many prices changed at once."""

from __future__ import annotations

import sqlalchemy as sa

from wholesale.catalog.models import Product
from wholesale.platform.db import db
from wholesale.platform.outbox import on
from wholesale.pricing.actions.listed import relist
from wholesale.pricing.events import ManyPricesChanged


@on(ManyPricesChanged)
def tell_lists(event: ManyPricesChanged) -> None:
    """Lists, filters and sorting learn the prices as they are now; who buys has read the new ones all along."""
    theirs = sa.select(Product.id).where(
        Product.seller_id == event.seller_id, Product.id.between(event.first_id, event.last_id)
    )
    relist(list(db.session.scalars(theirs)))
