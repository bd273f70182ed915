"""Asking people to join a business, and joining it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from wholesale.accounts import actions as accounts
from wholesale.accounts.consent import actions as consent
from wholesale.accounts.models import User
from wholesale.accounts.rules import check_email, token_digest
from wholesale.audit import actions as audit
from wholesale.audit.rules import masked
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, ForbiddenError, NotFoundError
from wholesale.kernel.words import N_
from wholesale.organizations import queries, rules
from wholesale.organizations.actions import people, switching
from wholesale.organizations.models import Invitation, Membership, Organization
from wholesale.platform import i18n, mail
from wholesale.platform.db import db
from wholesale.platform.transaction import abandon, as_platform

GONE = N_("This invitation is not good any more. Ask whoever invited you for a new one.")


def invite(*, actor: Actor, email: str, role: str, spending_limit: Decimal | None = None) -> None:
    """Send a letter with a link by which its reader may join; a link sent to them before is void.

    Raises DomainError on `email` or `spending_limit`.
    """
    members, mine = people.lock_people(actor)
    rules.check_may_change(own_role=mine.role, role=role, to=role)
    email = check_email(email)
    if db.session.scalar(sa.select(sa.exists().where(User.email == email, User.id.in_(members)))):
        raise DomainError("Whoever has this address belongs to your business already.", field="email")
    business = db.session.get_one(Organization, actor.acting_organization)
    limit = rules.check_limit(spending_limit, role=role, currency=business.currency)
    _check_pace(business.id)
    _withdraw(sa.and_(Invitation.organization_id == business.id, Invitation.email == email))
    token = secrets.token_urlsafe(32)
    made = Invitation(
        organization_id=business.id,
        email=email,
        role=role,
        spending_limit=limit,
        token_hash=token_digest(token),
        invited_by=actor.acting_user,
        expires_at=clock.now() + rules.INVITATION_LASTS,
    )
    db.session.add(made)
    db.session.flush()
    mail.send(
        key=f"invitation:{made.id}",
        to=email,
        template="invitation",
        language=business.language,
        business=business.name,
        inviter=actor.name,
        role=role,
        link=mail.link("organizations.invitation", token=token),
        until=made.expires_at,
    )
    _note(actor, "invitation.sent", made)


def renew(*, actor: Actor, invitation_id: int) -> None:
    """A new link for an invitation that waits; the one before is void."""
    people.lock_people(actor)  # first, as everywhere
    waiting = _waiting(actor, invitation_id)
    invite(actor=actor, email=waiting.email, role=waiting.role, spending_limit=waiting.spending_limit)


def withdraw(*, actor: Actor, invitation_id: int) -> None:
    """The link is void."""
    _members, mine = people.lock_people(actor)
    rules.check_may_change(own_role=mine.role, role="viewer")
    waiting = _waiting(actor, invitation_id)
    _withdraw(Invitation.id == waiting.id)
    _note(actor, "invitation.withdrawn", waiting)


def join(*, actor: Actor, token: str) -> int:
    """The actor belongs to the business that invited them, and acts for it on this device; its id.

    Pressing twice is pressing once. Raises NotFoundError when the link is good no more, ForbiddenError when the
    invitation is for another address.
    """
    # Whoever holds the link reaches this one invitation and this one business, to which they do not belong yet.
    with as_platform():
        found = _lock(token)
        if found.accepted_by is None or found.accepted_by != actor.user_id:
            _accept(actor, found)
        db.session.flush()
        switching.act_for(actor=actor, organization_id=found.organization_id)
        return found.organization_id


def join_as_new(*, token: str, name: str, phone: str, password: str) -> User:
    """A person with the invited address, which the link proves to be theirs, who belongs to the business and agrees
    to the terms.

    Must come first in its transaction. Raises DomainError on `password`, NotFoundError as `join` does.
    """
    found = queries.invitation(token)
    if found is None or found.state != "open":
        raise NotFoundError(GONE)
    abandon()  # nothing was written: no connection waits while the password is worked on
    user = accounts.create_user(
        email=found.email,
        name=name,
        phone=phone,
        password=password,
        language=i18n.language(),
        email_confirmed=True,
        business_name=found.business,
    )
    with as_platform():  # nobody is signed in yet whose row this could be
        consent.agree(user_id=user.id)
    join(actor=Actor(user_id=user.id, name=user.name, email=user.email), token=token)
    return user


def _accept(actor: Actor, found: Invitation) -> None:
    now = clock.now()
    state = rules.invitation_state(
        accepted_at=found.accepted_at, withdrawn_at=found.withdrawn_at, expires_at=found.expires_at, now=now
    )
    if state != "open":
        raise NotFoundError(GONE)
    if actor.email != found.email:
        raise ForbiddenError("This invitation is for another address than yours.")
    owners = _owners(found.organization_id)
    if not owners:  # closed, because its last person was erased
        raise NotFoundError(GONE)
    found.accepted_at, found.accepted_by = now, actor.acting_user
    member = {
        "organization_id": found.organization_id,
        "user_id": actor.acting_user,
        "role": found.role,
        "spending_limit": found.spending_limit,
        "created_at": now,
    }
    # Who belongs to it already, by another way, keeps their role.
    new = db.session.scalar(
        insert(Membership).values(member).on_conflict_do_nothing().returning(Membership.organization_id)
    )
    _note(actor, "invitation.accepted", found)
    if new is not None:
        _tell(owners, actor, found)
        audit.record(
            actor=actor,
            action="membership.added",
            thing="membership",
            thing_id=actor.acting_user,
            organization_id=found.organization_id,
            after={"role": found.role, "spending_limit": found.spending_limit},
        )


def _owners(organization_id: int) -> Sequence[Any]:
    return db.session.execute(
        sa.select(User.id, User.name, User.email, User.language, Organization.name.label("business"))
        .join(Membership, Membership.user_id == User.id)
        .join(Organization, Organization.id == Membership.organization_id)
        .where(Membership.organization_id == organization_id, Membership.role == "owner")
    ).all()


def _tell(owners: Sequence[Any], actor: Actor, found: Invitation) -> None:
    for owner in owners:
        mail.send(
            key=f"invitation:accepted:{found.id}:{owner.id}",
            to=owner.email,
            template="membership_added",
            language=owner.language,
            name=owner.name,
            business=owner.business,
            person=actor.name,
            email=actor.email,
            role=found.role,
        )


def _lock(token: str) -> Invitation:
    """The invitation of this link, held: of two who press at once, the second sees what the first has done."""
    found = db.session.scalars(
        sa.select(Invitation)
        .where(Invitation.token_hash == token_digest(token))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFoundError(GONE)
    return found


def _waiting(actor: Actor, invitation_id: int) -> Invitation:
    """An invitation of the actor's business that was neither used nor withdrawn; not-yours looks like not-there."""
    found = db.session.scalars(
        sa.select(Invitation)
        .where(
            Invitation.id == invitation_id,
            Invitation.organization_id == actor.acting_organization,
            Invitation.accepted_at.is_(None),
            Invitation.withdrawn_at.is_(None),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def _withdraw(which: sa.ColumnElement[bool]) -> None:
    waiting = sa.and_(which, Invitation.accepted_at.is_(None), Invitation.withdrawn_at.is_(None))
    db.session.execute(sa.update(Invitation).where(waiting).values(withdrawn_at=clock.now()))


def _check_pace(organization_id: int) -> None:
    """Raise when the business has sent enough letters for a day; exact, because its people are locked."""
    recent = sa.and_(
        Invitation.organization_id == organization_id, Invitation.created_at > clock.now() - timedelta(days=1)
    )
    sent = db.session.scalar(sa.select(sa.func.count()).select_from(Invitation).where(recent)) or 0
    if sent >= rules.INVITATIONS_A_DAY:
        raise DomainError("You have invited {count} people today. Go on tomorrow.", field="email", count=sent)


def _note(actor: Actor, action: str, of: Invitation) -> None:
    audit.record(
        actor=actor,
        action=action,
        thing="invitation",
        thing_id=of.id,
        organization_id=of.organization_id,
        after={"email": masked(of.email), "role": of.role, "spending_limit": of.spending_limit},
    )
