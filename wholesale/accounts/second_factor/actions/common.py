"""What apps, recovery codes and passkeys have in common: who may change them, and what follows when one is proved."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import sqlalchemy as sa
from sqlalchemy import CursorResult

from wholesale.accounts.models import LoginSession, Passkey, RecoveryCode, Totp, User
from wholesale.accounts.rules import token_digest
from wholesale.accounts.second_factor import queries, rules
from wholesale.audit import actions as audit
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, ForbiddenError
from wholesale.platform import mail
from wholesale.platform.db import db

RANDOM = 16  # bytes for one recovery code; it uses the first twelve

# What a letter tells (templates/mail/second_factor.txt) and the log notes.
What = Literal[
    "app_added",
    "app_removed",
    "passkey_added",
    "passkey_removed",
    "codes_renewed",
    "recovery_code_used",
    "passkey_copied",
    "tries_exceeded",
    "reset",
]


class AlarmError(DomainError):
    """A refusal that its person must hear of: whoever catches it calls `alarm` in a transaction of its own."""

    def __init__(self, message: str, *, user_id: int, what: What, passkey: str = "", field: str | None = None) -> None:
        self.user_id, self.what, self.passkey = user_id, what, passkey
        super().__init__(message, field=field)


@dataclass(frozen=True)
class Enrolled:
    """After an app or a passkey was added: the session's new secret, and the recovery codes if they are new."""

    token: str = field(repr=False)
    codes: list[str] = field(repr=False)


def lock(user_id: int) -> User:
    """The person, locked: two changes of one person's factors happen one after the other."""
    return db.session.scalars(
        sa.select(User)
        .where(User.id == user_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()


def may_change(actor: Actor) -> User:
    """The actor, locked; ForbiddenError when the session is from before they had a second factor.

    Otherwise whoever got in by the password alone could take the factor away.
    """
    person = lock(actor.acting_user)
    if queries.enrolled(person.id) and not queries.has_passed(actor):
        raise ForbiddenError("Use your second step first, then change it.", next_step="second_factor.ask")
    return person


def may_enrol(actor: Actor) -> User:
    """The actor, locked, who may add a factor; DomainError while their address is not proved."""
    person = may_change(actor)
    if not queries.may_enrol(person.id):
        raise DomainError("Confirm your e-mail address first: follow the link in the letter that we have sent you.")
    return person


def passed(session_id: int) -> str:
    """The session has proved its second factor; the answer is its new secret.

    New, because somebody may know the one from before: it must not become worth more.
    """
    token, now = secrets.token_urlsafe(32), clock.now()
    live = sa.and_(LoginSession.id == session_id, LoginSession.ended_at.is_(None))
    done = db.session.execute(
        sa.update(LoginSession)
        .where(live)
        .values(
            token_hash=token_digest(token),
            previous_hash=None,
            rotated_at=now,
            awaits_second_factor=False,
            second_factor_at=now,
            authenticated_at=now,
            last_used_at=now,
        )
    )
    if cast("CursorResult[Any]", done).rowcount != 1:
        raise DomainError("This login was ended meanwhile. Log in again.")
    return token


def proved(actor: Actor) -> None:
    """The actor has just proved again who they are."""
    mine = sa.update(LoginSession).where(LoginSession.id == actor.session_id)
    db.session.execute(mine.values(authenticated_at=clock.now()))


def after_enrolment(*, actor: Actor, person: User, what: What, passkey: str = "") -> Enrolled:
    """The session counts as passed; the first factor brings recovery codes."""
    assert actor.session_id is not None, "an access rule must come first"
    announce(actor=actor, person=person, what=what, passkey=passkey)
    return Enrolled(passed(actor.session_id), [] if queries.codes_left(person.id) else new_codes(person.id))


def announce(*, actor: Actor, person: User, what: What, passkey: str = "", once_in: str = "") -> None:
    """Note it and tell the person by letter: whoever did it may be somebody else.

    `once_in` names a stretch of time in which it is told once only.
    """
    fresh = mail.send(
        key=f"second_factor:{person.id}:{what}:{once_in or clock.now().isoformat()}",
        to=person.email,
        template="second_factor",
        language=person.language,
        name=person.name,
        what=what,
        passkey=passkey,
        left=queries.codes_left(person.id),
    )
    if fresh:
        audit.record(actor=actor, action=f"second_factor.{what}", thing="user", thing_id=person.id)


def alarm(error: AlarmError) -> None:
    """Tell the person of a refused try, at most once an hour."""
    person = lock(error.user_id)
    hour = f"{clock.now():%Y-%m-%dT%H}"
    announce(actor=Actor(user_id=person.id), person=person, what=error.what, passkey=error.passkey, once_in=hour)


def reset(*, actor: Actor, user_id: int) -> None:
    """Somebody who has lost everything begins anew: no app, no passkeys, no codes, and no session that goes on."""
    person = lock(user_id)
    if not queries.enrolled(person.id):
        raise DomainError("This person has no second step.")
    _take_all(person)
    live = sa.and_(LoginSession.user_id == person.id, LoginSession.ended_at.is_(None))
    ended = {"ended_at": clock.now(), "end_reason": "second factor reset"}
    db.session.execute(sa.update(LoginSession).where(live).values(ended))
    announce(actor=actor, person=person, what="reset")


def take_unproved(person: User) -> bool:
    """Take away what was set up before the address was proved: by whom, nobody knows. Whether there was anything.

    For the moment in which its owner proves it. (The operator vouches for the addresses of staff.)
    """
    if person.email_confirmed_at is not None or person.staff_role is not None or not queries.enrolled(person.id):
        return False
    _take_all(person)
    audit.record(
        actor=Actor(user_id=person.id),
        action="second_factor.reset",
        thing="user",
        thing_id=person.id,
        reason="set up before the e-mail address was confirmed",
    )
    return True


def _take_all(person: User) -> None:
    for table in (Totp, Passkey, RecoveryCode):
        db.session.execute(sa.delete(table).where(table.user_id == person.id))


def new_codes(user_id: int) -> list[str]:
    """Ten fresh recovery codes; the ones from before are worth nothing afterwards."""
    codes = [rules.recovery_code(secrets.token_bytes(RANDOM)) for _ in range(rules.RECOVERY_CODES)]
    db.session.execute(sa.delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    db.session.add_all(RecoveryCode(user_id=user_id, code_hash=rules.recovery_digest(user_id, code)) for code in codes)
    db.session.flush()
    return codes


def check_may_lose(person: User, factors: queries.Factors) -> None:
    """Staff keep at least one; the codes alone are none."""
    if factors.last and person.staff_role is not None:
        raise DomainError("Staff must have a second step. Add another one first, then remove this.")


def forget_codes_without_factor(user_id: int) -> None:
    if not queries.enrolled(user_id):
        db.session.execute(sa.delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
