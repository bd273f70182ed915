"""Cases, their documents, their moves."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from wholesale.kernel import clock
from wholesale.platform.db import Base, Id, one_of
from wholesale.verification.rules import DOCUMENT_KINDS, STATES


class VerificationCase(Base):
    """What a business submitted, and what was decided."""

    __tablename__ = "verification_case"
    __table_args__ = (
        one_of("state", STATES),
        # One open case per business: a second submission while one waits would split the reviewer's attention.
        sa.Index(
            "uq_verification_case_open",
            "organization_id",
            unique=True,
            postgresql_where=sa.text("state = 'submitted'"),
        ),
        sa.Index("ix_verification_case_queue", "state", "submitted_at"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id", ondelete="CASCADE"), index=True)
    submitted_by: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id"))
    licence_no: Mapped[str]
    tax_no: Mapped[str]
    licence_expires_on: Mapped[date]
    state: Mapped[str] = mapped_column(default="submitted")
    reason: Mapped[str | None] = mapped_column(default=None)
    submitted_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    documents: Mapped[list[VerificationDocument]] = relationship(
        init=False, order_by="VerificationDocument.id", lazy="raise"
    )
    moves: Mapped[list[VerificationMove]] = relationship(init=False, order_by="VerificationMove.id", lazy="raise")


class VerificationDocument(Base):
    """A file of a case, private: its business and the platform's staff may open it."""

    __tablename__ = "verification_document"
    __table_args__ = (one_of("kind", DOCUMENT_KINDS),)

    id: Mapped[Id] = mapped_column(init=False)
    case_id: Mapped[int] = mapped_column(sa.ForeignKey("verification_case.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    file_key: Mapped[str]
    original_name: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class VerificationMove(Base):
    """A change of a case's state."""

    __tablename__ = "verification_move"

    id: Mapped[Id] = mapped_column(init=False)
    case_id: Mapped[int] = mapped_column(sa.ForeignKey("verification_case.id", ondelete="CASCADE"), index=True)
    before: Mapped[str | None]
    after: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"))
    reason: Mapped[str | None]
    at: Mapped[datetime] = mapped_column(default_factory=clock.now)
