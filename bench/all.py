"""Every measurement, one after the other, and one table of what was promised and what was reached.

    bench/all [--long] [--only NAMES] [--markdown] [--kept] [--json]

In short form, about ten minutes on two cores (and a few more the first time, when data are made, which are kept in
`.data/bench`); with --long as each command does by itself: hours, most of them a million products. `--only pages,jobs`
takes some of them, `--kept` measures nothing and takes what the last runs have kept, `--markdown` prints the table that
stands at the head of docs/performance.md. The whole output of a command is kept in `.data/bench/results/NAME.log`, its
figures in `NAME.json` beside it, all of them in `all.json`.

Measure on a machine that does nothing else. Ends with status 1 when a command broke; that a bar is missed is said in
the table and is no failure of the measurement.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench import common
from bench.common import Promise
from wholesale.config import ROOT

_LONGEST_SHORT = 600.0  # seconds
Reads = Callable[[Mapping[str, Any]], list[Promise]]


def _told(found: Mapping[str, Any]) -> list[Promise]:
    return [Promise.of(each) for each in found.get("promises", [])]


def _of_forecast(found: Mapping[str, Any]) -> list[Promise]:
    from bench.forecast import BARS

    names = ("wape_weekly", "wape_8_weeks", "wape_rolling_4_weeks")
    words = ("weekly", "of 8 weeks", "of 4 weeks, rolling")
    return [
        Promise(f"forecast: share missed, {word}", found[name], bar)
        for name, word, bar in zip(names, words, BARS, strict=True)
    ]


def _of_replay(found: Mapping[str, Any]) -> list[Promise]:
    return [Promise("real orders replayed: proofs that fail", found["problems"], 0)]


def _of_torture(found: Mapping[str, Any]) -> list[Promise]:
    return [
        Promise(f"things wrong after {len(found['strikes'])} kills and faults under load", len(found["wrong"]), 0),
        Promise("order to its invoice under that storm, p99", round(found["to_invoice_p99_s"], 2), 2, "s"),
    ]


def _data() -> list[str] | None:
    """Where the real year of orders is; None when it is not there."""
    from bench.forecast import usual

    path = usual()
    return None if path is None else ["--data", str(path)]


@dataclass(frozen=True)
class Command:
    """A module of this folder: what it is given in short form and in long form, and where its promises are."""

    name: str
    short: Sequence[str] = ()
    long: Sequence[str] = ()
    promises: Reads = _told
    on_real_orders: bool = False

    @property
    def is_there(self) -> bool:
        return importlib.util.find_spec(f"bench.{self.name}") is not None

    def arguments(self, *, long: bool) -> list[str] | None:
        """None when it cannot be measured here."""
        given = list(self.long if long else self.short)
        if self.on_real_orders:
            data = _data()
            return None if data is None else [*given, *data, "--json"]
        return [*given, "--json"]


SHORT = ("--short",)
# Whatever has a figure: a new command gets its line here.
COMMANDS = (
    Command("pages", SHORT),
    Command("phone", SHORT),
    Command("memory", SHORT),
    Command("checkout", ("--orders", "120")),
    Command("scale", ("--short", "--small", "1000", "--large", "10000", "--rounds", "8")),
    Command("growth", SHORT),
    Command("search", ("--short", "--products", "10000", "--rounds", "15")),
    Command("jobs", SHORT),
    Command("imports", ("--short", "--rows", "5000", "--kinds", "csv"), ("--kinds", "csv")),
    Command("stock_check", ("20000", "50")),
    Command("reports", ("50000", "3")),
    Command("forecast", promises=_of_forecast, on_real_orders=True),
    Command("replay", ("--invoices", "40"), ("--invoices", "2000"), _of_replay, on_real_orders=True),
    Command("logins", ("--short", "--seconds", "2")),
    Command("audit", ("--short", "1")),
    Command("row_security", ("--short", "--orders", "20000", "--rounds", "100")),
    Command("watching", SHORT),
    Command("backup", SHORT),
    Command("failover", SHORT),
    Command("torture", ("--kills", "12"), ("--kills", "100"), _of_torture),
)


@dataclass
class Outcome:
    """What came of one command: its promises, or why there are none."""

    command: Command
    promises: list[Promise]
    found: dict[str, Any]
    trouble: str = ""
    seconds: float = 0.0

    @property
    def broke(self) -> bool:
        return bool(self.trouble) and not self.trouble.startswith("left out")


def measure(command: Command, *, long: bool) -> Outcome:
    """Run it in a process of its own."""
    arguments = command.arguments(long=long)
    if arguments is None:
        return Outcome(command, [], {}, "left out: the real year of orders is not beside this folder")
    common.RESULTS.mkdir(parents=True, exist_ok=True)
    log = common.RESULTS / f"{command.name}.log"
    began, load = time.monotonic(), round(os.getloadavg()[0], 1)
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", f"bench.{command.name}", *arguments], cwd=ROOT, stdout=out, stderr=out
        )
        try:
            status = process.wait(None if long else _LONGEST_SHORT)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(60)
                process.kill()
    seconds = time.monotonic() - began
    if status is None:
        return Outcome(command, [], {}, f"it was not done after {seconds:.0f} s", seconds)
    said = [line for line in log.read_text().splitlines() if line.startswith("{")]
    try:
        found = json.loads(said[-1])
        made = command.promises(found)
    except (IndexError, ValueError, KeyError) as error:
        last = (log.read_text().strip().splitlines() or [""])[-1]
        return Outcome(command, [], {}, f"ended with {status}: {last[:200] or error}", seconds)
    found = {"at": "", "load": [load, load], "commit": common.commit(), "short": not long} | found
    found |= {"name": command.name, "promises": [each.as_json() for each in made]}
    found.setdefault("command", common.as_typed(command.name, arguments))
    common.keep(found)
    return Outcome(command, made, found, seconds=seconds)


def kept(command: Command) -> Outcome:
    """What its last run has kept."""
    path = common.RESULTS / f"{command.name}.json"
    if not path.exists():
        return Outcome(command, [], {}, "left out: it has kept nothing yet")
    found = json.loads(path.read_text())
    return Outcome(command, [Promise.of(each) for each in found["promises"]], found)


def rows(outcomes: Sequence[Outcome]) -> list[tuple[str, ...]]:
    """What was promised, the bar, what was reached, the verdict, how busy the machine was, and the command."""
    return [
        (
            promise.what,
            f"{'≥' if promise.least else '≤'} {common.amount(promise.bar, promise.unit)}",
            common.amount(promise.reached, promise.unit),
            common.verdict(promise),
            f"{outcome.found['load'][0]:g}",
            outcome.found["command"],
        )
        for outcome in outcomes
        for promise in outcome.promises
    ]


HEAD = ("what", "bar", "reached", "", "load", "command")


def markdown(outcomes: Sequence[Outcome]) -> str:
    """The table at the head of docs/performance.md."""
    lines = [HEAD, ("---",) * len(HEAD)]
    for *figures, command in rows(outcomes):
        lines.append((*("**MISSED**" if each == "MISSED" else each for each in figures), f"`{command}`"))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def chosen(names: str) -> list[Command]:
    wanted = [name for name in names.split(",") if name]
    unknown = set(wanted) - {command.name for command in COMMANDS}
    if unknown:
        raise SystemExit(f"There is no {', '.join(sorted(unknown))}: {', '.join(each.name for each in COMMANDS)}")
    return [each for each in COMMANDS if each.is_there and (not wanted or each.name in wanted)]


def main(arguments: list[str] | None = None, say: common.Say = print) -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--long", action="store_true", help="each as it measures by itself: hours")
    parser.add_argument("--only", default="", metavar="NAMES", help="some of them: pages,jobs")
    parser.add_argument("--markdown", action="store_true", help="the table as in docs/performance.md")
    parser.add_argument("--kept", action="store_true", help="measure nothing: what the last runs have kept")
    given = parser.parse_args(arguments)
    commands, outcomes = chosen(given.only), []
    began = time.monotonic()
    for number, command in enumerate(commands, 1):
        if given.kept:
            outcomes.append(kept(command))
            continue
        say(f"[{number:>2}/{len(commands)}] {command.name} …")
        sys.stdout.flush()
        outcome = measure(command, long=given.long)
        outcomes.append(outcome)
        missed = sum(not promise.kept for promise in outcome.promises)
        told = outcome.trouble or f"{len(outcome.promises)} promises, {missed} missed"
        say(f"        {told} ({outcome.seconds:.0f} s)")
    say("")
    if given.markdown:
        say(markdown(outcomes))
    else:
        common.table(HEAD, rows(outcomes), say)
        for outcome in outcomes:
            if outcome.trouble:
                say(f"{outcome.command.name}: {outcome.trouble}")
        say(f"\n{time.monotonic() - began:.0f} s, commit {common.commit()}, load average {os.getloadavg()[0]:.1f}")
    whole = {
        "name": "all",
        "short": not given.long,
        "broken": [outcome.command.name for outcome in outcomes if outcome.broke],
        "missed": sum(not promise.kept for outcome in outcomes for promise in outcome.promises),
        "results": [outcome.found for outcome in outcomes if outcome.found],
    }
    if not given.kept:
        common.keep(whole)
    if given.json:
        say(json.dumps(whole))
    return 1 if whole["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
