"""Recording that a person agrees."""

from __future__ import annotations

from datetime import date

from sqlalchemy.dialects.postgresql import insert

from wholesale.accounts.consent.rules import VERSIONS
from wholesale.accounts.models import Consent
from wholesale.kernel import clock
from wholesale.platform.db import db


def agree(*, user_id: int, documents: dict[str, date] | None = None) -> None:
    """The person agrees to these versions, by default to the present ones; agreeing twice changes nothing."""
    wanted = VERSIONS if documents is None else documents
    db.session.execute(
        insert(Consent)
        .values(
            [
                {"user_id": user_id, "document": document, "version": version, "given_at": clock.now()}
                for document, version in wanted.items()
            ]
        )
        .on_conflict_do_nothing()
    )
