"""Downloads and erasures."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.platform.db import Base, Id


class DataDownload(Base):
    """An archive of what is held of a person; without a file while it is being made and after it has gone."""

    __tablename__ = "data_download"
    __table_args__ = (
        # One being made per person: asking twice waits for the same.
        sa.Index("uq_data_download_open", "user_id", unique=True, postgresql_where=sa.text("ready_at IS NULL")),
    )

    id: Mapped[Id] = mapped_column(init=False)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id", ondelete="CASCADE"), index=True)
    requested_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    ready_at: Mapped[datetime | None] = mapped_column(default=None)
    expires_at: Mapped[datetime | None] = mapped_column(default=None)
    file_key: Mapped[str | None] = mapped_column(default=None)
    size: Mapped[int | None] = mapped_column(default=None)


class Erasure(Base):
    """A person's wish to be forgotten, done on or after `due_at` unless it is taken back."""

    __tablename__ = "erasure"
    __table_args__ = (
        sa.Index(
            "uq_erasure_open",
            "user_id",
            unique=True,
            postgresql_where=sa.text("done_at IS NULL AND withdrawn_at IS NULL"),
        ),
    )

    id: Mapped[Id] = mapped_column(init=False)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id"), index=True)
    due_at: Mapped[datetime]
    requested_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    withdrawn_at: Mapped[datetime | None] = mapped_column(default=None)
    done_at: Mapped[datetime | None] = mapped_column(default=None)
    problem: Mapped[str | None] = mapped_column(default=None)
