"""Reads of businesses, their papers and what they ask per order."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from flask import current_app

from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.organizations import rules
from wholesale.organizations.models import Address, BusinessPapers, Membership, Organization, SellerTerms
from wholesale.platform.db import db

# Under which platform.cache keeps what is counted of verified sellers' goods, with the sellers' names: who changes a
# seller's name or standing drops it.
COUNTED = "listing-counts"


def verified_now() -> sa.ColumnElement[bool]:
    """The condition that a business counts as verified today; for queries that join Organization."""
    zone: str = current_app.extensions["settings"].time_zone
    return Organization.verified_until >= clock.today(zone)


def organization(organization_id: int) -> Organization:
    """The business by its id; for code that has already checked who asks."""
    found = db.session.get(Organization, organization_id)
    if found is None:
        raise NotFoundError
    return found


def organizations(ids: Collection[int]) -> dict[int, Organization]:
    """Businesses by id, in one query."""
    rows = db.session.scalars(sa.select(Organization).where(Organization.id.in_(ids)))
    return {row.id: row for row in rows}


def look_alikes(name: str, *, other_than: int | None = None) -> list[Organization]:
    """Businesses whose name can be taken for this one, by name; without the business `other_than` itself."""
    same = sa.select(Organization).where(
        Organization.skeleton == rules.skeleton(name), Organization.id.is_distinct_from(other_than)
    )
    return list(db.session.scalars(same.order_by(Organization.name, Organization.id)))


@dataclass(frozen=True)
class Overview:
    """The actor's business as its people know it."""

    business: Organization
    papers: BusinessPapers
    people: int
    addresses: int


def overview(actor: Actor) -> Overview:
    own = actor.acting_organization

    def count(table: type[Membership | Address]) -> sa.ScalarSelect[int]:
        return sa.select(sa.func.count()).select_from(table).where(table.organization_id == own).scalar_subquery()

    row = db.session.execute(
        sa.select(Organization, BusinessPapers, count(Membership), count(Address))
        .join(BusinessPapers, BusinessPapers.organization_id == Organization.id)
        .where(Organization.id == own)
    ).one()
    return Overview(*row)


@dataclass(frozen=True)
class OwnBusiness:
    """One of the actor's businesses, to choose from."""

    id: int
    name: str
    kind: str
    role: str
    verified_until: date | None
    is_current: bool

    def is_verified(self, today: date) -> bool:
        return self.verified_until is not None and today <= self.verified_until


def own_businesses(actor: Actor) -> list[OwnBusiness]:
    """All businesses that the actor belongs to, by name."""
    rows = db.session.execute(
        sa.select(Organization.id, Organization.name, Organization.kind, Membership.role, Organization.verified_until)
        .join(Membership, Membership.organization_id == Organization.id)
        .where(Membership.user_id == actor.acting_user)
        .order_by(Organization.name, Organization.id)
    )
    return [OwnBusiness(*row, is_current=row.id == actor.organization_id) for row in rows]


def papers(organization_id: int) -> BusinessPapers:
    """What only the business, its partners in trade and the platform may know of it."""
    found = db.session.get(BusinessPapers, organization_id)
    if found is None:
        raise NotFoundError
    return found


def terms(seller_ids: Collection[int]) -> dict[int, SellerTerms]:
    """What each seller asks per order; sellers that have set nothing are missing."""
    rows = db.session.scalars(sa.select(SellerTerms).where(SellerTerms.organization_id.in_(seller_ids)))
    return {row.organization_id: row for row in rows}
