"""Signing in and out, and what keeps a session going: its secret, its limits, its end."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Any, cast

import sqlalchemy as sa
from flask import current_app
from sqlalchemy import CursorResult

from wholesale.accounts import queries, rules
from wholesale.accounts.actions import guessing
from wholesale.accounts.models import LoginSession, User
from wholesale.accounts.rules import Sighting
from wholesale.accounts.second_factor import queries as second_factor
from wholesale.audit import actions as audit
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.platform import crypto, mail
from wholesale.platform.db import db
from wholesale.platform.transaction import abandon

_USER_AGENT = 300


@dataclass(frozen=True)
class SignedIn:
    """A login that went well: the secret for the cookie, and what the browser is told."""

    token: str = field(repr=False)
    user_id: int
    remembered: bool
    awaits_second_factor: bool


def sign_in(
    *,
    email: str,
    password: str,
    user_agent: str,
    address: str = "",
    device: str | None = None,
    remembered: bool = False,
    replacing: str | None = None,
) -> SignedIn:
    """A new session for whoever proves to be `email`.

    Must come first in its transaction. One sentence and one duration for every failure, so that nobody learns
    which addresses have an account. `device` is the mark of a browser that was signed in to this account before,
    `replacing` the secret of the session that this browser had. Raises DomainError, PauseError.
    """
    this = guessing.begin(email=email, address=address, device=device)
    found = queries.credentials(rules.normal_email(email))
    abandon()  # nothing was written: no connection waits while the password is worked on
    given = rules.normal_password(password)
    if not _matches(this, found.password_hash if found else None, given) or found is None:
        guessing.failed(this, user_id=found.user_id if found else None, kind="password")
        raise DomainError("E-mail or password is wrong.")
    guessing.succeeded(this)
    fresh = crypto.hash_password(given) if crypto.outdated(found.password_hash) else None
    if fresh is not None:
        unchanged = sa.and_(User.id == found.user_id, User.password_hash == found.password_hash)
        db.session.execute(sa.update(User).where(unchanged).values(password_hash=fresh))
    if device is None:
        audit.record(
            actor=Actor(user_id=found.user_id),
            action="login.new_device",
            thing="user",
            thing_id=found.user_id,
            after={"device": " ".join(rules.device_name(user_agent)).strip(), "remembered": remembered},
        )
    token, opened = _open(
        user_id=found.user_id, user_agent=user_agent, address=address, remembered=remembered, replacing=replacing
    )
    return SignedIn(token, found.user_id, opened.remembered, opened.awaits_second_factor)


def _matches(this: guessing.Try, stored: str | None, given: str) -> bool:
    try:
        return crypto.password_matches(stored, given)
    except crypto.BusyError:
        guessing.not_looked_at(this)
        raise


def open_session(
    *,
    user_id: int,
    user_agent: str,
    address: str = "",
    remembered: bool = False,
    replacing: str | None = None,
) -> str:
    """A session for a person who has just proved who they are; the answer is the secret for the cookie.

    Somebody who has a second factor must give it first: until then the session lets nobody in. The session that
    this browser had before (`replacing`, its secret) ends.
    """
    token, _ = _open(
        user_id=user_id, user_agent=user_agent, address=address, remembered=remembered, replacing=replacing
    )
    return token


def _open(
    *, user_id: int, user_agent: str, address: str, remembered: bool, replacing: str | None
) -> tuple[str, LoginSession]:
    if replacing:
        _end(LoginSession.token_hash == rules.token_digest(replacing), "replaced")
    staff_role = db.session.scalar(sa.select(User.staff_role).where(User.id == user_id))
    remembered = remembered and staff_role is None
    limits = rules.lifetime(remembered=remembered, staff=staff_role is not None)
    now = clock.now()
    token = _secret()
    opened = LoginSession(
        user_id=user_id,
        token_hash=rules.token_digest(token),
        expires_at=now + limits.absolute,
        idle_until=now + limits.idle,
        user_agent=user_agent.replace("\0", "")[:_USER_AGENT],
        address=address,
        remembered=remembered,
        awaits_second_factor=second_factor.enrolled(user_id),
    )
    db.session.add(opened)
    db.session.flush()
    return token, opened


def sign_out(*, actor: Actor) -> None:
    """End the actor's session on the server: a copied cookie is worth nothing afterwards."""
    if actor.session_id is not None:
        _end(LoginSession.id == actor.session_id, "signed out")


def sign_out_waiting(*, token: str | None) -> None:
    """End a session by its secret: one that still waits for a second factor has no actor."""
    if token:
        _end(LoginSession.token_hash == rules.token_digest(token), "signed out")


def end_one(*, actor: Actor, session_id: int) -> None:
    """Sign one of the actor's devices out; not-yours looks like not-there."""
    mine = sa.and_(LoginSession.id == session_id, LoginSession.user_id == actor.acting_user)
    if not _end(mine, "ended by the person"):
        raise NotFoundError
    audit.record(actor=actor, action="session.ended", thing="session", thing_id=session_id)


def end_others(*, actor: Actor) -> int:
    """Sign all of the actor's devices out but this one; how many there were."""
    return end_all(actor=actor, user_id=actor.acting_user, keep=actor.session_id, reason="ended by the person")


def end_all(*, actor: Actor, user_id: int, keep: int | None = None, reason: str) -> int:
    """End a person's sessions, but for the one to keep; how many there were."""
    others = sa.and_(LoginSession.user_id == user_id, LoginSession.id.is_distinct_from(keep))
    ended = _end(others, reason)
    if ended:
        audit.record(
            actor=actor,
            action="session.others_ended" if keep else "session.all_ended",
            thing="user",
            thing_id=user_id,
            after={"sessions": ended},
            reason=reason,
        )
    return ended


