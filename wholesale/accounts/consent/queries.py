"""What a person has agreed to."""

from __future__ import annotations

import sqlalchemy as sa

from wholesale.accounts.models import Consent
from wholesale.platform.db import db


def given(user_id: int) -> list[Consent]:
    """Everything the person agreed to, newest first."""
    return list(
        db.session.scalars(
            sa.select(Consent).where(Consent.user_id == user_id).order_by(Consent.given_at.desc(), Consent.document)
        )
    )
