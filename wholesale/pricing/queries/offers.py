"""Offers: one query, however many products are asked for and however many lists the buyer is on."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import aliased

from wholesale.catalog.models import Product, Variant
from wholesale.inventory.models import Stock
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import Money
from wholesale.organizations.models import Organization
from wholesale.platform.statements import kept
from wholesale.pricing.models import DatedPrice, PriceList, PriceListBuyer, PriceListTier, PriceTier
from wholesale.pricing.rules import LIST, Choice, Offer, Source, Special, Step, effective, with_savings
from wholesale.taxes import queries as taxes


def zone() -> str:
    """The platform's zone: price lists begin and end with its days."""
    return str(current_app.extensions["settings"].time_zone)


def last_day(until: datetime, zone: str) -> date:
    """The last day on which a price that ends at `until` holds."""
    return (until.astimezone(ZoneInfo(zone)) - timedelta(microseconds=1)).date()


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


Which = Literal["slug", "ids", "variants"]
_OF = aliased(Variant)
_WHICH: dict[Which, sa.ColumnElement[bool]] = {
    "slug": Product.slug == sa.bindparam("slug"),
    # As an array, so that the statement is the same however many there are.
    "ids": Product.id == sa.any_(sa.bindparam("ids", type_=sa.ARRAY(sa.BigInteger))),
    "variants": Product.id
    == sa.any_(
        sa.func.array(
            sa.select(_OF.product_id)
            .where(_OF.id == sa.any_(sa.bindparam("variants", type_=sa.ARRAY(sa.BigInteger))))
            .scalar_subquery()
        )
    ),
}


@kept
def _statement(which: Which, today: date, *, has_lists: bool) -> sa.Select[*tuple[Any, ...]]:
    """Products of verified sellers with all that their prices come from, variants and what is available, each by one
    correlated look-up; of the products that its parameter `which` names, `now`, as the `buyer` is offered them.

    The columns are those of `_Row`; what is a list comes as the text of its JSON.
    """
    nothing: sa.ColumnElement[Any] = sa.null()
    lists = _tiers(), _dated(), _specials(today) if has_lists else nothing, _variants()
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
            *(sa.cast(each, sa.Text) for each in lists),
            sa.cast(taxes.rate_sql("product.category_id", "organization.country", today), sa.Text),
        )
        .join(Organization, Organization.id == Product.seller_id)
        .where(Product.state == "active", Organization.verified_until >= today, _WHICH[which])
    )


class _Row(NamedTuple):
    """What an offer is made of, as `_statement` reads it."""

    id: int
    seller_id: int
    category_id: int
    slug: str
    name: str
    name_bn: str | None
    unit: str
    moq: int
    order_multiple: int
    currency: str
    cost: Decimal
    lead_time_days: int | None
    tiers: str | None
    dated: str | None
    specials: str | None
    variants: str | None
    tax: str | None


def _offers(which: Which, of: str | list[int], buyer_id: int | None) -> list[Offer]:
    given: dict[str, Any] = {which: of, "now": clock.now()}
    if buyer_id is not None:
        given["buyer"] = buyer_id
    here = zone()
    rows = _statement(which, clock.today(here), has_lists=buyer_id is not None).rows(**given)
    found = (_offer(_Row._make(row), here) for row in rows)
    return [offer for offer in found if offer is not None]


def _listed(text: str | None) -> list[Any]:
    return json.loads(text) if text else []


def _steps(pairs: Any, currency: str) -> tuple[Step, ...]:
    return tuple((int(quantity), Money(Decimal(price), currency)) for quantity, price in pairs or ())


@lru_cache(maxsize=2_000)  # the database is asked each time: what is the same again is not worked out again
def _offer(row: _Row, zone: str) -> Offer | None:
    """The offer of a row; None when nothing gives it a price at its MOQ."""
    dates = _listed(row.dated)
    dated: tuple[Step, ...] = ()
    source = LIST
    for pairs, until in dates:
        dated = _steps(pairs, row.currency)
        source = LIST if until is None else Source("dated", until=last_day(datetime.fromisoformat(until), zone))
    regular = _regular(row, dates)
    if source is not LIST and regular and dated and dated[0][1] > regular[0][1]:
        source = replace(source, is_rise=True)
    specials = [
        Special(
            Source("price_list", name=name, until=None if until is None else date.fromisoformat(until)),
            steps=_steps(pairs, row.currency),
            percent=None if percent is None else Decimal(percent),
        )
        for name, until, percent, pairs in _listed(row.specials)
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
        for variant_id, sku, name, surcharge, available in _listed(row.variants)
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
        tax=taxes.as_rate(json.loads(row.tax) if row.tax else None),
    )


def _regular(row: _Row, dated: list[Any]) -> tuple[Step, ...]:
    """The tiers, or the open-ended dated price that has taken their place and is not merged yet."""
    open_ended = [pairs for pairs, until in dated if until is None]
    tiers = _steps(_listed(row.tiers), row.currency)
    if not open_ended:
        return tiers
    newest = _steps(open_ended[-1], row.currency)
    return (*(step for step in tiers if step[0] < newest[0][0]), *newest)


def offer(slug: str, buyer_id: int | None = None) -> Offer:
    """The active product of that slug as it is sold now, to everybody or to that buyer. Raises NotFoundError."""
    found = _offers("slug", slug, buyer_id)
    if not found:
        raise NotFoundError
    return found[0]


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
    return {offer.product_id: offer for offer in _offers("ids", sorted(product_ids), buyer_id)}


def offer_of_variants(variant_ids: Collection[int], buyer_id: int | None = None) -> Offer:
    """The one active product that offers all of these variants, as everybody or as that buyer is offered it.

    Raises NotFoundError when they are of several products, or one of them is not offered.
    """
    found = _offers("variants", sorted(variant_ids), buyer_id)
    if len(found) != 1 or not set(variant_ids) <= {choice.id for choice in found[0].variants}:
        raise NotFoundError
    return found[0]
