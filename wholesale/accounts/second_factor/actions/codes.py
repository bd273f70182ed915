"""Authenticator apps and recovery codes: set up, take away, and pass with them."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Collection
from typing import Any, Literal, cast, get_args

import sqlalchemy as sa
from sqlalchemy import CursorResult
from sqlalchemy.dialects.postgresql import insert

from wholesale.accounts.models import RecoveryCode, Totp
from wholesale.accounts.second_factor import queries, rules
from wholesale.accounts.second_factor.actions import common
from wholesale.accounts.second_factor.queries import Waiting
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError
from wholesale.platform import vault
from wholesale.platform.db import db
from wholesale.platform.throttle import Throttle
from wholesale.platform.throttle import place as place_of

log = logging.getLogger(__name__)

Kind = Literal["code", "recovery_code"]
# Every try counts before it is looked at, so that tries at the same moment are not free: the limit is one more
# than what is allowed. By person and place: whoever knows the password keeps nobody else out.
HERE = (Throttle("second-factor", limit=6, seconds=300), Throttle("second-factor-hour", limit=21, seconds=3600))
# From all places together; browsers that have passed before have a count of their own.
EVERYWHERE = Throttle("second-factor-everywhere", limit=61, seconds=3600)


def place(user_id: int) -> str:
    """Where an app's secret belongs, in the vault's words."""
    return f"totp|secret|{user_id}"


def new_secret(*, actor: Actor) -> bytes:
    """A secret for an app that the actor is about to set up, sealed; nothing is stored until a code proves it."""
    return vault.seal(secrets.token_bytes(rules.SECRET_BYTES), place=place(actor.acting_user))


def confirm_app(*, actor: Actor, sealed: bytes, code: str) -> common.Enrolled:
    """The app with this secret is the actor's from now on, in place of the one before."""
    person = common.may_enrol(actor)
    now = clock.now()
    counter = rules.matching_counter(vault.unseal(sealed, place=place(person.id)), code, now)
    if counter is None:
        raise DomainError(
            "This code is not right. Wait for the next one in the app and type it; check that the phone's clock is"
            " set automatically.",
            field="code",
        )
    values = {"secret": sealed, "confirmed_at": now, "last_counter": counter}
    row = insert(Totp).values(user_id=person.id, created_at=now, **values)
    db.session.execute(row.on_conflict_do_update(index_elements=[Totp.user_id], set_=values))
    return common.after_enrolment(actor=actor, person=person, what="app_added")


def give_app(*, user_id: int, secret: bytes) -> None:
    """A person begins with an app whose secret is known already: for the demonstration and for tests."""
    sealed = vault.seal(secret, place=place(user_id))
    db.session.add(Totp(user_id=user_id, secret=sealed, confirmed_at=clock.now()))
    db.session.flush()


def remove_app(*, actor: Actor) -> None:
    """The actor's app opens nothing any more."""
    person = common.may_change(actor)
    factors = queries.factors(actor)
    if factors.app_since is None:
        return
    common.check_may_lose(person, factors)
    db.session.execute(sa.delete(Totp).where(Totp.user_id == person.id))
    common.forget_codes_without_factor(person.id)
    common.announce(actor=actor, person=person, what="app_removed")


def renew_codes(*, actor: Actor) -> list[str]:
    """Ten new recovery codes in place of the old ones."""
    person = common.may_change(actor)
    if not queries.enrolled(person.id):
        raise DomainError("Set up an app or a passkey first: recovery codes are for the day you lose it.")
    common.announce(actor=actor, person=person, what="codes_renewed")
    return common.new_codes(person.id)


