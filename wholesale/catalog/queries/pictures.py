"""Pictures: what everybody is shown, and what a seller sees of those of a product."""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from PIL import Image
from sqlalchemy.dialects.postgresql import distinct_on

from wholesale.catalog.models import Category, Picture, Product
from wholesale.catalog.rules import pictures as rules
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.platform.db import db
from wholesale.platform.files import child, storage

_NO_JPEG_OVER = 256 * 1024


@dataclass(frozen=True, slots=True)
class Media:
    """A public picture: its address, and the same as JPEG where that is kept too."""

    webp_key: str
    jpeg_key: str | None

    def webp(self) -> bytes:
        return storage().get(self.webp_key)

    def jpeg(self) -> bytes:
        """For the few who cannot read WebP; made now where it is not kept."""
        if self.jpeg_key is not None:
            return storage().get(self.jpeg_key)
        with Image.open(io.BytesIO(self.webp()), formats=("WEBP",)) as ours:  # made or checked by us when it came
            return child.jpeg_of(ours.convert("RGB"), _NO_JPEG_OVER)


def media(key: str) -> Media:
    """The picture at that address, of a product or a category. Raises NotFoundError."""
    pairs: tuple[tuple[Any, Any], ...] = (
        (Picture.thumb_key, Picture.thumb_jpeg_key),
        (Picture.file_key, Picture.file_jpeg_key),
        (Picture.large_key, Picture.large_jpeg_key),
        (Category.picture_key, Category.picture_jpeg_key),
    )
    # One look into each index: copies of a product share its files.
    looks = [sa.select(jpeg.label("jpeg_key")).where(webp == key).limit(1).subquery() for webp, jpeg in pairs]
    found = db.session.execute(sa.union_all(*(sa.select(look.c.jpeg_key) for look in looks)).limit(1)).first()
    if found is None:
        raise NotFoundError
    return Media(key, found.jpeg_key)


def thumb() -> sa.ScalarSelect[Any]:
    """The key of the small picture that stands for a product, in a query of products."""
    return (
        sa.select(Picture.thumb_key)
        .where(Picture.product_id == Product.id, Picture.state == "ready")
        .order_by(Picture.position)
        .limit(1)
        .correlate(Product)
        .scalar_subquery()
    )


def thumbs(product_ids: Collection[int]) -> dict[int, str]:
    """The same for some products: product's id → key; those without a picture are left out."""
    rows = db.session.execute(
        sa.select(Picture.product_id, Picture.thumb_key)
        .where(Picture.product_id.in_(product_ids), Picture.state == "ready")
        .ext(distinct_on(Picture.product_id))
        .order_by(Picture.product_id, Picture.position)
    )
    return {product_id: key for product_id, key in rows if key is not None}


@dataclass(frozen=True, slots=True)
class OwnPictures:
    """A product and all its pictures, as who manages them sees them."""

    product: Product
    pictures: list[Picture]

    @property
    def room(self) -> int:
        """How many more it may have."""
        return max(rules.MOST_PICTURES - len(self.pictures), 0)


def own_pictures(actor: Actor, product_id: int) -> OwnPictures:
    """For the seller whose product it is, and the platform's admins. Raises NotFoundError."""
    statement = sa.select(Product).where(Product.id == product_id)
    if not actor.is_admin:
        statement = statement.where(Product.seller_id == actor.acting_organization)
    product = db.session.scalars(statement).one_or_none()
    if product is None:
        raise NotFoundError
    ordered = sa.select(Picture).where(Picture.product_id == product.id).order_by(Picture.position)
    return OwnPictures(product, list(db.session.scalars(ordered)))


def own_picture(actor: Actor, product_id: int, picture_id: int) -> tuple[OwnPictures, Picture]:
    """One of them. Raises NotFoundError."""
    own = own_pictures(actor, product_id)
    for picture in own.pictures:
        if picture.id == picture_id:
            return own, picture
    raise NotFoundError


def late_pictures() -> list[int]:
    """Photographs whose sizes should have been made long ago."""
    return list(
        db.session.scalars(
            sa.select(Picture.id)
            .where(Picture.state == "pending", Picture.created_at < clock.now() - rules.LATE)
            .order_by(Picture.created_at)
            .limit(500)
        )
    )
