"""Reads of the rollups, never of orders: totals, course and breakdowns of a period; and their proof by the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import current_app

from wholesale.accounts.models import User
from wholesale.catalog.models import Category, Product
from wholesale.config import Settings
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ForbiddenError
from wholesale.kernel.money import Money
from wholesale.ledger.models import LedgerJournal
from wholesale.organizations.models import Membership, Organization
from wholesale.platform.db import db
from wholesale.reports import rules
from wholesale.reports.models import CountedDay, Mark, Rollup
from wholesale.reports.rules import Asked, Cursor, Figures, Period, Platform

PAGE_SIZE = 20
TOP = 10
MOST_EXPORTED = 100_000
_WHAT = "'placed', 'credit', 'substituted'"
# Which journals the figures are of. Without colons before words, so that it can stand in a text with parameters.
JOURNALS = f"j.key LIKE 'order:%' AND split_part(j.key, ':', 3) IN ({_WHAT})"


def of_orders() -> sa.ColumnElement[bool]:
    """The same for a statement about LedgerJournal."""
    what = sa.func.split_part(LedgerJournal.key, ":", 3)
    return sa.and_(LedgerJournal.key.startswith("order:"), what.in_(("placed", "credit", "substituted")))


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose figures are read: the platform's (`seller_id` None), with its side of them, or a seller's own."""

    seller_id: int | None

    @property
    def sees_platform(self) -> bool:
        return self.seller_id is None

    def dimension(self, breakdown: str) -> str:
        platforms, sellers = rules.BREAKDOWNS[breakdown]
        found = platforms if self.sees_platform else sellers
        assert found is not None, "a seller has no breakdown by seller"
        return found

    @property
    def whole(self) -> str:
        return "total" if self.sees_platform else "seller"

    @property
    def own(self) -> sa.ColumnElement[bool]:
        return sa.true() if self.seller_id is None else Rollup.seller_id == self.seller_id


PLATFORM = Reader(None)


def reader(actor: Actor, *, platform: bool) -> Reader:
    """Who reads: an admin all of it, a seller their own. Raises ForbiddenError for everybody else."""
    if platform and actor.is_admin:
        return PLATFORM
    if not platform and actor.is_seller:
        return Reader(actor.acting_organization)
    raise ForbiddenError("Reports are for sellers, of their own sales, and for the platform's admins.")


# --- figures --------------------------------------------------------------------------------------------------

_SHOWN: tuple[tuple[str, Any], ...] = (
    ("orders", Rollup.orders),
    ("pieces", Rollup.pieces),
    ("goods", Rollup.goods),
    ("tax", Rollup.tax),
    ("delivery", Rollup.delivery),
    ("taken_back", Rollup.taken_back),
    ("receives", Rollup.seller_share + Rollup.seller_goods + Rollup.delivery),
)
# Never asked for when a seller reads.
_PLATFORMS: tuple[tuple[str, Any], ...] = (
    ("platform_fee", Rollup.platform_fee),
    ("commission", Rollup.commission),
    ("platform_rest", Rollup.platform_rest),
    ("platform_goods", Rollup.platform_goods),
    ("shared_goods", Rollup.shared_goods),
    ("seller_goods", Rollup.seller_goods),
)


def _sums(whose: Reader) -> list[sa.ColumnElement[Any]]:
    columns = (*_SHOWN, *_PLATFORMS) if whose.sees_platform else _SHOWN
    return [sa.func.coalesce(sa.func.sum(column), 0).label(name) for name, column in columns]


def _figures(row: Any, currency: str, whose: Reader) -> Figures:
    def money(amount: Decimal | int) -> Money:
        return Money(Decimal(amount), currency)

    platform = None
    if whose.sees_platform:
        platform = Platform(
            fee=money(row.platform_fee),
            commission=money(row.commission),
            rest=money(row.platform_rest),
            goods=money(row.platform_goods),
            shared_sales=money(row.shared_goods),
            commission_sales=money(row.goods - row.shared_goods),
            cost=money(row.seller_goods + row.platform_goods),
        )
    return Figures(
        orders=int(row.orders),
        pieces=int(row.pieces),
        sales=money(row.goods),
        tax=money(row.tax),
        delivery=money(row.delivery),
        taken_back=money(row.taken_back),
        receives=money(row.receives),
        platform=platform,
    )


