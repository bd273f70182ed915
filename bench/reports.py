"""How long each query of a report page takes over a year of sales: `python -m bench.reports`.

    python -m bench.reports [ORDER LINES] [ROUNDS] [--json]

Makes the rollups of that many order lines (1,000,000 unless told otherwise) in a database of its own: 20,000 products
of 200 sellers in 60 categories, 3,000 buyers, 365 days, five lines to an order, as they would be counted. Then prints
the median and the 95th percentile of what the pages ask, in milliseconds; the target is 300.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from bench import common
from tests import database
from wholesale.app import create_app
from wholesale.platform import services
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction
from wholesale.reports import queries, rules, screens
from wholesale.reports.queries import PLATFORM, Reader
from wholesale.reports.rules import Asked, Period

TARGET_MS = 300
_FACTS = """
    CREATE TEMPORARY TABLE fact AS
    SELECT date '2025-01-01' + (n % 365) AS day, 1 + p.product % 200 AS seller_id, 1 + (n / 5) % 3000 AS buyer_id,
           p.product AS product_id, 1 + p.product % 60 AS category_id, n / 5 AS order_id, 10 + n % 90 AS pieces,
           (100 + p.product % 900)::numeric(18, 4) AS goods
    FROM generate_series(1, :lines) n,
        LATERAL (SELECT 1 + floor(20000 * power(random(), 2))::bigint AS product WHERE n > 0) p
"""
_MEASURES = """
    count(*), sum(pieces), sum(goods), sum(goods) / 2, sum(goods) * 0.15, 60, 0, sum(goods) * 0.05,
    sum(goods) * 0.04, sum(goods) * 0.2, sum(goods) * 0.1, sum(goods) * 0.61, 0
"""
_COLUMNS = """
    dimension, grain, currency, starts, seller_id, key_id, orders, pieces, goods, shared_goods, tax, delivery,
    taken_back, platform_fee, commission, platform_rest, seller_share, seller_goods, platform_goods
