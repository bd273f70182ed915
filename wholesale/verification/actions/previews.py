"""Pictures of papers, made by the worker."""

from __future__ import annotations

import io

from PIL import Image

from wholesale.kernel import clock
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.platform import files
from wholesale.platform.db import db
from wholesale.verification import queries
from wholesale.verification.models import VerificationDocument, VerificationPreview

_LONGEST = 1400


def make_previews(case_id: int) -> None:
    """Picture each document of the case that has not been: the first pages of a PDF, a photograph in small.

    A document of which no picture can be made is noted as tried; it can still be saved and opened.
    """
    for document in queries.lock_unpreviewed(case_id):
        for page, data in enumerate(_pictures(document), 1):
            width, height = Image.open(io.BytesIO(data)).size  # our own JPEG, made a moment ago
            stored = files.storage().put(data, "image/jpeg")
            db.session.add(
                VerificationPreview(document_id=document.id, page=page, file_key=stored.key, width=width, height=height)
            )
        document.previewed_at = clock.now()
    db.session.flush()


def _pictures(document: VerificationDocument) -> list[bytes]:
    try:
        data = files.storage().get(document.file_key)
        if document.media_type == "application/pdf":
            return files.render_pages(data, longest=_LONGEST)
        return [files.thumbnail(data, _LONGEST)]
    except (DomainError, NotFoundError):
        return []
