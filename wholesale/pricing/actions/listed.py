"""What lists say of prices: everybody's tiers, at the MOQ and at the last one."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

import sqlalchemy as sa

from wholesale.catalog.actions import listings
from wholesale.catalog.models import Product, Variant
from wholesale.platform.db import db
from wholesale.pricing.models import PriceTier


@listings.filled_by
def relist(product_ids: Collection[int]) -> None:
    """Let lists know the prices of these products as they are now."""
    surcharge = (
        # The only variant there is: its price is the product's.
        sa.select(sa.case((sa.func.count() == 1, sa.func.sum(Variant.surcharge)), else_=0))
        .where(Variant.product_id == Product.id, Variant.is_offered)
        .correlate(Product)
        .scalar_subquery()
    )
    prices = (
        sa.select(
            Product.id,
            sa.func.max(PriceTier.unit_price).filter(PriceTier.min_qty <= Product.moq),
            sa.func.max(PriceTier.unit_price),
            sa.func.min(PriceTier.unit_price),
            surcharge,
        )
        .outerjoin(PriceTier, PriceTier.product_id == Product.id)
        .where(Product.id == sa.any_(sa.literal(list(product_ids), sa.ARRAY(sa.BigInteger))))
        .group_by(Product.id)
    )
    told: dict[int, tuple[Decimal, Decimal] | None] = {}
    for product_id, at_moq, dearest, best, more in db.session.execute(prices):
        told[product_id] = None if best is None else ((at_moq or dearest) + more, best + more)
    listings.set_prices(told)
