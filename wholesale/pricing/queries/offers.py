"""Offers: one query, however many products are asked for and however many lists the buyer is on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects.postgresql import aggregate_order_by

from wholesale.catalog.models import Product, Variant
from wholesale.inventory.models import Stock
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import Money
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.pricing.models import DatedPrice, PriceList, PriceListBuyer, PriceListTier, PriceTier
from wholesale.pricing.rules import LIST, Choice, Offer, Source, Special, Step, effective, with_savings
from wholesale.taxes import queries as taxes


def zone() -> str:
    """The platform's zone: price lists begin and end with its days."""
    return str(current_app.extensions["settings"].time_zone)


def last_day(until: datetime) -> date:
    """The last day on which a price that ends at `until` holds."""
    return (until.astimezone(ZoneInfo(zone())) - timedelta(microseconds=1)).date()


def holding(now: datetime | sa.BindParameter[datetime]) -> sa.ColumnElement[bool]:
    """The dated prices that hold at that moment."""
    return sa.and_(
        DatedPrice.ended_at.is_(None),
        DatedPrice.valid_from <= now,
        sa.or_(DatedPrice.valid_until.is_(None), DatedPrice.valid_until > now),
    )


def _tiers() -> sa.ScalarSelect[Any]:
    return (
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


def _dated() -> sa.ScalarSelect[Any]:
    """The ladders with dates that hold `now`, the one that counts last."""
    return (
        sa.select(
            sa.func.json_agg(
                aggregate_order_by(
                    sa.func.json_build_array(DatedPrice.ladder, DatedPrice.valid_until),
                    DatedPrice.valid_until.is_not(None),
                    DatedPrice.valid_from,
                    DatedPrice.id,
                )
            )
        )
        .where(DatedPrice.product_id == Product.id, holding(sa.bindparam("now", type_=sa.DateTime(timezone=True))))
        .correlate(Product)
        .scalar_subquery()
    )


def _specials(today: date) -> sa.ScalarSelect[Any]:
    """What the seller's lists that the `buyer` is on say of the product today."""
    steps = (
        sa.select(
            sa.func.json_agg(
                aggregate_order_by(
                    sa.func.json_build_array(PriceListTier.min_qty, sa.cast(PriceListTier.unit_price, sa.Text)),
                    PriceListTier.min_qty,
                )
            )
        )
        .where(PriceListTier.list_id == PriceList.id, PriceListTier.product_id == Product.id)
        .correlate(PriceList, Product)
        .scalar_subquery()
    )
    return (
        sa.select(
            sa.func.json_agg(
                aggregate_order_by(
                    sa.func.json_build_array(
                        PriceList.name, PriceList.valid_until, sa.cast(PriceList.off_percent, sa.Text), steps
                    ),
                    PriceList.id,
                )
            )
        )
        .join(PriceListBuyer, PriceListBuyer.list_id == PriceList.id)
        .where(
            PriceListBuyer.organization_id == sa.bindparam("buyer", type_=sa.BigInteger),
            PriceList.seller_id == Product.seller_id,
            PriceList.is_active,
            PriceList.valid_from <= today,
            sa.or_(PriceList.valid_until.is_(None), PriceList.valid_until >= today),
        )
        .correlate(Product)
        .scalar_subquery()
    )


def _variants() -> sa.ScalarSelect[Any]:
    available = (
        sa.select(sa.func.coalesce(sa.func.sum(Stock.on_hand - Stock.allocated), 0))
        .where(Stock.variant_id == Variant.id)
        .correlate(Variant)
        .scalar_subquery()
    )
    return (
        sa.select(
            sa.func.json_agg(
                aggregate_order_by(
                    sa.func.json_build_array(
                        Variant.id, Variant.sku, Variant.name, sa.cast(Variant.surcharge, sa.Text), available
                    ),
                    Variant.id,
                )
            )
        )
        .where(Variant.product_id == Product.id, Variant.is_offered)
        .correlate(Product)
        .scalar_subquery()
    )


Which = Literal["slug", "ids"]
_WHICH: dict[Which, sa.ColumnElement[bool]] = {
    "slug": Product.slug == sa.bindparam("slug"),
    # As an array, so that the statement is the same however many there are.
    "ids": Product.id == sa.any_(sa.bindparam("ids", type_=sa.ARRAY(sa.BigInteger))),
}


@lru_cache(maxsize=8)  # of a day or two: putting so large a statement together takes as long as answering it
def _statement(which: Which, today: date, *, has_lists: bool) -> sa.Select[*tuple[Any, ...]]:
    """Products of verified sellers with all that their prices come from, variants and what is available, each by one
    correlated look-up; of the products that its parameter `which` names, `now`, as the `buyer` is offered them.
    """
    nothing: sa.ColumnElement[Any] = sa.null()
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
            _tiers().label("tiers"),
            _dated().label("dated"),
            (_specials(today) if has_lists else nothing).label("specials"),
            _variants().label("variants"),
            taxes.rate_sql("product.category_id", "organization.country", today).label("tax"),
        )
        .join(Organization, Organization.id == Product.seller_id)
        .where(Product.state == "active", Organization.verified_until >= today, _WHICH[which])
    )


