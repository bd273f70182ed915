"""A seller's price lists: the lists, who is on them, and whom the seller may put there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import sqlalchemy as sa

from wholesale.catalog.models import Product, Variant
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import Money
from wholesale.organizations.models import Address, BusinessPapers, Organization
from wholesale.organizations.queries import verified_now
from wholesale.platform.db import db
from wholesale.platform.transaction import as_platform
from wholesale.pricing.models import PriceList, PriceListBuyer, PriceListTier
from wholesale.pricing.queries.ladders_sql import regular_ladders
from wholesale.pricing.queries.offers import zone

FOUND_AT_MOST = 10
SHOWN_PRODUCTS = 200
SUGGESTED = 20


@dataclass(frozen=True, slots=True)
class Row:
    """A list among the others."""

    id: int
    name: str
    off_percent: Decimal | None
    valid_from: date
    valid_until: date | None
    state: str
    buyers: int
    products: int


@dataclass(frozen=True, slots=True)
class Business:
    """A buyer as a seller may know them: the name and the district, nothing else."""

    id: int
    name: str
    district: str


@dataclass(frozen=True, slots=True)
class Priced:
    """A product with its own tiers on the list, beside the regular ones."""

    product_id: int
    name: str
    name_bn: str | None
    sku: str
    moq: int
    multiple: int
    regular: tuple[tuple[int, Money], ...]
    tiers: tuple[tuple[int, Money], ...]


@dataclass(frozen=True, slots=True)
class Details:
    """One list with everything on it."""

    head: PriceList
    state: str
    buyers: tuple[Business, ...]
    products: tuple[Priced, ...]


def _state(found: PriceList, today: date) -> str:
    if not found.is_active:
        return "off"
    if found.valid_from > today:
        return "coming"
    return "over" if found.valid_until is not None and found.valid_until < today else "holds"


def rows(actor: Actor) -> list[Row]:
    """All lists of the actor's business, the newest first."""
    buyers = (
        sa.select(sa.func.count()).where(PriceListBuyer.list_id == PriceList.id).correlate(PriceList).scalar_subquery()
    )
    products = (
        sa.select(sa.func.count(sa.distinct(PriceListTier.product_id)))
        .where(PriceListTier.list_id == PriceList.id)
        .correlate(PriceList)
        .scalar_subquery()
    )
    today = clock.today(zone())
    found = db.session.execute(
        sa.select(PriceList, buyers, products)
        .where(PriceList.seller_id == actor.acting_organization)
        .order_by(PriceList.id.desc())
    )
    return [
        Row(
            each.id,
            each.name,
            each.off_percent,
            each.valid_from,
            each.valid_until,
            _state(each, today),
            people,
            goods,
        )
        for each, people, goods in found
    ]


def details(actor: Actor, list_id: int) -> Details:
    """One list of the actor's business. Raises NotFoundError."""
    head = db.session.scalars(
        sa.select(PriceList).where(PriceList.id == list_id, PriceList.seller_id == actor.acting_organization)
    ).one_or_none()
    if head is None:
        raise NotFoundError
    on_it = sa.select(PriceListBuyer.organization_id).where(PriceListBuyer.list_id == list_id)
    tiers: dict[int, list[tuple[int, Decimal]]] = {}
    for product_id, quantity, price in db.session.execute(
        sa.select(PriceListTier.product_id, PriceListTier.min_qty, PriceListTier.unit_price)
        .where(PriceListTier.list_id == list_id)
        .order_by(PriceListTier.product_id, PriceListTier.min_qty)
    ):
        tiers.setdefault(product_id, []).append((quantity, price))
    shown = list(tiers)[:SHOWN_PRODUCTS]
    products = _products(actor, shown)
    return Details(
        head,
        _state(head, clock.today(zone())),
        tuple(_businesses(Organization.id.in_(on_it))),
        tuple(_priced(products[product_id], tiers[product_id]) for product_id in shown if product_id in products),
    )


def product(actor: Actor, list_id: int, product_id: int) -> Priced:
    """One product of the seller with its tiers on their list, if any. Raises NotFoundError."""
    own = sa.exists().where(PriceList.id == list_id, PriceList.seller_id == actor.acting_organization)
    found = _products(actor, [product_id]).get(product_id)
    if found is None or not db.session.scalar(sa.select(own)):
        raise NotFoundError
    tiers = db.session.execute(
        sa.select(PriceListTier.min_qty, PriceListTier.unit_price)
        .where(PriceListTier.list_id == list_id, PriceListTier.product_id == product_id)
        .order_by(PriceListTier.min_qty)
    )
    return _priced(found, [(row[0], row[1]) for row in tiers])


