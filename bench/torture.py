"""How hard it is to kill: `bench/torture [--kills N] [--minutes N] [--seed S] [--json]`.

Starts PostgreSQL and Redis of its own, the Procfile's web (two processes), two workers and the scheduler, a mail
server, and lines between them that can be cut. Four buyers order without pause over HTTP and press the button again
whenever no answer comes; somebody reads pages, letters are written. Meanwhile every 0.4 to 1.2 s something is killed
with -9 (web, worker, work-horse, scheduler, Redis, one connection of PostgreSQL, all of PostgreSQL), hung, cut off,
slowed down, emptied or filled up: by default 100 times, which takes about two minutes. See tests/torture/storm.py for
what is counted afterwards and docs/reliability.md for what is promised.

The same seed strikes with the same things after the same pauses; what they hit depends on the machine. Ends with status
1 and the seed when anything was wrong. The state is kept in .data/torture, so that the cluster is made once.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.torture.faults import Servers
from tests.torture.storm import KILLS, TROUBLES, Plan, Report, Storm, percentile
from wholesale.config import ROOT

STATE = ROOT / ".data" / "torture"


def show(report: Report) -> str:
    """The table of outcomes."""
    rows = [f"{'what':<24}{'times':>6}{'next order after, s: median':>30}{'worst':>8}"]
    for kind, count in report.outcomes.most_common():
        gaps = report.to_next_order.get(kind, [])
        rows.append(f"{kind:<24}{count:>6}{percentile(gaps, 0.5):>30.2f}{percentile(gaps, 1):>8.2f}")
    statuses = ", ".join(f"{status or 'none'}: {count}" for status, count in report.statuses.items())
    letters = ", ".join(f"{count} {state}" for state, count in sorted(report.letter_states.items()))
    rows += [
        "",
        f"{len(report.strikes)} strikes in {report.seconds:.0f} s, seed {report.seed}",
        f"orders: {report.confirmed} confirmed, {report.placed} placed, {report.sent_again} forms sent again",
        f"answers: {statuses}",
        f"letters: {letters}",
        *(
            f"{name}: p50 {percentile(values, 0.5):.2f} s, p99 {percentile(values, 0.99):.2f} s,"
            f" longest {percentile(values, 1):.2f} s"
            for name, values in (
                ("order to invoice", report.to_invoice),
                ("order to its document", report.to_document),
            )
        ),
        f"nothing waited any more {report.settled_after:.1f} s after the storm",
        *(f"left out: {each}" for each in report.left_out),
        "",
        *(f"WRONG: {sentence}" for sentence in report.wrong[:20]),
        f"{len(report.wrong)} things are wrong" if report.wrong else "nothing lost, nothing doubled, all proofs clean",
    ]
    return "\n".join(rows)


def figures(report: Report) -> dict[str, object]:
    """The report for machines: delays as percentiles."""
    told = asdict(report)
    for name in ("to_invoice", "to_document"):
        values = told.pop(name)
        told |= {f"{name}_p50_s": percentile(values, 0.5), f"{name}_p99_s": percentile(values, 0.99)}
    return told | {"load": os.getloadavg()[0], "ok": not report.wrong}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="bench/torture", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100, metavar="N", help="how often it strikes (%(default)s)")
    parser.add_argument("--minutes", type=float, metavar="N", help="strike for so long instead")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000), metavar="S")
    parser.add_argument("--only", action="append", choices=sorted(KILLS | TROUBLES), help="strike with this alone")
    parser.add_argument("--quiet", action="store_true", help="do not tell each strike")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")
    given = parser.parse_args()
    logging.disable(logging.ERROR)  # ours would tell each time that the database is away; the site's are in its log
    kinds = KILLS | TROUBLES
    plan = Plan(
        seed=given.seed,
        strikes=given.kills if given.minutes is None else 1_000_000,
        seconds=3600 if given.minutes is None else given.minutes * 60,
        kinds={kind: kinds[kind] for kind in given.only} if given.only else kinds,
        at_least=1,
    )
    STATE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=STATE) as folder, Servers(STATE / "servers") as servers:
        tell = (lambda _: None) if given.quiet else lambda line: print(line, flush=True)
        report = Storm(servers, Path(folder), plan, tell).run()
        if report.wrong:
            kept = STATE / "last.log"
            (Path(folder) / "log").replace(kept)
            print(f"what the site said: {kept.relative_to(ROOT)}")
    print(show(report))
    if given.json:
        print(json.dumps(figures(report)))
    if report.wrong:
        print(f"seed {report.seed}: {report.wrong[0]}", file=sys.stderr)
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
