"""A product's own ladder."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from wholesale.catalog.models import Product
from wholesale.kernel.actor import Actor
from wholesale.kernel.money import Money
from wholesale.platform.db import db
from wholesale.pricing import rules
from wholesale.pricing.actions import dated, history
from wholesale.pricing.actions.listed import relist
from wholesale.pricing.models import PriceTier


def set_tiers(
    *, product: Product, tiers: Sequence[tuple[int, Money]], actor: Actor | None = None, reason: str = ""
) -> None:
    """Replace the product's regular ladder, now; a price for a time goes on until its end.

    Raises DomainError on `tiers` when it is no ladder. The caller has checked that the product is the actor's.
    """
    rules.check_ladder(tiers, moq=product.moq, multiple=product.order_multiple)
    history.lock_prices([product.seller_id])
    dated.merge_due(seller_id=product.seller_id, product_ids=[product.id])
    before = db.session.execute(
        sa.select(PriceTier.min_qty, PriceTier.unit_price)
        .where(PriceTier.product_id == product.id)
        .order_by(PriceTier.min_qty)
    ).all()
    after = [(quantity, price.amount) for quantity, price in tiers]
    if [tuple(row) for row in before] != after:
        db.session.execute(sa.delete(PriceTier).where(PriceTier.product_id == product.id))
        db.session.execute(
            sa.insert(PriceTier),
            [{"product_id": product.id, "min_qty": quantity, "unit_price": price} for quantity, price in after],
        )
        changed = history.Changed(product.id, product.seller_id, [(row[0], row[1]) for row in before], after)
        history.note(actor=actor, changed=[changed], reason=reason)
    relist([product.id])
