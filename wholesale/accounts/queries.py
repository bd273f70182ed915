"""Reads of people, for this room's actions."""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlalchemy as sa

from wholesale.accounts.models import User
from wholesale.platform.db import db


@dataclass(frozen=True)
class Credentials:
    """What a login is checked against."""

    user_id: int
    password_hash: str = field(repr=False)


def credentials(email: str) -> Credentials | None:
    """By address in its normal form; None when there is no such account."""
    row = db.session.execute(sa.select(User.id, User.password_hash).where(User.email == email)).one_or_none()
    return None if row is None else Credentials(row.id, row.password_hash)
