"""Every write safe to repeat: a key made with the form, stored with its answer in the same transaction."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.kernel.errors import DomainError
from wholesale.kernel.words import N_
from wholesale.platform.db import Base, db
from wholesale.platform.transaction import counts_once


class IdempotencyKey(Base):
    """One key of one scope, the digest of what was asked, and the answer it was given. Kept 90 days."""

    __tablename__ = "idempotency_key"

    scope: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    answer: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


OTHERS = N_("This form was already sent with other contents. Reload the page and check.")
_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")  # ours are 32 hexadecimal digits


def new_key() -> str:
    return uuid.uuid4().hex


def check_key(key: str) -> None:
    """Raise DomainError for what is no key of a form of ours."""
    if not _KEY.fullmatch(key):
        raise DomainError("This form is incomplete. Reload the page and send it again.")


def once(scope: str, key: str, asked: object, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run `work` for the first caller with this key; everybody else gets the same answer.

    Must be the first write of its transaction: a second caller waits here until the first has committed (then
    it reads that answer) or rolled back (then it works itself). The same key with something else asked is a
    DomainError. `asked` and the answer are JSON values.
    """
    check_key(key)
    counts_once()
    fingerprint = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()
    mine = {"of": scope, "named": key}
    first = db.session.execute(_CLAIM, mine | {"fingerprint": fingerprint, "now": clock.now()}).one_or_none()
    if first is None:
        kept = db.session.execute(_LOOK, mine).one()
        if kept.fingerprint != fingerprint:
            raise DomainError(OTHERS)
        assert kept.answer is not None, "the answer is stored in the transaction that inserts the key"
        return dict(kept.answer)
    answer = work()
    db.session.execute(_ANSWER, mine | {"given": answer})
    return answer


_TABLE = Base.metadata.tables[IdempotencyKey.__tablename__]
_MINE = sa.and_(_TABLE.c.scope == sa.bindparam("of"), _TABLE.c.key == sa.bindparam("named"))
_CLAIM = (
    insert(_TABLE)
    .values(
        scope=sa.bindparam("of"),
        key=sa.bindparam("named"),
        fingerprint=sa.bindparam("fingerprint"),
        created_at=sa.bindparam("now"),
    )
    .on_conflict_do_nothing()
    .returning(_TABLE.c.key)
)
_LOOK = sa.select(_TABLE.c.fingerprint, _TABLE.c.answer).where(_MINE)
_ANSWER = sa.update(_TABLE).where(_MINE).values(answer=sa.bindparam("given"))
