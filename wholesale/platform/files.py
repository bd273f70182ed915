"""Private files: what people upload and what jobs make. Behind one interface; a local folder by default.

A file is known by its key (never by the name somebody gave it) and never changes once written. What an upload
is, its content decides: images are decoded and encoded again, which drops EXIF and whatever was appended;
a PDF must begin and end as one.
"""

from __future__ import annotations

import hashlib
import io
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Protocol, cast

from flask import Flask, current_app
from PIL import Image, ImageFile
from werkzeug.datastructures import FileStorage

from wholesale.config import Settings
from wholesale.kernel.errors import DomainError, NotFoundError

MAX_PIXELS = 25_000_000
# A decoded picture takes a hundred megabytes: eight threads decoding at once would take them all.
_one_at_a_time = threading.BoundedSemaphore(1)
_ORIENTATION = 0x0112
# How to turn a picture by its EXIF orientation. Only that tag is read: rewriting the others fails on odd ones.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_IN_MEMORY = 512 * 1024
_IMAGE_FORMATS = ("JPEG", "PNG", "WEBP")


@dataclass(frozen=True)
class StoredFile:
    """Where a file went and what it is."""

    key: str
    sha256: str
    size: int
    media_type: str


class CappedUpload(SpooledTemporaryFile[bytes]):
    """Where a request's file is read into: keeps up to `most` bytes and lets the rest pass by.

    So a file that is far too large ends as a sentence beside its field, with the form still filled in, and
    not as a refused request; and it takes neither memory nor disk.
    """

    def __init__(self, most: int) -> None:
        super().__init__(max_size=_IN_MEMORY)
        self._most = most

    def write(self, data: bytes) -> int:  # type: ignore[override]  # all that the form parser writes
        super().write(data[: max(0, self._most - self.tell())])
        return len(data)


class Storage(Protocol):
    def put(self, data: bytes, media_type: str) -> StoredFile: ...
    def get(self, key: str) -> bytes: ...


class FolderStorage:
    """Files in a private folder outside of static, spread over 256 sub-folders."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _path(self, key: str) -> Path:
        if not key.isalnum():  # keys are ours; a path from elsewhere must not get out of the folder
            raise NotFoundError
        return self.root / key[:2] / key

    def put(self, data: bytes, media_type: str) -> StoredFile:
        """Write completely or not at all: to a temporary name, synced, then renamed."""
        key = uuid.uuid4().hex
        path = self._path(key)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_suffix(".part")
        with open(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:  # noqa: PTH123
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
        return StoredFile(key, hashlib.sha256(data).hexdigest(), len(data), media_type)

    def get(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError as error:
            raise NotFoundError from error


def storage() -> Storage:
    return cast("Storage", current_app.extensions["storage"])


def accept_document(upload: FileStorage | None, *, field: str) -> StoredFile:
    """Check an uploaded licence or certificate and store it. Raises DomainError on `field`.

    Accepted: PDF, JPEG, PNG and WebP up to MAX_UPLOAD_MB, judged by content whatever the name says.
    """
    if upload is None:
        raise DomainError("Choose a file.", field=field)
    settings = cast("Settings", current_app.extensions["settings"])
    limit = settings.max_upload_mb * 1024 * 1024
    upload.stream.seek(0)  # a transaction that is tried again reads it a second time
    data = upload.stream.read(limit + 1)
    if not data:
        raise DomainError("This file is empty. Choose it again.", field=field)
    if len(data) > limit:
        raise DomainError("This file is larger than {limit} MB.", field=field, limit=settings.max_upload_mb)
    if data.startswith(b"%PDF-"):
        return storage().put(_checked_pdf(data, field), "application/pdf")
    return storage().put(reencode(data, field=field), "image/jpeg")


def _checked_pdf(data: bytes, field: str) -> bytes:
    if b"%%EOF" not in data[-2048:]:
        raise DomainError("This PDF is damaged or cut off. Save it again and retry.", field=field)
    if b"/Encrypt" in data:
        raise DomainError("This PDF is protected by a password. Save it without one.", field=field)
    return data


@contextmanager
def _whole_images_only() -> Iterator[None]:
    """Refuse cut-off pictures, also in a process where WeasyPrint has told Pillow to put up with them."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _check_size(picture: Image.Image, field: str) -> None:
    """Before a pixel is decoded: a few kilobytes can say that they are gigabytes."""
    if picture.width * picture.height > MAX_PIXELS:
        raise DomainError("This picture has too many pixels. Send a smaller one.", field=field)


def reencode(data: bytes, *, field: str, longest: int = 2400, quality: int = 82) -> bytes:
    """The picture as a fresh JPEG of at most `longest` pixels a side. Raises DomainError on `field`."""
    try:
        with _one_at_a_time, _whole_images_only(), Image.open(io.BytesIO(data), formats=_IMAGE_FORMATS) as picture:
            _check_size(picture, field)
            turn = _TURNS.get(picture.getexif().get(_ORIENTATION, 1))
            picture.draft("RGB", (longest, longest))  # a JPEG is decoded small at once
            picture.thumbnail((longest, longest))
            small = picture.convert("RGB")
            upright = small.transpose(turn) if turn is not None else small
            out = io.BytesIO()
            upright.save(out, "JPEG", quality=quality, optimize=True)
            return out.getvalue()
    except DomainError:
        raise
    except Exception as error:  # Pillow meets hostile bytes with errors of every kind
        raise DomainError("This is no PDF, JPEG, PNG or WebP file. Choose one of these.", field=field) from error


def init_app(app: Flask, settings: Settings) -> None:
    settings.files_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    app.extensions["storage"] = FolderStorage(settings.files_dir)