def _of(whose: Reader, dimension: str, currency: str, period: Period) -> sa.ColumnElement[bool]:
    """The rows that a period is added up from: its whole months, and the days beside them."""
    made = rules.pieces(period)
    of_days = [sa.and_(Rollup.grain == "day", Rollup.starts.between(each.first, each.last)) for each in made.days]
    of_months = (
        [sa.and_(Rollup.grain == "month", Rollup.starts.between(made.months.first, made.months.last))]
        if made.months
        else []
    )
    return sa.and_(Rollup.dimension == dimension, Rollup.currency == currency, whose.own, sa.or_(*of_months, *of_days))


def currencies(whose: Reader) -> list[str]:
    """The currencies in which anything was sold, the most used one first."""
    rows = db.session.execute(
        sa.select(Rollup.currency)
        .where(Rollup.dimension == whose.whole, Rollup.grain == "month", whose.own)
        .group_by(Rollup.currency)
        .order_by(sa.func.sum(Rollup.orders).desc(), Rollup.currency)
    )
    return [row.currency for row in rows]


def totals(whose: Reader, asked: Asked, currency: str) -> tuple[Figures, Figures]:
    """The figures of a period and of the one before it."""
    now, before = (
        sa.select(sa.literal(place).label("place"), *_sums(whose)).where(
            _of(whose, whose.whole, currency, period), Rollup.key_id == (whose.seller_id or 0)
        )
        for place, period in ((0, asked.now), (1, asked.before))
    )
    rows = db.session.execute(sa.union_all(now, before).order_by("place")).all()
    return _figures(rows[0], currency, whose), _figures(rows[1], currency, whose)


@dataclass(frozen=True, slots=True)
class Bar:
    """A day, week or month of a period, with its figures."""

    period: Period
    figures: Figures


def course(whose: Reader, period: Period, step: str, currency: str) -> list[Bar]:
    """The figures of each day, week or month of a period, those without any as well."""
    if step == "month":
        of = _of(whose, whose.whole, currency, period)
        starts: sa.ColumnElement[Any] = sa.func.date_trunc("month", Rollup.starts)
    else:
        of = sa.and_(
            Rollup.dimension == whose.whole,
            Rollup.currency == currency,
            Rollup.grain == "day",
            Rollup.starts.between(period.first, period.last),
            whose.own,
        )
        starts = sa.func.date_trunc(step, Rollup.starts)
    day = sa.cast(starts, sa.Date)
    rows = {
        row.day: _figures(row, currency, whose)
        for row in db.session.execute(
            sa.select(day.label("day"), *_sums(whose)).where(of, Rollup.key_id == (whose.seller_id or 0)).group_by(day)
        )
    }
    nothing = _nothing(currency, whose)
    return [Bar(each, rows.get(_unit_start(each, step), nothing)) for each in rules.buckets(period, step)]


def _unit_start(bucket: Period, step: str) -> date:
    """The first day of the whole week or month of which the bucket is a part."""
    if step == "day":
        return bucket.first
    return date.fromisocalendar(*bucket.first.isocalendar()[:2], 1) if step == "week" else bucket.first.replace(day=1)


def _nothing(currency: str, whose: Reader) -> Figures:
    zero = Money.zero(currency)
    platform = Platform(zero, zero, zero, zero, zero, zero, zero) if whose.sees_platform else None
    return Figures(0, 0, zero, zero, zero, zero, zero, platform)


# --- breakdowns -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """One product, category, seller or buyer with its figures, and its sales in the period before."""

    key_id: int
    name: str
    name_bn: str | None
    value: Decimal
    figures: Figures
    sales_before: Money


