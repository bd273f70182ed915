"""Forecasts as they were made last, what somebody knows better, and how well goods are to be kept."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.platform.db import Base, Id, Percent

# Pieces in a week, as an expectation: not whole, and no money.
Pieces = Annotated[Decimal, mapped_column(sa.Numeric(18, 4))]
_WEEKS = ARRAY(sa.Numeric(18, 4))


class Forecast(Base):
    """What is expected to be ordered of a variant in each of the twelve weeks from the Monday `starts_on`.

    `low` and `high` enclose four of five outcomes of a week. `spread` is the standard deviation of a week's error.
    `error` and `naive_error`: by how much four weeks' totals were missed in the backtest, as a share of what was
    ordered, by `method` and by expecting each time what the week before had brought; None: nothing to compare.
    `weeks`: how long its history is. `pooled`: the figures of its category stand in for what it cannot tell yet.
    `mean` is the week's average, `before` that of the forecast before this one.
    """

    __tablename__ = "forecast"
    __table_args__ = (
        sa.CheckConstraint(
            "cardinality(weekly) = 12 AND cardinality(low) = 12 AND cardinality(high) = 12", name="twelve_weeks"
        ),
        sa.CheckConstraint(
            "0 <= ALL (low) AND 0 <= ALL (weekly) AND 0 <= ALL (high) AND spread >= 0 AND mean >= 0",
            name="not_negative",
        ),
        sa.CheckConstraint("extract(isodow FROM starts_on) = 1", name="starts_on_monday"),
        sa.Index("ix_forecast_seller_id", "seller_id", "variant_id"),
    )

    variant_id: Mapped[int] = mapped_column(
        sa.ForeignKey("variant.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    starts_on: Mapped[date]
    method: Mapped[str]
    weekly: Mapped[list[Decimal]] = mapped_column(_WEEKS)
    low: Mapped[list[Decimal]] = mapped_column(_WEEKS)
    high: Mapped[list[Decimal]] = mapped_column(_WEEKS)
    spread: Mapped[Pieces]
    error: Mapped[Decimal | None] = mapped_column(sa.Numeric(18, 4))
    naive_error: Mapped[Decimal | None] = mapped_column(sa.Numeric(18, 4))
    weeks: Mapped[int] = mapped_column(sa.Integer)
    pooled: Mapped[bool]
    mean: Mapped[Pieces]
    before: Mapped[Decimal | None] = mapped_column(sa.Numeric(18, 4), default=None)
    made_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class Override(Base):
    """What somebody knows better than the figures: pieces a week, the reorder level, or both, until a day.

    One holds at a time. It stays when it has ended, by its day or because somebody took it back: who, when and why.
    """

    __tablename__ = "forecast_override"
    __table_args__ = (
        sa.CheckConstraint("weekly >= 0 AND reorder_level >= 0", name="not_negative"),
        sa.CheckConstraint("weekly IS NOT NULL OR reorder_level IS NOT NULL", name="says_something"),
        sa.CheckConstraint("note <> ''", name="note"),
        sa.CheckConstraint("ended_at >= made_at", name="ended_at"),
        sa.Index("ix_forecast_override_variant_id", "variant_id", "id"),
        sa.Index("uq_forecast_override_open", "variant_id", unique=True, postgresql_where=sa.text("ended_at IS NULL")),
    )

    id: Mapped[Id] = mapped_column(init=False)
    variant_id: Mapped[int] = mapped_column(sa.ForeignKey("variant.id", ondelete="CASCADE"))
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    weekly: Mapped[int | None] = mapped_column(sa.Integer)
    reorder_level: Mapped[int | None] = mapped_column(sa.Integer)
    note: Mapped[str]
    ends_on: Mapped[date]
    made_by: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"))
    made_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    ended_by: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"), default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class Setting(Base):
    """How well goods are to be kept: of a seller (`variant_id` None), or of one variant of theirs.

    `service_percent`: of a hundred times that goods are waited for, how often stock is to last. `review_days`: how
    often orders are sent to suppliers.
    """

    __tablename__ = "forecast_setting"
    __table_args__ = (
        sa.CheckConstraint("service_percent BETWEEN 50 AND 99.9", name="service_percent"),
        sa.CheckConstraint("review_days BETWEEN 1 AND 84", name="review_days"),
        sa.Index("uq_forecast_setting_scope", "seller_id", sa.text("coalesce(variant_id, 0)"), unique=True),
    )

    id: Mapped[Id] = mapped_column(init=False)
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    service_percent: Mapped[Percent]
    review_days: Mapped[int] = mapped_column(sa.Integer)
    variant_id: Mapped[int | None] = mapped_column(sa.ForeignKey("variant.id", ondelete="CASCADE"), default=None)
    set_by: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"), default=None)
    set_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
