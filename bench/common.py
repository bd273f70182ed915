"""What every measurement shares: how much the machine worked, how figures are told and kept, and a demo-like site.

A command measures, prints a small table and ends with `finish`, which keeps a JSON object in `.data/bench/results` and
prints it as the last line with `--json`. In it `promises` are the figures that have a bar: `bench/all` and the head of
docs/performance.md are made of them.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import redis
import sqlalchemy as sa
from flask import Flask

from bench import million
from tests.torture.rig import Buyer, Site
from wholesale.config import ROOT
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction

RESULTS = million.FOLDER / "results"
PRODUCTS, PURCHASES = 4_000, 200  # of the site that pages, phone and memory are measured on
Say = Callable[[str], None]


# --- figures ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Promise:
    """A figure with its bar. `least`: it is to be reached, not to be kept below."""

    what: str
    reached: float | None
    bar: float
    unit: str = ""
    least: bool = False
    note: str = ""

    @property
    def kept(self) -> bool:
        if self.reached is None:
            return False
        return self.reached >= self.bar if self.least else self.reached <= self.bar

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"kept": self.kept}

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Promise:
        return cls(**{name: value for name, value in found.items() if name != "kept"})


def amount(value: float | None, unit: str = "") -> str:
    """A figure as people read it: three digits that matter, thousands with commas."""
    if value is None:
        return "not measured"
    if value == 0 or value == int(value):
        text = f"{value:,.0f}"
    else:
        places = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
        text = f"{value:,.{places}f}"
        if float(text.replace(",", "")) == 0:
            text = f"{value:.1g}"
    return f"{text} {unit}".strip()


def verdict(promise: Promise) -> str:
    if promise.reached is None:
        return "not measured"
    return "kept" if promise.kept else "MISSED"


def table(head: Sequence[str], rows: Iterable[Sequence[object]], say: Say) -> None:
    """Columns as wide as they need; the first one is of words, the others are figures."""
    lines = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        cells = [line[0].ljust(widths[0]), *(c.rjust(width) for c, width in zip(line[1:], widths[1:], strict=True))]
        say("  ".join(cells).rstrip())


def say_promises(promises: Iterable[Promise], say: Say) -> None:
    rows = [
        (each.what, amount(each.reached, each.unit), f"{'≥' if each.least else '≤'} {amount(each.bar)}", verdict(each))
        for each in promises
    ]
    if rows:
        table(("", "reached", "bar", ""), rows, say)


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the straight line through the points, by least squares; 0 of fewer than two."""
    if len(points) < 2:
        return 0.0
    x, y = (sum(column) / len(points) for column in zip(*points, strict=True))
    spread = sum((each - x) ** 2 for each, _ in points)
    return sum((each - x) * (value - y) for each, value in points) / spread if spread else 0.0


# --- a command --------------------------------------------------------------------------------------------------


def parser(text: str | None) -> argparse.ArgumentParser:
    """With what every command understands."""
    made = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--short", action="store_true", help="as bench/all does: few of each, on the smaller data")
    made.add_argument("--json", action="store_true", help="one JSON object as the last line")
    return made


@dataclass
class Run:
    """One run of a command: when it began, how busy the machine was, on which commit."""

    name: str
    short: bool
    began: float = field(default_factory=time.monotonic)
    load_before: float = field(default_factory=lambda: round(os.getloadavg()[0], 1))

    def finish(
        self, figures: Mapping[str, Any], promises: Sequence[Promise], *, as_json: bool, say: Say = print
    ) -> dict[str, Any]:
        """Say the promises, keep everything, print it as JSON when that was asked for."""
        found = {
            "name": self.name,
            "short": self.short,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self.began, 1),
            "load": [self.load_before, round(os.getloadavg()[0], 1)],
            "processors": os.cpu_count(),
            "commit": commit(),
            "command": as_typed(self.name, sys.argv[1:]),
            "promises": [each.as_json() for each in promises],
            **figures,
        }
        say_promises(promises, say)
        say(f"{found['seconds']} s, load average {self.load_before} before, {found['load'][1]} after")
        keep(found)
        if as_json:
            say(json.dumps(found))
        return found


def keep(found: Mapping[str, Any]) -> None:
    """For `bench/all` and for the next comparison."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{found['name']}.json").write_text(json.dumps(found, indent=1) + "\n")


def as_typed(name: str, arguments: Sequence[str]) -> str:
    """The command as somebody would type it; a path in it by its last part alone."""
    typed = f"bench/{name}" if (ROOT / "bench" / name).exists() else f"python -m bench.{name}"
    kept = [each if "/" not in each else Path(each).name for each in arguments if each != "--json"]
    return " ".join([typed, *kept])


def commit() -> str:
    """Of the working tree, with a + when something in it is changed; empty without git."""
    try:
        head, changed = (
            subprocess.run(["git", *what], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
            for what in (("rev-parse", "--short", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head + "+" * bool(changed)


# --- how much the machine works ---------------------------------------------------------------------------------


def family(root: int) -> list[psutil.Process]:
    """A process and what it has started, in whatever depth."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(root)
        return [parent, *parent.children(recursive=True)]
    return []


