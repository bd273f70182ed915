"""A product with all that it tells about itself, for its page and for comparing; and the same goods of others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import aliased

from wholesale.catalog.models import Picture, Product, Variant
from wholesale.catalog.queries.pictures import thumb
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import Money
from wholesale.organizations.models import Organization, SellerTerms
from wholesale.organizations.queries import verified_now
from wholesale.platform import i18n
from wholesale.platform.db import db

MOST_ALIKE = 20


@dataclass(frozen=True, slots=True)
class VariantChoice:
    """A variant to choose on the product's page."""

    id: int
    sku: str
    name: str
    barcode: str | None = None


@dataclass(frozen=True, slots=True)
class Crumb:
    """A category above the product, from the root down."""

    slug: str
    name: str
    name_bn: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the product answers to one of its category's attributes, in the reader's language where that has words."""

    name: str
    name_bn: str | None
    unit: str
    value: str


@dataclass(frozen=True, slots=True)
class Alike:
    """A product of another seller that is the same; `by`: "barcode" or "name", which may deceive."""

    product_id: int
    by: str


@dataclass(frozen=True, slots=True)
class ProductPage:
    """Everything about a product but its price and stock, and what its seller asks of an order."""

    product: Product
    seller_name: str
    minimum_order: Money
    delivery_fee: Money
    free_delivery_from: Money | None
    thumb_key: str | None
    variants: list[VariantChoice]
    crumbs: list[Crumb]
    answers: list[Answer]
    alike: list[Alike]
    pictures: list[Picture] = field(default_factory=list)


# Correlated with `product`; a category has few ancestors, and each is found by its key.
_CRUMBS = """(
    WITH RECURSIVE above AS (
        SELECT c.id, c.parent_id, c.slug, c.name, c.name_bn, 0 AS height
        FROM category c WHERE c.id = product.category_id
        UNION ALL
        SELECT c.id, c.parent_id, c.slug, c.name, c.name_bn, above.height + 1
        FROM category c JOIN above ON c.id = above.parent_id WHERE above.height < 50
    )
    SELECT json_agg(json_build_array(slug, name, name_bn) ORDER BY height DESC) FROM above
)"""
_ANSWERS = """(
    SELECT json_agg(json_build_array(a.name, a.name_bn, a.unit, told.value,
                                     a.options_bn[array_position(a.options, told.value)]) ORDER BY a.position, a.id)
    FROM jsonb_each_text(product.attributes) AS told(key, value)
    JOIN category_attribute a ON a.id = told.key::bigint
)"""


def _variants() -> sa.ScalarSelect[Any]:
    each = sa.func.json_build_array(Variant.id, Variant.sku, Variant.name, Variant.barcode)
    return (
        sa.select(sa.func.json_agg(aggregate_order_by(each, Variant.id)))
        .where(Variant.product_id == Product.id, Variant.is_offered)
        .correlate(Product)
        .scalar_subquery()
    )


def _alike() -> sa.ScalarSelect[Any]:
    """The same goods of other verified sellers: by an equal barcode, else by brand, name and unit. Some at most."""
    other, own_variant, variant = aliased(Product, name="product_alike"), aliased(Variant), aliased(Variant)
    by_barcode = (
        sa.select(other.id, sa.literal("barcode").label("by"))
        .join(Organization, Organization.id == other.seller_id)
        .join(variant, variant.product_id == other.id)
        .join(own_variant, sa.and_(own_variant.barcode == variant.barcode, own_variant.barcode != ""))
        .where(own_variant.product_id == Product.id, own_variant.is_offered, variant.is_offered)
        .where(other.state == "active", other.seller_id != Product.seller_id, verified_now())
        .correlate(Product)
        .limit(MOST_ALIKE)
    )
    by_name = (
        sa.select(other.id, sa.literal("name").label("by"))
        .join(Organization, Organization.id == other.seller_id)
        .where(
            sa.func.lower(other.name) == sa.func.lower(Product.name),
            sa.func.lower(sa.func.coalesce(other.brand, "")) == sa.func.lower(sa.func.coalesce(Product.brand, "")),
            other.unit == Product.unit,
            sa.text("product_alike.state = 'active'"),  # as the index says it
            other.seller_id != Product.seller_id,
            verified_now(),
        )
        .correlate(Product)
        .limit(MOST_ALIKE)
    )
    found = sa.union_all(by_barcode, by_name).subquery()
    once = sa.select(found.c.id, sa.func.min(found.c.by).label("by")).group_by(found.c.id).limit(MOST_ALIKE).subquery()
    return sa.select(sa.func.json_agg(sa.func.json_build_array(once.c.id, once.c.by))).scalar_subquery()


def _details(*conditions: sa.ColumnElement[bool]) -> list[ProductPage]:
    rows = db.session.execute(
        sa.select(
            Product,
            Organization.name,
            SellerTerms,
            thumb(),
            _variants(),
            sa.literal_column(_CRUMBS),
            sa.literal_column(_ANSWERS),
            _alike(),
        )
        .join(Organization, Organization.id == Product.seller_id)
        .outerjoin(SellerTerms, SellerTerms.organization_id == Organization.id)
        .where(Product.state == "active", verified_now(), *conditions)
    )
    return [_page(*row) for row in rows]


def _page(
    product: Product, seller_name: str, terms: SellerTerms | None, thumb_key: str | None, *lists: list[Any] | None
) -> ProductPage:
    variants, crumbs, answers, alike = lists
    free_from = terms.free_delivery_from if terms else None
    is_bangla = i18n.language() == "bn"
    return ProductPage(
        product=product,
        seller_name=seller_name,
        minimum_order=Money(terms.minimum_order if terms else Decimal(0), product.currency),
        delivery_fee=Money(terms.delivery_fee if terms else Decimal(0), product.currency),
        free_delivery_from=Money(free_from, product.currency) if free_from is not None else None,
        thumb_key=thumb_key,
        variants=[VariantChoice(*each) for each in variants or ()],
        crumbs=[Crumb(*each) for each in crumbs or ()],
        answers=[
            Answer(name, name_bn, unit, (is_bangla and bangla) or value)
            for name, name_bn, unit, value, bangla in answers or ()
        ],
        alike=[Alike(*each) for each in alike or ()],
    )


def product(slug: str) -> ProductPage:
    """The active product of that slug, with its pictures. Raises NotFoundError."""
    found = about(slug)
    pictures = (
        sa.select(Picture)
        .where(Picture.product_id == found.product.id, Picture.state == "ready")
        .order_by(Picture.position)
    )
    found.pictures.extend(db.session.scalars(pictures))
    return found


def about(slug: str) -> ProductPage:
    """The same without its pictures, where only the small one is shown. Raises NotFoundError."""
    found = _details(Product.slug == slug)
    if not found:
        raise NotFoundError
    return found[0]


def details(product_ids: Collection[int]) -> list[ProductPage]:
    """Those of the products that are active."""
    return _details(Product.id.in_(product_ids)) if product_ids else []


def compared(slugs: Sequence[str]) -> list[ProductPage]:
    """Those of the products that are active, in the order in which they were asked for."""
    if not slugs:
        return []
    by_slug = {each.product.slug: each for each in _details(Product.slug.in_(slugs))}
    return [by_slug[slug] for slug in dict.fromkeys(slugs) if slug in by_slug]
