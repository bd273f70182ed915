"""Acting for a buyer: a platform admin's session has, for a while, the rights that one of its members has."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from wholesale.accounts.models import LoginSession
from wholesale.audit import actions as audit
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, ForbiddenError
from wholesale.organizations.models import Organization
from wholesale.organizations.queries import verified_now
from wholesale.platform.db import db

LONGEST = timedelta(minutes=60)
"""After this the session is an admin's again, whatever it was doing."""
_LISTED = 20


def buyers(q: str) -> list[Organization]:
    """Verified buyers whose name holds `q`, by name; the first few of all without one."""
    found = sa.select(Organization).where(Organization.kind == "buyer", verified_now())
    if q:
        found = found.where(
            sa.or_(
                Organization.name.icontains(q, autoescape=True), Organization.legal_name.icontains(q, autoescape=True)
            )
        )
    return list(db.session.scalars(found.order_by(Organization.name, Organization.id).limit(_LISTED)))


def act_for(*, actor: Actor, organization_id: int, reason: str) -> None:
    """Give this session the rights of a member of that buyer, from its next request on.

    Raises ForbiddenError for anybody but the platform's admins, DomainError on `organization_id` for what is no
    verified buyer and on `reason` without one.
    """
    if not actor.is_admin or actor.session_id is None:
        raise ForbiddenError("Only the platform's admins act for a business.")
    if not reason.strip():
        raise DomainError("Say why: the business reads it too.", field="reason")
    business = db.session.scalars(
        sa.select(Organization).where(Organization.id == organization_id, Organization.kind == "buyer", verified_now())
    ).one_or_none()
    if business is None:
        raise DomainError("Choose a verified buyer from the list.", field="organization_id")
    until = clock.now() + LONGEST
    _set(actor, acting_for=business.id, acting_until=until, acting_reason=reason.strip())
    audit.record(
        actor=actor,
        action="acting.started",
        thing="organization",
        thing_id=business.id,
        organization_id=business.id,
        after={"until": until},
        reason=reason,
    )


def stop_acting(*, actor: Actor) -> None:
    """Be oneself again; somebody who is already notices nothing."""
    if not actor.on_behalf:
        return
    _set(actor, acting_for=None, acting_until=None, acting_reason=None)
    audit.record(
        actor=actor,
        action="acting.ended",
        thing="organization",
        thing_id=actor.acting_organization,
        organization_id=actor.organization_id,
        reason=actor.on_behalf_reason,
    )


def _set(actor: Actor, **values: object) -> None:
    db.session.execute(sa.update(LoginSession).where(LoginSession.id == actor.session_id).values(**values))
