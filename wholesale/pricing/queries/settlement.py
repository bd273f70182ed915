"""Which settlement holds for which product: one query, however many are asked for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from wholesale.catalog.models import Product
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.money import Money
from wholesale.platform.db import db
from wholesale.pricing.models import SettlementRule
from wholesale.pricing.queries.ladders_sql import regular_ladders
from wholesale.pricing.rules import Receipt, Settlement, receipt


class Sold(Protocol):
    """What a settlement is looked up for: an offer, or a product that is not offered yet."""

    @property
    def product_id(self) -> int: ...
    @property
    def seller_id(self) -> int: ...
    @property
    def category_id(self) -> int: ...


@dataclass(frozen=True, slots=True)
class _Goods:
    product_id: int
    seller_id: int
    category_id: int


def receipts_preview(actor: Actor, product: Product) -> list[Receipt]:
    """What the seller receives at each tier of the regular ladder (EX-2, EX-3); empty without prices or terms.

    For the product's seller and for staff, which the caller has checked. Only admins learn what the platform keeps.
    """
    terms = settlements([_Goods(product.id, product.seller_id, product.category_id)]).get(product.id)
    if terms is None:
        return []
    cost = Money(product.cost, product.currency)
    return [
        receipt(quantity, Money(price, product.currency), cost, terms, for_admin=actor.is_admin)
        for quantity, price in regular_ladders([product.id])[product.id]
    ]


def settlements(offers: Collection[Sold]) -> dict[int, Settlement]:
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


def terms_of(seller_id: int) -> tuple[frozenset[int], frozenset[int]] | None:
    """For which categories and which products of the seller it is known how revenue is shared; None: for all.

    For files of many products: what `settlements` says of each, in one query.
    """
    rows = db.session.execute(
        sa.select(SettlementRule.category_id, SettlementRule.product_id, SettlementRule.seller_id)
        .outerjoin(Product, Product.id == SettlementRule.product_id)
        .where(
            SettlementRule.valid_from <= clock.now(),
            sa.or_(SettlementRule.product_id.is_(None), Product.seller_id == seller_id),
            sa.or_(SettlementRule.seller_id.is_(None), SettlementRule.seller_id == seller_id),
        )
        .distinct()
    ).all()
    if any(row.category_id is None and row.product_id is None for row in rows):
        return None
    return (
        frozenset(row.category_id for row in rows if row.category_id),
        frozenset(row.product_id for row in rows if row.product_id),
    )


def _settlement(rule: SettlementRule) -> Settlement:
    return Settlement(
        model=rule.model,  # type: ignore[arg-type]  # a CHECK keeps it to the two
        platform_percent=rule.platform_percent,
        seller_percent=rule.seller_percent,
        commission_percent=rule.commission_percent,
        goods_owner=rule.goods_owner,  # type: ignore[arg-type]  # a CHECK keeps it to the two
    )
