"""Changing a password, and getting a new one when it is forgotten."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from wholesale.accounts import queries, rules
from wholesale.accounts.actions import links, sessions, users
from wholesale.accounts.events import ResetAsked
from wholesale.accounts.models import User
from wholesale.accounts.second_factor.actions import common as second_factor
from wholesale.audit import actions as audit
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError, PauseError
from wholesale.platform import mail, throttle
from wholesale.platform.db import db
from wholesale.platform.outbox import emit
from wholesale.platform.throttle import Pace

# Asking costs nothing but a row; a machine that fills the outbox must wait.
ASKING = Pace("reset-asked", (0,) * 19 + (30,), 3600)


def change(*, actor: Actor, password: str) -> str:
    """A new password of the actor's, who has just proved who they are. All other devices are signed out.

    The answer is the session's new secret. Raises DomainError on `password`.
    """
    assert actor.session_id is not None, "an access rule must come first"
    person = db.session.scalars(sa.select(User).where(User.id == actor.acting_user)).one()
    password_hash = users.check_new_password(password, person, names=_names(actor))
    person = users.lock(actor.acting_user)
    _set(person, password_hash)
    token = sessions.renew(session_id=actor.session_id, proved=True)
    sessions.end_all(actor=actor, user_id=person.id, keep=actor.session_id, reason="password changed")
    audit.record(actor=actor, action="user.password_changed", thing="user", thing_id=person.id)
    _tell(person, "changed")
    return token


def ask_for_reset(*, email: str, address: str, language: str) -> None:
    """Somebody forgot a password. The same work whether or not there is such an account: the worker finds out."""
    wait = throttle.take([ASKING.of(throttle.place(address))])
    if wait:
        raise PauseError(wait)
    emit(ResetAsked(rules.normal_email(email), address, language))


def send_reset_link(*, email: str, address: str, language: str) -> None:
    """The letter with the link, when there is such an account and it has not had several today."""
    person = db.session.scalars(sa.select(User).where(User.email == email).with_for_update()).one_or_none()
    if person is None or person.erased_at is not None:
        return
    asked_from = throttle.place(address)
    if not links.may_write(user_id=person.id, purpose="reset_password", asked_from=asked_from):
        return
    row, token = links.make(
        user_id=person.id,
        purpose="reset_password",
        email=person.email,
        lasts=rules.RESET_LASTS,
        asked_from=asked_from,
    )
    mail.send(
        key=f"password:reset:{row.id}",
        to=person.email,
        template="password_reset",
        language=person.language or language,
        name=person.name,
        link=mail.link("accounts.new_password", token=token),
        until=row.expires_at,
    )


def reset(*, token: str, password: str) -> str:
    """A new password by the link from a letter; all devices are signed out. The answer is the account's address.

    Raises DomainError on `password`, and then the link is still good; NotFoundError when it is not good any more.
    """
    found = queries.reset_link(token)
    if found is None:
        raise NotFoundError(links.GONE)
    person = db.session.scalars(sa.select(User).where(User.id == found.user_id)).one()
    password_hash = users.check_new_password(password, person)
    used = links.use(token=token, purposes=("reset_password",))
    person = users.lock(used.user_id)
    if used.email != person.email or person.erased_at is not None:
        raise NotFoundError(links.GONE)
    _set(person, password_hash)
    taken = second_factor.take_unproved(person)
    person.email_confirmed_at = person.email_confirmed_at or clock.now()  # the letter has arrived there
    who = Actor(user_id=person.id)
    sessions.end_all(actor=who, user_id=person.id, reason="password reset")
    audit.record(actor=who, action="user.password_reset", thing="user", thing_id=person.id)
    _tell(person, f"reset:{used.id}", second_step_taken=taken)
    db.session.flush()
    return person.email


def _set(person: User, password_hash: str) -> None:
    person.password_hash, person.password_changed_at = password_hash, clock.now()
    # All: a change of address that a thief has begun must not outlive the password they knew.
    links.use_up_all(user_id=person.id)
    db.session.flush()


def _tell(person: User, occasion: str, *, second_step_taken: bool = False) -> None:
    assert person.password_changed_at is not None, "it was just changed"
    mail.send(
        key=f"password:{occasion}:{person.id}:{person.password_changed_at.timestamp()}",
        to=person.email,
        template="password_changed",
        language=person.language,
        name=person.name,
        at=person.password_changed_at,
        second_step_taken=second_step_taken,
    )


def _names(actor: Actor) -> Collection[str]:
    return (actor.organization_name,)
