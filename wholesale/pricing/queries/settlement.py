"""Which settlement holds for which product: one query, however many are asked for."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from wholesale.kernel import clock
from wholesale.platform.db import db
from wholesale.pricing.models import SettlementRule
from wholesale.pricing.rules import Offer, Settlement


def settlements(offers: Collection[Offer]) -> dict[int, Settlement]:
    """The settlement of each product: the most specific of product, seller, category, platform (MON-1).

    Of several for one scope the newest that has begun holds. A product that nothing covers is missing.
    """
    rules = list(
        db.session.scalars(
            sa.select(SettlementRule)
            .where(
                SettlementRule.valid_from <= clock.now(),
                sa.or_(
                    SettlementRule.product_id.in_([offer.product_id for offer in offers]),
                    SettlementRule.seller_id.in_({offer.seller_id for offer in offers}),
                    SettlementRule.category_id.in_({offer.category_id for offer in offers}),
                    sa.func.num_nonnulls(
                        SettlementRule.product_id, SettlementRule.seller_id, SettlementRule.category_id
                    )
                    == 0,
                ),
            )
            .order_by(SettlementRule.valid_from, SettlementRule.id)
        )
    )
    # Later rules of one scope overwrite earlier ones.
    by_product = {rule.product_id: rule for rule in rules if rule.product_id}
    by_seller = {rule.seller_id: rule for rule in rules if rule.seller_id}
    by_category = {rule.category_id: rule for rule in rules if rule.category_id}
    platform = [rule for rule in rules if not (rule.product_id or rule.seller_id or rule.category_id)]
    found = {}
    for offer in offers:
        rule = (
            by_product.get(offer.product_id)
            or by_seller.get(offer.seller_id)
            or by_category.get(offer.category_id)
            or (platform[-1] if platform else None)
        )
        if rule is not None:
            found[offer.product_id] = _settlement(rule)
    return found


def _settlement(rule: SettlementRule) -> Settlement:
    return Settlement(
        model=rule.model,  # type: ignore[arg-type]  # a CHECK keeps it to the two
        platform_percent=rule.platform_percent,
        seller_percent=rule.seller_percent,
        commission_percent=rule.commission_percent,
        goods_owner=rule.goods_owner,  # type: ignore[arg-type]  # a CHECK keeps it to the two
    )
