"""The pictures of a return: any document is refused in words about pictures."""

from __future__ import annotations

from collections.abc import Callable

from wholesale.kernel.errors import DomainError
from wholesale.kernel.words import N_
from wholesale.platform import files, kept

NO_PICTURE = N_("This is no picture. Choose a JPEG, PNG or WebP file.")


def accept(upload: kept.Upload, *, field: str) -> kept.KeptFile:
    """Check and store a picture. Raises DomainError on `field`."""
    return _picture(kept.accept, upload, field)


def keep(upload: kept.Upload, *, field: str) -> kept.KeptFile:
    """`accept` for a form that is refused and comes back. Raises DomainError on `field`."""
    return _picture(kept.keep, upload, field)


def _picture(take: Callable[..., kept.KeptFile], upload: kept.Upload, field: str) -> kept.KeptFile:
    try:
        found = take(upload, field=field)
    except DomainError as error:
        # "No PDF, JPEG, …" would invite a PDF, which is refused as well.
        raise DomainError(NO_PICTURE, field=field) if error.message == files.REASONS["unknown"] else error from error
    if not found.media_type.startswith("image/"):
        raise DomainError(NO_PICTURE, field=field)
    return found
