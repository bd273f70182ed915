"""How fast a seller's file becomes a catalogue, and how much memory it takes.

    python -m bench.imports [--rows N] [--kinds csv,xlsx] [--file PATH] [--json]

Starts the embedded services of the tests and an empty database. For each kind of file prints rows a second of reading,
checking and applying, of the same file a second time and of a file that changes every price; and the most memory that
this process and its child took. The bars: 2,000 rows a second into the database, 300 MB for 100,000 rows.
"""

from __future__ import annotations

import csv
import gc
import io
import os
import random
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from bench import common
from tests import database
from tests.factories import accounts, organizations
from tests.factories import imports as files
from tests.factories.catalog import PROFIT_SHARE
from wholesale.app import create_app
from wholesale.catalog import actions as catalog
from wholesale.catalog.models import Category
from wholesale.kernel.actor import SYSTEM
from wholesale.merchandising.imports import actions
from wholesale.merchandising.imports.models import ImportProblem, ImportRun
from wholesale.platform import outbox, services
from wholesale.platform.db import db
from wholesale.platform.sheets import Sheet, write_workbook
from wholesale.pricing import actions as pricing

ROWS, MEGABYTES = 2_000, 300  # bars
HEAD = (
    "SKU",
    "Name",
    "Description",
    "Category",
    "Brand",
    "Minimum order",
    "Order multiple",
    "Price",
    "From quantity 2",
    "Price 2",
    "From quantity 3",
    "Price 3",
    "Cost",
    "Stock",
)
CATEGORIES = ("Kitchen", "Toys", "Bags", "Garden", "Stationery")
WORDS = (
    "red",
    "blue",
    "small",
    "large",
    "jute",
    "cotton",
    "steel",
    "bowl",
    "bag",
    "lamp",
    "spoon",
    "box",
    "paper",
    "glass",
    "ribbon",
    "candle",
    "holder",
    "heart",
    "vintage",
    "kit",
)


def goods(rows: int, dearer: int = 0) -> Iterator[tuple[Any, ...]]:
    chance = random.Random(7)
    for number in range(rows):
        name = " ".join(chance.sample(WORDS, 4)).title()
        price = chance.randrange(50, 5000) + dearer
        description = f"{name}, packed by the dozen. " + " ".join(chance.choices(WORDS, k=12))
        yield (
            f"B{number:06}",
            f"{name} {number}",
            description,
            CATEGORIES[number % len(CATEGORIES)],
            "Bench",
            10,
            5,
            price,
            50,
            price - 5,
            200,
            price - 10,
            price // 2,
            chance.randrange(0, 900),
        )


def as_csv(rows: int, dearer: int = 0) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEAD)
    writer.writerows(goods(rows, dearer))
    return text.getvalue().encode()


def as_xlsx(rows: int, dearer: int = 0) -> bytes:
    file = io.BytesIO()
    write_workbook(file, [Sheet("Products", HEAD, goods(rows, dearer))])
    return file.getvalue()


def processor() -> float:
    """Seconds of the processor that this process and the backend of its connection have had."""
    own = time.process_time()
    backend = db.session.scalar(sa.text("SELECT pg_backend_pid()")) or 0
    db.session.commit()
    used = psutil.Process(backend).cpu_times()
    return own + used.user + used.system


def work() -> tuple[float, float]:
    """Do all that waits: seconds on the wall, and of the processor (what other work on the machine does not change)."""
    db.session.commit()
    started, before = time.perf_counter(), processor()
    outbox.drain(limit=10_000, seconds=3600)
    db.session.expire_all()
    return time.perf_counter() - started, processor() - before


