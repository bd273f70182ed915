"""Changes of products' pictures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import sqlalchemy as sa
from PIL import Image
from werkzeug.datastructures import FileStorage

from wholesale.audit import actions as audit
from wholesale.catalog.actions.products import locked
from wholesale.catalog.events import PictureUploaded
from wholesale.catalog.models import Picture, Product
from wholesale.catalog.rules import pictures as rules
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, HouseError, NotFoundError
from wholesale.platform import files, idempotency
from wholesale.platform.db import db
from wholesale.platform.files import child, storage
from wholesale.platform.outbox import emit
from wholesale.platform.transaction import after_commit

THUMB, WHOLE, LARGE = (child.PHOTO_SIZES[name].longest for name in ("thumb", "medium", "large"))
_WEBP, _JPEG = "image/webp", "image/jpeg"


def add_picture(*, product_id: int, position: int, data: bytes, is_prepared: bool = False) -> Picture:
    """Store a photograph in all its sizes at once, without the camera's notes. `data` must be an image.

    `is_prepared`: it is the product's own, a WebP of at most 640 pixels without notes already. That is stored as it
    is and only its thumb is made; who reads no WebP gets a JPEG made on the way (see `queries.media`).
    """
    picture = Picture(product_id=product_id, position=position, state="ready")
    if is_prepared:
        with Image.open(io.BytesIO(data), formats=("WEBP",)) as opened:
            sheet = opened.convert("RGB")
        thumb = child.PHOTO_SIZES["thumb"]
        picture.thumb_key = storage().put(child.webp_of(child.scaled(sheet, thumb), thumb), _WEBP).key
        picture.file_key = picture.large_key = storage().put(data, _WEBP).key
        picture.width, picture.height = sheet.size
        picture.large_width = sheet.width
    else:
        _keep(picture, files.photo_sizes(data))
    db.session.add(picture)
    db.session.flush()
    return picture


def _keep(picture: Picture, sizes: Sequence[files.PhotoSize]) -> None:
    """Store the files of all sizes, and let the picture know them."""
    thumb, medium, large = sizes
    picture.thumb_key, picture.thumb_jpeg_key = _stored(thumb)
    picture.file_key, picture.file_jpeg_key = _stored(medium)
    picture.large_key, picture.large_jpeg_key = _stored(large)
    picture.width, picture.height, picture.large_width = medium.width, medium.height, large.width
    picture.state, picture.problem = "ready", ""


def _stored(size: files.PhotoSize) -> tuple[str, str]:
    return storage().put(size.webp, _WEBP).key, storage().put(size.jpeg, _JPEG).key


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of photographs that were sent together: how many are kept, and (name, why) of the others."""

    kept: int
    refused: tuple[tuple[str, HouseError], ...]


def upload_pictures(
    *, actor: Actor, product_id: int, photos: Sequence[FileStorage], field: str = "photos", key: str = ""
) -> Taken:
    """Keep the photographs as they came and have their sizes made; those that are none are refused one by one.

    On a slow line nobody sends ten again for the sake of one: only when none can be kept, or there is no room for
    all, DomainError is raised on `field`. A form that arrives twice has the same `key`, and is done once.
    """
    if not photos:
        raise DomainError("Choose a file.", field=field)
    product = _product(actor, product_id)
    rules.check_room(_count(product.id), len(photos), field=field)  # before anything is unpacked
    kept, refused = [], []
    for photo in photos:
        try:
            kept.append(files.accept_photo(photo, field=field).key)
        except DomainError as error:
            refused.append((PurePath(files.plain_name(photo.filename, "")).stem, error))
    if not kept:
        raise refused[0][1]
    answer = idempotency.once(
        f"photos:{product_id}:{actor.user_id}",
        key or idempotency.new_key(),
        [photo.filename for photo in photos],
        lambda: {"kept": _add_uploads(actor, product_id, kept, field)},
    )
    return Taken(answer["kept"], tuple(refused))


def _add_uploads(actor: Actor, product_id: int, kept: Sequence[str], field: str) -> int:
    product = _product(actor, product_id, lock=True)
    there = _count(product.id)
    rules.check_room(there, len(kept), field=field)
    for place, key in enumerate(kept, _next_position(product.id)):
        picture = Picture(product_id=product.id, position=place, original_key=key)
        db.session.add(picture)
        db.session.flush()
        emit(PictureUploaded(picture_id=picture.id))
    _note(actor, product, "picture.added", {"pictures": there}, {"pictures": there + len(kept)})
    return len(kept)


def copy_pictures(*, from_id: int, to_id: int) -> None:
    """Let a product have the pictures of another, in their order: rows of its own that know the same files.

    A file goes when no row knows it any more, so that neither misses what is taken from the other. What is not
    prepared yet is prepared for each; what failed is not copied.
    """
    kept = sa.select(Picture).where(Picture.product_id == from_id, Picture.state != "failed").order_by(Picture.position)
    names = [column.key for column in sa.inspect(Picture).column_attrs if column.key not in {"id", "product_id"}]
    for position, picture in enumerate(db.session.scalars(kept).all()):
        values = {name: getattr(picture, name) for name in names}
        copy = Picture(product_id=to_id, **values | {"position": position, "created_at": clock.now()})
        db.session.add(copy)
        db.session.flush()
        if copy.state == "pending":
            emit(PictureUploaded(picture_id=copy.id))


