"""People and their sessions, for tests."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from wholesale.accounts.models import LoginSession, Passkey, User
from wholesale.accounts.rules import token_digest
from wholesale.accounts.second_factor.actions import codes
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.organizations.queries import load_actor
from wholesale.platform.db import db

PASSWORD = "a long enough passphrase"


def user(name: str, *, staff_role: str | None = None, password_hash: str = "unset") -> User:
    made = User(
        email=f"{name.lower()}@test.example",
        name=name,
        phone="+8801712345678",
        password_hash=password_hash,
        staff_role=staff_role,
        email_confirmed_at=clock.now(),
    )
    db.session.add(made)
    db.session.flush()
    return made


def sign_in(user: User) -> str:
    """A login session; the answer is the secret for the cookie."""
    token = secrets.token_urlsafe(32)
    db.session.add(
        LoginSession(
            user_id=user.id,
            token_hash=token_digest(token),
            expires_at=clock.now() + timedelta(days=1),
            idle_until=clock.now() + timedelta(days=1),
            user_agent="test",
            second_factor_at=clock.now() if user.staff_role else None,
        )
    )
    db.session.flush()
    return token


def passkey(user: User, name: str = "My phone", *, credential_id: bytes = b"", public_key: bytes = b"") -> Passkey:
    made = Passkey(
        user_id=user.id,
        credential_id=credential_id or secrets.token_bytes(16),
        public_key=public_key,
        sign_count=0,
        name=name,
    )
    db.session.add(made)
    db.session.flush()
    return made


def app_code(user: User | int, *, at: datetime | None = None) -> str:
    """What the person's authenticator app shows; they get an app when they have none."""
    user_id = user if isinstance(user, int) else user.id
    with clock.at(at or clock.now()):
        code = codes.current_code(user_id=user_id)
        if code is None:
            codes.give_app(user_id=user_id, secret=secrets.token_bytes(20))
            code = codes.current_code(user_id=user_id)
    assert code is not None
    return code


def actor(user: User) -> Actor:
    """The actor that a request of `user` would have."""
    return load_actor(sign_in(user), "Asia/Dhaka")
