"""How much memory the site needs, at rest and over time, and how soon it is there: `python -m bench.memory`.

    bench/memory [--minutes N] [--products N] [--data DIR] [--short] [--json]

On the running site of `bench/pages`, in turn:

- at rest: web with two processes, worker and scheduler, each having done of everything a little; in megabytes of which
  what processes share is divided among them (PSS). Database and Redis are told apart.
- over time: N minutes (30; short: 1) of visitors, a buyer who orders and jobs. Every few seconds resident memory, open
  files, connections to PostgreSQL, keys in Redis, and the longest that a transaction stood idle. The first quarter is
  warming up; of the rest the slope of a straight line.
- start: `bin/demo` on these data, set up already, until the first page is there.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import redis
import sqlalchemy as sa

from bench import common, million, pages
from bench.common import Promise, Stage
from tests.torture.rig import free_port
from wholesale.config import ROOT
from wholesale.platform import jobs
from wholesale.platform.db import db
from wholesale.platform.supervisor import LOADED
from wholesale.platform.transaction import transaction

AT_REST_MB, SLOPE_MB, START_SECONDS, IDLE_SECONDS = 450, 1, 4, 1  # bars; the slope is per ten minutes
OURS = ("web", "worker", "scheduler")
TEN_MINUTES = 600
_SETTLE = 3.0  # seconds until everything that was asked for is done
_LONG_START = 180.0
_DEMO = [str(ROOT / "bin" / "demo")]


def warm_up(stage: Stage, known: pages.Known, rounds: int) -> None:
    """A little of everything: each page by each kind of person, an order, letters and documents."""
    people = pages.browsers(stage, known, 4, pages.BUYERS)
    asked = [each for each in pages.operations(known) if each.path is not None]
    turns: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)  # a browser has one connection

    def look(client: int) -> None:
        for n in range(rounds):
            for operation in asked:
                browser = people[operation.who][client % len(people[operation.who])]
                with turns[id(browser)]:
                    operation.do(browser, n * 4 + client)

    with ThreadPoolExecutor(4) as crowd:
        list(crowd.map(look, range(4)))
    pages.fill(people["crowd"][0], known, 0)
    pages.check_out(people["crowd"][0], known)
    with stage.app.app_context():
        jobs.ring()


def at_rest(stage: Stage, settle: float = _SETTLE) -> dict[str, Any]:
    time.sleep(settle)
    parts = stage.processes.proportional_mb()
    numbers = {name: len(common.family(root)) for name, root in stage.processes.roots.items()}
    return {
        "ours_mb": round(sum(parts[name] for name in OURS if name in parts), 1),
        "parts_mb": {name: round(each, 1) for name, each in parts.items()},
        "processes": numbers,
    }


# --- over time --------------------------------------------------------------------------------------------------


def _sample(stage: Stage, cache: redis.Redis) -> dict[str, float]:
    resident = {}
    for name in OURS:
        if name in stage.processes.roots:
            resident[name] = 0.0
            for each in common.family(stage.processes.roots[name]):
                with contextlib.suppress(psutil.Error):
                    resident[name] += each.memory_info().rss / 2**20
    # The worker forks for each ring: what lives on is its first process.
    with contextlib.suppress(psutil.Error, KeyError):
        resident["worker"] = psutil.Process(stage.processes.roots["worker"]).memory_info().rss / 2**20
    files = stage.processes.open_files()
    with stage.app.app_context(), transaction():
        connections, idle = db.session.execute(
            sa.text(
                "SELECT count(*), coalesce(max(extract(epoch FROM clock_timestamp() - state_change))"
                " FILTER (WHERE state LIKE 'idle in transaction%'), 0) FROM pg_stat_activity"
                " WHERE datname = current_database() AND backend_type = 'client backend'"
            )
        ).one()
    return {
        **{f"{name}_mb": each for name, each in resident.items()},
        **{f"{name}_files": files[name] for name in ("web", "scheduler") if name in files},
        "connections": connections,
        "redis_keys": cache.dbsize(),
        "idle_in_transaction_s": float(idle),
    }


def soak(stage: Stage, known: pages.Known, seconds: float, every: float = 5.0) -> dict[str, Any]:
    """Mixed load for so long: slopes of what must not grow."""
    people, stop = pages.browsers(stage, known, 3, pages.BUYERS), threading.Event()
    asked = [each for each in pages.operations(known) if each.path is not None]
    done = {"pages": 0, "orders": 0}
    turns: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)

    def browse(client: int) -> None:
        n = client
        while not stop.is_set():
            operation = asked[n % len(asked)]
            browser = people[operation.who][client % len(people[operation.who])]
            with turns[id(browser)]:
                operation.do(browser, n)
            done["pages"] += 1
            n += 1

    def order() -> None:
        while not stop.is_set():
            buyer = people["crowd"][1 + done["orders"] % (len(people["crowd"]) - 1)]
            with turns[id(buyer)]:
                pages.fill(buyer, known, done["orders"])
                pages.check_out(buyer, known)
            done["orders"] += 1
            stop.wait(1)

    cache = redis.Redis.from_url(stage.site.env["REDIS_URL"])
    points: list[tuple[float, dict[str, float]]] = []
    began = time.monotonic()
    with ThreadPoolExecutor(3) as crowd:
        hands = [crowd.submit(browse, 0), crowd.submit(browse, 1), crowd.submit(order)]
        try:
            while time.monotonic() - began < seconds and not any(hand.done() for hand in hands):
                points.append((time.monotonic() - began, _sample(stage, cache)))
                stop.wait(every)
        finally:
            stop.set()
        for hand in hands:
            hand.result()
    cache.close()
    settled = [point for point in points if point[0] >= seconds / 4] or points
    figures = {}
    for name in points[0][1]:
        line = [(at, sample[name]) for at, sample in settled if name in sample]
        figures[name] = {
            "first": round(line[0][1], 1),
            "last": round(line[-1][1], 1),
            "most": round(max(value for _, value in line), 1),
            "per_ten_minutes": round(common.slope(line) * TEN_MINUTES, 2),
        }
    return {"seconds": round(seconds), **done, "samples": len(points), "figures": figures}


# --- the start --------------------------------------------------------------------------------------------------


def start_seconds(folder: Path, command: list[str], times: int) -> list[float]:
    """From the command to the first page, on data that are there."""
    (folder / LOADED).touch()
    return [_start_once(folder, command) for _ in range(times)]


def _start_once(folder: Path, command: list[str]) -> float:
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    environment |= {"PORT": str(port)}
    began = time.monotonic()
    process = subprocess.Popen(
        [*command, "--data", str(folder)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/")
                if connection.getresponse().status == http.client.OK:
                    return time.monotonic() - began
            if process.poll() is not None:
                raise SystemExit(f"it ended: {process.stderr.read() if process.stderr else ''}")
            if time.monotonic() - began > _LONG_START:
                raise SystemExit("no first page")
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=60)


def promises(found: dict[str, Any]) -> list[Promise]:
    made = [
        Promise("memory at rest: web with 2 processes, worker, scheduler", found["rest"]["ours_mb"], AT_REST_MB, "MB")
    ]
    if found["start_s"]:
        made.append(Promise("start of bin/demo to the first page", round(min(found["start_s"]), 2), START_SECONDS, "s"))
    soaked = found["soak"]["figures"]
    if found["soak"]["seconds"] >= TEN_MINUTES:  # of a shorter time no slope says anything
        for name in OURS:
            slope = soaked[f"{name}_mb"]["per_ten_minutes"]
            made.append(Promise(f"memory that the {name} gains in ten minutes of load", slope, SLOPE_MB, "MB"))
    idle = soaked["idle_in_transaction_s"]["most"]
    made.append(Promise("longest that a transaction stood idle", idle, IDLE_SECONDS, "s"))
    return made


def main(arguments: list[str] | None = None, say: Callable[[str], None] = print) -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="of mixed load")
    parser.add_argument("--starts", type=int, default=3, help="how often bin/demo is started; the quickest counts")
    parser.add_argument("--products", type=int, default=common.PRODUCTS)
    parser.add_argument("--supervisor", action="store_true", help="start what bin/demo starts, without its set-up")
    given = common.short_of(parser.parse_args(arguments), minutes=1, starts=2)
    common.quiet()
    run = common.Run("memory", given.short)
    with common.staged(*OURS, products=given.products, say=say) as stage:
        known = pages.furnish(stage)
        warm_up(stage, known, 2)
        found: dict[str, Any] = {"rest": at_rest(stage)}
        found["soak"] = soak(stage, known, given.minutes * 60)
    command = [sys.executable, "-P", "-m", "wholesale.platform.supervisor"] if given.supervisor else _DEMO
    folder = million.FOLDER / f"site-{given.products}"
    found["start_s"] = [round(each, 2) for each in start_seconds(folder, command, given.starts)]
    report(found, say)
    run.finish(found, promises(found), as_json=given.json, say=say)
    return 0


def report(found: dict[str, Any], say: Callable[[str], None]) -> None:
    rest, soaked = found["rest"], found["soak"]
    rows = [(name, rest["processes"][name], f"{each:.1f}") for name, each in rest["parts_mb"].items()]
    common.table(("at rest", "processes", "MB (PSS)"), rows, say)
    say(f"{soaked['pages']} pages and {soaked['orders']} orders in {soaked['seconds']} s, {soaked['samples']} samples:")
    names = ("first", "last", "most", "per_ten_minutes")
    rows = [(name, *(each[which] for which in names)) for name, each in soaked["figures"].items()]
    common.table(("after the first quarter", "first", "last", "most", "in ten minutes"), rows, say)
    if found["start_s"]:
        say(
            f"first page after {', '.join(map(str, found['start_s']))} s (median {statistics.median(found['start_s'])})"
        )


if __name__ == "__main__":
    sys.exit(main())
