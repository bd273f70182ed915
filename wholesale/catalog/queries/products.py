"""Products and their pictures as everybody may see them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from wholesale.catalog.models import Picture, Product, Variant
from wholesale.catalog.queries.pictures import thumb
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import Money
from wholesale.organizations.models import Organization, SellerTerms
from wholesale.organizations.queries import verified_now
from wholesale.platform.db import db

PAGE_SIZE = 24
MAX_QUERY = 200
_CURSOR = re.compile(r"^(\d{1,18})(?:~(\d{1,3}(?:\.\d{1,12})?(?:e-\d{1,3})?))?$", re.ASCII)


@dataclass(frozen=True, slots=True)
class Card:
    """A product as a list shows it."""

    product_id: int
    slug: str
    name: str
    name_bn: str | None
    unit: str
    moq: int
    multiple: int
    seller_name: str
    thumb_key: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some products and the cursor at which the next ones begin."""

    cards: list[Card]
    next_cursor: str | None


def page(*, category_ids: list[int] | None = None, q: str = "", after: str = "") -> Page:
    """A page of active products by key, so that page 1,000 costs what page 1 does.

    With `q` the best matches come first: an exact SKU, then by rank. A cursor that makes no sense begins anew.
    """
    rank, matches = _search(q)
    statement = (
        sa.select(
            Product.id,
            Product.slug,
            Product.name,
            Product.name_bn,
            Product.unit,
            Product.moq,
            Product.order_multiple,
            Organization.name,
            thumb(),
            rank.label("rank"),
        )
        .join(Organization, Organization.id == Product.seller_id)
        .where(Product.state == "active", verified_now(), *matches)
        .order_by(rank.desc(), Product.id)
        .limit(PAGE_SIZE + 1)
    )
    if category_ids is not None:
        statement = statement.where(Product.category_id.in_(category_ids))
    cursor = _CURSOR.match(after)
    if cursor:
        last_id, last_rank = int(cursor[1]), float(cursor[2] or 0)
        statement = statement.where(
            sa.or_(rank < last_rank, sa.and_(rank == last_rank, Product.id > last_id)) if q else Product.id > last_id
        )
    rows = db.session.execute(statement).all()
    more = len(rows) > PAGE_SIZE
    rows = rows[:PAGE_SIZE]
    return Page(
        [Card(*row[:9]) for row in rows],
        f"{rows[-1].id}~{rows[-1].rank:.9g}" if more else None,
    )


def _search(q: str) -> tuple[sa.ColumnElement[Any], tuple[sa.ColumnElement[bool], ...]]:
    """How well a product matches `q`, and whether at all."""
    if not q:
        return sa.literal(0), ()
    text = q[:MAX_QUERY]
    # simple finds words whole in any script, english forgives endings; either will do.
    wanted = sa.func.websearch_to_tsquery("simple", text).op("||")(sa.func.websearch_to_tsquery("english", text))
    by_sku = Product.id.in_(sa.select(Variant.product_id).where(sa.func.lower(Variant.sku) == text.lower()))
    # float8 survives the way through the address; float4 would not compare equal to itself.
    score = sa.cast(sa.func.ts_rank(Product.search, wanted), sa.Double)
    rank = sa.case((by_sku, sa.literal(10.0)), else_=score)
    return sa.cast(sa.func.round(sa.cast(rank, sa.Numeric), 6), sa.Double), (
        sa.or_(Product.search.op("@@")(wanted), by_sku),
    )


@dataclass(frozen=True, slots=True)
class VariantChoice:
    """A variant to choose on the product's page."""

    id: int
    sku: str
    name: str


@dataclass(frozen=True, slots=True)
class ProductPage:
    """Everything about a product but its price and stock, and the least its seller takes an order for."""

    product: Product
    seller_name: str
    minimum_order: Money
    variants: list[VariantChoice]
    pictures: list[Picture]


def product(slug: str) -> ProductPage:
    """The active product of that slug. Raises NotFoundError."""
    row = db.session.execute(
        sa.select(Product, Organization.name, SellerTerms.minimum_order)
        .join(Organization, Organization.id == Product.seller_id)
        .outerjoin(SellerTerms, SellerTerms.organization_id == Organization.id)
        .where(Product.slug == slug, Product.state == "active", verified_now())
    ).one_or_none()
    if row is None:
        raise NotFoundError
    found, seller_name, minimum_order = row
    variants = db.session.execute(
        sa.select(Variant.id, Variant.sku, Variant.name).where(Variant.product_id == found.id).order_by(Variant.id)
    )
    pictures = db.session.scalars(
        sa.select(Picture).where(Picture.product_id == found.id, Picture.state == "ready").order_by(Picture.position)
    )
    minimum = Money(minimum_order or Decimal(0), found.currency)
    return ProductPage(found, seller_name, minimum, [VariantChoice(*row) for row in variants], list(pictures))