"""
_GROUPS = {
    "total": ("0::bigint", "0::bigint"),
    "seller": ("seller_id", "seller_id"),
    "buyer": ("0::bigint", "buyer_id"),
    "seller_buyer": ("seller_id", "buyer_id"),
    "product": ("seller_id", "product_id"),
    "category": ("0::bigint", "category_id"),
    "seller_category": ("seller_id", "category_id"),
}
YEAR = Asked(Period(date(2025, 1, 1), date(2025, 12, 31)), Period(date(2024, 1, 1), date(2024, 12, 31)))
# Cut on both sides, so that days stand beside the months; compared with as long a time before.
ODD = Asked(Period(date(2025, 6, 12), date(2025, 12, 19)), Period(date(2024, 12, 3), date(2025, 6, 11)))


def fill(lines: int) -> int:
    """Make the rollups; how many rows there are."""
    db.session.execute(sa.text(_FACTS), {"lines": lines})
    for dimension, (seller, key) in _GROUPS.items():
        for grain, starts in (("day", "day"), ("month", "date_trunc('month', day)::date")):
            db.session.execute(
                sa.text(
                    f"INSERT INTO report_rollup ({_COLUMNS})"
                    f" SELECT '{dimension}', '{grain}', 'BDT', {starts}, {seller}, {key}, {_MEASURES}"
                    f" FROM fact GROUP BY {starts}, {seller}, {key}"
                )
            )
    return db.session.scalar(sa.text("SELECT count(*) FROM report_rollup")) or 0


def _named() -> None:
    """Businesses and categories with the ids that the figures have, so that names are looked up as well."""
    db.session.execute(
        sa.text(
            "INSERT INTO organization (id, kind, name, legal_name, slug, currency, created_at)"
            " OVERRIDING SYSTEM VALUE SELECT n, 'buyer', 'Business ' || n, '', 'b' || n, 'BDT', now()"
            " FROM generate_series(1, 3000) n"
        )
    )
    db.session.execute(
        sa.text(
            "INSERT INTO category (id, slug, name, position) OVERRIDING SYSTEM VALUE"
            " SELECT n, 'c' || n, 'Category ' || n, n FROM generate_series(1, 60) n"
        )
    )


def asked() -> dict[str, Callable[[], object]]:
    """What is measured: each query of a page, and the whole pages."""
    seller = Reader(7)
    found: dict[str, Callable[[], object]] = {}
    for name, whose in (("all", PLATFORM), ("a seller", seller)):
        for span, period in (("a year", YEAR), ("six months, odd days", ODD)):
            what = f"{name}, {span}"
            found[f"{what}: totals"] = lambda whose=whose, period=period: queries.totals(whose, period, "BDT")
            for step in ("week", "month"):
                found[f"{what}: course by {step}"] = lambda whose=whose, period=period, step=step: queries.course(
                    whose, period.now, step, "BDT"
                )
            for by in screens.tabs(whose)[1:]:
                found[f"{what}: by {by}"] = lambda whose=whose, period=period, by=by: queries.breakdown(
                    whose, by, period, "BDT"
                )
            found[f"{what}: the product page, whole"] = lambda whose=whose, period=period: screens.screen(
                whose, period, "BDT", "month", screens.Wanted(by="product")
            )
    found["all, a year: by product, by margin"] = lambda: queries.breakdown(
        PLATFORM, "product", YEAR, "BDT", rank="margin"
    )
    found["all, a year: by product, a page further"] = lambda: queries.breakdown(
        PLATFORM, "product", YEAR, "BDT", after=rules.Cursor(rules.Decimal(30000), 500)
    )
    return found


def measure(rounds: int) -> dict[str, tuple[float, float]]:
    """Median and 95th percentile of each, in milliseconds."""
    times: dict[str, list[float]] = {name: [] for name in asked()}
    for _ in range(rounds):
        for name, ask in asked().items():
            began = time.perf_counter()
            ask()
            times[name].append((time.perf_counter() - began) * 1000)
    return {
        name: (statistics.median(each), sorted(each)[max(0, -(-len(each) * 95 // 100) - 1)])
        for name, each in times.items()
    }


def as_owner(database_url: str, statement: str) -> None:
    """For the owner of the tables alone."""
    owner = sa.create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool)
    with owner.begin() as connection:
        connection.execute(sa.text("SELECT set_config('app.scope', 'platform', true)"))
        connection.execute(sa.text(statement))
    owner.dispose()


def run(app: Flask, lines: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Fill, analyse, warm up, measure."""
    owner_url = app.extensions["settings"].database_owner_url
    # While it is measured nobody vacuums, and nobody is in the way when the database is dropped.
    as_owner(owner_url, "ALTER TABLE report_rollup SET (autovacuum_enabled = false)")
    with app.app_context():
        with transaction():
            db.session.execute(sa.text("SET LOCAL statement_timeout = 0"))
            driver: Any = db.session.connection().connection.dbapi_connection
            driver.seconds = 3600  # so long it may be silent: see platform.patience
            began = time.perf_counter()
            _named()
            rows = fill(lines)
            print(f"{lines:,} order lines, {rows:,} rows of rollups, made in {time.perf_counter() - began:.0f} s")
        as_owner(owner_url, "ANALYZE report_rollup")
        with transaction():
            measure(1)
            return measure(rounds)


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("lines", type=int, nargs="?", default=1_000_000)
    parser.add_argument("rounds", type=int, nargs="?", default=11)
    given = parser.parse_args()
    lines, rounds, this = given.lines, given.rounds, common.Run("reports", given.short)
    with services.running(database.STATE) as endpoints, tempfile.TemporaryDirectory() as folder:
        os.environ.update(
            DATABASE_URL=endpoints.database_url,
            DATABASE_OWNER_URL=endpoints.database_owner_url,
            REDIS_URL=endpoints.redis_url,
        )
        with database.copy("bench_reports") as name:
            settings = database.settings_for(name)
            app = create_app(replace(settings, data_dir=Path(folder)))
            found = run(app, lines, rounds)
            with app.app_context():
                db.engine.dispose()
    print(f"{'':<52} {'p50 ms':>8} {'p95 ms':>8}")
    for name, (median, high) in found.items():
        print(f"{name:<52} {median:>8.1f} {high:>8.1f}{'   over' if high > TARGET_MS else ''}")
    figures = {name: {"p50_ms": round(median, 1), "p95_ms": round(high, 1)} for name, (median, high) in found.items()}
    slowest = round(max(high for _, high in found.values()), 1)
    promise = common.Promise(f"slowest query of a report over {lines:,} order lines, p95", slowest, TARGET_MS, "ms")
    this.finish({"lines": lines, "figures": figures}, [promise], as_json=given.json)


if __name__ == "__main__":
    main()
