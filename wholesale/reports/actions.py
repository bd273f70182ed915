"""Counting days anew, from the ledger's journals and the frozen lines behind them; and the weekly letters."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import current_app

from wholesale.config import Settings
from wholesale.kernel import clock
from wholesale.ledger.models import LedgerJournal
from wholesale.platform import files, mail, outbox
from wholesale.platform.db import db
from wholesale.platform.rhythm import Progress
from wholesale.reports import paper, queries, rules
from wholesale.reports.events import WeekEnded
from wholesale.reports.models import CountedDay, Mark, Rollup

MEASURES = tuple(column.name for column in Rollup.__table__.columns if not column.primary_key)
_ONE_AT_A_TIME = 0x7265706F727473  # the advisory lock of whoever counts
_SECONDS = 40  # of a run of the job: what is left waits a minute
_RECENT = timedelta(days=2)


def mark(keys: Collection[str]) -> None:
    """The days on which these journals were posted are to be counted anew."""
    zone = _zone()
    posted = db.session.scalars(sa.select(LedgerJournal.at).where(LedgerJournal.key.in_(keys)))
    for day in {at.astimezone(zone).date() for at in posted}:
        db.session.add(Mark(day=day))
    db.session.flush()


def recompute(*, everything_stale: bool = False, progress: Progress | None = None) -> str:
    """Count what is marked, and what the last two days (or all days) lack; for jobs, in the platform's scope.

    Only one at a time: whoever comes second leaves it to the first.
    """
    if not _alone():
        return "another one is counting"
    end = time.monotonic() + _SECONDS
    since = None if everything_stale else clock.now() - _RECENT
    waiting = sorted(set(db.session.scalars(sa.select(Mark.day).distinct())) | set(queries.stale_days(since)))
    done: list[date] = []
    for day in reversed(waiting):  # what people look at first
        count(day, day)
        done.append(day)
        if progress is not None:
            progress(len(done), len(waiting))
        if time.monotonic() > end:
            break
    _count_months(done)
    left = len(waiting) - len(done)
    return f"{len(done)} days counted" + (f", {left} left" if left else "")


def rebuild() -> int:
    """Count every day from the ledger's first one anew, and forget days of which it knows nothing; how many."""
    if not _alone():
        return 0
    first, last = queries.first_and_last()
    db.session.execute(sa.delete(Rollup))
    db.session.execute(sa.delete(CountedDay))
    if first is None or last is None:
        db.session.execute(sa.delete(Mark))
        return 0
    whole = rules.Period(first.astimezone(_zone()).date(), last.astimezone(_zone()).date())
    for month in rules.buckets(whole, "month"):
        count(month.first, month.last)
        _count_months([month.first])
    return db.session.scalar(sa.select(sa.func.count()).select_from(CountedDay)) or 0


def count(first: date, last: date) -> None:
    """Count the days from `first` to `last` anew, whole.

    Their marks go first: what is committed after this transaction has looked leaves another one.
    """
    days = {"first": first, "last": last}
    db.session.execute(sa.delete(Mark).where(Mark.day.between(first, last)))
    db.session.execute(sa.delete(CountedDay).where(CountedDay.day.between(first, last)))
    db.session.execute(sa.delete(Rollup).where(Rollup.grain == "day", Rollup.starts.between(first, last)))
    begins, ends = _instant(first), _instant(last + timedelta(days=1))
    values = days | {"zone": _zone().key, "begins": begins, "ends": ends, "now": clock.now()}
    db.session.execute(_COUNT_JOURNALS, values)
    db.session.execute(_COUNT, values)


def _count_months(days: Iterable[date]) -> None:
    """The months of these days, added up from their days."""
    for start in sorted({day.replace(day=1) for day in days}):
        month = rules.month(start)
        db.session.execute(sa.delete(Rollup).where(Rollup.grain == "month", Rollup.starts == start))
        db.session.execute(_COUNT_MONTH, {"first": month.first, "last": month.last})


def _alone() -> bool:
    return bool(db.session.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(_ONE_AT_A_TIME))))


def _instant(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), _zone())


def _zone() -> ZoneInfo:
    return ZoneInfo(_settings().time_zone)


def _settings() -> Settings:
    return cast("Settings", current_app.extensions["settings"])


