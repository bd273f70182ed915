"""Entries and their links."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.platform.db import Base, Id

_FACTS = JSONB(none_as_null=True)


class AuditEntry(Base):
    """One change. `organization_id`: whose business it concerns, and so which chain; None: the platform's own.

    `actor_id` None: the product itself, or nobody signed in. `on_behalf`: the business that a platform admin
    acted for. Without foreign keys: what happened stays true when what it happened to is gone.
    """

    __tablename__ = "audit_entry"
    __table_args__ = (
        sa.Index("ix_audit_entry_organization_id", "organization_id", "id"),
        sa.Index("ix_audit_entry_actor_id", "actor_id", "id"),
        sa.Index("ix_audit_entry_thing", "thing", "thing_id", "id"),
        sa.Index("ix_audit_entry_at", "at"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    organization_id: Mapped[int | None]
    at: Mapped[datetime]
    actor_id: Mapped[int | None]
    on_behalf: Mapped[int | None]
    staff: Mapped[bool]
    action: Mapped[str]
    thing: Mapped[str]
    thing_id: Mapped[str]
    before: Mapped[dict[str, Any] | None] = mapped_column(_FACTS)
    after: Mapped[dict[str, Any] | None] = mapped_column(_FACTS)
    reason: Mapped[str]
    request_id: Mapped[str | None]
    address: Mapped[str]


class AuditLink(Base):
    """An entry's place in its chain; only the database's own trigger writes these."""

    __tablename__ = "audit_link"
    __table_args__ = (sa.UniqueConstraint("entry_id"),)

    chain: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    entry_id: Mapped[int]
    prev: Mapped[bytes] = mapped_column(sa.LargeBinary)
    hash: Mapped[bytes] = mapped_column(sa.LargeBinary)


class AuditSeal(Base):
    """A seal that was written to the file outside the database (see `audit.seals`)."""

    __tablename__ = "audit_seal"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    mac: Mapped[str]
