"""Papers that somebody asked for, and the parts that a long one has so far."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.papers.rules import KINDS, LIFE, STATES
from wholesale.platform.db import Base, Id, one_of


class Paper(Base):
    """A paper for the business `organization_id` (none: for the platform's staff).

    `subject`: of what (orders' numbers, a shipment's, stored documents, a month). `digest`: of the subject and of all
    that could change what is printed; two papers of one digest say the same. Of `total` things `done` are made.
    Whether it failed for good says its row in the outbox.
    """

    __tablename__ = "paper"
    __table_args__ = (
        one_of("kind", KINDS),
        one_of("state", STATES),
        sa.CheckConstraint("done BETWEEN 0 AND total", name="progress"),
        sa.CheckConstraint(
            "(state = 'ready') = (file_key IS NOT NULL AND sha256 IS NOT NULL AND made_at IS NOT NULL)", name="ready"
        ),
        sa.Index("ix_paper_organization", "organization_id", "id"),
        # What is being made for a business is not begun a second time.
        sa.Index(
            "uq_paper_begun",
            sa.text("coalesce(organization_id, 0)"),
            "digest",
            unique=True,
            postgresql_where=sa.text("state <> 'ready'"),
        ),
    )

    id: Mapped[Id] = mapped_column(init=False)
    kind: Mapped[str]
    organization_id: Mapped[int | None] = mapped_column(sa.ForeignKey("organization.id"))
    subject: Mapped[dict[str, Any]]
    digest: Mapped[str]
    total: Mapped[int] = mapped_column(sa.Integer)
    asked_by: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id"))
    state: Mapped[str] = mapped_column(default="waiting")
    done: Mapped[int] = mapped_column(sa.Integer, default=0)
    file_key: Mapped[str | None] = mapped_column(default=None)
    sha256: Mapped[str | None] = mapped_column(default=None)
    size: Mapped[int | None] = mapped_column(default=None)
    asked_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    made_at: Mapped[datetime | None] = mapped_column(default=None)
    expires_at: Mapped[datetime] = mapped_column(default_factory=lambda: clock.now() + LIFE, index=True)


class PaperPart(Base):
    """What one step of a long paper has made; gone when the paper is whole. `position`: of its first thing."""

    __tablename__ = "paper_part"

    paper_id: Mapped[int] = mapped_column(sa.ForeignKey("paper.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    file_key: Mapped[str]
