"""Reads of second factors: who has which, and which session waits for one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from wholesale.accounts.models import LoginSession, Passkey, RecoveryCode, Totp, User
from wholesale.accounts.rules import normal_email, token_digest
from wholesale.accounts.second_factor.rules import WAITING
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.platform.db import db


@dataclass(frozen=True)
class Waiting:
    """A live session that has not passed a second factor, of a person who has one."""

    session_id: int
    user_id: int
    email: str
    has_app: bool
    has_passkey: bool


@dataclass(frozen=True)
class Factors:
    """What a person has; `last` says that it is one only, so that without it nothing is left."""

    app_since: datetime | None
    passkeys: list[Passkey]
    codes_left: int

    @property
    def count(self) -> int:
        return (self.app_since is not None) + len(self.passkeys)

    @property
    def last(self) -> bool:
        return self.count == 1


def _app(person: sa.SQLColumnExpression[int] | int) -> sa.ColumnElement[bool]:
    return sa.exists().where(Totp.user_id == person, Totp.confirmed_at.is_not(None))


def _passkey(person: sa.SQLColumnExpression[int] | int) -> sa.ColumnElement[bool]:
    return sa.exists().where(Passkey.user_id == person)


def enrolled(user_id: int) -> bool:
    """Whether the person has a second factor, so that a password alone lets nobody in."""
    return bool(db.session.scalar(sa.select(sa.or_(_app(user_id), _passkey(user_id)))))


def may_enrol(user_id: int) -> bool:
    """Whether the person may have a second factor: once their address is proved; the operator vouches for staff.

    Otherwise somebody could register with another's address and keep its owner out for good.
    """
    known = sa.or_(User.email_confirmed_at.is_not(None), User.staff_role.is_not(None))
    return bool(db.session.scalar(sa.select(known).where(User.id == user_id)))


def waiting(token: str | None) -> Waiting | None:
    """The session of the cookie's secret, while a second factor can be given for it.

    Also of somebody who is signed in since before they had one.
    """
    if not token:
        return None
    now = clock.now()
    row = db.session.execute(
        sa.select(
            LoginSession.id,
            LoginSession.user_id,
            User.email,
            _app(User.id).label("app"),
            _passkey(User.id).label("key"),
        )
        .join(User, User.id == LoginSession.user_id)
        .where(
            LoginSession.token_hash == token_digest(token),
            LoginSession.ended_at.is_(None),
            LoginSession.expires_at > now,
            LoginSession.idle_until > now,
            LoginSession.second_factor_at.is_(None),
            sa.or_(LoginSession.awaits_second_factor.is_(False), LoginSession.created_at > now - WAITING),
        )
    ).one_or_none()
    if row is None or not (row.app or row.key):
        return None
    return Waiting(row.id, row.user_id, row.email, has_app=row.app, has_passkey=row.key)


def factors(actor: Actor) -> Factors:
    """What the actor has."""
    person = actor.acting_user
    return Factors(
        app_since=db.session.scalar(sa.select(Totp.confirmed_at).where(Totp.user_id == person)),
        passkeys=passkeys(person),
        codes_left=codes_left(person),
    )


def passkeys(user_id: int) -> list[Passkey]:
    """A person's passkeys, oldest first."""
    return list(db.session.scalars(sa.select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.id)))


def passkey(actor: Actor, passkey_id: int) -> Passkey:
    """One of the actor's; not-yours looks like not-there."""
    found = db.session.scalars(
        sa.select(Passkey).where(Passkey.user_id == actor.acting_user, Passkey.id == passkey_id)
    ).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def codes_left(user_id: int) -> int:
    """How many recovery codes have not been used."""
    unused = sa.select(sa.func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return db.session.scalar(unused) or 0


def has_passed(actor: Actor) -> bool:
    """Whether the actor's session has passed a second factor."""
    passed = sa.select(LoginSession.second_factor_at.is_not(None)).where(LoginSession.id == actor.session_id)
    return bool(db.session.scalar(passed))


def person(email: str) -> int | None:
    """Whose address it is, for the commands."""
    return db.session.scalar(sa.select(User.id).where(User.email == normal_email(email)))
