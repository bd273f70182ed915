"""Reads of who belongs to a business and who is asked to join."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from wholesale.accounts.models import LoginSession, User
from wholesale.accounts.rules import token_digest
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import Money
from wholesale.organizations import rules
from wholesale.organizations.models import Invitation, Membership, Organization
from wholesale.platform.db import db
from wholesale.platform.transaction import as_platform

_RANK = ("owner", "admin", "member", "viewer")


@dataclass(frozen=True)
class Person:
    """Somebody of the actor's business."""

    user_id: int
    name: str
    email: str
    role: str
    limit: Money | None
    joined_at: datetime
    last_seen_at: datetime | None


def people(actor: Actor) -> list[Person]:
    """Everybody of the actor's business, owners first."""
    found = [_person(row) for row in db.session.execute(_people(actor))]
    return sorted(found, key=lambda each: (_RANK.index(each.role), each.name.casefold(), each.user_id))


def person(actor: Actor, user_id: int) -> Person:
    """One of them; not-yours looks like not-there."""
    row = db.session.execute(_people(actor).where(Membership.user_id == user_id)).one_or_none()
    if row is None:
        raise NotFoundError
    return _person(row)


def _people(actor: Actor) -> sa.Select[*tuple[Any, ...]]:
    seen = (
        sa.select(sa.func.max(LoginSession.last_used_at))
        .where(LoginSession.user_id == Membership.user_id)
        .scalar_subquery()
    )
    return (
        sa.select(
            User.id,
            User.name,
            User.email,
            Membership.role,
            Membership.spending_limit,
            Organization.currency,
            Membership.created_at,
            seen,
        )
        .join(Membership, Membership.user_id == User.id)
        .join(Organization, Organization.id == Membership.organization_id)
        .where(Membership.organization_id == actor.acting_organization)
    )


def _person(row: Any) -> Person:
    user_id, name, email, role, limit, currency, joined_at, seen_at = row
    money = None if limit is None else Money(limit, currency)
    return Person(user_id, name, email, role, money, joined_at, seen_at)


@dataclass(frozen=True)
class Waiting:
    """An invitation that nobody has used yet."""

    id: int
    email: str
    role: str
    expires_at: datetime
    is_expired: bool


def waiting_invitations(actor: Actor) -> list[Waiting]:
    """Those of the actor's business that were neither used nor withdrawn, by address."""
    now = clock.now()
    rows = db.session.execute(
        sa.select(
            Invitation.id,
            Invitation.email,
            Invitation.role,
            Invitation.expires_at,
            (Invitation.expires_at <= now).label("is_expired"),
        )
        .where(
            Invitation.organization_id == actor.acting_organization,
            Invitation.accepted_at.is_(None),
            Invitation.withdrawn_at.is_(None),
        )
        .order_by(Invitation.email)
    )
    return [Waiting(*row) for row in rows]


@dataclass(frozen=True)
class Invited:
    """What a link says to whoever holds it. `accepted_by`: who has used it."""

    organization_id: int
    business: str
    kind: str
    email: str
    role: str
    inviter: str
    expires_at: datetime
    state: str
    accepted_by: int | None
    has_account: bool


def invitation(token: str) -> Invited | None:
    """The invitation of this link, whatever became of it; None when there never was one. Uses nothing up."""
    account = sa.orm.aliased(User)
    statement = (
        sa.select(
            Invitation,
            Organization.name.label("business"),
            Organization.kind,
            User.name.label("inviter"),
            sa.exists().where(account.email == Invitation.email).label("has_account"),
        )
        .join(Organization, Organization.id == Invitation.organization_id)
        .join(User, User.id == Invitation.invited_by)
        .where(Invitation.token_hash == token_digest(token))
    )
    # Whoever holds the link may read this one row, although they do not belong to the business (yet).
    with as_platform():
        row = db.session.execute(statement).one_or_none()
    if row is None:
        return None
    found = row.Invitation
    state = rules.invitation_state(
        accepted_at=found.accepted_at,
        withdrawn_at=found.withdrawn_at,
        expires_at=found.expires_at,
        now=clock.now(),
    )
    return Invited(
        organization_id=found.organization_id,
        business=row.business,
        kind=row.kind,
        email=found.email,
        role=found.role,
        inviter=row.inviter,
        expires_at=found.expires_at,
        state=state,
        accepted_by=found.accepted_by,
        has_account=row.has_account,
    )


def belongs_to(actor: Actor, organization_id: int) -> bool:
    """Whether the actor belongs to the business, whichever they act for now."""
    mine = sa.and_(Membership.user_id == actor.user_id, Membership.organization_id == organization_id)
    return bool(db.session.scalar(sa.select(sa.exists().where(mine))))
