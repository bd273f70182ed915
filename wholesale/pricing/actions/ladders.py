"""Changes of prices and settlement rules."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from wholesale.catalog.models import Product
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ForbiddenError
from wholesale.kernel.money import Money
from wholesale.platform.db import db
from wholesale.pricing import rules
from wholesale.pricing.actions.listed import relist
from wholesale.pricing.models import PriceTier, SettlementRule


def set_tiers(*, product: Product, tiers: Sequence[tuple[int, Money]]) -> None:
    """Replace the product's ladder. Raises DomainError on `tiers` when it is no ladder."""
    rules.check_ladder(tiers, moq=product.moq, multiple=product.order_multiple)
    db.session.execute(sa.delete(PriceTier).where(PriceTier.product_id == product.id))
    db.session.add_all(
        PriceTier(product_id=product.id, min_qty=quantity, unit_price=price.amount) for quantity, price in tiers
    )
    db.session.flush()
    relist([product.id])


def set_settlement(
    *,
    actor: Actor,
    settlement: rules.Settlement,
    product_id: int | None = None,
    seller_id: int | None = None,
    category_id: int | None = None,
) -> SettlementRule:
    """Let `settlement` hold from now on for the given scope (the platform when none is named).

    Earlier rules stay as history; orders already placed keep what they were made with. Raises ForbiddenError for
    anybody but the platform's admins.
    """
    if not actor.is_admin:
        raise ForbiddenError("Only the platform's admins set how revenue is shared.")
    rule = SettlementRule(
        model=settlement.model,
        product_id=product_id,
        seller_id=seller_id,
        category_id=category_id,
        platform_percent=settlement.platform_percent,
        seller_percent=settlement.seller_percent,
        commission_percent=settlement.commission_percent,
        goods_owner=settlement.goods_owner,
        set_by=actor.user_id,
    )
    db.session.add(rule)
    db.session.flush()
    return rule
