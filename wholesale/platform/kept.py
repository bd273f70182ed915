"""Files of a form that comes back are not sent twice: they are stored, and the form carries a signed note of them.

The note is good for the browser it was given to, for half a day. A file whose form is never sent goes with the
night's orphans (`files.orphans`), which leave alone what is younger than a day; it is noted for them, so that
they know what strangers left from what a wrong database makes look lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import cast

from flask import current_app, session
from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug.datastructures import FileStorage

from wholesale.platform import files

_MAX_AGE = 12 * 3600


@dataclass(frozen=True)
class KeptFile:
    """A file that was checked and stored before its form was accepted."""

    key: str
    sha256: str
    size: int
    media_type: str
    name: str


Upload = FileStorage | KeptFile | None


def accept(upload: Upload, *, field: str) -> KeptFile:
    """Check and store what was uploaded just now; what was stored before is as it is. Raises DomainError on `field`."""
    if isinstance(upload, KeptFile):
        return upload
    stored = files.accept_document(upload, field=field)
    name = files.plain_name(upload.filename if upload else None, stored.media_type)
    return KeptFile(stored.key, stored.sha256, stored.size, stored.media_type, name)


def keep(upload: Upload, *, field: str) -> KeptFile:
    """`accept` for a form that is refused and comes back. Raises DomainError on `field`."""
    file = accept(upload, field=field)
    if not isinstance(upload, KeptFile):
        files.kept_until_sent(file.key)
    return file


def note(kept: Mapping[str, KeptFile]) -> str:
    """For a hidden field of the form; empty when nothing was kept."""
    return str(_serializer().dumps({name: asdict(file) for name, file in kept.items()})) if kept else ""


def read(text: str | None) -> dict[str, KeptFile]:
    """The files again by the names of their fields; none when the note is missing, forged, old or another browser's."""
    try:
        found = cast("dict[str, dict[str, str | int]]", _serializer().loads(text or "", max_age=_MAX_AGE))
        return {name: KeptFile(**file) for name, file in found.items()}  # type: ignore[arg-type]  # as we signed it
    except BadData:
        return {}


def _serializer() -> URLSafeTimedSerializer:
    browser = hashlib.sha256(str(session.get("csrf_token", "")).encode()).hexdigest()
    return URLSafeTimedSerializer(cast("str", current_app.secret_key), salt=f"kept-files {browser}")