def measure(actor: Any, data: bytes, label: str, mode: str = "valid") -> dict[str, float]:
    """Rows a second of processor time, of each step."""
    run_id = actions.start(actor=actor, seller_id=None, upload=files.upload(data, label))
    took = {"read": work()}
    run = db.session.get_one(ImportRun, run_id)
    if run.state != "mapping":
        raise SystemExit(f"{label}: {run.state} {run.reason} {run.reason_values}")
    actions.choose_columns(actor=actor, run_id=run_id, mapping=run.mapping, defaults=files.DEFAULTS | run.defaults)
    took["check"] = work()
    run = db.session.get_one(ImportRun, run_id)
    writes = run.to_create + run.to_update
    if writes:
        actions.apply_run(actor=actor, run_id=run_id, mode=mode)
        took["apply"] = work()
        run = db.session.get_one(ImportRun, run_id)
    speeds = ", ".join(
        f"{what} {run.total / wall:,.0f}/s ({wall:.1f} s; processor {busy:.1f} s = {run.total / busy:,.0f}/s)"
        for what, (wall, busy) in took.items()
    )
    print(
        f"{label:<14} {run.total:,} rows: {speeds}; {run.state}: {run.created:,} new, {run.updated:,} changed,"
        f" {run.unchanged or run.to_leave:,} as they were, {run.refused or run.to_refuse:,} refused"
    )
    reasons = sa.select(ImportProblem.reason, sa.func.count()).where(ImportProblem.run_id == run_id)
    for reason, count in db.session.execute(reasons.group_by(ImportProblem.reason)):
        print(f"{'':<14} {count:,} × {reason}")
    return {what: round(run.total / busy) for what, (_wall, busy) in took.items()}


def memory() -> tuple[int, int]:
    """Megabytes at most: of this process, and of its child that reads the file."""
    own, child = (resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own, child


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--kinds", default="csv,xlsx")
    parser.add_argument("--file", type=Path, help="a file of one's own instead")
    asked = parser.parse_args()
    this, speeds = common.Run("imports", asked.short), {}
    gc.collect()
    gc.freeze()  # as the worker does
    with services.running(database.STATE) as endpoints:
        os.environ.setdefault("DATABASE_URL", endpoints.database_url)
        os.environ.setdefault("DATABASE_OWNER_URL", endpoints.database_owner_url)
        os.environ.setdefault("REDIS_URL", endpoints.redis_url)
        for kind in asked.kinds.split(",") if asked.file is None else ["file"]:
            with database.copy(f"bench_imports_{os.getpid()}") as name:
                app = create_app(database.settings_for(name))
                with app.app_context():
                    owner = accounts.user("Dipu")
                    organizations.business("Dipu Traders", kind="seller", members={owner: "owner"})
                    for each in CATEGORIES:
                        catalog.add_category(slug=each.lower(), name=each)
                    db.session.commit()
                    pricing.set_settlement(actor=SYSTEM, settlement=PROFIT_SHARE)
                    db.session.commit()
                    actor = accounts.actor(owner)
                    if asked.file is not None:
                        first = db.session.scalars(sa.select(Category.id).order_by(Category.id).limit(1)).one()
                        files.DEFAULTS.update({"category": first, "category_for_unknown": True})
                        for turn in ("first", "again"):
                            speeds[turn] = measure(actor, asked.file.read_bytes(), f"{asked.file.name[:20]} {turn}")
                        db.session.remove()
                        db.engine.dispose()
                        continue
                    make = as_csv if kind == "csv" else as_xlsx
                    data = make(asked.rows)
                    print(f"{kind}: {len(data) / 2**20:.1f} MB")
                    speeds[f"{kind} new"] = measure(actor, data, f"{kind} new")
                    speeds[f"{kind} again"] = measure(actor, data, f"{kind} again")
                    speeds[f"{kind} dearer"] = measure(actor, make(asked.rows, dearer=3), f"{kind} dearer", mode="all")
                    db.session.remove()
                    db.engine.dispose()
    own, child = memory()
    print(f"most memory: this process {own} MB, its child that reads the file {child} MB")
    slowest = min(speed["apply"] for speed in speeds.values() if "apply" in speed)
    promises = [
        common.Promise("rows imported, a second of processor time, slowest", slowest, ROWS, "", least=True),
        common.Promise("most memory of an import", max(own, child), MEGABYTES, "MB"),
    ]
    this.finish({"rows": asked.rows, "rows_a_second": speeds}, promises, as_json=asked.json)


if __name__ == "__main__":
    main()
