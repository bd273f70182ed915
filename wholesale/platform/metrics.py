"""What this process counts for Prometheus: requests, statements, outbox rows, jobs, messages, events.

Several processes count at once: each keeps its numbers in files of its own in one folder (PROMETHEUS_MULTIPROC_DIR),
and whoever is asked for /metrics (see `scrape`) adds them up. Labels are few and known beforehand: patterns of routes,
names of handlers and jobs; never a path, a number, or anything of a person.

Counting never breaks what is counted: when the disk is full, this process stops counting and says so once.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, wraps
from pathlib import Path
from typing import Any, ParamSpec

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

P = ParamSpec("P")

log = logging.getLogger(__name__)

WEB, WORKER = "web", "worker"
_METHODS = {"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"}  # a client may send any word
_FILE_BYTES = 1 << 16
_HOST = re.sub(r"[^A-Za-z0-9.]", "-", socket.gethostname())
_FILE = re.compile(r"[a-z_]+_(?P<process>[A-Za-z0-9.-]+-\d+)(?:-job)?\.db")

_REQUEST_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_STATEMENTS = (0, 1, 2, 4, 6, 8, 12, 20, 50, 200)
_DATABASE_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 30)
_WAIT_SECONDS = (0.1, 0.5, 1, 2, 5, 15, 60, 300)
_WORK_SECONDS = (0.01, 0.05, 0.25, 1, 5, 30, 120, 600)


@dataclass
class _Process:
    """This process: of which kind, under which name its files lie in which folder, and whether it had to stop."""

    role: str | None = None
    identity: str = f"{_HOST}-{os.getpid()}"
    folder: Path | None = None
    lock: int | None = None
    stopped: bool = False


_here = _Process()


# --- who counts, and where --------------------------------------------------------------------------------


class _Allocated(MmapedDict):
    """A file of numbers whose space is taken from the disk before it is written.

    The library's files have holes: with a full disk, writing into one ends the process (SIGBUS).
    """

    def __init__(self, filename: str, read_mode: bool = False) -> None:  # noqa: FBT001, FBT002 - the library's
        if not read_mode:
            file = os.open(filename, os.O_CREAT | os.O_RDWR, 0o600)
            try:
                os.posix_fallocate(file, 0, max(_FILE_BYTES, os.fstat(file).st_size))
            finally:
                os.close(file)
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        needed = self._used + len(key.encode()) + 64  # with length, padding and value
        if needed > self._capacity:
            os.posix_fallocate(self._f.fileno(), 0, 2 * self._capacity)
        super()._init_value(key)  # type: ignore[no-untyped-call]


def keep_in(folder: Path) -> None:
    """Let the processes of this machine add up in `folder`; one that cannot be written leaves each its own numbers."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "it cannot be written")
    except OSError as error:
        log.warning("each process counts for itself, because the folder for metrics is of no use: %s", error)
        return
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    values.MmapedDict = _Allocated  # type: ignore[attr-defined]  # not named as exported
    values.ValueClass = values.MultiProcessValue(lambda: _here.identity)  # type: ignore[no-untyped-call]
    _here.folder = folder


def this_is(process: str) -> None:
    """From now on this process counts, as one of its kind: web, worker or scheduler. Commands never do."""
    _here.role = process
    with suppress(OSError):  # before it forks: what it forks counts in its name
        _hold_on()


def serving() -> None:
    """A process that answers a request is of the web."""
    if _here.role is None:
        _here.role = WEB


def _forked() -> None:
    """Whoever was forked has files of its own.

    A worker forks for every doorbell, one at a time: all these share files, or there would be thousands a day.
    """
    if _here.role == WORKER:
        _here.identity = f"{_HOST}-{os.getppid()}-job"
    else:
        _here.identity, _here.lock = f"{_HOST}-{os.getpid()}", None


os.register_at_fork(after_in_child=_forked)


