"""Jobs: RQ is the doorbell, PostgreSQL the queue; and the processes that do them, worker and scheduler.

A doorbell that rings in vain costs nothing, one that is not heard costs a second (the scheduler rings again),
and Redis may lose everything. `wholesale/schedule.py` is the whole timetable.
"""

from __future__ import annotations

import gc
import logging
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import cast

import click
import sqlalchemy as sa
from flask import Flask, current_app
from flask.cli import AppGroup
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue, Worker
from rq.serializers import JSONSerializer

from wholesale.config import Settings
from wholesale.platform import crash_reports, outbox, pulse, runs, tracing, watch
from wholesale.platform.db import db
from wholesale.platform.rhythm import Periodic
from wholesale.platform.transaction import after_commit, transaction

log = logging.getLogger(__name__)

QUEUE = "default"  # one queue per worker: with several, RQ pops without protection and a crash loses the job
_DOORBELL_SECONDS = 0.25
_JOB_TIMEOUT = 120
_LONGEST = 1800  # for work that says every now and then that it is still alive
_DRAIN_SECONDS = 4
_STOP_SECONDS = 20.0  # less than the half minute after which a process that was told to stop is usually killed
_ENOUGH_WAITING = 2
_PERIODIC = "wholesale.platform.jobs.periodic_job"
cli = AppGroup("jobs", help="The worker, the scheduler, and what they do.")


# --- the doorbell -----------------------------------------------------------------------------------------


