"""Offers and settlement rules: one query each, however many products are asked for."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by

from wholesale.catalog.models import Product, Variant
from wholesale.inventory.models import Stock
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import Money
from wholesale.organizations.models import Organization
from wholesale.organizations.queries import verified_now
from wholesale.platform.db import db
from wholesale.pricing.models import PriceTier, SettlementRule
from wholesale.pricing.rules import Choice, Offer, Settlement, ladder


def _offers(*conditions: sa.ColumnElement[bool]) -> sa.Select[*tuple[Any, ...]]:
    """Products of verified sellers with ladder, variants and what is available, each by one correlated look-up."""
    tiers = (
        sa.select(
            sa.func.json_agg(
                aggregate_order_by(
                    sa.func.json_build_array(PriceTier.min_qty, sa.cast(PriceTier.unit_price, sa.Text)),
                    PriceTier.min_qty,
                )
            )
        )
        .where(PriceTier.product_id == Product.id)
        .correlate(Product)
        .scalar_subquery()
    )
    variants = (
        sa.select(
            sa.func.json_agg(
                aggregate_order_by(sa.func.json_build_array(Variant.id, Variant.sku, Variant.name), Variant.id)
            )
        )
        .where(Variant.product_id == Product.id)
        .correlate(Product)
        .scalar_subquery()
    )
    available = (
        sa.select(sa.func.coalesce(sa.func.sum(Stock.on_hand - Stock.allocated), 0))
        .join(Variant, Variant.id == Stock.variant_id)
        .where(Variant.product_id == Product.id)
        .correlate(Product)
        .scalar_subquery()
    )
    return (
        sa.select(
            Product.id,
            Product.seller_id,
            Product.category_id,
            Product.slug,
            Product.name,
            Product.name_bn,
            Product.unit,
            Product.moq,
            Product.order_multiple,
            Product.currency,
            Product.cost,
            Product.lead_time_days,
            tiers.label("tiers"),
            available.label("available"),
            variants.label("variants"),
        )
        .join(Organization, Organization.id == Product.seller_id)
        .where(Product.state == "active", verified_now(), *conditions)
    )


def _offer(row: Any) -> Offer:
    return Offer(
        product_id=row.id,
        seller_id=row.seller_id,
        category_id=row.category_id,
        slug=row.slug,
        name=row.name,
        name_bn=row.name_bn,
        unit=row.unit,
        moq=row.moq,
        multiple=row.order_multiple,
        currency=row.currency,
        ladder=ladder((qty, Money(Decimal(price), row.currency)) for qty, price in row.tiers or ()),
        available=int(row.available),
        cost=Money(row.cost, row.currency),
        lead_time_days=row.lead_time_days,
        variants=tuple(Choice(*variant) for variant in row.variants or ()),
    )


def offer(slug: str) -> Offer:
    """The active product of that slug as it is sold now. Raises NotFoundError."""
    row = db.session.execute(_offers(Product.slug == slug)).one_or_none()
    if row is None or not row.tiers:
        raise NotFoundError
    return _offer(row)


def _as_seen(actor: Actor, offer: Offer) -> Offer:
    """Sellers see the stock of their own goods only (EX-7)."""
    knows = actor.is_staff or actor.is_buyer or actor.organization_id == offer.seller_id
    return offer if knows else offer.hiding_stock()


def offer_for(actor: Actor, slug: str) -> Offer:
    """The offer as the actor may see it, who may see prices. Raises NotFoundError."""
    return _as_seen(actor, offer(slug))


def offers_for(actor: Actor, product_ids: Collection[int]) -> dict[int, Offer]:
    """Offers by product as the actor may see them: none for who may not see prices."""
    if not actor.may_see_prices:
        return {}
    return {product_id: _as_seen(actor, offer) for product_id, offer in offers(product_ids).items()}


def offers(product_ids: Collection[int]) -> dict[int, Offer]:
    """Active products by id; those without prices are missing."""
    if not product_ids:
        return {}
    rows = db.session.execute(_offers(Product.id.in_(product_ids)))
    return {row.id: _offer(row) for row in rows if row.tiers}


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
