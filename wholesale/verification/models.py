"""Cases, what they require, their documents and pictures of those, their moves."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from wholesale.kernel import clock
from wholesale.platform.db import Base, Id, one_of
from wholesale.verification.rules import DOCUMENT_KINDS, REQUIREMENT_STATES, REQUIREMENTS, STATES

_BETWEEN = "translate({}, '-/.()_:#', '')"


class VerificationCase(Base):
    """What a business submitted, and what was decided. `reviewer_id`: who looks at it, since `review_since`.

    The squeezed numbers leave out what stands between the signs, so that two notations of one number are found.
    """

    __tablename__ = "verification_case"
    __table_args__ = (
        one_of("state", STATES),
        sa.CheckConstraint(
            "state = 'draft' OR (licence_no <> '' AND tax_no <> '' AND licence_expires_on IS NOT NULL)",
            name="complete",
        ),
        # One open case per business: a second submission while one waits would split the reviewer's attention.
        sa.Index(
            "uq_verification_case_open",
            "organization_id",
            unique=True,
            postgresql_where=sa.text("state IN ('draft', 'submitted', 'in_review')"),
        ),
        sa.Index("ix_verification_case_queue", "state", "submitted_at"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id", ondelete="CASCADE"), index=True)
    submitted_by: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id"))
    licence_no: Mapped[str]
    tax_no: Mapped[str]
    licence_expires_on: Mapped[date | None]
    licence_squeezed: Mapped[str | None] = mapped_column(
        sa.Computed(_BETWEEN.format("licence_no"), persisted=True), init=False, index=True
    )
    tax_squeezed: Mapped[str | None] = mapped_column(
        sa.Computed(_BETWEEN.format("tax_no"), persisted=True), init=False, index=True
    )
    state: Mapped[str] = mapped_column(default="submitted")
    reason: Mapped[str | None] = mapped_column(default=None)
    submitted_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    reviewer_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"), default=None)
    review_since: Mapped[datetime | None] = mapped_column(default=None)
    requirements: Mapped[list[VerificationRequirement]] = relationship(init=False, lazy="raise")
    documents: Mapped[list[VerificationDocument]] = relationship(
        init=False, order_by="VerificationDocument.id", lazy="raise"
    )
    moves: Mapped[list[VerificationMove]] = relationship(init=False, order_by="VerificationMove.id", lazy="raise")


class VerificationRequirement(Base):
    """One thing that a business shows in a case: its state, who gave it that, when and why."""

    __tablename__ = "verification_requirement"
    __table_args__ = (one_of("kind", REQUIREMENTS), one_of("state", REQUIREMENT_STATES))

    case_id: Mapped[int] = mapped_column(sa.ForeignKey("verification_case.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    required: Mapped[bool]
    state: Mapped[str] = mapped_column(default="missing")
    expires_on: Mapped[date | None] = mapped_column(default=None)
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"), default=None)
    at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    reason: Mapped[str | None] = mapped_column(default=None)


class VerificationDocument(Base):
    """A file of a case, private: its business and the platform's staff may open it.

    A later case may refer to the same file. `previewed_at`: pictures of it were made, or tried.
    """

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
    previewed_at: Mapped[datetime | None] = mapped_column(default=None)
    previews: Mapped[list[VerificationPreview]] = relationship(
        init=False, order_by="VerificationPreview.page", lazy="raise", passive_deletes=True
    )


class VerificationPreview(Base):
    """A picture of a document's page, for who decides about it."""

    __tablename__ = "verification_preview"
    __table_args__ = (sa.UniqueConstraint("document_id", "page"),)

    id: Mapped[Id] = mapped_column(init=False)
    document_id: Mapped[int] = mapped_column(sa.ForeignKey("verification_document.id", ondelete="CASCADE"))
    page: Mapped[int] = mapped_column(sa.SmallInteger)
    file_key: Mapped[str]
    width: Mapped[int] = mapped_column(sa.Integer)
    height: Mapped[int] = mapped_column(sa.Integer)


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
