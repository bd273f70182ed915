"""Reads of forecasts, of the history they are made of, and of what their sellers set."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import current_app

from wholesale.catalog.models import Variant
from wholesale.config import Settings
from wholesale.forecasts.models import Forecast, Override, Setting
from wholesale.forecasts.rules import stock
from wholesale.forecasts.rules.outlook import WEEKS, Outlook, Word, from_now, monday, with_word
from wholesale.kernel import clock
from wholesale.platform.db import db

HISTORY_WEEKS = 52
_WHOLE = 100  # per cent


def zone() -> str:
    return cast("Settings", current_app.extensions["settings"]).time_zone


def today() -> date:
    return clock.today(zone())


# --- history ------------------------------------------------------------------------------------------------

_HISTORY = sa.text(
    """
    SELECT l.variant_id, ((o.placed_at AT TIME ZONE :zone)::date - CAST(:first AS date)) / 7 AS week,
           sum(l.quantity) AS pieces
    FROM order_line l
    JOIN sales_order o ON o.id = l.order_id
    JOIN line_progress p ON p.line_id = l.id
    WHERE l.variant_id = ANY(:variant_ids) AND o.placed_at >= :begins AND o.placed_at < :ends
      AND p.cancelled < l.quantity
    GROUP BY 1, 2
    """
).bindparams(sa.bindparam("variant_ids", type_=sa.ARRAY(sa.BigInteger)))


def first_week(until: date, weeks: int = HISTORY_WEEKS) -> date:
    """The Monday with which the history before the week of `until` begins."""
    return monday(until) - timedelta(weeks=weeks)


def history(variant_ids: Collection[int], until: date, weeks: int = HISTORY_WEEKS) -> dict[int, list[int]]:
    """Pieces ordered in each of so many full weeks before the week of `until`, oldest first.

    A line counts as it was ordered, in the week in which it was placed; one that was cancelled whole not at all: what
    was wanted, not what could be delivered. Variants that were not ordered are absent.
    """
    first = first_week(until, weeks)
    values = {
        "zone": zone(),
        "first": first,
        "begins": instant(first),
        "ends": instant(monday(until)),
        "variant_ids": list(variant_ids),
    }
    found: dict[int, list[int]] = {}
    for variant_id, week, pieces in db.session.execute(_HISTORY, values):
        found.setdefault(variant_id, [0] * weeks)[week] = int(pieces)
    return found


def instant(day: date) -> datetime:
    """When the day begins in the platform's zone."""
    return datetime.combine(day, datetime.min.time(), ZoneInfo(zone())).astimezone(UTC)


# --- outlooks -----------------------------------------------------------------------------------------------


def outlooks(variant_ids: Collection[int]) -> dict[int, Outlook]:
    """What is expected of each, from this week on, with what somebody knows better; one query.

    Absent: no forecast was made of it and nobody said anything.
    """
    if not variant_ids:
        return {}
    day = today()
    found = {}
    for row in db.session.execute(_statement(variant_ids, day)):
        made = _outlook(row, day)
        if made is not None:
            found[row.id] = made
    return found


def _statement(variant_ids: Collection[int], day: date) -> sa.Executable:
    own, sellers = sa.orm.aliased(Setting), sa.orm.aliased(Setting)
    return (
        sa.select(
            Variant.id,
            Forecast,
            Override.weekly.label("said_weekly"),
            Override.reorder_level.label("said_level"),
            Override.ends_on.label("said_until"),
            sa.func.coalesce(own.service_percent, sellers.service_percent).label("service_percent"),
            sa.func.coalesce(own.review_days, sellers.review_days).label("review_days"),
        )
        .outerjoin(Forecast, Forecast.variant_id == Variant.id)
        .outerjoin(Override, sa.and_(Override.variant_id == Variant.id, holds(day)))
        .outerjoin(own, own.variant_id == Variant.id)
        .outerjoin(sellers, sa.and_(sellers.seller_id == Variant.seller_id, sellers.variant_id.is_(None)))
        .where(Variant.id == sa.any_(sa.cast(list(variant_ids), sa.ARRAY(sa.BigInteger))))
    )


def holds(day: date) -> sa.ColumnElement[bool]:
    """Overrides that hold on that day."""
    return sa.and_(Override.ended_at.is_(None), Override.ends_on >= day)


_NOTHING: Sequence[Decimal] = (Decimal(0),) * WEEKS


def _outlook(row: Any, day: date) -> Outlook | None:
    made: Forecast | None = row.Forecast
    word = Word(row.said_weekly, row.said_level, row.said_until) if row.said_until is not None else None
    if made is None and word is None:
        return None
    starts_on = monday(day)
    weekly, low, high = (
        from_now(values, made.starts_on, day) if made else tuple(_NOTHING)
        for values in ((made.weekly, made.low, made.high) if made else (_NOTHING,) * 3)
    )
    if word is not None:
        weekly, low, high = with_word(weekly, low, high, word, starts_on)
    return Outlook(
        starts_on=starts_on,
        weekly=weekly,
        low=low,
        high=high,
        spread=made.spread if made else Decimal(0),
        method=made.method if made else "said",
        error=made.error if made else None,
        naive_error=made.naive_error if made else None,
        weeks=made.weeks if made else 0,
        pooled=made.pooled if made else False,
        overridden=word is not None,
        reorder_level=word.reorder_level if word else None,
        service=stock.SERVICE if row.service_percent is None else row.service_percent / _WHOLE,
        review_days=stock.REVIEW_DAYS if row.review_days is None else row.review_days,
    )
