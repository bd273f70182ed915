"""Changes of products' pictures."""

from __future__ import annotations

import io

from PIL import Image, ImageOps

from wholesale.catalog.models import Picture
from wholesale.platform.db import db
from wholesale.platform.files import storage

WHOLE = 640
THUMB = 192


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
