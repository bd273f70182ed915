"""Alerts with their history, reorder points that follow from forecasts, and how far the inventory log was read."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.platform.db import Base, Id, one_of
from wholesale.replenishment.rules import MOVES, SEVERITIES


class StockAlert(Base):
    """A variant that runs out, from the look that found it to the one that found the stock back.

    `seller_id` is the variant's, which refers to the business: checked once more here, and for each row of the history,
    it would double what a look at everything costs.

    `urgency`: see rules.URGENCY. `available` and `level` are those of the last look, `short` their difference. `told`:
    the urgency that the last digest told of, 0 when none has. `changed_at` moves with everything that a page shows.
    """

    __tablename__ = "stock_alert"
    __table_args__ = (
        sa.CheckConstraint("urgency BETWEEN 1 AND 3", name="urgency"),
        sa.CheckConstraint("told BETWEEN 0 AND 3", name="told"),
        sa.CheckConstraint("short = level - available", name="short"),
        sa.CheckConstraint("(closed_at IS NULL) = (closed_why = '')", name="closed"),
        one_of("closed_why", ("", "stock", "level", "gone")),
        sa.Index("uq_stock_alert_open", "variant_id", unique=True, postgresql_where=sa.text("closed_at IS NULL")),
        sa.Index(
            "ix_stock_alert_list",
            "seller_id",
            "urgency",
            "short",
            "id",
            postgresql_where=sa.text("closed_at IS NULL"),
        ),
        sa.Index("ix_stock_alert_everybodys", "urgency", "short", "id", postgresql_where=sa.text("closed_at IS NULL")),
        sa.Index("ix_stock_alert_changed", "seller_id", "changed_at"),
        sa.Index("ix_stock_alert_latest", "changed_at"),
        sa.Index("ix_stock_alert_assigned_to", "assigned_to", postgresql_where=sa.text("assigned_to IS NOT NULL")),
    )

    id: Mapped[Id] = mapped_column(init=False)
    variant_id: Mapped[int] = mapped_column(sa.ForeignKey("variant.id"))
    seller_id: Mapped[int]
    urgency: Mapped[int] = mapped_column(sa.SmallInteger)
    available: Mapped[int] = mapped_column(sa.Integer)
    level: Mapped[int] = mapped_column(sa.Integer)
    short: Mapped[int] = mapped_column(sa.Integer)
    own_level: Mapped[bool]
    raised_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    changed_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    closed_at: Mapped[datetime | None] = mapped_column(default=None)
    closed_why: Mapped[str] = mapped_column(default="")
    snoozed_until: Mapped[date | None] = mapped_column(default=None)
    assigned_to: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"), default=None)
    note: Mapped[str] = mapped_column(default="")
    told: Mapped[int] = mapped_column(sa.SmallInteger, default=0)

    @property
    def severity(self) -> str:
        return SEVERITIES[self.urgency]


class StockAlertMove(Base):
    """One thing that became of an alert; `before` and `after` are urgencies. Append-only."""

    __tablename__ = "stock_alert_move"
    __table_args__ = (one_of("what", tuple(MOVES)),)

    id: Mapped[Id] = mapped_column(init=False)
    alert_id: Mapped[int] = mapped_column(sa.ForeignKey("stock_alert.id"), index=True)
    seller_id: Mapped[int]
    what: Mapped[str]
    before: Mapped[int] = mapped_column(sa.SmallInteger)
    after: Mapped[int] = mapped_column(sa.SmallInteger)
    available: Mapped[int] = mapped_column(sa.Integer)
    detail: Mapped[str] = mapped_column(default="")
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"), default=None)
    at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class ReorderPoint(Base):
    """The reorder level that follows from the forecast, of a variant whose product has none of its own."""

    __tablename__ = "reorder_point"
    __table_args__ = (sa.CheckConstraint("level >= 0", name="level"),)

    variant_id: Mapped[int] = mapped_column(sa.ForeignKey("variant.id", ondelete="CASCADE"), primary_key=True)
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    level: Mapped[int] = mapped_column(sa.Integer)
    made_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class StockWatch(Base):
    """How far the inventory log was read: one row. `log_id`: the newest then; `behind_id`: the newest some time before.

    Entries are read again from `behind_id` on: of two transactions the one with the smaller number may commit later.
    """

    __tablename__ = "stock_watch"

    name: Mapped[str] = mapped_column(primary_key=True)
    log_id: Mapped[int]
    log_at: Mapped[datetime]
    behind_id: Mapped[int]