@dataclass(frozen=True, slots=True)
class Good:
    """A product to choose."""

    product_id: int
    name: str
    name_bn: str | None
    sku: str


def goods(actor: Actor, words: str) -> list[Good]:
    """Products of the actor's business whose name or SKU has these words, that of exactly this SKU first; without
    words the newest.
    """
    sku = sa.func.min(Variant.sku)
    found = (
        sa.select(Product.id, Product.name, Product.name_bn, sku)
        .join(Variant, Variant.product_id == Product.id)
        .where(Product.seller_id == actor.acting_organization, Product.state != "archived")
        .group_by(Product.id)
        .order_by(Product.id.desc())
        .limit(SUGGESTED)
    )
    if words:
        exactly = sa.func.lower(Variant.sku) == words.lower()
        found = (
            found.where(
                sa.or_(
                    exactly,
                    Variant.sku.icontains(words, autoescape=True),
                    Product.name.icontains(words, autoescape=True),
                    Product.name_bn.icontains(words, autoescape=True),
                )
            )
            .order_by(None)
            .order_by(sa.func.bool_or(exactly).desc(), Product.name, Product.id)
        )
    return [Good(*row) for row in db.session.execute(found)]


def _priced(found: Priced, tiers: list[tuple[int, Decimal]]) -> Priced:
    currency = found.regular[0][1].currency if found.regular else "BDT"
    return replace(found, tiers=tuple((quantity, Money(price, currency)) for quantity, price in tiers))


def _products(actor: Actor, ids: list[int]) -> dict[int, Priced]:
    """Products of the actor's business with their regular tiers, in two queries."""
    if not ids:
        return {}
    regular = regular_ladders(ids)
    sku = (
        sa.select(Variant.sku)
        .where(Variant.product_id == Product.id)
        .order_by(Variant.id)
        .limit(1)
        .correlate(Product)
        .scalar_subquery()
    )
    found = db.session.execute(
        sa.select(Product.id, Product.name, Product.name_bn, sku, Product.moq, Product.order_multiple, Product.currency)
        .where(Product.id.in_(ids), Product.seller_id == actor.acting_organization)
        .order_by(Product.name, Product.id)
    )
    return {
        row[0]: Priced(
            row[0],
            row[1],
            row[2],
            row[3] or "",
            row[4],
            row[5],
            tuple((quantity, Money(price, row[6])) for quantity, price in regular.get(row[0], ())),
            (),
        )
        for row in found
    }


def _businesses(*conditions: sa.ColumnElement[bool], limit: int | None = None) -> list[Business]:
    """Name and district, and nothing else: the addresses are read in the platform's scope."""
    district = (
        sa.select(Address.district)
        .where(Address.organization_id == Organization.id)
        .order_by(Address.id)
        .limit(1)
        .correlate(Organization)
        .scalar_subquery()
    )
    with as_platform():
        found = db.session.execute(
            sa.select(Organization.id, Organization.name, sa.func.coalesce(district, ""))
            .where(*conditions)
            .order_by(Organization.name, Organization.id)
            .limit(limit)
        )
        return [Business(*row) for row in found]


def _bought(actor: Actor) -> sa.ColumnElement[bool]:
    """Businesses that have bought from the actor's; a room below may not know the orders' models."""
    orders = sa.table("sales_order", sa.column("buyer_id"), sa.column("seller_id"))
    return sa.exists().where(orders.c.buyer_id == Organization.id, orders.c.seller_id == actor.acting_organization)


def _named(words: str) -> sa.ColumnElement[bool]:
    """Verified buyers whose name or trade licence is exactly that, but for case."""
    licence = sa.exists().where(
        BusinessPapers.organization_id == Organization.id,
        sa.func.lower(BusinessPapers.trade_licence_no) == words.lower(),
    )
    return sa.and_(verified_now(), sa.or_(sa.func.lower(Organization.name) == words.lower(), licence))


def find(actor: Actor, words: str) -> list[Business]:
    """Buyers that the seller may put on a list: who bought from them, by a part of the name; anybody else only by the
    exact name or trade licence. What is shown is the name and the district.
    """
    words = words.strip()
    part = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    customers = sa.and_(_bought(actor), Organization.name.ilike(f"%{part}%"))
    allowed = sa.or_(customers, _named(words)) if words else customers
    return _businesses(Organization.kind == "buyer", allowed, limit=FOUND_AT_MOST)
