"""What the worker does a second, and how long things wait for it: `python -m bench.jobs` (or `bench/jobs`).

    bench/jobs [--invoices N] [--nothing N] [--seconds N] [--letters N] [--products N] [--short] [--json]

Web, worker and scheduler by the Procfile's lines, over the demonstration's goods. Measured, one after the other:

- jobs of which nothing comes, through outbox and worker: N rows that wait, written in one transaction; then N of them
  written one by one, each with its doorbell, by four threads
- letters to an SMTP server on this machine that takes everything
- how long rows of the outbox wait, from when they are due until they are done, while buyers order and others browse: an
  order and ten such rows a second, and how long it takes from an order to its invoice as PDF
- invoices of one page a second by two processes, warm, and what they need of memory (`bench.invoice_pdf --many`)
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from bench import common, pages
from bench.common import Processes, Promise, Stage
from tests.platform.letters import smtp_server
from tests.torture.rig import Site
from wholesale.config import ROOT
from wholesale.invoicing.models import Invoice
from wholesale.kernel import clock
from wholesale.orders.models import Order
from wholesale.platform import jobs, mail
from wholesale.platform.db import db, insert_rows
from wholesale.platform.outbox import OutboxRow
from wholesale.platform.transaction import transaction

EVENT, HANDLER = "NothingHappened", "bench.noop.do_nothing"
INVOICES_A_SECOND, INVOICE_SECONDS = 5, 2  # bars
FLAT_MB = 20  # what two thousand invoices may add to a worker: a hundredth of a megabyte each
THREADS, ROWS_A_SECOND = 4, 10
_PATIENCE = 180  # seconds
# The Procfile's worker, with one handler more.
_PROGRAM = "import sys, bench.noop; from flask.cli import main; sys.argv[0] = 'flask'; main()"
WORKER = [sys.executable, "-c", _PROGRAM, "--app", "wsgi", "jobs", "work"]


@contextmanager
def working(app: Flask, log: Path, *names: str, **environment: str) -> Iterator[Site]:
    """A worker that knows the event, and what else is named."""
    with common.serving(app, log, *names, environment=environment) as site:
        site.LINES = {**Site.LINES, "worker": WORKER}
        site.start("worker")
        _warm(app)
        yield site


def _warm(app: Flask) -> None:
    """Until the worker has done its first row."""
    with app.app_context():
        began = emit(1)
        wait_for(1, began)


def emit(number: int) -> datetime:
    """Rows of which nothing comes, in one transaction, then the doorbell; when they were written."""
    now = clock.now()
    row = {"event": EVENT, "handler": HANDLER, "payload": {}, "priority": 0, "request_id": None, "attempts": 0}
    with transaction():
        insert_rows({OutboxRow: [{**row, "created_at": now, "available_at": now}] * number})
    jobs.ring()
    return now


def wait_for(number: int, since: datetime, *, event: str = EVENT) -> None:
    """Until so many rows that were written since then are done."""
    end = time.monotonic() + _PATIENCE
    done = sa.select(sa.func.count()).where(
        OutboxRow.event == event, OutboxRow.created_at >= since, OutboxRow.done_at.is_not(None)
    )
    while True:
        with transaction():
            found = db.session.scalar(done) or 0
        if found >= number:
            return
        if time.monotonic() > end:
            raise SystemExit(f"after {_PATIENCE} s {found} of {number} rows are done")
        jobs.ring()  # as the scheduler does each second
        time.sleep(0.05)


def _delays(since: datetime, event: str | None = None) -> list[float]:
    """Milliseconds from when rows were due until they were done, of those that people wait for."""
    with transaction():
        rows = db.session.execute(
            sa.select(OutboxRow.available_at, OutboxRow.done_at).where(
                OutboxRow.created_at >= since,
                OutboxRow.done_at.is_not(None),
                OutboxRow.priority == 0,
                *([] if event is None else [OutboxRow.event == event]),
            )
        ).all()
    return [(done - due).total_seconds() * 1000 for due, done in rows]


def _last_done(since: datetime) -> datetime:
    with transaction():
        found = db.session.scalar(
            sa.select(sa.func.max(OutboxRow.done_at)).where(OutboxRow.event == EVENT, OutboxRow.created_at >= since)
        )
    assert found is not None, "they are done"
    return found


def _figures(number: int, seconds: float, worked: dict[str, float]) -> dict[str, Any]:
    return {
        "number": number,
        "a_second": round(number / seconds, 1),
        "cpu_ms": round(sum(worked.values()) * 1000 / number, 2),
        "parts_ms": {name: round(each * 1000 / number, 2) for name, each in worked.items()},
    }


def nothing(app: Flask, processes: Processes, number: int) -> dict[str, Any]:
    """Rows that wait, then rows one by one."""
    found = {}
    with app.app_context():
        before = processes.worked()
        began = emit(number)
        wait_for(number, began)
        worked = common.between(before, processes.worked())
        found["waiting"] = _figures(number, (_last_done(began) - began).total_seconds(), worked)
    before, began = processes.worked(), clock.now()
    with ThreadPoolExecutor(THREADS) as crowd:
        list(crowd.map(lambda _: _emit_one(app), range(number)))
    with app.app_context():
        wait_for(number, began)
        worked = common.between(before, processes.worked())
        found["one_by_one"] = _figures(number, (_last_done(began) - began).total_seconds(), worked)
        delays = _delays(began, EVENT)
        found["one_by_one"] |= {
            f"delay_p{share:.0%}".rstrip("%") + "_ms": round(common.percentile(delays, share), 1)
            for share in (0.5, 0.99)
        }
    return found


def _emit_one(app: Flask) -> None:
    with app.app_context():
        emit(1)


def letters(app: Flask, log: Path, number: int) -> dict[str, Any]:
    """Letters to a server on this machine, a second."""
    with smtp_server() as server, working(app, log, MAIL_URL=f"smtp://127.0.0.1:{server.port}") as site:
        processes = Processes.of(app, site)
        with app.app_context():
            before, began = processes.worked(), time.monotonic()
            key = f"bench:{clock.now():%Y%m%d%H%M%S%f}"
            with transaction():
                for each in range(number):
                    mail.send(key=f"{key}:{each}", to=f"shop{each}@business.example", template="test_message")
            written = time.monotonic()
            while len(server.taken) < number:
                if time.monotonic() > written + _PATIENCE:
                    raise SystemExit(f"{len(server.taken)} of {number} letters came")
                jobs.ring()
                time.sleep(0.05)
            worked = common.between(before, processes.worked())
        return _figures(number, time.monotonic() - written, worked) | {"written_in_s": round(written - began, 2)}


def under_load(stage: Stage, known: pages.Known, seconds: float) -> dict[str, Any]:
    """An order and ten rows a second while two people browse: how long rows wait, and orders for their invoices."""
    stop = threading.Event()
    crowd = pages.browsers(stage, known, 2, pages.BUYERS)
    began, end = clock.now(), time.monotonic() + seconds

    def browse(browser: pages.Browser) -> int:
        asked = 0
        while not stop.is_set():
            browser.get(known.listings[asked % len(known.listings)])
            asked += 1
            stop.wait(0.2)
        return asked

    def order() -> int:
        placed = 0
        while time.monotonic() < end:
            due = end - seconds + placed
            stop.wait(max(0.0, due - time.monotonic()))
            buyer = crowd["crowd"][placed % len(crowd["crowd"])]
            pages.fill(buyer, known, placed)
            pages.check_out(buyer, known)
            placed += 1
        return placed

    def write() -> int:
        written = 0
        while time.monotonic() < end:
            _emit_one(stage.app)
            written += 1
            stop.wait(max(0.0, end - seconds + written / ROWS_A_SECOND - time.monotonic()))
        return written

    before = stage.processes.worked()
    with ThreadPoolExecutor(4) as hands:
        looked = [hands.submit(browse, browser) for browser in crowd["visitor"][:2]]
        ordering, writing = hands.submit(order), hands.submit(write)
        placed, written = ordering.result(), writing.result()
        stop.set()
        asked = sum(each.result() for each in looked)
    with stage.app.app_context():
        wait_for(written, began)
        invoices = _invoice_seconds(began, placed)
        worked = common.between(before, stage.processes.worked())
        delays = _delays(began)
    return {
        "seconds": seconds,
        "orders": placed,
        "pages": asked,
        "rows": len(delays),
        "delay_p50_ms": round(common.percentile(delays, 0.5), 1),
        "delay_p99_ms": round(common.percentile(delays, 0.99), 1),
        "delay_most_ms": round(max(delays), 1),
        "invoice_p50_s": round(common.percentile(invoices, 0.5), 2),
        "invoice_p99_s": round(common.percentile(invoices, 0.99), 2),
        "processors_used": round(sum(worked.values()) / seconds, 2),
    }


def _invoice_seconds(since: datetime, number: int) -> list[float]:
    """From each order to its invoice as a document."""
    end = time.monotonic() + _PATIENCE
    while True:
        with transaction():
            rows = db.session.execute(
                sa.select(Order.placed_at, Invoice.made_at)
                .join(Invoice, Invoice.order_id == Order.id)
                .where(Order.placed_at >= since, Invoice.made_at.is_not(None))
            ).all()
        if len(rows) >= number:
            return [(made - placed).total_seconds() for placed, made in rows]
        if time.monotonic() > end:
            raise SystemExit(f"{len(rows)} of {number} invoices were made")
        time.sleep(0.1)


@contextmanager
def confirmed_at_once(app: Flask, seller_id: int) -> Iterator[None]:
    """Orders of this seller are invoiced as soon as they are placed."""

    def write(value: object) -> None:
        with app.app_context(), transaction():
            db.session.execute(
                sa.text("UPDATE organization SET confirms_at_once = :value WHERE id = :id"),
                {"value": value, "id": seller_id},
            )

    write(True)
    try:
        yield
    finally:
        write(False)


def invoices(number: int) -> dict[str, Any]:
    """In a process of its own, which forks."""
    command = [sys.executable, "-m", "bench.invoice_pdf", "--many", str(number), "--json"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if said.returncode:
        raise SystemExit(said.stderr[-2000:])
    found: dict[str, Any] = json.loads(said.stdout.splitlines()[-1])
    return found


def promises(found: dict[str, Any]) -> list[Promise]:
    many, load = found["invoices"], found["under_load"]
    made = [
        Promise("invoices of one page a second, two processes, warm", many["a_second"], INVOICES_A_SECOND, "", True),
        Promise("memory that a worker gains over these invoices", many["gained_mb"], FLAT_MB, "MB"),
    ]
    if load:
        made += [
            Promise(
                "order to its invoice as PDF, p99, under orders and visitors",
                load["invoice_p99_s"],
                INVOICE_SECONDS,
                "s",
            ),
        ]
    return made


def main(arguments: list[str] | None = None, say: Callable[[str], None] = print) -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--invoices", type=int, default=2_000)
    parser.add_argument("--nothing", type=int, default=2_000)
    parser.add_argument("--letters", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60, help="of orders and visitors")
    parser.add_argument("--products", type=int, default=common.PRODUCTS)
    given = common.short_of(parser.parse_args(arguments), invoices=60, nothing=300, letters=60, seconds=10)
    common.quiet()
    run = common.Run("jobs", given.short)
    with common.staged(products=given.products, say=say) as stage:
        log = common.log_of(given.products)
        with working(stage.app, log) as site:
            found: dict[str, Any] = {"nothing": nothing(stage.app, Processes.of(stage.app, site), given.nothing)}
        found["letters"] = letters(stage.app, log, given.letters)
        with working(stage.app, log, "web", "scheduler") as site:
            busy = Stage(stage.app, site, Processes.of(stage.app, site))
            known = pages.furnish(busy)
            with confirmed_at_once(stage.app, known.seller_id):
                found["under_load"] = under_load(busy, known, given.seconds)
    found["invoices"] = invoices(given.invoices)
    report(found, say)
    run.finish(found, promises(found), as_json=given.json, say=say)
    return 0


def report(found: dict[str, Any], say: Callable[[str], None]) -> None:
    rows = []
    for name, each in (
        ("jobs of nothing, waiting", found["nothing"]["waiting"]),
        ("jobs of nothing, one by one", found["nothing"]["one_by_one"]),
        ("letters by SMTP", found["letters"]),
    ):
        rows.append(
            (
                name,
                each["number"],
                each["a_second"],
                each["cpu_ms"],
                each.get("delay_p50_ms", ""),
                each.get("delay_p99_ms", ""),
            )
        )
    many, load = found["invoices"], found["under_load"]
    rows.append(("invoices of one page", many["number"], many["a_second"], many["cpu_ms"], "", ""))
    rows.append(("rows under load", load["rows"], "", "", load["delay_p50_ms"], load["delay_p99_ms"]))
    common.table(("", "number", "a second", "CPU ms", "delay p50", "delay p99"), rows, say)
    say(
        f"under load: {load['orders']} orders and {load['pages']} pages in {load['seconds']:g} s; order to"
        f" invoice {load['invoice_p50_s']} s (median), {load['invoice_p99_s']} s (p99); processors used:"
        f" {load['processors_used']}"
    )
    say(f"invoices: forked at most {many['largest_mb']} MB, worker {many['first_mb']} MB, then {many['last_mb']} MB")


if __name__ == "__main__":
    sys.exit(main())
