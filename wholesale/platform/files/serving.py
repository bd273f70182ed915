"""Answers with a private file: shown or saved, never run."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import quote

from flask import Response, make_response

# Neither scripts nor styles nor other addresses, and an origin of its own; nobody may put it into a frame.
_POLICY = "sandbox; default-src 'none'; img-src 'self'; form-action 'none'; frame-ancestors 'none'"
_ENDINGS = {
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
}
_LONGEST_NAME = 120
_JOINERS = "\u200c\u200d"  # Bangla is written with them; the other invisible signs only mislead
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(?![^.])")  # devices, to Windows


def plain_name(name: str | None, media_type: str) -> str:
    """The name somebody gave a file, without folders and oddities, with the ending that its content has."""
    text = unicodedata.normalize("NFC", (name or "").replace("\\", "/"))
    seen = "".join(sign for sign in text if sign in _JOINERS or unicodedata.category(sign)[0] != "C")
    bare = re.sub(r"[\"<>|:*?]", "", seen)
    stem = PurePosixPath(bare).stem.strip(". ")[:_LONGEST_NAME].strip(". ")
    if _RESERVED.match(stem):
        stem = f"_{stem}"
    return f"{stem or 'document'}{_ENDINGS.get(media_type, '.bin')}"


def serve(
    data: bytes | Iterator[bytes], media_type: str, name: str, *, inline: bool, size: int | None = None
) -> Response:
    """A stored file for who has been found to be allowed to see it; `inline` shows it, otherwise it is saved.

    Of what comes piece by piece, the `size` is told.
    """
    response = make_response(data)
    if size is not None:
        response.content_length = size
    response.headers["Content-Type"] = media_type
    response.headers["Content-Disposition"] = _disposition("inline" if inline else "attachment", name, media_type)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _disposition(kind: str, name: str, media_type: str) -> str:
    """RFC 6266: the name in UTF-8, and one in ASCII for who knows no better."""
    plain = plain_name(name, media_type)
    if plain.isascii():
        return f'{kind}; filename="{plain}"'
    return f"{kind}; filename=\"{plain_name(None, media_type)}\"; filename*=UTF-8''{quote(plain, safe='')}"