def quick_redis(url: str) -> Redis:
    """A client for web requests: no retries, 0.25 s. The library's own defaults block a request for a minute."""
    return Redis.from_url(
        url,
        socket_timeout=_DOORBELL_SECONDS,
        socket_connect_timeout=_DOORBELL_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def ring(function: str = "wholesale.platform.jobs.drain_job", *arguments: str | bool) -> bool:
    """Wake a worker; False when Redis does not answer, which is no harm."""
    try:
        queue = Queue(QUEUE, connection=current_app.extensions["doorbell"], serializer=JSONSerializer)
        # A drain takes everything there is, and a job of the timetable is wanted once: more of them would pile up while
        # the worker is away, and everybody's letters would then wait behind thousands that find nothing to do.
        mark = f"{function.rpartition('.')[2]}-{arguments[0] if arguments else ''}--"
        waiting = sum(name.startswith(mark) for name in queue.get_job_ids())
        if waiting >= (_ENOUGH_WAITING if function.endswith("drain_job") else 1):
            return True
        name = f"{mark}{uuid.uuid4().hex}"
        queue.enqueue(function, *arguments, job_id=name, job_timeout=_LONGEST, result_ttl=0, failure_ttl=3600)
    except RedisError as error:
        log.warning("the doorbell is not answering: %s", error)
        return False
    return True


def doorbell_answers() -> bool:
    """Whether Redis can be reached; without it what waits is done when it is back."""
    try:
        return bool(current_app.extensions["doorbell"].ping())
    except RedisError:
        return False


def drain_job() -> None:
    """RQ entry point: do what waits in the outbox, a few seconds of it, then ring for the rest.

    So that periodic jobs get their turn, and a worker that is told to stop does so soon.
    """
    with _in_worker():
        outbox.drain(seconds=_DRAIN_SECONDS)
        if outbox.pending():
            ring()
        watch.look()


def still_alive() -> None:
    """Said between the parts of a long piece of work: it may go on for another two minutes, up to half an hour.

    A worker ends whatever has not said so for as long; elsewhere nothing ends anybody.
    """
    is_timed = threading.current_thread() is threading.main_thread() and signal.getitimer(signal.ITIMER_REAL)[0] > 0
    if _worker_app is not None and is_timed:
        signal.alarm(_JOB_TIMEOUT)


def periodic_job(name: str, by_hand: bool = False) -> None:  # noqa: FBT001, FBT002 - RQ passes it by place
    """RQ entry point: run one job of the timetable unless its period is done, or somebody is at it.

    It has two minutes, and two more each time that it tells how far it is.
    """
    with _in_worker():
        runs.run_periodic(name, by_hand=by_hand)
        watch.look()


def ask(name: str) -> bool:
    """Want a job to be run now, in the caller's transaction; False when it is running already.

    A worker hears of it after the commit, or, when Redis is away, as soon as it is back.
    Raises NotFoundError for a name that is not on the timetable.
    """
    wanted = runs.ask(name)
    if wanted:

        def call() -> None:
            ring(_PERIODIC, name)

        after_commit(call)
    return wanted


def ring_by_hand(name: str) -> bool:
    """`ask`, for a page that waits for the answer: False when Redis does not answer.

    Raises NotFoundError for a name that is not on the timetable.
    """
    ask(name)
    return doorbell_answers()


_worker_app: Flask | None = None


@contextmanager
def _in_worker() -> Iterator[None]:
    """The application that the worker built before it forked this process."""
    assert _worker_app is not None, "jobs run inside `flask --app wsgi jobs work`"
    with _worker_app.app_context():
        still_alive()
        pulse.beat()
        try:
            yield
        finally:
            tracing.flush()
            crash_reports.flush()


# --- processes --------------------------------------------------------------------------------------------


class _Worker(Worker):
    """Told to stop, it waits for the job that it is at, but not for ever: what is not done then is another's to do."""

    patience = _STOP_SECONDS

    def handle_warm_shutdown_request(self) -> None:
        timer = threading.Timer(self.patience, self._give_up)
        timer.daemon = True
        timer.start()

    def _give_up(self) -> None:
        if self.horse_pid:
            log.warning(
                "the job was not done %s s after the worker was told to stop: it is left to another", self.patience
            )
            self.kill_horse()  # its transaction is taken back, and its row is free, when its statement ends


@cli.command("work")
def work() -> None:
    """Run the worker: one queue, forking per doorbell, everything imported before the fork."""
    global _worker_app  # noqa: PLW0603 - inherited by the forked processes
    from wholesale.platform import pdf, scrape

    pulse.this_is(pulse.WORKER)
    _worker_app = cast("Flask", current_app._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001
    settings = cast("Settings", current_app.extensions["settings"])
    try:
        pdf.prepare()
    except pdf.RendererMissingError as error:
        log.warning("%s", error)
    db.session.remove()
    db.engine.dispose()  # each forked process opens connections of its own
    scrape.serve_beside(settings)
    gc.collect()
    gc.freeze()  # what was imported stays: the forked need not look through it again and again
    _Worker(
        [Queue(QUEUE, connection=Redis.from_url(settings.redis_url), serializer=JSONSerializer)],
        connection=Redis.from_url(settings.redis_url),
        serializer=JSONSerializer,
        worker_ttl=30,
        maintenance_interval=10,
        job_monitoring_interval=5,
    ).work(logging_level="WARNING")


@cli.command("schedule")
@click.option("--once", is_flag=True, help="One tick, then end.")
def schedule(*, once: bool) -> None:
    """Run the scheduler: every second ring for what waits, and for each job whose period has come."""
    from wholesale.platform import scrape

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    pulse.this_is(pulse.SCHEDULER)
    if not once:
        scrape.serve_beside(cast("Settings", current_app.extensions["settings"]))
    rung: dict[str, float] = {}
    while not stop.is_set():
        try:
            if _is_time(rung, "look after the clock", pulse.EVERY.total_seconds()):
                look_after_the_clock()
            tick(rung)
        except sa.exc.OperationalError as error:
            log.warning("the database is not answering: %s", error.orig)
            db.session.remove()
        if once:
            return
        stop.wait(1)


def look_after_the_clock() -> None:
    """Every ten seconds of the scheduler: say that it lives, and see whether the others do."""
    pulse.beat()
    runs.put_seats()
    if undone := runs.undo_the_future():
        log.warning("the clock was ahead: %s periods that are still to come are taken back", undone)
    with transaction():
        waiting = outbox.undo_the_future()
    if waiting:
        log.warning("the clock was ahead: %s rows that would have waited for it are due now", waiting)
    watch.look()


def tick(rung: dict[str, float]) -> None:
    """One second of the scheduler. `rung` remembers for which jobs the bell was rung, to ring again after 30 s."""
    with transaction():
        waiting = outbox.pending()
        due = runs.due_jobs()
    if waiting:
        ring()
    for name in due:
        if _is_time(rung, name, 30) and not ring(_PERIODIC, name):
            del rung[name]


def _is_time(rung: dict[str, float], what: str, seconds: float) -> bool:
    if time.monotonic() - rung.get(what, -seconds) < seconds:
        return False
    rung[what] = time.monotonic()
    return True


@cli.command("list")
def list_jobs() -> None:
    """Each periodic job, its rhythm and its last run."""
    for state in runs.overview():
        run = state.last
        what = "never ran" if run is None else f"{run.started_at:%Y-%m-%d %H:%M}Z {_outcome(state)}"
        late = " OVERDUE" if state.is_overdue else ""
        click.echo(f"{state.job.name:<24} {state.job.rhythm:<24} {what.strip().splitlines()[-1]}{late}")


def _outcome(state: runs.JobState) -> str:
    assert state.last is not None, "asked of what has run"
    if state.running is not None:
        return "running" if state.running.percent is None else f"running, {state.running.percent} %"
    return state.last.error or state.last.result or "its worker ended before it was done"


@cli.command("run")
@click.argument("name")
def run_job(name: str) -> None:
    """Run one periodic job now, in this process."""
    if name not in runs.timetable():
        click.echo(f"There is no job {name!r}. `flask --app wsgi jobs list` shows them.", err=True)
        sys.exit(2)
    run = runs.run_periodic(name, by_hand=True)
    if run is None:
        click.echo(f"{name} is running already, in another process: it never runs twice at once.", err=True)
        sys.exit(1)
    click.echo(run.error or run.result)
    sys.exit(1 if run.error else 0)


@cli.command("drain")
def drain() -> None:
    """Do what waits in the outbox in this process, without a worker."""
    click.echo(f"{outbox.drain(limit=100_000, seconds=3600)} done")


def init_app(app: Flask, settings: Settings, jobs: list[Periodic], told: Callable[[], Iterable[watch.Reader]]) -> None:
    """`told`: who gets a letter when something is wrong with the timetable."""
    app.extensions["doorbell"] = quick_redis(settings.redis_url)
    watch.init_app(app, told)
    app.extensions["timetable"] = {job.name: job for job in jobs}
    app.cli.add_command(cli)
    outbox.set_doorbell(_ring_bell if settings.env != "test" else None)


def _ring_bell() -> None:
    ring()
