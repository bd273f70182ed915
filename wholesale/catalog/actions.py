"""Changes of the catalogue."""

from __future__ import annotations

import io
from collections.abc import Sequence
from decimal import Decimal

import sqlalchemy as sa
from PIL import Image, ImageOps

from wholesale.catalog.models import Category, Picture, Product, Variant
from wholesale.catalog.rules import slugify
from wholesale.kernel.errors import DomainError
from wholesale.platform.db import db
from wholesale.platform.files import storage

WHOLE = 640
THUMB = 192


def add_category(
    *, slug: str, name: str, name_bn: str | None = None, parent_id: int | None = None, position: int = 0
) -> Category:
    category = Category(slug=slug, name=name, name_bn=name_bn, parent_id=parent_id, position=position)
    db.session.add(category)
    db.session.flush()
    return category


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
    return product


def _free_slug(name: str, sku: str) -> str:
    base = slugify(name) or slugify(sku) or "product"
    taken = set(db.session.scalars(sa.select(Product.slug).where(Product.slug.startswith(base, autoescape=True))))
    slug, number = base, 2
    while slug in taken:
        slug, number = f"{base}-{number}", number + 1
    return slug


def add_picture(*, product_id: int, position: int, data: bytes, is_prepared: bool = False) -> Picture:
    """Store a photograph as WebP in two sizes, without the camera's notes. `data` must be an image.

    `is_prepared`: it is the product's own, small WebP without notes already, and stored as it is.
    """
    with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    upright.thumbnail((WHOLE, WHOLE))
    whole = data if is_prepared else _webp(upright, 60)
    stored = Picture(
        product_id=product_id,
        position=position,
        file_key=storage().put(whole, "image/webp").key,
        thumb_key=storage().put(_webp(ImageOps.fit(upright, (THUMB, THUMB)), 55), "image/webp").key,
        width=upright.width,
        height=upright.height,
    )
    db.session.add(stored)
    db.session.flush()
    return stored


def _webp(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=quality, method=4)
    return out.getvalue()
