"""One variant: what each location has of it, and what has happened to that."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from wholesale.accounts.models import User
from wholesale.catalog.models import Variant
from wholesale.inventory import slots
from wholesale.inventory.models import InventoryLog, Location, Stock
from wholesale.kernel.actor import Actor
from wholesale.organizations.models import Membership
from wholesale.platform.db import db

LOG_PAGE = 30


@dataclass(frozen=True, slots=True)
class Shelf:
    """What one location has of a variant."""

    location: Location
    on_hand: int
    allocated: int

    @property
    def available(self) -> int:
        return self.on_hand - self.allocated


def shelves(variant: Variant) -> list[Shelf]:
    """What each of the seller's locations has of it; a closed one has nothing."""
    rows = db.session.execute(
        sa.select(Location, sa.func.coalesce(Stock.on_hand, 0), sa.func.coalesce(Stock.allocated, 0))
        .outerjoin(Stock, sa.and_(Stock.location_id == Location.id, Stock.variant_id == variant.id))
        .where(
            Location.organization_id == variant.seller_id,
            sa.or_(Location.closed_at.is_(None), Stock.on_hand > 0),
        )
        .order_by(Location.id)
    )
    return [Shelf(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the log with names. `who` None: see `by`, which is "platform" or "buyer" then."""

    id: int
    at: datetime
    kind: str
    quantity: int
    previous: int
    new: int
    reference: str
    reason: str
    note: str
    location: str
    who: str | None
    by: str
    link: tuple[str, dict[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """Some entries, the newest first, and the key below which the next ones begin."""

    entries: list[Entry]
    after: int | None


def log(
    actor: Actor, variant: Variant, *, kind: str = "", location_id: int | None = None, after: int | None = None
) -> Log:
    """What has happened to the variant's stock, the newest first, by key."""
    rows = db.session.execute(_log(variant, kind, location_id, after=after, limit=LOG_PAGE + 1)).all()
    entries = _named(actor, variant.seller_id, rows[:LOG_PAGE])
    return Log(entries, entries[-1].id if len(rows) > LOG_PAGE else None)


def whole_log(actor: Actor, variant: Variant, *, kind: str = "", location_id: int | None = None) -> Iterator[Entry]:
    """All of it, for a table."""
    for part in db.session.execute(_log(variant, kind, location_id)).partitions(1000):
        yield from _named(actor, variant.seller_id, list(part))


def _log(
    variant: Variant, kind: str, location_id: int | None, *, after: int | None = None, limit: int | None = None
) -> sa.Select[Any]:
    """From each location its newest, as the index has them, and of these the newest."""
    entries = sa.select(InventoryLog).where(
        InventoryLog.variant_id == variant.id, InventoryLog.location_id == Location.id
    )
    if kind:
        entries = entries.where(InventoryLog.kind == kind)
    if after is not None:
        entries = entries.where(InventoryLog.id < after)
    part = entries.order_by(InventoryLog.id.desc()).limit(limit).correlate(Location).lateral("entry")
    statement = (
        sa.select(part, Location.name.label("location_name"))
        .select_from(Location)
        .join(part, sa.true())
        .where(Location.organization_id == variant.seller_id)
        .order_by(part.c.id.desc())
        .limit(limit)
    )
    return statement if location_id is None else statement.where(Location.id == location_id)


def _named(actor: Actor, seller_id: int, rows: Collection[Any]) -> list[Entry]:
    """With names of people: sellers learn those of their own; and with where references lead."""
    people = {row.user_id for row in rows if row.user_id is not None}
    names = sa.select(User.id, User.name).where(User.id.in_(people))
    if not actor.is_staff:
        own = sa.select(Membership.user_id).where(Membership.organization_id == seller_id)
        names = names.where(User.id.in_(own))
    known = dict(db.session.execute(names).all()) if people else {}
    links = slots.links(seller_id, {row.reference for row in rows if row.reference})
    return [
        Entry(
            id=row.id,
            at=row.at,
            kind=row.kind,
            quantity=row.quantity,
            previous=row.previous,
            new=row.new,
            reference=row.reference,
            reason=row.reason,
            note=row.note,
            location=row.location_name,
            who=known.get(row.user_id),
            by="buyer" if row.user_id is not None and row.kind in {"ALLOCATION", "RELEASE"} else "platform",
            link=links.get(row.reference),
        )
        for row in rows
    ]
