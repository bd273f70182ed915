"""What people upload: judged by content, cleaned in a child process, kept."""

from __future__ import annotations

import json
import logging
from tempfile import SpooledTemporaryFile
from typing import cast

from flask import current_app
from werkzeug.datastructures import FileStorage

from wholesale.config import Settings
from wholesale.kernel.errors import DomainError, UnavailableError
from wholesale.kernel.words import N_
from wholesale.platform.files import clamd, sandbox
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
    limits = sandbox.DOCUMENT if data.startswith(b"%PDF-") else sandbox.PICTURE
    try:
        if settings.clamd_url and not clamd.is_clean(settings.clamd_url, data):
            raise DomainError(REASONS["virus"], field=field)
        media_type, clean = _cleaned("check", data, limits, field=field)
        return storage().put(clean, media_type)
    except UnavailableError as error:  # what was typed must not be lost over it
        raise DomainError(error.message, field=field) from error


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
    verdict = json.loads(frames[0]) if frames else {"refused": "heavy"}  # it was ended, and had said nothing
    if len(frames) > 1:
        return verdict["type"], frames[1]
    raise DomainError(REASONS[verdict.get("refused", "heavy")], field=field)


def render_pages(data: bytes, *, most: int = 5, longest: int = 1400) -> list[bytes]:
    """The first pages of a stored PDF as JPEG pictures, for who decides about it; fewer, or none, if it is odd.

    For the worker: a page may take seconds. Pictures need none of this.
    """
    return sandbox.run("pages", data, sandbox.PAGES, most=most, longest=longest, quality=75)
