"""Every seller whose goods are in the lists: a filter can only offer those with the most."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from wholesale.catalog.models import Listing
from wholesale.organizations.models import Organization
from wholesale.organizations.queries import verified_now
from wholesale.platform.db import db

SELLERS_PAGE = 50


@dataclass(frozen=True, slots=True)
class Sellers:
    """Some sellers by name (id, name), and the key at which the next page begins."""

    rows: list[tuple[int, str]]
    following: int | None


def sellers(name: str = "", after: int | None = None) -> Sellers:
    """Sellers with goods, of whose name this is a part, behind the seller `after`. One query."""
    # A look into the index for each seller; as a condition of existence it could become a join with a million rows.
    has_goods = (
        sa.select(sa.true())
        .where(Listing.seller_id == Organization.id)
        .limit(1)
        .correlate(Organization)
        .scalar_subquery()
    )
    statement = (
        sa.select(Organization.id, Organization.name)
        .where(
            Organization.kind == "seller",
            verified_now(),
            has_goods,
            *([Organization.name.icontains(name, autoescape=True)] if name else []),
        )
        .order_by(Organization.name, Organization.id)
        .limit(SELLERS_PAGE + 1)
    )
    if after is not None:
        last = sa.select(Organization.name, Organization.id).where(Organization.id == after)
        statement = statement.where(sa.tuple_(Organization.name, Organization.id) > last.scalar_subquery())
    found = [(row.id, row.name) for row in db.session.execute(statement)]
    shown = found[:SELLERS_PAGE]
    return Sellers(shown, shown[-1][0] if len(found) > SELLERS_PAGE else None)
