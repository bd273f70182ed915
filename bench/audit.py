"""What noting in the audit log costs: `python -m bench.audit [SECONDS] [--json]`.

Transactions per second that write one row, in eight threads, each without an entry and with one: of a business of
its own (many chains), of all the same business (one chain). Then how long a proof of what was written takes.
It runs in a database of its own on the tests' PostgreSQL.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Flask

from bench import common
from tests import database
from wholesale.app import create_app
from wholesale.audit import actions, jobs
from wholesale.kernel.actor import Actor
from wholesale.platform import services
from wholesale.platform.db import db
from wholesale.platform.outbox import OutboxRow
from wholesale.platform.transaction import transaction

THREADS = 8
ROUNDS = 3


def work(_number: int) -> None:
    """A small change, such as most are."""
    db.session.add(OutboxRow(event="Bench", handler="none", payload={}))


def noted(chain: Callable[[int], int]) -> Callable[[int], None]:
    def both(number: int) -> None:
        work(number)
        actions.record(
            actor=Actor(user_id=number + 1, organization_id=chain(number), role="owner"),
            action="membership.changed",
            thing="membership",
            thing_id=number,
            organization_id=chain(number),
            before={"role": "member", "spending_limit": None},
            after={"role": "admin", "spending_limit": "50000.00"},
            reason="Takes over from a colleague",
        )

    return both


CASES: dict[str, Callable[[int], None]] = {
    "without an entry": work,
    "an entry each, many chains": noted(lambda number: number + 1),
    "an entry each, one chain": noted(lambda _: 99),
}


def rate(app: Flask, change: Callable[[int], None], seconds: float) -> float:
    """Commits per second."""
    done = [0] * THREADS
    start = threading.Barrier(THREADS + 1)
    stop = threading.Event()

    def one(number: int) -> None:
        with app.app_context():
            with transaction():
                change(number)
            start.wait()
            while not stop.is_set():
                with transaction():
                    change(number)
                done[number] += 1

    threads = [threading.Thread(target=one, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    stop.wait(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - began)


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("seconds", type=float, nargs="?", default=5.0, help="of each case, three times")
    given = parser.parse_args()
    this = common.Run("audit", given.short)
    with services.running(database.STATE) as endpoints, tempfile.TemporaryDirectory() as folder:
        os.environ.update(
            DATABASE_URL=endpoints.database_url,
            DATABASE_OWNER_URL=endpoints.database_owner_url,
            REDIS_URL=endpoints.redis_url,
        )
        with database.copy("bench_audit") as name:
            app = create_app(replace(database.settings_for(name), data_dir=Path(folder)))
            found = measure(app, given.seconds)
            with app.app_context():
                db.engine.dispose()
    this.finish(found, [], as_json=given.json)


def measure(app: Flask, seconds: float) -> dict[str, Any]:
    print(f"{THREADS} threads, best of {ROUNDS} times {seconds:g} s, transactions per second")
    rates = dict.fromkeys(CASES, 0.0)
    for _ in range(ROUNDS):  # in turns, so that a busy moment hits all alike
        for name, change in CASES.items():
            rates[name] = max(rates[name], rate(app, change, seconds))
    plain = rates["without an entry"]
    for name, found in rates.items():
        print(f"{name:<28} {found:>8,.0f}   {found / plain:>5.0%}")
    with app.app_context(), transaction():
        print(jobs.seal())
        began = time.perf_counter()
        proof = jobs.proof()
        took = time.perf_counter() - began
    print(f"proof of {proof.summary}: {took:.2f} s, {len(proof.problems)} problems")
    return {
        "a_second": {name: round(found, 1) for name, found in rates.items()},
        "share": {name: round(found / plain, 3) for name, found in rates.items()},
        "proof_seconds": round(took, 3),
        "problems": len(proof.problems),
    }


if __name__ == "__main__":
    main()
