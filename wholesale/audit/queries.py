"""Reads of the log, for views whose access rules say who may ask.

Row-level security holds a business to its own entries as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from wholesale.audit.models import AuditEntry, AuditLink
from wholesale.kernel.errors import NotFoundError
from wholesale.platform.db import db

PAGE = 25


@dataclass(frozen=True)
class Search:
    """What entries are looked for; None and empty mean any. `until` is the first instant that is too late."""

    organizations: Sequence[int] | None = None
    actors: Sequence[int] | None = None
    action: str = ""
    thing: str = ""
    thing_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    words: str = ""


def entries(search: Search, *, after: int | None = None, limit: int = PAGE) -> list[AuditEntry]:
    """The newest entries first, from below the entry `after`."""
    entry = AuditEntry
    query = sa.select(entry).order_by(entry.id.desc()).limit(limit)
    if search.organizations is not None:
        query = query.where(entry.organization_id.in_(search.organizations))
    if search.actors is not None:
        query = query.where(entry.actor_id.in_(search.actors))
    for column, value in (
        (entry.action, search.action),
        (entry.thing, search.thing),
        (entry.thing_id, search.thing_id),
    ):
        if value:
            query = query.where(column == value)
    if search.since is not None:
        query = query.where(entry.at >= search.since)
    if search.until is not None:
        query = query.where(entry.at < search.until)
    if search.words:
        query = query.where(
            sa.or_(
                entry.action.icontains(search.words, autoescape=True),
                entry.reason.icontains(search.words, autoescape=True),
            )
        )
    if after is not None:
        query = query.where(entry.id < after)
    return list(db.session.scalars(query))


def entry(entry_id: int) -> tuple[AuditEntry, AuditLink]:
    """One entry and its place in its chain; for the platform's staff. Raises NotFoundError."""
    found = db.session.execute(
        sa.select(AuditEntry, AuditLink)
        .join(AuditLink, AuditLink.entry_id == AuditEntry.id)
        .where(AuditEntry.id == entry_id)
    ).one_or_none()
    if found is None:
        raise NotFoundError
    noted, link = found
    return noted, link
