"""People, their sessions, and the ways in which they prove who they are."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.platform.db import Base, Id, one_of


class User(Base):
    """A person. `staff_role` is set for the platform's own people only."""

    __tablename__ = "app_user"
    __table_args__ = (
        sa.CheckConstraint("email = lower(email)", name="email_lower"),
        one_of("staff_role", ("admin", "support")),
    )

    id: Mapped[Id] = mapped_column(init=False)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    phone: Mapped[str]
    password_hash: Mapped[str] = mapped_column(repr=False)
    staff_role: Mapped[str | None] = mapped_column(default=None)
    language: Mapped[str | None] = mapped_column(default=None)
    email_confirmed_at: Mapped[datetime | None] = mapped_column(default=None)
    phone_confirmed_at: Mapped[datetime | None] = mapped_column(default=None)
    password_changed_at: Mapped[datetime | None] = mapped_column(default=None)
    erased_at: Mapped[datetime | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class LoginSession(Base):
    """A device that is signed in, known by the SHA-256 of the secret in its cookie.

    `awaits_second_factor`: the password was right and nothing else is allowed yet. A remembered device gets a
    new secret from time to time; the one before is good for a moment longer (`previous_hash`, `rotated_at`), and
    whoever comes with it later has a stolen copy: the session ends. `rotated_at` is when the new secret was first
    seen; until then (None while there is a `previous_hash`) the one before stays good, because the answer that
    carried the new one may have been lost on the way. `acting_for` is the business that a platform admin acts
    for until `acting_until`, and `acting_reason` why.
    """

    __tablename__ = "login_session"

    id: Mapped[Id] = mapped_column(init=False)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary, unique=True, repr=False)
    expires_at: Mapped[datetime]
    idle_until: Mapped[datetime]
    user_agent: Mapped[str]
    previous_hash: Mapped[bytes | None] = mapped_column(sa.LargeBinary, unique=True, repr=False, default=None)
    rotated_at: Mapped[datetime | None] = mapped_column(default=None)
    remembered: Mapped[bool] = mapped_column(default=False)
    address: Mapped[str] = mapped_column(default="")
    authenticated_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    awaits_second_factor: Mapped[bool] = mapped_column(default=False)
    second_factor_at: Mapped[datetime | None] = mapped_column(default=None)
    organization_id: Mapped[int | None] = mapped_column(default=None)
    acting_for: Mapped[int | None] = mapped_column(default=None)
    acting_until: Mapped[datetime | None] = mapped_column(default=None)
    acting_reason: Mapped[str | None] = mapped_column(default=None)
    last_used_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    end_reason: Mapped[str | None] = mapped_column(default=None)


class OneTimeLink(Base):
    """A link in a letter, good once and for a while: confirms an address or opens the way to a new password."""

    __tablename__ = "one_time_link"
    __table_args__ = (one_of("purpose", ("confirm_email", "change_email", "reset_password")),)

    id: Mapped[Id] = mapped_column(init=False)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary, unique=True, repr=False)
    email: Mapped[str]
    expires_at: Mapped[datetime]
    asked_from: Mapped[str] = mapped_column(default="")
    used_at: Mapped[datetime | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class PhoneCode(Base):
    """The code last sent to a person's phone, for one number, with the tries that are left.

    `sent`: how many were sent since `since`, the beginning of the present hour of counting.
    """

    __tablename__ = "phone_code"

    user_id: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id", ondelete="CASCADE"), primary_key=True)
    phone: Mapped[str]
    code_hash: Mapped[bytes] = mapped_column(sa.LargeBinary, repr=False)
    tries_left: Mapped[int]
    expires_at: Mapped[datetime]
    sent: Mapped[int]
    since: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class Totp(Base):
    """An authenticator app: its secret, encrypted; confirmed by a first code; the last counter that was accepted."""

    __tablename__ = "totp"

    user_id: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id", ondelete="CASCADE"), primary_key=True)
    secret: Mapped[bytes] = mapped_column(sa.LargeBinary, repr=False)
    confirmed_at: Mapped[datetime | None] = mapped_column(default=None)
    last_counter: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class RecoveryCode(Base):
    """One of the ten codes for the day the phone is lost, kept as its digest."""

    __tablename__ = "recovery_code"

    user_id: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id", ondelete="CASCADE"), primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(sa.LargeBinary, primary_key=True, repr=False)
    used_at: Mapped[datetime | None] = mapped_column(default=None)


class Passkey(Base):
    """A WebAuthn credential of a person; `sign_count` as the authenticator last said."""

    __tablename__ = "passkey"

    id: Mapped[Id] = mapped_column(init=False)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id", ondelete="CASCADE"), index=True)
    credential_id: Mapped[bytes] = mapped_column(sa.LargeBinary, unique=True)
    public_key: Mapped[bytes] = mapped_column(sa.LargeBinary, repr=False)
    sign_count: Mapped[int]
    name: Mapped[str]
    transports: Mapped[str] = mapped_column(default="")
    last_used_at: Mapped[datetime | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class PasskeyChallenge(Base):
    """A question put to a browser that holds a passkey: good once, for five minutes, for one purpose and person.

    On the server and not in the cookie: a copy of the cookie would be good as often as anybody liked.
    `user_id` is None where the passkey itself is to say who is there.
    """

    __tablename__ = "passkey_challenge"

    challenge: Mapped[bytes] = mapped_column(sa.LargeBinary, primary_key=True)
    purpose: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class LoginFailure(Base):
    """A login that failed: which account was tried (`user_id` None: no such account) and from where; for admins.

    `account` is the digest of the address that was typed, `device` the mark of a browser that has been signed in
    to that account before; `told` says that this one made us write to the owner.
    """

    __tablename__ = "login_failure"
    __table_args__ = (
        sa.Index("ix_login_failure_account", "account", "at"),
        sa.Index("ix_login_failure_address", "address", "at"),
        sa.Index("ix_login_failure_at", "at"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    account: Mapped[bytes] = mapped_column(sa.LargeBinary)
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id", ondelete="CASCADE"), index=True)
    address: Mapped[str]
    kind: Mapped[str]
    device: Mapped[str | None] = mapped_column(default=None)
    told: Mapped[bool] = mapped_column(default=False)
    at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class Consent(Base):
    """A version of a document (see consent.rules) that a person agreed to."""

    __tablename__ = "consent"
    __table_args__ = (one_of("document", ("terms", "privacy")),)

    user_id: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id", ondelete="CASCADE"), primary_key=True)
    document: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[date] = mapped_column(primary_key=True)
    given_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