@dataclass(frozen=True, slots=True)
class Parts:
    """A page of a breakdown; the next one begins after `after`. With its ends, if asked for."""

    rows: list[Part]
    after: Cursor | None
    best: list[Part]
    worst: list[Part]


def breakdown(
    whose: Reader,
    by: str,
    asked: Asked,
    currency: str,
    *,
    rank: str = "sales",
    ends: bool = False,
    category_id: int | None = None,
    after: Cursor | None = None,
    limit: int = PAGE_SIZE,
) -> Parts:
    """What a period's sales are made of, the largest first, a page by key; with the ten at both `ends`.

    `rank`: by sales, or, for the platform, by margin. Of categories those right below `category_id`; None: the top.
    """
    of = _of(whose, whose.dimension(by), currency, asked.now)
    value: sa.ColumnElement[Any] = sa.func.sum(Rollup.goods)
    if rank == "margin":
        assert whose.sees_platform, "margins are the platform's"
        earned = Rollup.shared_goods - Rollup.seller_goods - Rollup.platform_goods + Rollup.commission
        value = sa.func.round(sa.func.sum(earned) * 100 / sa.func.nullif(value, 0), 4)
    ranked = sa.select(Rollup.key_id, value.label("value")).where(of).group_by(Rollup.key_id)
    if rank == "margin":
        ranked = ranked.having(sa.func.sum(Rollup.goods) > 0)
    if by == "category":
        ranked = ranked.where(
            Rollup.key_id.in_(
                sa.select(Category.id).where(
                    Category.parent_id.is_(None) if category_id is None else Category.parent_id == category_id
                )
            )
        )
    # Ranked once, whatever is taken of it.
    sums = ranked.cte("ranked").prefix_with("MATERIALIZED")
    value, key = sums.c.value, sums.c.key_id
    page = sa.select(value, key).order_by(value.desc(), key.desc()).limit(limit + 1)
    if after is not None:
        page = page.where(sa.tuple_(value, key) < sa.tuple_(after.value, after.key_id))
    wanted = {"rows": page}
    if ends:
        wanted["best"] = sa.select(value, key).order_by(value.desc(), key.desc()).limit(TOP)
        wanted["worst"] = sa.select(value, key).order_by(value.asc(), key.asc()).limit(TOP)
    db.session.execute(_BY_HASHING)
    each = [of_place.subquery(place) for place, of_place in wanted.items()]
    found = db.session.execute(
        sa.union_all(*(sa.select(sa.literal(t.name).label("place"), t.c.value, t.c.key_id) for t in each))
    ).all()
    keys = sorted({row.key_id for row in found})
    figures = _figures_of(whose, keys, of, currency)
    about = _about(whose, by, asked, currency, keys)
    made: dict[str, list[Part]] = {"rows": [], "best": [], "worst": []}
    for row in found:
        name, bangla, before = about.get(row.key_id, ("–", None, Decimal(0)))
        made[row.place].append(Part(row.key_id, name, bangla, row.value, figures[row.key_id], Money(before, currency)))
    for place, parts in made.items():
        parts.sort(key=lambda part: (part.value, part.key_id), reverse=place != "worst")
    last = made["rows"][limit - 1] if len(made["rows"]) > limit else None
    return Parts(made["rows"][:limit], Cursor(last.value, last.key_id) if last else None, made["best"], made["worst"])


# Of the rows of a policy PostgreSQL expects a hundredth, and would sort what it had better hash; nor are the sums of
# all products, some 20 MB of them, to go to the disk and back.
_BY_HASHING = sa.text("SELECT set_config('enable_sort', 'off', true), set_config('work_mem', '48MB', true)")


def _figures_of(whose: Reader, keys: Sequence[int], of: sa.ColumnElement[bool], currency: str) -> dict[int, Figures]:
    if not keys:
        return {}
    rows = db.session.execute(
        sa.select(Rollup.key_id, *_sums(whose)).where(of, Rollup.key_id.in_(keys)).group_by(Rollup.key_id)
    )
    return {row.key_id: _figures(row, currency, whose) for row in rows}