def _worked(pid: int) -> float:
    """Seconds of processor time of one process: its threads to the nanosecond, and its ended children."""
    seconds = 0.0
    with suppress(OSError, ValueError, IndexError):
        tasks = [int(each.read_text().split()[0]) for each in Path(f"/proc/{pid}/task").glob("*/schedstat")]
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks = os.sysconf("SC_CLK_TCK")
        own = sum(tasks) / 1e9 if tasks else (int(fields[11]) + int(fields[12])) / ticks
        seconds = own + (int(fields[13]) + int(fields[14])) / ticks
    return seconds


@dataclass(frozen=True)
class Processes:
    """The servers of a site, each with the processes that it has started: name → first process."""

    roots: dict[str, int]

    @classmethod
    def of(cls, app: Flask, site: Site) -> Processes:
        """Web, worker, scheduler, whichever run, and the database and Redis that they use."""
        with app.app_context(), transaction():
            backend = db.session.scalar(sa.text("SELECT pg_backend_pid()")) or 0
        with suppress(psutil.NoSuchProcess):
            backend = psutil.Process(backend).ppid()
        cache = redis.Redis.from_url(site.env["REDIS_URL"])
        server = int(cache.info("server")["process_id"])
        cache.close()
        ours = {name: process.pid for name, process in site.running.items()}
        return cls({**ours, "database": backend, "redis": server})

    def worked(self) -> dict[str, float]:
        """Seconds of processor time (user and system) of each so far; waiting for a processor is not in it."""
        return {name: sum(_worked(each.pid) for each in family(root)) for name, root in self.roots.items()}

    def proportional_mb(self) -> dict[str, float]:
        """Memory in megabytes: what several processes share is divided among them (PSS)."""
        return {name: sum(_pss(each.pid) for each in family(root)) / 1024 for name, root in self.roots.items()}

    def open_files(self) -> dict[str, int]:
        found = dict.fromkeys(self.roots, 0)
        for name, root in self.roots.items():
            for each in family(root):
                with suppress(psutil.Error):
                    found[name] += each.num_fds()
        return found


def _pss(pid: int) -> int:
    """In kilobytes."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    return {name: after[name] - before[name] for name in after}


# --- the site ---------------------------------------------------------------------------------------------------


@dataclass
class Stage:
    """A running site with the demonstration's goods and orders, and people who are signed in."""

    app: Flask
    site: Site
    processes: Processes

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.site.port}"

    def browser(self, email: str | None) -> Buyer:
        """The cookie of somebody; a visitor has a session too, with nobody in it."""
        return Buyer.of(self.app, self.site.port, million.login(self.app, email) if email else "")


def log_of(products: int) -> Path:
    return million.FOLDER / f"site-{products}" / "bench.log"


@contextmanager
def staged(
    *names: str, products: int = PRODUCTS, purchases: int = PURCHASES, folder: Path | None = None, say: Say = print
) -> Iterator[Stage]:
    """The lines of the Procfile with these names, with two web processes, on data that are kept for the next time."""
    folder = folder or million.FOLDER / f"site-{products}"
    million.load(folder, products, say, purchases=purchases)
    with million.running(folder) as app:
        log = folder / "bench.log"
        log.unlink(missing_ok=True)
        with serving(app, log, *names) as site:
            yield Stage(app, site, Processes.of(app, site))


@contextmanager
def serving(app: Flask, log: Path, *names: str, environment: Mapping[str, str] | None = None) -> Iterator[Site]:
    """The Procfile's lines as they are, with as many processes and threads as a deployment has by default."""
    end_tidily()
    site = Site(app, log)
    site.env.pop("WEB_THREADS", None)
    site.env |= {"REDIS_URL": app.extensions["settings"].redis_url, **(environment or {})}
    try:
        if "web" in names:  # the others wait: on two cores they would keep it back
            site.start("web")
            site.wait_until_ready(120)
        site.start(*(name for name in names if name != "web"))
        yield site
    finally:
        site.stop()


def end_tidily() -> None:
    """When somebody ends this process by TERM, what it has started ends with it."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def quiet() -> None:
    """No line for each request of this process."""
    logging.disable(logging.INFO)


def short_of(given: argparse.Namespace, **short: object) -> argparse.Namespace:
    """With --short whatever was not said takes these values; without it, what the parser says."""
    for name, value in short.items():
        if given.short and f"--{name.replace('_', '-')}" not in sys.argv:
            setattr(given, name, value)
    return given
