"""Counts, their lines, every number that was given, the files that were sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.inventory.counts.rules import SCOPES, STATES
from wholesale.kernel import clock
from wholesale.platform.db import Amount, Base, Currency, Id, one_of


class CountCounter(Base):
    """The last number of a seller's counts in a year; its row is locked by whoever begins one."""

    __tablename__ = "count_counter"

    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"), primary_key=True)
    year: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    last: Mapped[int] = mapped_column(sa.Integer)


class StockCount(Base):
    """A stock take of a location. `key`: of the form that began it, so that sending it twice begins one.

    `currency`: of the costs.
    """

    __tablename__ = "stock_count"
    __table_args__ = (
        sa.UniqueConstraint("organization_id", "number"),
        sa.UniqueConstraint("organization_id", "key"),
        one_of("scope", SCOPES),
        one_of("state", STATES),
        sa.CheckConstraint("(state IN ('posted', 'cancelled')) = (ended_at IS NOT NULL)", name="ended"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    location_id: Mapped[int] = mapped_column(sa.ForeignKey("location.id"))
    number: Mapped[str]
    scope: Mapped[str]
    key: Mapped[str]
    currency: Mapped[Currency]
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"), index=True)
    category_id: Mapped[int | None] = mapped_column(sa.ForeignKey("category.id"), default=None)
    note: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default="counting")
    started_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    ended_by: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"), index=True, default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class StockCountLine(Base):
    """A variant on the sheet. `expected`: what the log had at `counted_at`; `turns`: how often it was counted.

    `posted`: the difference that was applied; `promised`: what orders have, where less than that was counted, so that
    it was not. `unit_cost`: what a piece cost when the count was posted.
    """

    __tablename__ = "stock_count_line"
    __table_args__ = (
        sa.CheckConstraint("counted >= 0", name="counted"),
        sa.CheckConstraint("(counted IS NULL) = (expected IS NULL)", name="expected"),
        sa.CheckConstraint("(counted IS NULL) = (counted_at IS NULL)", name="counted_at"),
        sa.Index("ix_stock_count_line_position", "count_id", "position"),
    )

    count_id: Mapped[int] = mapped_column(sa.ForeignKey("stock_count.id"), primary_key=True)
    variant_id: Mapped[int] = mapped_column(sa.ForeignKey("variant.id"), primary_key=True, index=True)
    position: Mapped[int] = mapped_column(sa.Integer)
    counted: Mapped[int | None] = mapped_column(sa.Integer, default=None)
    expected: Mapped[int | None] = mapped_column(sa.Integer, default=None)
    counted_at: Mapped[datetime | None] = mapped_column(default=None)
    turns: Mapped[int] = mapped_column(sa.Integer, default=0)
    reason: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")
    unit_cost: Mapped[Amount | None] = mapped_column(default=None)
    posted: Mapped[int | None] = mapped_column(sa.Integer, default=None)
    promised: Mapped[int | None] = mapped_column(sa.Integer, default=None)


class StockCountEntry(Base):
    """A number that somebody gave for a line; none takes the one before back. Append-only."""

    __tablename__ = "stock_count_entry"
    __table_args__ = (
        one_of("source", ("typed", "file")),
        sa.Index("ix_stock_count_entry_line", "count_id", "variant_id", "id"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    count_id: Mapped[int] = mapped_column(sa.ForeignKey("stock_count.id"))
    variant_id: Mapped[int] = mapped_column(sa.ForeignKey("variant.id"))
    turn: Mapped[int] = mapped_column(sa.Integer)
    counted: Mapped[int | None] = mapped_column(sa.Integer)
    expected: Mapped[int | None] = mapped_column(sa.Integer)
    source: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"), index=True)
    at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class StockCountFile(Base):
    """A file with numbers: how many rows were kept, empty and wrong; the first of what was wrong, row by row."""

    __tablename__ = "stock_count_file"
    __table_args__ = (sa.Index("ix_stock_count_file_count", "count_id", "id"),)

    id: Mapped[Id] = mapped_column(init=False)
    count_id: Mapped[int] = mapped_column(sa.ForeignKey("stock_count.id"))
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"), index=True)
    file_name: Mapped[str]
    kept: Mapped[int] = mapped_column(sa.Integer)
    empty: Mapped[int] = mapped_column(sa.Integer)
    wrong: Mapped[int] = mapped_column(sa.Integer)
    problems: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class StockCountSheet(Base):
    """A part of the printed sheet (`rules.PART` lines, the last part fewer), with so many lines as it has."""

    __tablename__ = "stock_count_sheet"

    count_id: Mapped[int] = mapped_column(sa.ForeignKey("stock_count.id"), primary_key=True)
    part: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    lines: Mapped[int] = mapped_column(sa.Integer)
    file_key: Mapped[str]
