"""What follows from many prices changed at once."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from wholesale.catalog.models import Product
from wholesale.platform.db import db
from wholesale.platform.outbox import on
from wholesale.pricing.actions import changes, dated
from wholesale.pricing.actions.listed import relist
from wholesale.pricing.events import ManyPricesChanged, ManyPricesConfirmed, ManyPricesDue


@on(ManyPricesChanged)
def tell_lists(event: ManyPricesChanged) -> None:
    """Lists, filters and sorting learn the prices as they are now; who buys has read the new ones all along."""
    theirs = sa.select(Product.id).where(
        Product.seller_id == event.seller_id, Product.id.between(event.first_id, event.last_id)
    )
    relist(list(db.session.scalars(theirs)))


@on(ManyPricesConfirmed)
def change_prices(event: ManyPricesConfirmed) -> None:
    """Make the change that its seller has confirmed, unless they took it back or prices are others by now."""
    changes.carry_out(
        change_id=event.change_id,
        category_ids=tuple(map(int, event.categories.split(","))) if event.categories else None,
        starts_on=date.fromisoformat(event.starts_on) if event.starts_on else None,
        ends_on=date.fromisoformat(event.ends_on) if event.ends_on else None,
    )


@on(ManyPricesDue)
def follow_dates(event: ManyPricesDue) -> None:
    """Merge what became regular, note what began and what is over; nothing is left when it was done already."""
    changes.take_time()
    dated.follow(seller_id=event.seller_id)
