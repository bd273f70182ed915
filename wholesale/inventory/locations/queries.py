"""Reads of locations."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from wholesale.inventory.models import Location, Stock
from wholesale.inventory.queries import seller_of
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.organizations.models import Organization
from wholesale.platform.db import db

MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Row:
    """A location with what is in it."""

    location: Location
    seller_name: str
    kinds: int
    on_hand: int
    allocated: int

    @property
    def available(self) -> int:
        return self.on_hand - self.allocated


def rows(actor: Actor, *, seller_id: int | None = None, after: int | None = None) -> list[Row]:
    """The actor's locations (staff: of one seller or of all), open ones only, each with what is in it."""
    own = seller_of(actor)
    only = own if own is not None else seller_id
    filled = (
        sa.select(
            sa.func.count().filter(Stock.on_hand > 0).label("kinds"),
            sa.func.coalesce(sa.func.sum(Stock.on_hand), 0).label("on_hand"),
            sa.func.coalesce(sa.func.sum(Stock.allocated), 0).label("allocated"),
        )
        .where(Stock.location_id == Location.id)
        .correlate(Location)
        .lateral("filled")
    )
    statement = (
        sa.select(Location, Organization.name, filled.c.kinds, filled.c.on_hand, filled.c.allocated)
        .join(Organization, Organization.id == Location.organization_id)
        .join(filled, sa.true())
        .where(Location.closed_at.is_(None))
        .order_by(Location.id)
        .limit(MOST_SHOWN + 1)
    )
    if only is not None:
        statement = statement.where(Location.organization_id == only)
    if after is not None:
        statement = statement.where(Location.id > after)
    return [Row(each[0], each[1], int(each[2]), int(each[3]), int(each[4])) for each in db.session.execute(statement)]


@dataclass(frozen=True, slots=True)
class Inside:
    """What is in one location."""

    kinds: int
    on_hand: int
    allocated: int

    @property
    def available(self) -> int:
        return self.on_hand - self.allocated


def inside(location_id: int) -> Inside:
    """What is in it now."""
    kinds, on_hand, allocated = db.session.execute(
        sa.select(
            sa.func.count().filter(Stock.on_hand > 0),
            sa.func.coalesce(sa.func.sum(Stock.on_hand), 0),
            sa.func.coalesce(sa.func.sum(Stock.allocated), 0),
        ).where(Stock.location_id == location_id)
    ).one()
    return Inside(int(kinds), int(on_hand), int(allocated))


def closed(actor: Actor) -> list[Location]:
    """The seller's closed ones, the newest first; of everybody's none are told."""
    own = seller_of(actor)
    if own is None:
        return []
    return list(
        db.session.scalars(
            sa.select(Location)
            .where(Location.organization_id == own, Location.closed_at.is_not(None))
            .order_by(Location.closed_at.desc())
            .limit(20)
        )
    )


def seller(seller_id: int) -> Organization:
    """The seller of that id. Raises NotFoundError."""
    found = db.session.get(Organization, seller_id)
    if found is None or found.kind != "seller":
        raise NotFoundError
    return found