_Named = tuple[type[Product] | type[Category] | type[Organization], Any]


def _name_of(by: str) -> _Named:
    if by == "product":
        return Product, Product.name_bn
    return (Category, Category.name_bn) if by == "category" else (Organization, sa.null())


def _about(
    whose: Reader, by: str, asked: Asked, currency: str, keys: Sequence[int]
) -> dict[int, tuple[str, str | None, Decimal]]:
    """Names, and sales of the period before, by id."""
    if not keys:
        return {}
    named, name_bn = _name_of(by)
    before = (
        sa.select(Rollup.key_id, sa.func.sum(Rollup.goods).label("goods"))
        .where(_of(whose, whose.dimension(by), currency, asked.before), Rollup.key_id.in_(keys))
        .group_by(Rollup.key_id)
        .subquery()
    )
    rows = db.session.execute(
        sa.select(named.id, named.name, name_bn.label("name_bn"), sa.func.coalesce(before.c.goods, 0).label("before"))
        .outerjoin(before, before.c.key_id == named.id)
        .where(named.id.in_(keys))
    )
    return {row.id: (row.name, row.name_bn, row.before) for row in rows}


def every_part(whose: Reader, by: str, asked: Asked, currency: str, category_id: int | None = None) -> list[Part]:
    """The whole breakdown, for exports."""
    return breakdown(whose, by, asked, currency, category_id=category_id, limit=MOST_EXPORTED).rows


@dataclass(frozen=True, slots=True)
class Above:
    """A category on the way from the top down to the one that is looked at."""

    id: int
    name: str
    name_bn: str | None


def path(category_id: int) -> list[Above]:
    """The categories from the top down to this one; empty when there is none such."""
    base = sa.select(Category.id, Category.parent_id, Category.name, Category.name_bn, sa.literal(0).label("level"))
    up = base.where(Category.id == category_id).cte("up", recursive=True)
    up = up.union_all(
        sa.select(Category.id, Category.parent_id, Category.name, Category.name_bn, up.c.level + 1).join(
            up, Category.id == up.c.parent_id
        )
    )
    rows = db.session.execute(sa.select(up.c.id, up.c.name, up.c.name_bn).order_by(up.c.level.desc()))
    return [Above(*row) for row in rows]


# --- how current they are -----------------------------------------------------------------------------------------


def waiting() -> int:
    """How many days are marked: their figures are counted anew within a minute."""
    return db.session.scalar(sa.select(sa.func.count(sa.distinct(Mark.day)))) or 0


def stale_days(since: datetime | None) -> list[date]:
    """Days of which the ledger has other journals than were counted; `since`: looking at no earlier ones."""
    day = sa.cast(sa.func.timezone(zone(), LedgerJournal.at), sa.Date)
    posted = sa.select(day.label("day"), sa.func.count().label("journals")).where(of_orders()).group_by(day)
    if since is not None:
        first = datetime.combine(since.astimezone(ZoneInfo(zone())).date(), datetime.min.time(), ZoneInfo(zone()))
        posted = posted.where(LedgerJournal.at >= first)
    found = posted.subquery("posted")
    return list(
        db.session.scalars(
            sa.select(found.c.day)
            .outerjoin(CountedDay, CountedDay.day == found.c.day)
            .where(CountedDay.journals.is_distinct_from(found.c.journals))
        )
    )


def first_and_last() -> tuple[datetime | None, datetime | None]:
    """When the first and the last journal of an order were posted."""
    of = sa.select(sa.func.min(LedgerJournal.at), sa.func.max(LedgerJournal.at)).where(of_orders())
    first, last = db.session.execute(of).one()
    return first, last


def zone() -> str:
    return cast("Settings", current_app.extensions["settings"]).time_zone


# --- proof ----------------------------------------------------------------------------------------------------------

