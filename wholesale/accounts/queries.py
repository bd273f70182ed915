"""Reads of people, their devices and their links, and of failed logins."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from wholesale.accounts.models import LoginFailure, LoginSession, OneTimeLink, PhoneCode, User
from wholesale.accounts.rules import device_name, token_digest
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.platform.db import db

PAGE_SIZE = 50


@dataclass(frozen=True)
class Credentials:
    """What a login is checked against."""

    user_id: int
    password_hash: str = field(repr=False)


def credentials(email: str) -> Credentials | None:
    """By address in its normal form; None when there is no such account."""
    row = db.session.execute(sa.select(User.id, User.password_hash).where(User.email == email)).one_or_none()
    return None if row is None else Credentials(row.id, row.password_hash)


def me(actor: Actor) -> User:
    """The actor as a person, with what only they may see."""
    return db.session.scalars(sa.select(User).where(User.id == actor.acting_user)).one()


def code_sent_to(actor: Actor) -> str | None:
    """The number to which a code was sent that can still be typed."""
    waiting = sa.select(PhoneCode.phone).where(
        PhoneCode.user_id == actor.acting_user, PhoneCode.tries_left > 0, PhoneCode.expires_at > clock.now()
    )
    return db.session.scalar(waiting)


# --- devices ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Device:
    """A session as its owner knows it."""

    session_id: int
    browser: str
    system: str
    address: str
    signed_in_at: datetime
    last_used_at: datetime
    remembered: bool
    is_this: bool


def devices(actor: Actor) -> list[Device]:
    """Where the actor is signed in: this device first, then by last use."""
    now = clock.now()
    live = sa.select(LoginSession).where(
        LoginSession.user_id == actor.acting_user,
        LoginSession.ended_at.is_(None),
        LoginSession.expires_at > now,
        LoginSession.idle_until > now,
        LoginSession.awaits_second_factor.is_(False),
    )
    rows = db.session.scalars(
        live.order_by((LoginSession.id == actor.session_id).desc(), LoginSession.last_used_at.desc())
    )
    return [
        Device(
            row.id,
            *device_name(row.user_agent),
            row.address,
            row.created_at,
            row.last_used_at,
            row.remembered,
            row.id == actor.session_id,
        )
        for row in rows
    ]


# --- links ------------------------------------------------------------------------------------------------


def reset_link(token: str) -> OneTimeLink | None:
    """The link to a new password, while it is good; looking at it uses nothing up."""
    return _good(token, "reset_password")


def email_link(token: str) -> OneTimeLink | None:
    """The link that confirms an address, while it is good."""
    return _good(token, "confirm_email", "change_email")


def _good(token: str, *purposes: str) -> OneTimeLink | None:
    return db.session.scalars(
        sa.select(OneTimeLink).where(
            OneTimeLink.token_hash == token_digest(token),
            OneTimeLink.purpose.in_(purposes),
            OneTimeLink.used_at.is_(None),
            OneTimeLink.expires_at > clock.now(),
        )
    ).one_or_none()


# --- failed logins, for admins ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Failures:
    """What failed for one account from one address within the last day; `name` None: no such account."""

    account: str
    name: str | None
    email: str | None
    address: str
    count: int
    last_at: datetime


@dataclass(frozen=True)
class FailuresPage:
    """The latest first. `more`: there are older ones than fit on the page."""

    rows: list[Failures]
    more: bool


def failures(*, who: str = "", address: str = "") -> FailuresPage:
    """The last day's failed logins by account and address. `who`: "known", "unknown", or all."""
    grouped = (
        sa.select(
            LoginFailure.account,
            User.name,
            User.email,
            LoginFailure.address,
            sa.func.count().label("failed"),
            sa.func.max(LoginFailure.at).label("last_at"),
        )
        .outerjoin(User, User.id == LoginFailure.user_id)
        .where(LoginFailure.at > clock.now() - timedelta(days=1))
        .group_by(LoginFailure.account, User.name, User.email, LoginFailure.address)
        .order_by(sa.func.max(LoginFailure.at).desc())
        .limit(PAGE_SIZE + 1)
    )
    if who == "known":
        grouped = grouped.where(LoginFailure.user_id.is_not(None))
    elif who == "unknown":
        grouped = grouped.where(LoginFailure.user_id.is_(None))
    if address:
        grouped = grouped.where(LoginFailure.address == address)
    rows = [
        Failures(row.account.hex(), row.name, row.email, row.address, row.failed, row.last_at)
        for row in db.session.execute(grouped)
    ]
    return FailuresPage(rows[:PAGE_SIZE], len(rows) > PAGE_SIZE)