_SUMS = ", ".join(f"sum({name})" for name in MEASURES[1:])
_NAMES = ", ".join(MEASURES)
_SPLIT = """
    CASE WHEN {line}.settlement = 'commission' THEN 0 ELSE {part}.platform_fee END,
    CASE WHEN {line}.settlement = 'commission' THEN {part}.platform_fee ELSE 0 END,
    {part}.platform_rest,
    {part}.seller_share,
    CASE WHEN {line}.goods_owner = 'seller' THEN {part}.owner_recovers ELSE 0 END,
    CASE WHEN {line}.goods_owner = 'seller' THEN 0 ELSE {part}.owner_recovers END
"""
# Each fact hangs on the journal that posted it: its day is the journal's. `order_id` is there where an order is
# counted, once for whatever group it stands in. A category counts for all that are above it.
_COUNT = sa.text(
    f"""
    WITH RECURSIVE above (category_id, id) AS (
        SELECT id, id FROM category
        UNION ALL
        SELECT above.category_id, c.parent_id FROM above JOIN category c ON c.id = above.id
        WHERE c.parent_id IS NOT NULL
    ),
    posted AS MATERIALIZED (
        SELECT (j.at AT TIME ZONE :zone)::date AS day, split_part(j.key, ':', 3) AS what,
               nullif(split_part(j.key, ':', 4), '')::int AS part,
               o.id, o.seller_id, o.buyer_id, o.currency, o.delivery_fee
        FROM ledger_journal j JOIN sales_order o ON o.number = split_part(j.key, ':', 2)
        WHERE j.at >= :begins AND j.at < :ends AND {queries.JOURNALS}
    ),
    fact (day, currency, seller_id, buyer_id, product_id, order_id, {_NAMES.removeprefix("orders, ")}) AS MATERIALIZED (
        SELECT p.day, p.currency, p.seller_id, p.buyer_id, l.product_id, CASE p.what WHEN 'placed' THEN p.id END,
               l.quantity, net.goods,
               CASE WHEN l.settlement = 'commission' THEN 0 ELSE net.goods END, l.tax_amount, 0::numeric, 0::numeric,
               {_SPLIT.format(line="l", part="l")}
        FROM posted p
        JOIN order_line l ON l.order_id = p.id
         AND CASE p.what WHEN 'placed' THEN l.replaces_id IS NULL ELSE l.position = p.part END,
            LATERAL (SELECT l.line_total - CASE WHEN l.tax_included THEN l.tax_amount ELSE 0 END AS goods) net
        WHERE p.what IN ('placed', 'substituted')
        UNION ALL
        SELECT day, currency, seller_id, buyer_id, NULL, id, 0, 0, 0, 0, delivery_fee, 0, 0, 0, 0, 0, 0, 0
        FROM posted WHERE what = 'placed'
        UNION ALL
        SELECT p.day, p.currency, p.seller_id, p.buyer_id, l.product_id, NULL, -t.quantity, -net.goods,
               CASE WHEN l.settlement = 'commission' THEN 0 ELSE -net.goods END, -t.tax, 0, net.goods,
               {", ".join(f"-({part})" for part in _SPLIT.format(line="l", part="t").split(",") if part.strip())}
        FROM posted p
        JOIN order_credit c ON c.order_id = p.id AND c.sequence = p.part
        JOIN order_credit_line t ON t.credit_id = c.id
        JOIN order_line l ON l.id = t.line_id,
            LATERAL (SELECT t.goods - CASE WHEN t.tax_included THEN t.tax ELSE 0 END AS goods) net
        WHERE p.what = 'credit'
        UNION ALL
        SELECT p.day, p.currency, p.seller_id, p.buyer_id, NULL, NULL, 0, 0, 0, 0, -c.delivery, 0, 0, 0, 0, 0, 0, 0
        FROM posted p JOIN order_credit c ON c.order_id = p.id AND c.sequence = p.part
        WHERE p.what = 'credit' AND c.delivery > 0
    ),
    grouped AS (
        SELECT CASE GROUPING(seller_id, buyer_id, product_id)
                   WHEN 7 THEN 'total' WHEN 5 THEN 'buyer' WHEN 3 THEN 'seller' WHEN 1 THEN 'seller_buyer'
                   ELSE 'product' END AS dimension,
               currency, day, coalesce(seller_id, 0) AS seller_id,
               CASE GROUPING(seller_id, buyer_id, product_id)
                   WHEN 7 THEN 0 WHEN 3 THEN seller_id WHEN 2 THEN product_id ELSE buyer_id END AS key_id,
               count(DISTINCT order_id) AS orders, {_SUMS}
        FROM fact
        GROUP BY day, currency,
                 GROUPING SETS ((), (seller_id), (buyer_id), (seller_id, buyer_id), (seller_id, product_id))
        HAVING GROUPING(product_id) = 1 OR product_id IS NOT NULL
        UNION ALL
        SELECT CASE GROUPING(f.seller_id) WHEN 1 THEN 'category' ELSE 'seller_category' END,
               f.currency, f.day, coalesce(f.seller_id, 0), above.id, count(DISTINCT order_id), {_SUMS}
        FROM fact f JOIN product ON product.id = f.product_id JOIN above ON above.category_id = product.category_id
        GROUP BY f.day, f.currency, above.id, GROUPING SETS ((), (f.seller_id))
    )
    INSERT INTO report_rollup (dimension, grain, currency, starts, seller_id, key_id, {_NAMES})
    SELECT g.dimension, 'day', g.currency, g.day, g.seller_id, g.key_id, {{grouped}}
    FROM grouped g (dimension, currency, day, seller_id, key_id, {_NAMES})
    """.replace("{grouped}", ", ".join(f"g.{name}" for name in MEASURES))  # noqa: S608 - put together from the constants above
)
_COUNT_JOURNALS = sa.text(
    f"""
    INSERT INTO report_day (day, journals, counted_at)
    SELECT (j.at AT TIME ZONE :zone)::date AS day, count(*), :now
    FROM ledger_journal j WHERE j.at >= :begins AND j.at < :ends AND {queries.JOURNALS} GROUP BY 1
    """  # noqa: S608 - put together from constants
)
_COUNT_MONTH = sa.text(
    f"""
    INSERT INTO report_rollup (dimension, grain, currency, starts, seller_id, key_id, {_NAMES})
    SELECT dimension, 'month', currency, date_trunc('month', starts)::date, seller_id, key_id, sum(orders), {_SUMS}
    FROM report_rollup WHERE grain = 'day' AND starts BETWEEN :first AND :last
    GROUP BY dimension, currency, date_trunc('month', starts), seller_id, key_id
    """  # noqa: S608 - put together from constants
)


