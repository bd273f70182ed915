"""Changes of products and their variants."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import sqlalchemy as sa

from wholesale.catalog.models import Product, Variant
from wholesale.catalog.queries.categories import TREE
from wholesale.catalog.rules import slugify
from wholesale.kernel.errors import DomainError
from wholesale.platform import cache
from wholesale.platform.db import db


def add_product(
    *,
    seller_id: int,
    category_id: int,
    sku: str,
    name: str,
    description: str,
    unit: str,
    moq: int,
    order_multiple: int,
    cost: Decimal,
    currency: str,
    slug: str | None = None,
    name_bn: str | None = None,
    lead_time_days: int | None = None,
    reorder_level: int | None = None,
    reorder_quantity: int | None = None,
    supplier_moq: int | None = None,
    variants: Sequence[tuple[str, str]] = (),
) -> Product:
    """A new active product. `variants` are (SKU, name) pairs; without any it has one of the product's SKU.

    Raises DomainError on `moq` when it is not a multiple of `order_multiple`.
    """
    if moq < 1 or order_multiple < 1 or moq % order_multiple:
        raise DomainError("The minimum order must be a multiple of {multiple}.", field="moq", multiple=order_multiple)
    product = Product(
        seller_id=seller_id,
        category_id=category_id,
        slug=slug or _free_slug(name, sku),
        name=name,
        name_bn=name_bn,
        description=description,
        unit=unit,
        moq=moq,
        order_multiple=order_multiple,
        cost=cost,
        currency=currency,
        lead_time_days=lead_time_days,
        reorder_level=reorder_level,
        reorder_quantity=reorder_quantity,
        supplier_moq=supplier_moq,
    )
    db.session.add(product)
    db.session.flush()
    for variant_sku, variant_name in variants or ((sku, ""),):
        db.session.add(Variant(product_id=product.id, seller_id=seller_id, sku=variant_sku, name=variant_name))
    db.session.flush()
    cache.drop(TREE)  # which counts them
    return product


def _free_slug(name: str, sku: str) -> str:
    base = slugify(name) or slugify(sku) or "product"
    taken = set(db.session.scalars(sa.select(Product.slug).where(Product.slug.startswith(base, autoescape=True))))
    slug, number = base, 2
    while slug in taken:
        slug, number = f"{base}-{number}", number + 1
    return slug
