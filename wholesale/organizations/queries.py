"""Reads of businesses, memberships and addresses; and the actor of a request, in one query."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from flask import current_app

from wholesale.accounts.models import LoginSession, User
from wholesale.accounts.rules import token_digest
from wholesale.kernel import clock
from wholesale.kernel.actor import ANONYMOUS, Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.organizations.models import Address, Membership, Organization, SellerTerms
from wholesale.platform.db import db


def load_actor(token: str | None, organization_id: int | None, zone: str) -> Actor:
    """The person whose session `token` opens, acting for `organization_id` or else their first business.

    One query; ANONYMOUS when the session is unknown, ended or expired.
    """
    if not token:
        return ANONYMOUS
    row = db.session.execute(
        sa.select(
            LoginSession.id.label("session_id"),
            User.id,
            User.name,
            User.email,
            User.language,
            User.staff_role,
            Membership.organization_id,
            Membership.role,
            Organization.name.label("organization_name"),
            Organization.kind,
            Organization.verified_until,
        )
        .join(User, User.id == LoginSession.user_id)
        .outerjoin(Membership, Membership.user_id == User.id)
        .outerjoin(Organization, Organization.id == Membership.organization_id)
        .where(
            LoginSession.token_hash == token_digest(token),
            LoginSession.ended_at.is_(None),
            LoginSession.expires_at > clock.now(),
        )
        .order_by((Membership.organization_id == organization_id).desc().nulls_last(), Membership.created_at)
        .limit(1)
    ).one_or_none()
    if row is None:
        return ANONYMOUS
    return Actor(
        user_id=row.id,
        session_id=row.session_id,
        name=row.name,
        email=row.email,
        language=row.language,
        staff_role=row.staff_role,
        organization_id=row.organization_id,
        organization_name=row.organization_name or "",
        kind=row.kind,
        role=row.role,
        verified_until=row.verified_until,
        today=clock.today(zone),
    )


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


def first_address(organization_id: int) -> Address | None:
    """Where a business is, for its papers: the first address it gave."""
    return db.session.scalars(
        sa.select(Address).where(Address.organization_id == organization_id).order_by(Address.id).limit(1)
    ).one_or_none()


def terms(seller_ids: Collection[int]) -> dict[int, SellerTerms]:
    """What each seller asks per order; sellers that have set nothing are missing."""
    rows = db.session.scalars(sa.select(SellerTerms).where(SellerTerms.organization_id.in_(seller_ids)))
    return {row.organization_id: row for row in rows}


def addresses(actor: Actor) -> list[Address]:
    """The addresses of the actor's business, oldest first."""
    return list(
        db.session.scalars(
            sa.select(Address).where(Address.organization_id == actor.acting_organization).order_by(Address.id)
        )
    )


def address(actor: Actor, address_id: int) -> Address:
    """One address of the actor's business; not-yours looks like not-there."""
    found = db.session.scalars(
        sa.select(Address).where(Address.id == address_id, Address.organization_id == actor.acting_organization)
    ).one_or_none()
    if found is None:
        raise NotFoundError
    return found
