"""What people upload: judged by content, cleaned in a child process, kept."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import Any, cast

from flask import current_app
from werkzeug.datastructures import FileStorage

from wholesale.config import Settings
from wholesale.kernel.errors import DomainError, UnavailableError
from wholesale.kernel.words import N_
from wholesale.platform.files import clamd, sandbox
from wholesale.platform.files.child import PHOTO_SIZES
from wholesale.platform.files.stores import StoredFile, storage

log = logging.getLogger(__name__)

_IN_MEMORY = 512 * 1024

# What the child answers, and what people read: each says what to do.
REASONS = {
    "unknown": N_("This is no PDF, JPEG, PNG or WebP file. Choose one of these."),
    "broken": N_("This picture is damaged or cut off. Choose it again or take a new one."),
    "pixels": N_("This picture has too many pixels. Send a smaller one."),
    "damaged": N_("This PDF is damaged or cut off. Save it again and retry."),
    "locked": N_("This PDF is locked with a password. Send one without."),
    "script": N_("This PDF contains a script. Print it into a new PDF and send that one."),
    "action": N_("This PDF opens other files or sends data by itself. Print it into a new PDF and send that one."),
    "attachments": N_("This PDF has other files attached to it. Send one without attachments."),
    "form": N_("This PDF is a form of a kind that we cannot show. Print it into a new PDF and send that one."),
    "media": N_("This PDF contains sound, film or 3D models. Print it into a new PDF and send that one."),
    "pages": N_("This PDF has more than 40 pages. Send only the pages that are needed."),
    "virus": N_("This file contains a known virus. Check your device, and send another file."),
    "photo": N_("This is no JPEG, PNG or WebP picture. Choose one of these."),
    "heic": N_(
        "This is a HEIC photo, which most phones and browsers cannot show. In the camera's settings choose"
        " “Most compatible”, or send it as JPEG."
    ),
    "heavy": N_("This file is too complicated to be checked. Send a photograph or a simple scan instead."),
}


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


def accept_document(upload: FileStorage | None, *, field: str) -> StoredFile:
    """Check an uploaded licence or certificate and store it clean. Raises DomainError on `field`.

    Accepted: PDF, JPEG, PNG and WebP up to MAX_UPLOAD_MB, judged by content whatever the name says. What is
    stored is not what came but what can be seen of it: a picture painted anew, or the pages of a PDF copied
    into a new one. Whatever hides beside them (scripts, attachments, where a photograph was taken, a second
    file behind the first) is left behind, known or not; a digital signature too, which no copy could keep.
    """
    data = _received(upload, field=field)
    limits = sandbox.DOCUMENT if data.startswith(b"%PDF-") else sandbox.PICTURE
    try:
        _ask_for_viruses(data, field=field)
        media_type, clean = _cleaned("check", data, limits, field=field)
        return storage().put(clean, media_type)
    except UnavailableError as error:  # what was typed must not be lost over it
        raise DomainError(error.message, field=field) from error


def _received(upload: FileStorage | None, *, field: str) -> bytes:
    """What was sent, if it is neither nothing nor too much."""
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
    return data


def _ask_for_viruses(data: bytes, *, field: str) -> None:
    settings = cast("Settings", current_app.extensions["settings"])
    if settings.clamd_url and not clamd.is_clean(settings.clamd_url, data):
        raise DomainError(REASONS["virus"], field=field)


@dataclass(frozen=True)
class PhotoSize:
    """A photograph in one of the sizes of `child.PHOTO_SIZES`, as two files that show the same."""

    name: str
    width: int
    height: int
    webp: bytes
    jpeg: bytes


def accept_photo(upload: FileStorage | None, *, field: str) -> StoredFile:
    """Check an uploaded photograph and store it as it came, for a job to make its sizes. Raises DomainError on `field`.

    Accepted: JPEG, PNG and WebP up to MAX_UPLOAD_MB and the child's pixels. What is stored still has the camera's
    notes and is shown to nobody.
    """
    data = _received(upload, field=field)
    try:
        _ask_for_viruses(data, field=field)
        _verdict(sandbox.run("glance", data, sandbox.PICTURE), field=field)
        return storage().put(data, "application/octet-stream")
    except UnavailableError as error:
        raise DomainError(error.message, field=field) from error


def photo_sizes(data: bytes, *, field: str | None = None) -> list[PhotoSize]:
    """An accepted photograph in every size: thumb, medium, large. For the worker. Raises DomainError."""
    return _sizes(data, sandbox.PAGES, field=field, sizes=len(PHOTO_SIZES))


def accept_thumbnail(upload: FileStorage | None, *, field: str) -> PhotoSize:
    """A small square picture at once, which is for somebody who waits. Raises DomainError on `field`."""
    data = _received(upload, field=field)
    try:
        _ask_for_viruses(data, field=field)
        return _sizes(data, sandbox.PICTURE, field=field, sizes=1)[0]
    except UnavailableError as error:
        raise DomainError(error.message, field=field) from error


def _sizes(data: bytes, limits: sandbox.Limits, *, field: str | None, sizes: int) -> list[PhotoSize]:
    frames = sandbox.run("photo", data, limits, sizes=sizes)
    told = _verdict(frames, field=field)["sizes"]
    if len(frames) <= 2 * len(told):  # ended in the middle
        raise DomainError(REASONS["heavy"], field=field)
    return [
        PhotoSize(name, width, height, frames[2 * place + 1], frames[2 * place + 2])
        for place, (name, width, height) in enumerate(told)
    ]


def _verdict(frames: list[bytes], *, field: str | None) -> dict[str, Any]:
    """What the child found. Raises DomainError for a file that it refused, or that ended it."""
    verdict: dict[str, Any] = json.loads(frames[0]) if frames else {"refused": "heavy"}
    if "refused" in verdict:
        raise DomainError(REASONS[verdict["refused"]], field=field)
    return verdict


def reencode(data: bytes, *, field: str, longest: int = 2400, quality: int = 82) -> bytes:
    """The picture as a fresh JPEG of at most `longest` pixels a side. Raises DomainError on `field`."""
    return _cleaned("picture", data, sandbox.PICTURE, field=field, longest=longest, quality=quality)[1]


def thumbnail(data: bytes, longest: int) -> bytes:
    """A small JPEG of a picture that we keep; raises DomainError for what is none."""
    return _cleaned("picture", data, sandbox.PICTURE, field=None, longest=longest, quality=70)[1]


def _cleaned(
    task: str, data: bytes, limits: sandbox.Limits, *, field: str | None, longest: int = 2400, quality: int = 82
) -> tuple[str, bytes]:
    frames = sandbox.run(task, data, limits, longest=longest, quality=quality)
    verdict = _verdict(frames, field=field)
    if len(frames) > 1:
        return verdict["type"], frames[1]
    raise DomainError(REASONS["heavy"], field=field)


def render_pages(data: bytes, *, most: int = 5, longest: int = 1400) -> list[bytes]:
    """The first pages of a stored PDF as JPEG pictures, for who decides about it; fewer, or none, if it is odd.

    For the worker: a page may take seconds. Pictures need none of this.
    """
    return sandbox.run("pages", data, sandbox.PAGES, most=most, longest=longest, quality=75)
