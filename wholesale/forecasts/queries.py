"""Reads of forecasts, of the history they are made of, and of what their sellers set."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import current_app

from wholesale.accounts.models import User
from wholesale.catalog.models import Product, Variant
from wholesale.config import Settings
from wholesale.forecasts.models import Forecast, Override, Setting
from wholesale.forecasts.rules import stock
from wholesale.forecasts.rules.choice import ENOUGH
from wholesale.forecasts.rules.outlook import WEEKS, Outlook, Word, from_now, monday, with_word
from wholesale.forecasts.rules.pooling import Pool, first_enough
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.organizations.models import Organization
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


# --- what the making needs ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Subject:
    """A variant that a forecast is to be made of. `mean` and `starts_on` are those of its last forecast."""

    variant_id: int
    seller_id: int
    category_id: int
    listed_at: datetime
    mean: Decimal | None
    before: Decimal | None
    starts_on: date | None


def _subjects() -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(
            Variant.id,
            Variant.seller_id,
            Product.category_id,
            Product.created_at,
            Forecast.mean,
            Forecast.before,
            Forecast.starts_on,
        )
        .join(Product, Product.id == Variant.product_id)
        .outerjoin(Forecast, Forecast.variant_id == Variant.id)
    )


def _waiting(week: date) -> sa.ColumnElement[bool]:
    """Goods that are sold, of which none was made in this week."""
    return sa.and_(Variant.is_offered, Product.state == "active", Forecast.starts_on.is_distinct_from(week))


def subjects(*, after: int, limit: int, week: date) -> list[Subject]:
    """The next ones of which no forecast was made in this week, by id."""
    wanted = _subjects().where(_waiting(week), Variant.id > after).order_by(Variant.id).limit(limit)
    return [Subject(*row) for row in db.session.execute(wanted)]


def subject(variant_id: int) -> Subject:
    """One. Raises NotFoundError."""
    row = db.session.execute(_subjects().where(Variant.id == variant_id)).one_or_none()
    if row is None:
        raise NotFoundError
    return Subject(*row)


def waiting() -> int:
    """Of how many no forecast was made in this week."""
    count = sa.select(sa.func.count()).select_from(_subjects().where(_waiting(monday(today()))).subquery())
    return db.session.scalar(count) or 0


Pools = dict[tuple[int, int | None, bool], Pool]
_NEW = 26  # weeks of history: half a year
_POOLS = sa.text(
    """
    SELECT seller_id, category_id, coalesce(is_new, false) AS is_new, count(*) AS goods,
           percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY mean) AS means,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY spread) AS spread
    FROM (
        SELECT f.seller_id, p.category_id, f.weeks < :new AS is_new, f.mean, f.spread
        FROM forecast f JOIN variant v ON v.id = f.variant_id JOIN product p ON p.id = v.product_id
        WHERE f.weeks >= :enough AND (CAST(:seller_id AS bigint) IS NULL OR f.seller_id = :seller_id)
    ) known
    GROUP BY GROUPING SETS ((seller_id, category_id, is_new), (seller_id, category_id), (seller_id))
    HAVING GROUPING(is_new) = 1 OR is_new
    """
)


def pools(seller_id: int | None = None) -> Pools:
    """What goods with a history of their own are asked for: by seller and category, those that are new apart, and by
    seller. Nobody's figures are in another seller's.
    """
    values = {"seller_id": seller_id, "new": _NEW, "enough": ENOUGH}
    return {
        (row.seller_id, row.category_id, row.is_new): Pool.of(row.means, row.spread, row.goods)
        for row in db.session.execute(_POOLS, values)
    }


def pool_for(found: Subject, known: Pools) -> Pool | None:
    """The most alike: new goods of its category, else all of its category, else all of its seller."""
    return first_enough(
        [
            known.get((found.seller_id, found.category_id, True)),
            known.get((found.seller_id, found.category_id, False)),
            known.get((found.seller_id, None, False)),
        ]
    )


# --- for people -----------------------------------------------------------------------------------------------

PAGE = 25
MAX_QUERY = 100
SORTS = ("expected", "error", "change")


@dataclass(frozen=True, slots=True)
class Filters:
    """What of the forecasts is looked for, and in which order."""

    q: str = ""
    sort: str = "expected"
    overridden: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A forecast in the list: `change` against the one before it, in per cent of that.

    `said`: the pieces a week that somebody put in its place. `recent` and `earlier`: pieces a week as they were ordered
    in the last four weeks, and in the eight before.
    """

    variant_id: int
    name: str
    name_bn: str | None
    variant_name: str
    sku: str
    unit: str
    seller_name: str
    forecast: Forecast
    overridden: bool
    said: int | None
    recent: Decimal
    earlier: Decimal

    @property
    def change(self) -> Decimal | None:
        before = self.forecast.before
        return None if not before else (self.forecast.mean - before) / before * _WHOLE


@dataclass(frozen=True, slots=True)
class Page:
    """Some of them, and where the next ones begin."""

    rows: list[Row]
    after: tuple[Decimal, int] | None


def seller_of(actor: Actor) -> int | None:
    """Whose forecasts the actor may see; None: everybody's."""
    return None if actor.is_staff else actor.acting_organization