# --- the weekly letters ---------------------------------------------------------------------------------------


def begin_weekly() -> str:
    """Last week is over: have its letters written, one report per seller that sold something, one for the platform."""
    recompute(everything_stale=True)
    period = rules.week_before(clock.today(_settings().time_zone))
    sellers = queries.sellers_with_sales(period)
    wanted: list[int | None] = [None, *sellers] if sellers else []
    for seller_id in wanted:
        outbox.emit(WeekEnded(monday=period.first.isoformat(), seller_id=seller_id), priority=outbox.LONG_WORK)
    return f"{rules.week_name(period)}: {len(sellers)} sellers and the platform" if wanted else "nothing was sold"


def send_weekly(*, monday: date, seller_id: int | None) -> int:
    """Write the letters with that week's report to whoever gets it; how many. Those who have theirs get no other."""
    period = rules.Period(monday, monday + timedelta(days=6))
    sent = 0
    documents: dict[tuple[str, str], str] = {}
    for reader in queries.weekly_readers(seller_id):
        language = reader.language or "en"
        for report in queries.weekly(seller_id, period):
            wanted = (language, report.currency)
            if wanted not in documents:
                documents[wanted] = files.storage().put(paper.render(report, language), "application/pdf").key
            sent += mail.send(
                key=f"weekly-report:{period.first}:{seller_id or 'platform'}:{report.currency}:{reader.user_id}",
                to=reader.email,
                template="weekly_report",
                language=reader.language,
                attachment=(documents[wanted], report.file_name),
                name=reader.name,
                business=report.business,
                period=period,
                orders=report.now.orders,
                sales=report.now.sales,
                change=rules.change(report.now.sales.amount, report.before.sales.amount),
                is_platform=seller_id is None,
            )
    return sent
