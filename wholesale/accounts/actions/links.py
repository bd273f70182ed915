"""Links in letters that are good once: made, looked at, used up."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Literal

import sqlalchemy as sa

from wholesale.accounts import rules
from wholesale.accounts.models import OneTimeLink
from wholesale.kernel import clock
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.words import N_
from wholesale.platform.db import db

Purpose = Literal["confirm_email", "change_email", "reset_password"]
GONE = N_("This link was used already, or its time is over. Ask for a new one.")


def make(
    *, user_id: int, purpose: Purpose, email: str, lasts: timedelta, asked_from: str = ""
) -> tuple[OneTimeLink, str]:
    """A new link and its secret, which stands nowhere but in the letter."""
    token = secrets.token_urlsafe(32)
    row = OneTimeLink(
        user_id=user_id,
        purpose=purpose,
        token_hash=rules.token_digest(token),
        email=email,
        expires_at=clock.now() + lasts,
        asked_from=asked_from,
    )
    db.session.add(row)
    db.session.flush()
    return row, token


def use(*, token: str, purposes: tuple[Purpose, ...]) -> OneTimeLink:
    """Use the link up: of two who press at once, one gets it. NotFoundError when it is not good any more."""
    now = clock.now()
    used = db.session.scalars(
        sa.update(OneTimeLink)
        .where(
            OneTimeLink.token_hash == rules.token_digest(token),
            OneTimeLink.purpose.in_(purposes),
            OneTimeLink.used_at.is_(None),
            OneTimeLink.expires_at > now,
        )
        .values(used_at=now)
        .returning(OneTimeLink)
    ).one_or_none()
    if used is None:
        raise NotFoundError(GONE)
    return used


def use_up_others(*, user_id: int, purpose: Purpose) -> None:
    """Every other link of this kind that still lies in the person's letter box."""
    open_ones = sa.and_(OneTimeLink.user_id == user_id, OneTimeLink.purpose == purpose, OneTimeLink.used_at.is_(None))
    db.session.execute(sa.update(OneTimeLink).where(open_ones).values(used_at=clock.now()))


def use_up_all(*, user_id: int) -> None:
    """Whatever still lies in the person's letter boxes, or in those of somebody who was in the account."""
    open_ones = sa.and_(OneTimeLink.user_id == user_id, OneTimeLink.used_at.is_(None))
    db.session.execute(sa.update(OneTimeLink).where(open_ones).values(used_at=clock.now()))


def may_write(*, user_id: int, purpose: Purpose, asked_from: str = "") -> bool:
    """Whether one more letter of this kind may go out today, to this person and for this address."""
    since = clock.now() - timedelta(days=1)
    recent = sa.and_(OneTimeLink.purpose == purpose, OneTimeLink.created_at > since)
    counted = sa.select(
        sa.func.count().filter(OneTimeLink.user_id == user_id),
        sa.func.count().filter(OneTimeLink.asked_from == asked_from),
    )
    whose = sa.or_(OneTimeLink.user_id == user_id, OneTimeLink.asked_from == asked_from)
    to_person, for_address = db.session.execute(counted.where(recent, whose)).one()
    if asked_from and for_address >= rules.LETTERS_A_DAY_ADDRESS:
        return False
    return bool(to_person < rules.LETTERS_A_DAY)