def renew(*, session_id: int, proved: bool = False) -> str:
    """A new secret for a session whose rights or password changed: who knows the old one gains nothing.

    `proved`: the person has just shown who they are.
    """
    token, now = _secret(), clock.now()
    values: dict[str, Any] = {"token_hash": rules.token_digest(token), "previous_hash": None, "rotated_at": now}
    if proved:
        values["authenticated_at"] = now
    live = sa.and_(LoginSession.id == session_id, LoginSession.ended_at.is_(None))
    done = db.session.execute(sa.update(LoginSession).where(live).values(values))
    if cast("CursorResult[Any]", done).rowcount != 1:
        raise DomainError("This login was ended meanwhile. Log in again.")
    return token


def confirm_identity(*, actor: Actor, password: str, address: str, device: str | None) -> None:
    """The actor proves again who they are, by the password. Must come first in its transaction.

    Raises DomainError on `password`, PauseError.
    """
    this = guessing.begin(email=actor.email, address=address, device=device)
    found = queries.credentials(actor.email)
    abandon()
    stored = found.password_hash if found is not None and found.user_id == actor.user_id else None
    if not _matches(this, stored, rules.normal_password(password)):
        guessing.failed(this, user_id=actor.user_id, kind="confirm")
        raise DomainError("This is not your password.", field="password")
    guessing.succeeded(this)
    mine = sa.update(LoginSession).where(LoginSession.id == actor.session_id, LoginSession.ended_at.is_(None))
    db.session.execute(mine.values(authenticated_at=clock.now()))


# --- while a session is used ------------------------------------------------------------------------------


def successor(token: str) -> str:
    """The secret that follows `token`, the same for whoever asks.

    Two requests at the same moment, or one whose answer was lost on a bad line, are given the same new secret.
    """
    key = cast("str", current_app.secret_key).encode()
    mac = hmac.digest(key, b"next login secret|" + token.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def keep_up(*, seen: Sighting, token: str) -> str | None:
    """What follows from a session's use: its last use is noted, its secret replaced; a new secret, if there is one.

    The old secret stays good until somebody comes with the new one, and a minute longer.
    """
    digest = rules.token_digest(token)
    by_previous = digest == seen.previous_hash
    mine = sa.and_(LoginSession.id == seen.session_id, LoginSession.ended_at.is_(None))
    if seen.is_due_to_be_noted:
        idle = sa.func.least(LoginSession.expires_at, seen.at + seen.lifetime.idle)
        unnoted = LoginSession.last_used_at < seen.at
        db.session.execute(sa.update(LoginSession).where(mine, unnoted).values(last_used_at=seen.at, idle_until=idle))
    if by_previous:
        following = successor(token)
        return following if rules.token_digest(following) == seen.token_hash else None
    if seen.has_unseen_secret:
        unseen = sa.and_(mine, LoginSession.token_hash == digest, LoginSession.rotated_at.is_(None))
        db.session.execute(sa.update(LoginSession).where(unseen).values(rotated_at=seen.at))
    elif seen.is_due_for_rotation:
        following = successor(token)
        rotated = db.session.execute(
            sa.update(LoginSession)
            .where(mine, LoginSession.token_hash == digest)
            .values(token_hash=rules.token_digest(following), previous_hash=digest, rotated_at=None)
        )
        # Not the first: somebody else's answer brings the same secret.
        return following if cast("CursorResult[Any]", rotated).rowcount == 1 else None
    return None


def needs_keeping_up(seen: Sighting, token: str) -> bool:
    """Whether `keep_up` has anything to do: for most requests it has not."""
    return (
        seen.is_due_to_be_noted
        or seen.has_unseen_secret
        or seen.is_due_for_rotation
        or rules.token_digest(token) == seen.previous_hash
    )


def suspect(*, token: str) -> bool:
    """A secret that opens nothing: when it was replaced a while ago, two have it, and one of them is a thief.

    The session ends for both, and the person is told.
    """
    now = clock.now()
    stolen = db.session.execute(
        sa.update(LoginSession)
        .where(
            LoginSession.previous_hash == rules.token_digest(token),
            LoginSession.rotated_at <= now - rules.ROTATION_GRACE,
            LoginSession.ended_at.is_(None),
            LoginSession.expires_at > now,
        )
        .values(ended_at=now, end_reason="an old secret was used")
        .returning(LoginSession.id, LoginSession.user_id, LoginSession.user_agent)
    ).one_or_none()
    if stolen is None:
        return False
    person = db.session.get(User, stolen.user_id)
    assert person is not None, "kept by a foreign key"
    mail.send(
        key=f"session:stolen:{stolen.id}",
        to=person.email,
        template="session_copied",
        language=person.language,
        name=person.name,
        device=" ".join(rules.device_name(stolen.user_agent)).strip(),
        at=now,
    )
    audit.record(
        actor=Actor(),
        action="session.copied",
        thing="user",
        thing_id=stolen.user_id,
        after={"session": stolen.id},
    )
    return True


def _end(which: sa.ColumnElement[bool], reason: str) -> int:
    live = sa.and_(which, LoginSession.ended_at.is_(None))
    ended = db.session.execute(sa.update(LoginSession).where(live).values(ended_at=clock.now(), end_reason=reason))
    return cast("CursorResult[Any]", ended).rowcount


def _secret() -> str:
    return secrets.token_urlsafe(32)
