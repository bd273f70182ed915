"""Returns, their lines and photos."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from wholesale.kernel import clock
from wholesale.orders.models import Order
from wholesale.orders.returns.rules import REASONS, STATES
from wholesale.platform.db import Base, Id, one_of


class ReturnRequest(Base):
    """What a buyer wants to send back of an order. `answer`: what the seller said to it, a reason where it is refused.

    `credit_id`: the taking back that its receipt has made.
    """

    __tablename__ = "return_request"
    __table_args__ = (
        one_of("state", STATES),
        sa.CheckConstraint("state <> 'refused' OR answer <> ''", name="refused_with_reason"),
        sa.CheckConstraint("(state IN ('received', 'closed')) = (credit_id IS NOT NULL)", name="credit"),
        sa.CheckConstraint("(received_at IS NULL) = (credit_id IS NULL)", name="received"),
        sa.Index(
            "uq_return_request_open",
            "order_id",
            unique=True,
            postgresql_where=sa.text("state IN ('requested', 'approved')"),
        ),
    )

    id: Mapped[Id] = mapped_column(init=False)
    number: Mapped[str] = mapped_column(unique=True)
    order_id: Mapped[int] = mapped_column(sa.ForeignKey("sales_order.id"), index=True)
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"))
    note: Mapped[str]
    state: Mapped[str] = mapped_column(default="requested")
    requested_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    answer: Mapped[str] = mapped_column(default="")
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    decided_by: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"), default=None)
    received_at: Mapped[datetime | None] = mapped_column(default=None)
    received_by: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"), default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    credit_id: Mapped[int | None] = mapped_column(sa.ForeignKey("order_credit.id"), unique=True, default=None)
    order: Mapped[Order] = relationship(init=False, lazy="raise", viewonly=True)
    lines: Mapped[list[ReturnLine]] = relationship(init=False, order_by="ReturnLine.line_id", lazy="raise")
    photos: Mapped[list[ReturnPhoto]] = relationship(init=False, order_by="ReturnPhoto.id", lazy="raise")


class ReturnLine(Base):
    """So many `pieces` of a line, and why. Of what arrived, some is sold again and some written off."""

    __tablename__ = "return_line"
    __table_args__ = (
        one_of("reason", REASONS),
        sa.CheckConstraint("pieces > 0", name="pieces"),
        sa.CheckConstraint("arrived BETWEEN 0 AND pieces", name="arrived"),
        sa.CheckConstraint(
            "restocked >= 0 AND written_off >= 0 AND restocked + written_off <= arrived", name="written_off"
        ),
    )

    return_id: Mapped[int] = mapped_column(sa.ForeignKey("return_request.id"), primary_key=True)
    line_id: Mapped[int] = mapped_column(sa.ForeignKey("order_line.id"), primary_key=True, index=True)
    pieces: Mapped[int] = mapped_column(sa.Integer)
    reason: Mapped[str]
    words: Mapped[str]
    arrived: Mapped[int] = mapped_column(sa.Integer, default=0)
    restocked: Mapped[int] = mapped_column(sa.Integer, default=0)
    written_off: Mapped[int] = mapped_column(sa.Integer, default=0)


class ReturnPhoto(Base):
    """A picture of what is wrong, for the two sides of the order and the platform's staff."""

    __tablename__ = "return_photo"

    id: Mapped[Id] = mapped_column(init=False)
    return_id: Mapped[int] = mapped_column(sa.ForeignKey("return_request.id"), index=True)
    file_key: Mapped[str]
    original_name: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