def pass_by_code(*, waiting: Waiting, code: str, address: str = "", device: str | None = None) -> str:
    """The waiting session passes by a code of the app; the answer is its new secret.

    `device` is the mark of a browser in which the account was signed in to before (see accounts.device).
    """
    _count_try(waiting.user_id, "code", address, device)
    row = db.session.execute(
        sa.select(Totp.secret).where(Totp.user_id == waiting.user_id, Totp.confirmed_at.is_not(None))
    ).one_or_none()
    counter = None
    if row is not None:
        counter = rules.matching_counter(_opened(row.secret, waiting.user_id), code, clock.now())
    if counter is None:
        raise DomainError("This code is not right. Type the six digits that the app shows now.", field="code")
    # Only upwards, in one statement: of two requests with the same code, one finds the counter taken.
    unused = sa.and_(Totp.user_id == waiting.user_id, Totp.last_counter < counter)
    taken = db.session.execute(sa.update(Totp).where(unused).values(last_counter=counter))
    if cast("CursorResult[Any]", taken).rowcount != 1:
        raise DomainError("This code was used already. Wait for the next one in the app.", field="code")
    return _passed(waiting, address, device)


def pass_by_recovery_code(*, waiting: Waiting, code: str, address: str = "", device: str | None = None) -> str:
    """The waiting session passes by a recovery code, which is used up; the answer is the session's new secret."""
    _count_try(waiting.user_id, "recovery_code", address, device)
    unused = sa.and_(
        RecoveryCode.user_id == waiting.user_id,
        RecoveryCode.code_hash == rules.recovery_digest(waiting.user_id, code),
        RecoveryCode.used_at.is_(None),
    )
    used = db.session.execute(sa.update(RecoveryCode).where(unused).values(used_at=clock.now()))
    if cast("CursorResult[Any]", used).rowcount != 1:
        raise DomainError("This recovery code is not right, or it was used before.", field="recovery_code")
    person = common.lock(waiting.user_id)
    common.announce(actor=Actor(user_id=person.id), person=person, what="recovery_code_used")
    return _passed(waiting, address, device)


def current_code(*, user_id: int) -> str | None:
    """What the person's app shows now, for the demonstration's command; None when there is no app."""
    sealed = db.session.scalar(sa.select(Totp.secret).where(Totp.user_id == user_id, Totp.confirmed_at.is_not(None)))
    return None if sealed is None else rules.code_at(vault.unseal(sealed, place=place(user_id)), clock.now())


def _opened(sealed: bytes, user_id: int) -> bytes:
    """The app's secret; a wrong key must not close the login for those who have another way in."""
    try:
        return vault.unseal(sealed, place=place(user_id))
    except vault.VaultError as error:
        log.error("the secret of an app cannot be opened: is its key in SECRET_KEYS_VAULT?")  # noqa: TRY400 - known
        raise DomainError(
            "We cannot check codes at the moment. Use a recovery code or a passkey, or tell us.", field="code"
        ) from error


def lift_pause(*, user_id: int, places: Collection[tuple[str, str | None]]) -> None:
    """The person's second step may be tried again at once: from these addresses and devices, and in all."""
    for kind in get_args(Kind):
        for device in (None, "known"):
            EVERYWHERE.forget(*_all(user_id, kind, device))
        for address, device in places:
            _forget_here(user_id, kind, address, device)


def _count_try(user_id: int, kind: Kind, address: str, device: str | None) -> None:
    here, everywhere = _here(user_id, kind, address, device), _all(user_id, kind, device)
    for throttle in HERE:
        throttle.failed(*here)
    paused = any(throttle.blocked(*here) for throttle in HERE)
    if not paused:  # who must wait uses up nobody's tries
        EVERYWHERE.failed(*everywhere)
        paused = EVERYWHERE.blocked(*everywhere)
    if paused:
        raise common.AlarmError(
            "Too many tries. Wait a few minutes, then type a new code.",
            user_id=user_id,
            what="tries_exceeded",
            field=kind,
        )


def _passed(waiting: Waiting, address: str, device: str | None) -> str:
    token = common.passed(waiting.session_id)
    for kind in get_args(Kind):
        _forget_here(waiting.user_id, kind, address, device)
    return token


def _forget_here(user_id: int, kind: Kind, address: str, device: str | None) -> None:
    for throttle in HERE:
        throttle.forget(*_here(user_id, kind, address, device))


def _here(user_id: int, kind: Kind, address: str, device: str | None) -> tuple[str, ...]:
    return str(user_id), kind, f"device {device}" if device else f"address {place_of(address)}"


def _all(user_id: int, kind: Kind, device: str | None) -> tuple[str, ...]:
    return str(user_id), kind, "known" if device else "unknown"
