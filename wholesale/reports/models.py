"""Rollups, the days that were counted, and those that must be counted anew."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.platform.db import Amount, Base, Currency, Id, one_of
from wholesale.reports.rules import DIMENSIONS, GRAINS


class Rollup(Base):
    """The figures of one day or month (`starts` is its first day), of one thing (`dimension`, `key_id`).

    `seller_id` is the seller's whose row it is; 0: the platform's alone. What was taken back is off `pieces`, `goods`
    (without tax), `tax`, `delivery` and everybody's part already; `taken_back` says how much of the goods it was.
    `shared_goods`: of the goods those whose profit is shared; the rest was sold under commission. `seller_goods` and
    `platform_goods`: the cost of the sold goods, by whose they were.
    """

    __tablename__ = "report_rollup"
    __table_args__ = (
        one_of("dimension", DIMENSIONS),
        one_of("grain", GRAINS),
        sa.Index("ix_report_rollup_starts", "dimension", "grain", "currency", "starts"),
        sa.Index("ix_report_rollup_seller", "seller_id", "dimension", "grain", "currency", "starts"),
    )

    dimension: Mapped[str] = mapped_column(primary_key=True)
    grain: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[Currency] = mapped_column(primary_key=True)
    key_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    starts: Mapped[date] = mapped_column(primary_key=True)
    seller_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    orders: Mapped[int]
    pieces: Mapped[int]
    goods: Mapped[Amount]
    shared_goods: Mapped[Amount]
    tax: Mapped[Amount]
    delivery: Mapped[Amount]
    taken_back: Mapped[Amount]
    platform_fee: Mapped[Amount]
    commission: Mapped[Amount]
    platform_rest: Mapped[Amount]
    seller_share: Mapped[Amount]
    seller_goods: Mapped[Amount]
    platform_goods: Mapped[Amount]


class CountedDay(Base):
    """A day whose figures stand in the rollups, and how many journals of orders were in it then."""

    __tablename__ = "report_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    journals: Mapped[int]
    counted_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class Mark(Base):
    """Something happened on that day. One row for each, so that nobody waits for whoever writes the same day."""

    __tablename__ = "report_mark"

    id: Mapped[Id] = mapped_column(init=False)
    day: Mapped[date] = mapped_column(index=True)
