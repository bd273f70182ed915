"""People and their sessions."""

from __future__ import annotations

from datetime import datetime

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
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class LoginSession(Base):
    """A device that is signed in, known by the SHA-256 of the secret in its cookie."""

    __tablename__ = "login_session"

    id: Mapped[Id] = mapped_column(init=False)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary, unique=True, repr=False)
    expires_at: Mapped[datetime]
    user_agent: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
