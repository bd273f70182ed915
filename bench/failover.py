"""How soon people order again when the primary dies, and what of their orders was lost.

Each round makes a primary with a synchronous streaming replica (the embedded programs), starts two web processes that
know both, lets four buyers order over HTTP without pause, kills the primary with -9 in the middle of it, asks it three
times in 0.6 s whether it lives, and promotes the replica. The buyers press the button again whenever no answer comes.
Counted from the kill: when the replica took writes, when the first new order was confirmed, when the catalogue was
answered again. Then, on the new primary: every confirmed order is there once, and the proofs of money and stock are
clean. Ends with status 1 when anything is wrong.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from bench import common
from tests import database
from tests.torture.failover import Report, fail_over
from wholesale.platform import services

BAR_SECONDS = 2.0


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=8, metavar="N", help="(%(default)s)")
    parser.add_argument("--orders", type=int, default=12, metavar="N", help="before and after each kill (%(default)s)")
    given = common.short_of(parser.parse_args(), rounds=2, orders=6)
    common.quiet()
    run = common.Run("failover", given.short)
    reports = []
    with services.running(database.STATE) as endpoints:
        os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = endpoints.database_url, endpoints.redis_url
        for number in range(given.rounds):
            with tempfile.TemporaryDirectory() as folder:
                reports.append(fail_over(Path(folder), before=given.orders, after=given.orders, seed=number))
            _say(number + 1, reports[-1])
    worst = max(report.first_order for report in reports)
    lost = sum(len(report.wrong) for report in reports)
    run.finish(
        {
            "rounds": [
                asdict(report) | {"answers": dict(report.answers), "pages": dict(report.pages)} for report in reports
            ]
        },
        [
            common.Promise("first new order after the primary was killed, worst round", worst, BAR_SECONDS, "s"),
            common.Promise("confirmed orders lost, doubled, or proofs that fail", lost, 0),
        ],
        as_json=given.json,
    )
    return 1 if lost else 0


def _say(number: int, report: Report) -> None:
    print(
        f"round {number}: promoted after {report.promoted:.2f} s, first order after {report.first_order:.2f} s,"
        f" catalogue after {report.first_page:.2f} s (longest page {report.longest_page:.2f} s, {dict(report.pages)}),"
        f" {report.confirmed} orders confirmed, {report.placed} there",
        *(f"WRONG: {sentence}" for sentence in report.wrong),
        sep="\n  ",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
