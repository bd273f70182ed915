"""The cart, priced. A constant number of queries, whatever its length."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from wholesale.cart.models import CartLine
from wholesale.cart.rules import Cart, Group, Item, in_order, price
from wholesale.catalog.models import Product, Variant
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.organizations.models import Organization, SellerTerms
from wholesale.platform.db import db
from wholesale.platform.statements import kept
from wholesale.pricing import queries as pricing
from wholesale.pricing.rules import Offer


def _whose(actor: Actor) -> dict[str, int]:
    return {"user": actor.acting_user, "business": actor.acting_organization}


def _mine() -> sa.ColumnElement[bool]:
    """The condition that a line is in the cart of `_whose` names."""
    return sa.and_(CartLine.user_id == sa.bindparam("user"), CartLine.organization_id == sa.bindparam("business"))


def count(actor: Actor) -> int:
    """How many lines the cart has."""
    return int(_count().rows(**_whose(actor))[0][0])


@kept
def _count() -> sa.Select[Any]:
    return sa.select(sa.func.count()).select_from(CartLine).where(_mine())


def offer_of(actor: Actor, variant_ids: Collection[int | None]) -> Offer | None:
    """The product of which one of these is a variant, as it is offered to the actor; None when there is none."""
    wanted = [variant_id for variant_id in variant_ids if variant_id is not None]
    product_id = db.session.scalar(sa.select(Variant.product_id).where(Variant.id.in_(wanted)).limit(1))
    return None if product_id is None else pricing.offers_for(actor, [product_id]).get(product_id)


def nearest(offer: Offer, quantity: int | None) -> list[int]:
    """The quantities next to a refused one that can be ordered, where the product is sold as one thing."""
    if len(offer.variants) != 1 or not quantity or quantity < 1:
        return []
    try:
        return [quote.quantity for quote in offer.nearest(quantity)]
    except DomainError:
        return []


def contents(actor: Actor, *, lock: bool = False) -> Cart:
    """The actor's cart with today's prices and stock. `lock`: nobody changes its lines until the commit."""
    return priced(_contents(lock=lock).rows(**_whose(actor)), pricing.buyer_of(actor))


@kept
def _contents(*, lock: bool) -> sa.Select[Any]:
    statement = goods(CartLine, CartLine.seen_price).where(_mine())
    return statement.with_for_update(of=CartLine) if lock else statement


def goods(line: Any, seen_price: Any) -> sa.Select[Any]:
    """What `priced` needs of each row of a table of lines: id, variant_id, quantity, and the price seen for it; of the
    goods, and of who sells them.
    """
    return (
        sa.select(
            line.id,
            line.variant_id,
            line.quantity,
            seen_price.label("seen_price"),
            Variant.product_id,
            Variant.sku,
            Variant.name.label("variant_name"),
            Product.name,
            Product.name_bn,
            Product.slug,
            Product.currency,
            Product.seller_id,
            Organization.name.label("seller_name"),
            Organization.currency.label("seller_currency"),
            Organization.confirms_at_once,
            SellerTerms.minimum_order,
            SellerTerms.delivery_fee,
            SellerTerms.free_delivery_from,
        )
        .join(Variant, Variant.id == line.variant_id)
        .join(Product, Product.id == Variant.product_id)
        .join(Organization, Organization.id == Product.seller_id)
        .outerjoin(SellerTerms, SellerTerms.organization_id == Organization.id)
        .order_by(line.id)
    )


def priced(rows: Sequence[Any], buyer_id: int | None) -> Cart:
    """The lines of `goods` by seller, with that buyer's prices of today, and stock."""
    if not rows:
        return Cart()
    offers = pricing.offers({row.product_id for row in rows}, buyer_id)
    available = {choice.id: choice.available for offer in offers.values() for choice in offer.variants}
    items = [
        Item(
            line_id=row.id,
            variant_id=row.variant_id,
            product_id=row.product_id,
            sku=row.sku,
            variant_name=row.variant_name,
            name=row.name,
            name_bn=row.name_bn,
            slug=row.slug,
            quantity=row.quantity,
            seen_price=Money(row.seen_price, row.currency),
            available=available.get(row.variant_id, 0),
        )
        for row in rows
    ]
    lines = price(items, offers)
    seller_of = {row.id: row.seller_id for row in rows}
    groups = []
    for seller in sorted({row.seller_id: row for row in rows}.values(), key=lambda row: row.seller_name):
        free_from = seller.free_delivery_from
        groups.append(
            Group(
                seller_id=seller.seller_id,
                seller_name=seller.seller_name,
                lines=in_order(line for line in lines if seller_of[line.item.line_id] == seller.seller_id),
                currency=seller.seller_currency,
                minimum_order=Money(seller.minimum_order or Decimal(0), seller.seller_currency),
                delivery_fee=Money(seller.delivery_fee or Decimal(0), seller.seller_currency),
                free_delivery_from=Money(free_from, seller.seller_currency) if free_from is not None else None,
                confirms_at_once=seller.confirms_at_once,
            )
        )
    return Cart(tuple(groups))