def page(actor: Actor, filters: Filters, *, after: tuple[Decimal, int] | None = None) -> Page:
    """A page of the actor's forecasts, by key."""
    value: sa.ColumnElement[Any] = {
        "error": sa.func.coalesce(Forecast.error, -1),
        "change": sa.func.round(
            sa.func.abs(Forecast.mean - sa.func.coalesce(Forecast.before, Forecast.mean))
            / sa.func.greatest(Forecast.before, 1),
            4,
        ),
    }.get(filters.sort, sa.type_coerce(Forecast.mean, sa.Numeric()))
    statement = (
        sa.select(
            Variant.id.label("variant_id"),
            Product.name,
            Product.name_bn,
            Variant.name.label("variant_name"),
            Variant.sku,
            Product.unit,
            Organization.name.label("seller_name"),
            Forecast,
            Override.id.is_not(None).label("overridden"),
            Override.weekly.label("said"),
            value.label("value"),
        )
        .join(Variant, Variant.id == Forecast.variant_id)
        .join(Product, Product.id == Variant.product_id)
        .join(Organization, Organization.id == Forecast.seller_id)
        .outerjoin(Override, sa.and_(Override.variant_id == Forecast.variant_id, holds(today())))
        .where(Variant.is_offered, Product.state != "archived")
        .order_by(value.desc(), Forecast.variant_id.desc())
        .limit(PAGE + 1)
    )
    seller_id = seller_of(actor)
    if seller_id is not None:
        statement = statement.where(Forecast.seller_id == seller_id)
    if filters.overridden:
        statement = statement.where(Override.id.is_not(None))
    if filters.q:
        found = (Product.name, Product.name_bn, Variant.sku)
        statement = statement.where(sa.or_(*(each.icontains(filters.q, autoescape=True) for each in found)))
    if after is not None:
        statement = statement.where(sa.tuple_(value, Forecast.variant_id) < sa.tuple_(*after))
    rows = db.session.execute(statement).all()
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    ordered = history([row.variant_id for row in rows[:PAGE]], today(), WEEKS)
    shown = [_shown(row, ordered.get(row.variant_id, [0] * WEEKS)) for row in rows[:PAGE]]
    return Page(shown, (last.value, last.variant_id) if last else None)


_LATELY = 4


def _shown(row: Any, weeks: Sequence[int]) -> Row:
    """With the means of the last weeks and of those before them: why a forecast is what it is."""
    return Row(
        variant_id=row.variant_id,
        name=row.name,
        name_bn=row.name_bn,
        variant_name=row.variant_name,
        sku=row.sku,
        unit=row.unit,
        seller_name=row.seller_name,
        forecast=row.Forecast,
        overridden=row.overridden,
        said=row.said,
        recent=Decimal(sum(weeks[-_LATELY:])) / _LATELY,
        earlier=Decimal(sum(weeks[:-_LATELY])) / (len(weeks) - _LATELY),
    )


@dataclass(frozen=True, slots=True)
class Goods:
    """A variant with its product, for its page."""

    variant: Variant
    product: Product
    seller_name: str


def goods(actor: Actor, variant_id: int, *, lock: bool = False) -> Goods:
    """One of the actor's variants. Raises NotFoundError."""
    statement = (
        sa.select(Variant, Product, Organization.name)
        .join(Product, Product.id == Variant.product_id)
        .join(Organization, Organization.id == Variant.seller_id)
        .where(Variant.id == variant_id)
    )
    seller_id = seller_of(actor)
    if seller_id is not None:
        statement = statement.where(Variant.seller_id == seller_id)
    if lock:
        statement = statement.with_for_update(of=Variant, key_share=True)
    row = db.session.execute(statement).one_or_none()
    if row is None:
        raise NotFoundError
    return Goods(*row)


def forecast(variant_id: int) -> Forecast | None:
    """The last one made."""
    return db.session.get(Forecast, variant_id)


@dataclass(frozen=True, slots=True)
class Said:
    """An override with the names of who made and who ended it."""

    override: Override
    by: str
    ended_by: str

    @property
    def holds(self) -> bool:
        return self.override.ended_at is None and self.override.ends_on >= today()


_MOST_SAID = 20


def overrides(variant_id: int) -> list[Said]:
    """What was said of it, the newest first."""
    maker, ender = sa.orm.aliased(User), sa.orm.aliased(User)
    rows = db.session.execute(
        sa.select(Override, sa.func.coalesce(maker.name, ""), sa.func.coalesce(ender.name, ""))
        .outerjoin(maker, maker.id == Override.made_by)
        .outerjoin(ender, ender.id == Override.ended_by)
        .where(Override.variant_id == variant_id)
        .order_by(Override.id.desc())
        .limit(_MOST_SAID)
    )
    return [Said(*row) for row in rows]


def open_override(variant_id: int) -> Override | None:
    """The one that nobody has ended, though its last day may be over."""
    return db.session.scalars(
        sa.select(Override).where(Override.variant_id == variant_id, Override.ended_at.is_(None))
    ).one_or_none()


def setting(seller_id: int, variant_id: int | None = None) -> Setting | None:
    """How a seller's goods, or one of them, are to be kept; None: nothing was set."""
    of = Setting.variant_id.is_(None) if variant_id is None else Setting.variant_id == variant_id
    return db.session.scalars(sa.select(Setting).where(Setting.seller_id == seller_id, of)).one_or_none()