_AT_MOST = 20
_DAYS_AGREE = sa.text(
    f"""
    WITH posted AS (
        SELECT (j.at AT TIME ZONE :zone)::date AS day, p.currency, a.code, a.organization_id, p.amount
        FROM ledger_journal j JOIN ledger_posting p ON p.journal_id = j.id JOIN ledger_account a ON a.id = p.account_id
        WHERE {JOURNALS}
    ),
    ledger AS (
        SELECT day, currency, 'buyers owe' AS what, 0 AS of, sum(amount) AS amount
        FROM posted WHERE code = 'buyer_receivable' GROUP BY day, currency
        UNION ALL
        SELECT day, currency, 'the platform has', 0, -sum(amount) FROM posted
        WHERE code IN ('platform_pending', 'platform_fee', 'platform_share', 'commission', 'goods_recovered')
        GROUP BY day, currency
        UNION ALL
        SELECT day, currency, 'a seller has', organization_id, -sum(amount) FROM posted
        WHERE code IN ('seller_pending', 'seller_payable') GROUP BY day, currency, organization_id
        UNION ALL
        SELECT day, currency, 'the tax is', organization_id, -sum(amount) FROM posted
        WHERE code IN ('tax_pending', 'tax_payable') GROUP BY day, currency, organization_id
    ),
    counted AS (
        SELECT starts AS day, currency, 'buyers owe' AS what, 0 AS of, goods + tax + delivery AS amount
        FROM report_rollup WHERE grain = 'day' AND dimension = 'total'
        UNION ALL
        SELECT starts, currency, 'the platform has', 0, platform_fee + commission + platform_rest + platform_goods
        FROM report_rollup WHERE grain = 'day' AND dimension = 'total'
        UNION ALL
        SELECT starts, currency, 'a seller has', seller_id, seller_share + seller_goods + delivery
        FROM report_rollup WHERE grain = 'day' AND dimension = 'seller'
        UNION ALL
        SELECT starts, currency, 'the tax is', seller_id, tax
        FROM report_rollup WHERE grain = 'day' AND dimension = 'seller'
    )
    SELECT day, currency, what, of, coalesce(counted.amount, 0) AS counted, coalesce(ledger.amount, 0) AS posted
    FROM ledger FULL JOIN counted USING (day, currency, what, of)
    WHERE coalesce(counted.amount, 0) <> coalesce(ledger.amount, 0)
      AND NOT day = ANY(:left_out)
    ORDER BY day, what, of LIMIT {_AT_MOST}
    """  # noqa: S608 - put together from constants
).bindparams(sa.bindparam("left_out", type_=sa.ARRAY(sa.Date)))
# Goods of a day add up to the same by seller, by product and by buyer; a month is the sum of its days.
_PARTS_AGREE = sa.text(
    """
    WITH part AS (
        SELECT starts, currency, dimension, sum(goods) AS goods FROM report_rollup
        WHERE grain = 'day' AND dimension IN ('seller', 'product', 'buyer', 'seller_buyer')
        GROUP BY starts, currency, dimension
    )
    SELECT part.starts AS day, part.currency, part.dimension, part.goods AS counted, whole.goods AS posted
    FROM part LEFT JOIN report_rollup whole
      ON whole.dimension = 'total' AND whole.grain = 'day'
     AND whole.currency = part.currency AND whole.starts = part.starts
    WHERE whole.goods IS DISTINCT FROM part.goods
    ORDER BY part.starts LIMIT 20
    """
)
_MONTHS_AGREE = sa.text(
    """
    WITH days AS (
        SELECT date_trunc('month', starts)::date AS starts, currency, dimension, sum(orders) AS orders,
               sum(pieces) AS pieces, sum(goods) AS goods, sum(seller_share + seller_goods + delivery) AS receives
        FROM report_rollup WHERE grain = 'day' GROUP BY 1, 2, 3
    ),
    months AS (
        SELECT starts, currency, dimension, sum(orders) AS orders, sum(pieces) AS pieces, sum(goods) AS goods,
               sum(seller_share + seller_goods + delivery) AS receives
        FROM report_rollup WHERE grain = 'month' GROUP BY 1, 2, 3
    )
    SELECT starts, currency, dimension FROM days FULL JOIN months USING (starts, currency, dimension)
    WHERE (days.orders, days.pieces, days.goods, days.receives)
          IS DISTINCT FROM (months.orders, months.pieces, months.goods, months.receives)
    ORDER BY starts LIMIT 20
    """
)


