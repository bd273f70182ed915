"""What watching costs: counting and logging a request, each of its statements, and answering /metrics.

Processor time of this process alone, without a database: `bench/watching`. Counted into files, as in production, with
as many series as a site in use has.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from bench import common
from wholesale.platform import metrics, telemetry

ROUTES, PROCESSES = 150, 4  # of which people ask often; web twice, worker, scheduler


def microseconds(do: Callable[[], object], times: int) -> float:
    """Processor time of one, the least of five rounds."""
    rounds = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(times):
            do()
        rounds.append((time.process_time() - began) / times * 1e6)
    return min(rounds)


def request(route: int = 7) -> None:
    """What a request of five statements adds, its line in the log apart."""
    work = telemetry.Work()
    metrics.serving()
    metrics.pool_in_use(1, 16)
    metrics.pool_in_use(0, 16)
    metrics.request_done(method="GET", route=f"/r/{route}", status=200, seconds=0.03, statements=5, waited=0.01)
    work.end()


def statement() -> None:
    telemetry._asks()  # noqa: SLF001 - as the engine calls it
    telemetry._answered()  # noqa: SLF001 - as the engine calls it


def line() -> None:
    record = logging.makeLogRecord({"name": "wholesale.request", "msg": "request", "levelno": logging.INFO})
    record.facts = {"method": "GET", "path": "/products", "status": 200, **telemetry.Work().facts()}
    telemetry.JsonFormatter().format(record)


def scrape() -> bytes:
    registry = CollectorRegistry()
    registry.register(metrics.Counted())
    return generate_latest(registry)


def measure(times: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        metrics.keep_in(Path(folder))
        metrics.this_is(metrics.WEB)
        for _ in range(PROCESSES - 1):
            if not os.fork():
                metrics._here.identity = f"bench-{os.getpid()}"  # noqa: SLF001 - counts as one that lives elsewhere
                for route in range(ROUTES):
                    request(route)
                os._exit(0)
            os.wait()
        for route in range(ROUTES):
            request(route)
        with telemetry.within("bench"):
            asked = microseconds(statement, times)
        return {
            "request_us": round(microseconds(request, times), 1),
            "statement_us": round(asked, 2),
            "line_us": round(microseconds(line, times), 1),
            "scrape_ms": round(microseconds(scrape, 3) / 1000, 1),
            "scrape_bytes": len(scrape()),
        }


def main(arguments: list[str] | None = None) -> int:
    options = common.parser(__doc__).parse_args(arguments)
    run = common.Run("watching", options.short)
    found = measure(500 if options.short else 5000)
    rows = [
        ("counting a request, µs", found["request_us"]),
        ("timing a statement, µs", found["statement_us"]),
        ("its line in the log, µs", found["line_us"]),
        (f"/metrics of {PROCESSES} processes with {ROUTES} routes each, ms", found["scrape_ms"]),
        ("its bytes", f"{found['scrape_bytes']:,}"),
    ]
    common.table(("", "processor time"), rows, print)
    whole = found["request_us"] + 5 * found["statement_us"]
    promise = common.Promise("counting a request of five statements", whole / 1000, 0.1, "ms")
    run.finish(found, [promise], as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