def _hold_on() -> None:
    """Lock a file for as long as this process lives: others see by it that our numbers hold, in another container too.

    What a worker forks holds it as well.
    """
    while _here.folder is not None and _here.lock is None:
        path = _lock_of(_here.identity)
        lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_SH)  # waits: whoever looks whether we live has it for an instant
        if path.exists() and os.path.samestat(os.fstat(lock), path.stat()):
            _here.lock = lock
        else:  # removed as that of a dead process before we had it
            os.close(lock)


def _lock_of(process: str) -> Path:
    assert _here.folder is not None, "asked for when there is one"
    return _here.folder / f"{process}.lock"


def _lives(process: str) -> bool:
    try:
        lock = os.open(_lock_of(process), os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # nobody knows
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(lock)


def forget_the_dead(*, wholly: bool = False) -> None:
    """Remove what dead processes say of themselves as of now (gauges); `wholly`: all that they counted.

    The web's first process does so wholly when it starts. Files of processes that live are left: worker and scheduler
    may have been started before.
    """
    if _here.folder is None:
        return
    for file in _here.folder.glob("*.db"):
        known = _FILE.fullmatch(file.name)
        if known and (wholly or file.name.startswith("gauge_live")) and not _lives(known["process"]):
            _remove(file)
    if wholly:
        for file in _here.folder.glob("*.lock"):
            if not _lives(file.stem):
                _remove(file)


def _remove(file: Path) -> None:
    """What cannot be removed stays: the web server's first process must not end over it."""
    with suppress(OSError):
        file.unlink(missing_ok=True)


# --- the instruments --------------------------------------------------------------------------------------


class _Instruments:
    """All that is counted. Made when the first thing is counted, after the folder is known."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter("requests", "Requests answered", "method", "route", "status")
        self.request_seconds = self._histogram(
            "request_seconds", "Until a request was answered", _REQUEST_SECONDS, "method", "route"
        )
        self.request_statements = self._histogram("request_statements", "SQL statements of a request", _STATEMENTS)
        self.request_database_seconds = self._histogram(
            "request_database_seconds", "Waiting for the database in a request", _DATABASE_SECONDS
        )
        self.statements = self._counter("statements", "SQL statements sent", "process")
        self.database_seconds = self._counter("database_seconds", "Seconds waited for SQL statements", "process")
        self.events = self._counter("events", "Business events announced and committed", "event")
        self.outbox_rows = self._counter("outbox_rows", "Outbox rows tried", "handler", "result")
        self.outbox_row_seconds = self._histogram("outbox_row_seconds", "Doing an outbox row", _WORK_SECONDS, "handler")
        self.outbox_wait_seconds = self._histogram(
            "outbox_wait_seconds", "From due to done, of rows people wait for", _WAIT_SECONDS
        )
        self.jobs = self._counter("jobs", "Runs of the timetable's jobs", "name", "result")
        self.job_seconds = self._histogram("job_seconds", "A run of a job", _WORK_SECONDS, "name")
        self.messages = self._counter("messages", "Letters and text messages handed over", "channel", "result")
        self.message_seconds = self._histogram("message_seconds", "Handing one over", _WORK_SECONDS, "channel")
        self.streams = self._gauge("streams_open", "Open event streams")
        self.pool_in_use = self._gauge("pool_connections_in_use", "Database connections taken from the pools")
        self.pool_size = self._gauge("pool_connections_most", "Database connections the pools may open")

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"wholesale_{name}", about, labels, registry=self.registry)

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(f"wholesale_{name}", about, registry=self.registry, multiprocess_mode="livesum")

    def _histogram(self, name: str, about: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"wholesale_{name}", about, labels, buckets=buckets, registry=self.registry)


@cache
def _made() -> _Instruments:
    return _Instruments()


_making = threading.Lock()


def _instruments() -> _Instruments:
    with _making:  # two at once would make each of them twice
        return _made()


def _harmless(count: Callable[P, None]) -> Callable[P, None]:
    """Does nothing in a process that does not count; a disk that is full ends the counting, not the work."""

    @wraps(count)
    def counted(*args: P.args, **kwargs: P.kwargs) -> None:
        if _here.role is None or _here.stopped:
            return
        try:
            if _here.lock is None:
                _hold_on()
            count(*args, **kwargs)
        except OSError as error:
            _here.stopped = True
            log.warning("this process counts no more for /metrics: %s", error)

    return counted


_of_route: dict[tuple[str, str, int], tuple[Any, Any]] = {}  # finding them by labels takes longer than counting


@_harmless
def request_done(*, method: str, route: str, status: int, seconds: float, statements: int, waited: float) -> None:
    """A request was answered: `route` is the pattern (empty: none), `waited` the seconds of its statements."""
    made = _instruments()
    key = (method if method in _METHODS else "other", route or "none", status // 100)
    found = _of_route.get(key)
    if found is None:
        found = _of_route[key] = (
            made.requests.labels(key[0], key[1], f"{key[2]}xx"),
            made.request_seconds.labels(key[0], key[1]),
        )
    found[0].inc()
    found[1].observe(seconds)
    made.request_statements.observe(statements)
    made.request_database_seconds.observe(waited)


@_harmless
def worked(statements: int, waited: float) -> None:
    """A piece of work of this process, request or job, has sent so many statements and waited so long for them."""
    if statements:
        made = _instruments()
        made.statements.labels(_here.role).inc(statements)
        made.database_seconds.labels(_here.role).inc(waited)


@_harmless
def announced(events: Iterable[str]) -> None:
    """These events are committed; by their names."""
    for event in events:
        _instruments().events.labels(event).inc()


@_harmless
def outbox_row_done(handler: str, result: str, seconds: float, wait: float | None) -> None:
    """`result`: done or failed. `wait`: since it was due; None where nobody waits for it, or it is not done."""
    made, name = _instruments(), handler.removeprefix("wholesale.")
    made.outbox_rows.labels(name, result).inc()
    made.outbox_row_seconds.labels(name).observe(seconds)
    if wait is not None:
        made.outbox_wait_seconds.observe(wait)


@_harmless
def job_done(job: str, result: str, seconds: float) -> None:
    """`result`: done, failed or taken over."""
    _instruments().jobs.labels(job, result).inc()
    _instruments().job_seconds.labels(job).observe(seconds)


@_harmless
def message_handed_over(channel: str, result: str, seconds: float) -> None:
    """`result`: sent, failed, unknown or queued (to be tried again)."""
    _instruments().messages.labels(channel, result).inc()
    _instruments().message_seconds.labels(channel).observe(seconds)


@_harmless
def streams_open(number: int) -> None:
    """How many event streams this process holds now."""
    _instruments().streams.set(number)


@_harmless
def pool_in_use(number: int, most: int) -> None:
    """How many connections this process has taken from its pools now, and how many it may."""
    made = _instruments()
    made.pool_in_use.set(number)
    made.pool_size.set(most)


# --- what they say ----------------------------------------------------------------------------------------


class Counted:
    """A collector of what all processes of this machine have counted."""

    def collect(self) -> Iterator[Metric]:
        if _here.folder is None:
            yield from _instruments().registry.collect()
            return
        forget_the_dead()
        with suppress(FileNotFoundError):  # of a process that has just ended
            yield from MultiProcessCollector(None, str(_here.folder)).collect()  # type: ignore[no-untyped-call]


def known() -> dict[str, set[str]]:
    """Every name under which something is counted, as in an expression (with _total, _bucket …), and its labels."""
    found = {}
    made = _instruments()
    for metric in (each for each in vars(made).values() if each is not made.registry):
        labels = set(metric._labelnames)  # noqa: SLF001 - it has no other name
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
        for ending in endings.get(metric._type, ("",)):  # noqa: SLF001 - it has no other name
            found[f"{metric._name}{ending}"] = labels | ({"le"} if ending == "_bucket" else set())  # noqa: SLF001
    return found