def make_sizes(picture_id: int) -> None:
    """Make the sizes of an uploaded photograph, and remove what the camera sent. Once: what is done stays done."""
    picture = db.session.get(Picture, picture_id, with_for_update=True, populate_existing=True)
    if picture is None or picture.state != "pending" or picture.original_key is None:
        return
    original = picture.original_key
    try:
        _keep(picture, files.photo_sizes(storage().get(original)))
    except NotFoundError:
        picture.state, picture.problem = "failed", "broken"
    except DomainError as error:
        picture.state = "failed"
        picture.problem = next((key for key, text in files.REASONS.items() if text == error.message), "broken")
    else:
        picture.original_key = None
        _remove_file(original)
    db.session.execute(sa.update(Product).where(Product.id == picture.product_id).values(updated_at=clock.now()))
    db.session.flush()


def _remove_file(key: str) -> None:
    """After the commit, unless another picture (of a duplicated product) needs it; the sweep takes what is left."""
    db.session.flush()
    if not db.session.scalar(sa.select(sa.exists().where(Picture.original_key == key))):
        place = storage()
        after_commit(lambda: place.delete(key))


def retry_picture(*, actor: Actor, product_id: int, picture_id: int) -> None:
    """Try once more to make the sizes of a photograph that failed."""
    product, picture = _picture(actor, product_id, picture_id)
    if picture.state == "failed" and picture.original_key is not None:
        picture.state, picture.problem = "pending", ""
        picture.created_at = clock.now()
        db.session.flush()
        emit(PictureUploaded(picture_id=picture.id))
        _note(actor, product, "picture.changed", {"state": "failed"}, {"state": "pending"})


def remove_picture(*, actor: Actor, product_id: int, picture_id: int) -> None:
    """Take a picture away. Its files are removed in the night, when no other row knows them."""
    product, picture = _picture(actor, product_id, picture_id)
    db.session.delete(picture)
    db.session.flush()
    _renumber(_ids(product.id))
    _note(actor, product, "picture.removed", {"alt": picture.alt}, None)


def move_picture(*, actor: Actor, product_id: int, picture_id: int, way: rules.Way) -> None:
    """Show it earlier or later; the first one stands for the product in lists."""
    product, picture = _picture(actor, product_id, picture_id)
    before = _ids(product.id)
    after = rules.reordered(before, picture.id, way)
    _renumber(after)
    _note(actor, product, "picture.changed", {"place": before.index(picture.id) + 1},
          {"place": after.index(picture.id) + 1})  # fmt: skip


def describe_picture(*, actor: Actor, product_id: int, picture_id: int, alt: str) -> None:
    """Say in words what the picture shows."""
    product, picture = _picture(actor, product_id, picture_id)
    before, picture.alt = picture.alt, alt
    db.session.flush()
    _note(actor, product, "picture.changed", {"alt": before}, {"alt": alt})


def _product(actor: Actor, product_id: int, *, lock: bool = False) -> Product:
    """A product whose pictures the actor may change. Raises NotFoundError."""
    seller_id = None if actor.is_admin else actor.acting_organization
    if lock:
        return locked(product_id, seller_id=seller_id)
    statement = sa.select(Product).where(Product.id == product_id)
    if seller_id is not None:
        statement = statement.where(Product.seller_id == seller_id)
    found = db.session.scalars(statement).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def _picture(actor: Actor, product_id: int, picture_id: int) -> tuple[Product, Picture]:
    """The product, locked, so that nobody else orders its pictures meanwhile, and the picture. Raises NotFoundError."""
    product = _product(actor, product_id, lock=True)
    picture = db.session.get(Picture, picture_id, with_for_update=True, populate_existing=True)
    if picture is None or picture.product_id != product.id:
        raise NotFoundError
    return product, picture


def _count(product_id: int) -> int:
    counted = sa.select(sa.func.count()).select_from(Picture).where(Picture.product_id == product_id)
    return db.session.scalar(counted) or 0


def _next_position(product_id: int) -> int:
    last = db.session.scalar(sa.select(sa.func.max(Picture.position)).where(Picture.product_id == product_id))
    return 0 if last is None else last + 1


def _ids(product_id: int) -> list[int]:
    ordered = sa.select(Picture.id).where(Picture.product_id == product_id).order_by(Picture.position)
    return list(db.session.scalars(ordered))


def _renumber(ids: Sequence[int]) -> None:
    """Let the pictures stand in this order."""
    if ids:
        places = {picture_id: place for place, picture_id in enumerate(ids)}
        position = sa.case(places, value=Picture.id)
        db.session.execute(sa.update(Picture).where(Picture.id.in_(ids)).values(position=position))


def _note(
    actor: Actor, product: Product, action: str, before: dict[str, object] | None, after: dict[str, object] | None
) -> None:
    """The product has changed; what somebody else than its seller did is noted for them to read."""
    product.updated_at = clock.now()
    db.session.flush()
    if actor.organization_id != product.seller_id:
        audit.record(
            actor=actor,
            action=action,
            thing="product",
            thing_id=product.id,
            organization_id=product.seller_id,
            before=before,
            after=after,
        )
