"""Making people, signing them in and out."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import cast

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects.postgresql import insert

from wholesale.accounts import queries, rules
from wholesale.accounts.models import LoginSession, User
from wholesale.config import Settings
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError
from wholesale.platform import crypto
from wholesale.platform.db import db
from wholesale.platform.transaction import abandon

SESSION_LIFETIME = timedelta(days=30)
_USER_AGENT = 300


def create_user(
    *, email: str, name: str, phone: str, password: str, staff_role: str | None = None, language: str | None = None
) -> User:
    """A person with a login. Raises DomainError on `password` or `email`.

    The password is worked on before anything is asked of the database.
    """
    email = rules.normal_email(email)
    settings = cast("Settings", current_app.extensions["settings"])
    good = rules.check_password(password, email=email, site_name=settings.site_name)
    password_hash = crypto.hash_password(good)
    made = db.session.scalars(
        insert(User)
        .values(
            email=email,
            name=name.strip(),
            phone=phone,
            password_hash=password_hash,
            staff_role=staff_role,
            language=language,
            created_at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=[User.email])
        .returning(User)
    ).one_or_none()
    if made is None:
        raise DomainError("There is already an account with this e-mail. Log in instead.", field="email")
    return made


def sign_in(*, email: str, password: str, user_agent: str) -> str:
    """A new session for whoever proves to be `email`; the answer is the secret for the cookie.

    Must come first in its transaction. One sentence and one duration for every failure, so that nobody learns
    which addresses have an account.
    """
    found = queries.credentials(rules.normal_email(email))
    abandon()  # nothing was written: no connection waits while the password is worked on
    given = rules.normal_password(password)
    if not crypto.password_matches(found.password_hash if found else None, given) or found is None:
        raise DomainError("E-mail or password is wrong.")
    fresh = crypto.hash_password(given) if crypto.outdated(found.password_hash) else None
    if fresh is not None:
        unchanged = sa.and_(User.id == found.user_id, User.password_hash == found.password_hash)
        db.session.execute(sa.update(User).where(unchanged).values(password_hash=fresh))
    return open_session(user_id=found.user_id, user_agent=user_agent)


def open_session(*, user_id: int, user_agent: str) -> str:
    """A session for a person who has just proved who they are; the answer is the secret for the cookie."""
    token = secrets.token_urlsafe(32)
    db.session.add(
        LoginSession(
            user_id=user_id,
            token_hash=rules.token_digest(token),
            expires_at=clock.now() + SESSION_LIFETIME,
            idle_until=clock.now() + SESSION_LIFETIME,
            user_agent=user_agent.replace("\0", "")[:_USER_AGENT],
        )
    )
    db.session.flush()
    return token


def sign_out(*, actor: Actor) -> None:
    """End the actor's session on the server: a copied cookie is worth nothing afterwards."""
    if actor.session_id is None:
        return
    mine = sa.and_(LoginSession.id == actor.session_id, LoginSession.ended_at.is_(None))
    db.session.execute(sa.update(LoginSession).where(mine).values(ended_at=clock.now()))