def _rows(which: Which, of: str | list[int], buyer_id: int | None) -> sa.Result[Any]:
    given: dict[str, Any] = {which: of, "now": clock.now()}
    if buyer_id is not None:
        given["buyer"] = buyer_id
    return db.session.execute(_statement(which, clock.today(zone()), has_lists=buyer_id is not None), given)


def _steps(pairs: Any, currency: str) -> tuple[Step, ...]:
    return tuple((int(quantity), Money(Decimal(price), currency)) for quantity, price in pairs or ())


def _offer(row: Any) -> Offer | None:
    """The offer of a row; None when nothing gives it a price at its MOQ."""
    dated: tuple[Step, ...] = ()
    source = LIST
    for pairs, until in row.dated or ():
        dated = _steps(pairs, row.currency)
        source = LIST if until is None else Source("dated", until=last_day(datetime.fromisoformat(until)))
    regular = _regular(row)
    if source is not LIST and regular and dated and dated[0][1] > regular[0][1]:
        source = replace(source, is_rise=True)
    specials = [
        Special(
            Source("price_list", name=name, until=None if until is None else date.fromisoformat(until)),
            steps=_steps(pairs, row.currency),
            percent=None if percent is None else Decimal(percent),
        )
        for name, until, percent, pairs in row.specials or ()
    ]
    tiers = effective(
        regular,
        moq=row.moq,
        multiple=row.order_multiple,
        dated=dated,
        dated_source=source,
        specials=specials,
    )
    choices = [
        Choice(variant_id, sku, name, Decimal(surcharge), int(available))
        for variant_id, sku, name, surcharge, available in row.variants or ()
    ]
    if len(choices) == 1 and choices[0].surcharge:
        # The only variant there is: its price is the product's.
        more = Money(choices[0].surcharge, row.currency)
        tiers = with_savings([replace(tier, unit_price=tier.unit_price + more) for tier in tiers])
        choices = [replace(choices[0], surcharge=Decimal(0))]
    if not tiers:
        return None
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
        ladder=tiers,
        available=sum(choice.available for choice in choices),
        cost=Money(row.cost, row.currency),
        lead_time_days=row.lead_time_days,
        variants=tuple(choices),
        tax=taxes.as_rate(row.tax),
    )


def _regular(row: Any) -> tuple[Step, ...]:
    """The tiers, or the open-ended dated price that has taken their place and is not merged yet."""
    open_ended = [pairs for pairs, until in row.dated or () if until is None]
    tiers = _steps(row.tiers, row.currency)
    if not open_ended:
        return tiers
    newest = _steps(open_ended[-1], row.currency)
    return (*(step for step in tiers if step[0] < newest[0][0]), *newest)


def offer(slug: str, buyer_id: int | None = None) -> Offer:
    """The active product of that slug as it is sold now, to everybody or to that buyer. Raises NotFoundError."""
    row = _rows("slug", slug, buyer_id).one_or_none()
    found = _offer(row) if row is not None else None
    if found is None:
        raise NotFoundError
    return found


def buyer_of(actor: Actor) -> int | None:
    """Whose price lists hold for the actor: the buyer they act for; sellers and staff see everybody's prices."""
    return actor.organization_id if actor.is_buyer else None


def _as_seen(actor: Actor, offer: Offer) -> Offer:
    """Sellers see the stock of their own goods only (EX-7)."""
    knows = actor.is_staff or actor.is_buyer or actor.organization_id == offer.seller_id
    return offer if knows else offer.hiding_stock()


def offer_for(actor: Actor, slug: str) -> Offer:
    """The offer as the actor may see it, who may see prices. Raises NotFoundError."""
    return _as_seen(actor, offer(slug, buyer_of(actor)))


def offers_for(actor: Actor, product_ids: Collection[int]) -> dict[int, Offer]:
    """Offers by product as the actor may see them: none for who may not see prices."""
    if not actor.may_see_prices:
        return {}
    found = offers(product_ids, buyer_of(actor))
    return {product_id: _as_seen(actor, offer) for product_id, offer in found.items()}


def offers(product_ids: Collection[int], buyer_id: int | None = None) -> dict[int, Offer]:
    """Active products by id, as everybody or as that buyer is offered them; those without prices are missing."""
    if not product_ids:
        return {}
    found = map(_offer, _rows("ids", sorted(product_ids), buyer_id))
    return {offer.product_id: offer for offer in found if offer is not None}
