"""Products as lists show them; and which SKUs a seller has used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from wholesale.catalog.models import Product, Variant
from wholesale.kernel.errors import DomainError
from wholesale.kernel.words import N_
from wholesale.platform.db import db

TAKEN = N_("Another of your products has this SKU: {product}.")


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


def taken_skus(*, seller_id: int, product_id: int | None, skus: Sequence[str]) -> list[DomainError]:
    """A sentence on the row (`variants-2-sku`) for each of these SKUs that another product of the seller has."""
    rows = db.session.execute(
        sa.select(sa.func.lower(Variant.sku), Product.name)
        .join(Product, Product.id == Variant.product_id)
        .where(
            Variant.seller_id == seller_id,
            Variant.product_id != (product_id or 0),
            sa.func.lower(Variant.sku).in_({sku.lower() for sku in skus if sku}),
        )
        .order_by(Variant.id.desc())
    )
    names: dict[str, str] = dict(rows.all())
    return [
        DomainError(TAKEN, field=f"variants-{index}-sku", product=names[sku.lower()])
        for index, sku in enumerate(skus)
        if sku.lower() in names
    ]
