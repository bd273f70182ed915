"""Locations, as far as goods come into them; `inventory.locations` opens and closes them for their seller."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from wholesale.inventory import queries
from wholesale.inventory.models import Location
from wholesale.kernel.errors import DomainError
from wholesale.platform.db import db


def open_locations(location_ids: Collection[int]) -> dict[int, Location]:
    """These locations by id, which nobody closes before the transaction ends. Raises DomainError for a closed one."""
    rows = db.session.scalars(
        sa.select(Location)
        .where(Location.id.in_(sorted(location_ids)))
        .order_by(Location.id)
        .with_for_update(read=True)
        .execution_options(populate_existing=True)
    )
    found = {row.id: row for row in rows}
    for row in found.values():
        if row.is_closed:
            raise DomainError("{name} is closed. Choose another location.", field="location_id", name=row.name)
    return found


def open_location(*, organization_id: int, name: str, district: str, kind: str = "warehouse") -> Location:
    """A new warehouse or shop of a seller."""
    location = Location(organization_id=organization_id, name=name, district=district, kind=kind)
    db.session.add(location)
    db.session.flush()
    return location


def first_location(*, organization_id: int, district: str) -> int:
    """The id of where a seller counts: the oldest location that is open, opened with the first count.

    Of two first counts at once the second waits here: what is in a second location could not be counted.
    """
    of_seller = queries.first_open(sa.literal(organization_id))
    found: int | None = db.session.scalar(of_seller)
    if found is None:
        key = f"first location:{organization_id}"
        db.session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(key, 0))))
        found = db.session.scalar(of_seller)
    if found is None:
        found = open_location(organization_id=organization_id, name="Warehouse", district=district).id
    return found
