"""Who belongs to a business, in which role, up to which limit.

Every action first locks the rows of all people of the business, so that two at once happen one after the other and
the second sees what the first has done: an owner is always left, and who lost a role a moment ago uses it no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import sqlalchemy as sa

from wholesale.accounts.models import LoginSession, User
from wholesale.audit import actions as audit
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, ForbiddenError, NotFoundError
from wholesale.organizations import rules
from wholesale.organizations.events import MembershipEnded
from wholesale.organizations.models import Invitation, Membership, Organization
from wholesale.platform import mail
from wholesale.platform.db import db
from wholesale.platform.outbox import emit

People = dict[int, Membership]
"""The people of one business, by the person's id."""


def lock_people(actor: Actor) -> tuple[People, Membership]:
    """Everybody of the actor's business and the actor's own row, as they are now, held until the commit."""
    rows = db.session.scalars(
        sa.select(Membership)
        .where(Membership.organization_id == actor.acting_organization)
        .order_by(Membership.user_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    people = {row.user_id: row for row in rows}
    if actor.user_id not in people:  # removed a moment ago; or a platform admin who acts for the business
        raise ForbiddenError("Only the owner and the admins of your business decide about its people.")
    return people, people[actor.acting_user]


def change_person(*, actor: Actor, user_id: int, role: str, spending_limit: Decimal | None = None) -> None:
    """Give a colleague another role or limit. Raises DomainError on `spending_limit`."""
    people, mine = lock_people(actor)
    person = _colleague(people, actor, user_id)
    rules.check_may_change(own_role=mine.role, role=person.role, to=role)
    business = db.session.get_one(Organization, actor.acting_organization)
    before = _as_noted(person)
    person.role = role
    person.spending_limit = rules.check_limit(spending_limit, role=role, currency=business.currency)
    if role not in {"owner", "admin"}:
        _withdraw_invitations(person.organization_id, user_id)
    if _as_noted(person) != before:
        _note(actor, "membership.role_changed", user_id, before=before, after=_as_noted(person))


def remove_person(*, actor: Actor, user_id: int) -> None:
    """Take a colleague out of the business, from their next request on; they are told."""
    people, mine = lock_people(actor)
    person = _colleague(people, actor, user_id)
    rules.check_may_change(own_role=mine.role, role=person.role)
    _end(actor, person, "membership.removed")
    user = db.session.get_one(User, user_id)
    mail.send(
        key=f"membership:removed:{actor.organization_id}:{user_id}:{clock.now().isoformat()}",
        to=user.email,
        template="membership_removed",
        language=user.language,
        name=user.name,
        business=actor.organization_name,
    )


def leave(*, actor: Actor) -> None:
    """The actor belongs to the business no more. Raises DomainError for the last owner."""
    people, mine = lock_people(actor)
    if mine.role == "owner" and not any(row.role == "owner" for row in people.values() if row is not mine):
        raise DomainError(rules.LAST_OWNER)
    _end(actor, mine, "membership.left")


def hand_over(*, actor: Actor, user_id: int, share: bool = False) -> None:
    """Make a colleague owner; the actor becomes admin, or with `share` stays owner beside them. Both are told."""
    people, mine = lock_people(actor)
    person = _colleague(people, actor, user_id)
    if mine.role != "owner":
        raise ForbiddenError("Only an owner hands the business over.")
    before = {"owner": actor.acting_user, "role": person.role}
    person.role, person.spending_limit = "owner", None
    mine.role = "owner" if share else "admin"
    _note(
        actor,
        "ownership.shared" if share else "ownership.handed_over",
        user_id,
        before=before,
        after={"owner": user_id, "role": "owner"},
    )
    users = db.session.scalars(sa.select(User).where(User.id.in_([actor.acting_user, user_id])))
    names = {user.id: user for user in users}
    for user in names.values():
        mail.send(
            key=f"ownership:{actor.organization_id}:{user_id}:{clock.now().isoformat()}:{user.id}",
            to=user.email,
            template="ownership_handed_over",
            language=user.language,
            name=user.name,
            business=actor.organization_name,
            giver=names[actor.acting_user].name,
            taker=names[user_id].name,
            to_you=user.id == user_id,
            shared=share,
        )


def _colleague(people: People, actor: Actor, user_id: int) -> Membership:
    """Somebody of the business other than the actor; not-yours looks like not-there."""
    if user_id not in people:
        raise NotFoundError
    if user_id == actor.user_id:
        raise ForbiddenError("Nobody changes their own role. You can leave the business, or ask a colleague.")
    return people[user_id]


def _end(actor: Actor, person: Membership, action: str) -> None:
    organization_id, user_id = person.organization_id, person.user_id
    before = _as_noted(person)
    db.session.delete(person)
    _note(actor, action, user_id, before=before)
    # Their devices act for another of their businesses, if they have one (see queries.load_actor).
    here = sa.and_(LoginSession.user_id == user_id, LoginSession.organization_id == organization_id)
    db.session.execute(sa.update(LoginSession).where(here).values(organization_id=None))
    _withdraw_invitations(organization_id, user_id)
    emit(MembershipEnded(organization_id=organization_id, user_id=user_id))


def _withdraw_invitations(organization_id: int, user_id: int) -> None:
    """Who may invite nobody any more has invited nobody: else a second address would be a way back."""
    waiting = sa.and_(
        Invitation.organization_id == organization_id,
        Invitation.invited_by == user_id,
        Invitation.accepted_at.is_(None),
        Invitation.withdrawn_at.is_(None),
    )
    db.session.execute(sa.update(Invitation).where(waiting).values(withdrawn_at=clock.now()))


def _as_noted(person: Membership) -> dict[str, str | None]:
    limit = person.spending_limit
    return {"role": person.role, "spending_limit": None if limit is None else f"{limit:f}"}


def _note(
    actor: Actor,
    action: str,
    user_id: int,
    *,
    before: Mapping[str, object],
    after: Mapping[str, object] | None = None,
) -> None:
    audit.record(
        actor=actor,
        action=action,
        thing="membership",
        thing_id=user_id,
        organization_id=actor.acting_organization,
        before=before,
        after=after,
    )
