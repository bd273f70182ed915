"""Batches of goods that are there."""

from __future__ import annotations

from datetime import date, timedelta

import sqlalchemy as sa

from tests.factories import catalog
from wholesale.catalog.models import Product, Variant
from wholesale.inventory.batches import actions, queries
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.platform.db import db


def day(days: int) -> date:
    """So many days from now, in the platform's zone."""
    return queries.today() + timedelta(days=days)


def registered(
    product: Product, pieces: int = 7, *, code: str = "B-1", days: int = 20, actor: Actor = SYSTEM, location: int = 0
) -> int:
    """So many pieces of the product's first variant are of a batch that is good for so many days; its id."""
    sku = db.session.scalars(sa.select(Variant.sku).where(Variant.id == catalog.variants_of(product)[0])).one()
    return actions.register(
        actor=actor,
        location_id=location or catalog.location_of(product.seller_id).id,
        sku=sku,
        code=code,
        expires_on=day(days),
        pieces=pieces,
    )