def proof() -> list[str]:
    """Whether the figures of every counted day are the ledger's, to the last unit; what is wrong, earliest first.

    Days that wait to be counted anew are left out (`waiting`, `stale_days`): the job counts them within a minute.
    """
    left_out = sorted(set(stale_days(None)) | set(db.session.scalars(sa.select(Mark.day).distinct())))
    problems = []
    for row in db.session.execute(_DAYS_AGREE, {"zone": zone(), "left_out": left_out}):
        of = f" (business {row.of})" if row.of else ""
        problems.append(
            f"report of {row.day}: {row.what}{of} {row.counted} {row.currency}, the ledger says {row.posted}"
        )
    problems += [
        f"report of {row.day}: by {row.dimension} it is {row.counted} {row.currency}, in all {row.posted}"
        for row in db.session.execute(_PARTS_AGREE)
    ]
    problems += [
        f"report of {row.starts:%Y-%m}: the month by {row.dimension} is not the sum of its days in {row.currency}"
        for row in db.session.execute(_MONTHS_AGREE)
    ]
    return problems


# --- the weekly report ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Weekly:
    """A week's report in one currency. `seller_id` None: the platform's. `business`: a seller's name."""

    seller_id: int | None
    business: str
    asked: Asked
    currency: str
    now: Figures
    before: Figures
    days: list[Bar]
    days_before: list[Bar]
    products: list[Part]
    sellers: list[Part]

    @property
    def file_name(self) -> str:
        return f"week-{rules.week_name(self.asked.now)}-{self.currency}.pdf"


def weekly(seller_id: int | None, period: Period) -> Iterator[Weekly]:
    """The week's report, one per currency in which there was anything that week or the one before."""
    whose = Reader(seller_id)
    business = ""
    if seller_id is not None:
        business = db.session.scalar(sa.select(Organization.name).where(Organization.id == seller_id)) or ""
    asked = Asked(period, rules.earlier(period))
    for currency in currencies(whose):
        now, before = totals(whose, asked, currency)
        if now.is_nothing and before.is_nothing:
            continue
        yield Weekly(
            seller_id=seller_id,
            business=business,
            asked=asked,
            currency=currency,
            now=now,
            before=before,
            days=course(whose, asked.now, "day", currency),
            days_before=course(whose, asked.before, "day", currency),
            products=breakdown(whose, "product", asked, currency, limit=TOP).rows,
            sellers=breakdown(whose, "seller", asked, currency, limit=TOP).rows if whose.sees_platform else [],
        )


def sellers_with_sales(period: Period) -> list[int]:
    """Whose orders were placed, or taken back, in these days."""
    rows = db.session.scalars(
        sa.select(Rollup.seller_id)
        .where(Rollup.dimension == "seller", Rollup.grain == "day", Rollup.starts.between(period.first, period.last))
        .distinct()
        .order_by(Rollup.seller_id)
    )
    return list(rows)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Somebody who gets the weekly letter."""

    user_id: int
    name: str
    email: str
    language: str | None


def weekly_readers(seller_id: int | None) -> list[Receiver]:
    """The platform's admins, or a seller's owners."""
    people = sa.select(User.id, User.name, User.email, User.language).where(User.erased_at.is_(None))
    if seller_id is None:
        people = people.where(User.staff_role == "admin")
    else:
        people = people.join(Membership, Membership.user_id == User.id).where(
            Membership.organization_id == seller_id, Membership.role == "owner"
        )
    return [Receiver(*row) for row in db.session.execute(people.order_by(User.id))]
