"""Jobs: RQ is the doorbell, PostgreSQL the queue; and periodic jobs that claim their period in the database.

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
import traceback
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

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
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.config import Settings
from wholesale.kernel import clock
from wholesale.kernel.errors import NotFoundError
from wholesale.platform import outbox, telemetry
from wholesale.platform.db import Base, db
from wholesale.platform.rhythm import Periodic
from wholesale.platform.transaction import independent, transaction

log = logging.getLogger(__name__)

QUEUE = "default"  # one queue per worker: with several, RQ pops without protection and a crash loses the job
_DOORBELL_SECONDS = 0.25
_JOB_TIMEOUT = 120
_LONGEST_DRAIN = 1800  # for work that says every now and then that it is still alive
_DRAIN_SECONDS = 4
_ENOUGH_WAITING = 2
# The worker ends a job after its time-out; a claim that is older and not finished belongs to one that was killed.
_ABANDONED = timedelta(seconds=_JOB_TIMEOUT + 60)
# Whose claim is this many periods old has been missed, not merely delayed.
_OVERDUE_PERIODS = 2

cli = AppGroup("jobs", help="The worker, the scheduler, and what they do.")


class JobRun(Base):
    """One period of one periodic job: its row is the claim, so two schedulers run it once.

    A claim without an end whose worker was killed is taken over by the next who asks for that period.
    """

    __tablename__ = "job_run"

    name: Mapped[str] = mapped_column(primary_key=True)
    period: Mapped[datetime] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    result: Mapped[str | None] = mapped_column(default=None)
    error: Mapped[str | None] = mapped_column(default=None)

    @property
    def duration(self) -> timedelta | None:
        """How long it took; None while it has not ended."""
        return self.finished_at - self.started_at if self.finished_at else None

    @property
    def is_abandoned(self) -> bool:
        """It has not ended and will not: its worker was killed."""
        return self.finished_at is None and self.started_at < clock.now() - _ABANDONED


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
        if function.endswith("drain_job") and queue.count >= _ENOUGH_WAITING:
            return True  # a drain takes everything there is: more of them would only pile up
        longest = _LONGEST_DRAIN if function.endswith("drain_job") else _JOB_TIMEOUT
        queue.enqueue(function, *arguments, job_timeout=longest, result_ttl=0, failure_ttl=3600)
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
        still_alive()
        outbox.drain(seconds=_DRAIN_SECONDS)
        if outbox.pending():
            ring()


def still_alive() -> None:
    """Said between the parts of a long piece of work: it may go on for another two minutes, up to half an hour.

    A worker ends whatever has not said so for as long; elsewhere nothing ends anybody.
    """
    if _worker_app is not None and threading.current_thread() is threading.main_thread():
        signal.alarm(_JOB_TIMEOUT)


def periodic_job(name: str, by_hand: bool = False) -> None:  # noqa: FBT001, FBT002 - RQ passes it by place
    """RQ entry point: run one job of the timetable unless its period is already claimed; by hand always."""
    with _in_worker():
        run_periodic(name, by_hand=by_hand)


def ring_by_hand(name: str) -> bool:
    """Ask a worker to run a job of the timetable now; False when Redis does not answer.

    Raises NotFoundError for a name that is not on the timetable.
    """
    if name not in timetable():
        raise NotFoundError
    return ring("wholesale.platform.jobs.periodic_job", name, True)


_worker_app: Flask | None = None


def _in_worker() -> Any:
    """The application that the worker built before it forked this process."""
    assert _worker_app is not None, "jobs run inside `flask --app wsgi jobs work`"
    return _worker_app.app_context()


# --- periodic jobs ----------------------------------------------------------------------------------------


def timetable() -> dict[str, Periodic]:
    return cast("dict[str, Periodic]", current_app.extensions["timetable"])


def run_periodic(name: str, *, by_hand: bool = False) -> JobRun | None:
    """Claim the current period of `name` and run it; None when somebody else has claimed it and is alive.

    By hand it runs in a period of its own, the present instant.
    """
    job = timetable()[name]
    period = clock.now() if by_hand else job.period(clock.now(), _zone())
    with independent() as session:
        claim = session.execute(
            insert(JobRun)
            .values(name=name, period=period, started_at=clock.now())
            .on_conflict_do_update(
                index_elements=[JobRun.name, JobRun.period],
                set_={"started_at": clock.now()},
                where=_is_abandoned(),
            )
            .returning(JobRun.name)
        ).one_or_none()
    if claim is None:
        return None
    result, error = None, None
    try:
        with telemetry.within(None), transaction():
            result = job.work(progress=_untold) if job.shows_progress else job.work()
    except Exception:
        log.exception("periodic job %s failed", name)
        error = traceback.format_exc(limit=-6)[-4000:]
    with transaction():
        run = db.session.get_one(JobRun, (name, period), populate_existing=True)
        run.finished_at, run.result, run.error = clock.now(), result, error
    return run


def _untold(_done: int, _total: int) -> None:
    """Nobody looks."""


def _is_abandoned() -> sa.ColumnElement[bool]:
    return sa.and_(JobRun.finished_at.is_(None), JobRun.started_at < clock.now() - _ABANDONED)


def _last_claims() -> dict[str, datetime]:
    """The newest period of each job that somebody has run or is running."""
    newest = sa.select(JobRun.name, sa.func.max(JobRun.period)).where(~_is_abandoned()).group_by(JobRun.name)
    return dict(db.session.execute(newest).all())


def is_on_time(run: JobRun) -> bool:
    """Whether a run is the timetable's; else somebody asked for it by hand."""
    job = timetable().get(run.name)
    return job is not None and job.period(run.period, _zone()) == run.period


def due_jobs() -> list[str]:
    """The jobs whose current period nobody has claimed yet; what was missed while down is caught up once."""
    last, now, zone = _last_claims(), clock.now(), _zone()
    return [job.name for job in timetable().values() if job.name not in last or last[job.name] < job.period(now, zone)]


def _zone() -> str:
    return cast("Settings", current_app.extensions["settings"]).time_zone


def last_runs() -> dict[str, JobRun]:
    """The newest run of each job."""
    newest = sa.select(JobRun).ext(distinct_on(JobRun.name)).order_by(JobRun.name, JobRun.started_at.desc())
    return {run.name: run for run in db.session.scalars(newest)}


@dataclass(frozen=True)
class JobState:
    """One line of the timetable as the jobs page shows it. `next_due` in the past: it waits for a worker."""

    job: Periodic
    last: JobRun | None
    next_due: datetime
    is_overdue: bool


def overview() -> list[JobState]:
    """The timetable with what became of it, in its own order."""
    runs, claims, now, zone = last_runs(), _last_claims(), clock.now(), _zone()
    states = []
    for job in timetable().values():
        due, claimed = job.period(now, zone), claims.get(job.name)
        waits = claimed is None or claimed < due
        missed = claimed is None or now - claimed > _OVERDUE_PERIODS * job.length
        states.append(
            JobState(
                job=job,
                last=runs.get(job.name),
                next_due=due if waits else job.next_period(now, zone),
                is_overdue=missed,
            )
        )
    return states


# --- processes --------------------------------------------------------------------------------------------


@cli.command("work")
def work() -> None:
    """Run the worker: one queue, forking per doorbell, everything imported before the fork."""
    global _worker_app  # noqa: PLW0603 - inherited by the forked processes
    from wholesale.platform import pdf

    _worker_app = cast("Flask", current_app._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001
    settings = cast("Settings", current_app.extensions["settings"])
    try:
        pdf.prepare()
    except pdf.RendererMissingError as error:
        log.warning("%s", error)
    db.session.remove()
    db.engine.dispose()  # each forked process opens connections of its own
    gc.collect()
    gc.freeze()  # what was imported stays: the forked need not look through it again and again
    Worker(
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
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    rung: dict[str, float] = {}
    while not stop.is_set():
        try:
            tick(rung)
        except sa.exc.OperationalError as error:
            log.warning("the database is not answering: %s", error.orig)
            db.session.remove()
        if once:
            return
        stop.wait(1)


def tick(rung: dict[str, float]) -> None:
    """One second of the scheduler. `rung` remembers for which jobs the bell was rung, to ring again after 30 s."""
    with transaction():
        waiting = outbox.pending()
        due = due_jobs()
    if waiting:
        ring()
    for name in due:
        if time.monotonic() - rung.get(name, -60) > 30 and ring("wholesale.platform.jobs.periodic_job", name):  # noqa: PLR2004
            rung[name] = time.monotonic()


@cli.command("list")
def list_jobs() -> None:
    """Each periodic job, its rhythm and its last run."""
    runs = last_runs()
    for job in timetable().values():
        run = runs.get(job.name)
        last = (
            "never ran" if run is None else f"{run.started_at:%Y-%m-%d %H:%M}Z {run.error or run.result or 'running'}"
        )
        click.echo(f"{job.name:<24} {job.rhythm:<18} {last.strip().splitlines()[-1]}")


@cli.command("run")
@click.argument("name")
def run_job(name: str) -> None:
    """Run one periodic job now, in this process."""
    if name not in timetable():
        click.echo(f"There is no job {name!r}. `flask --app wsgi jobs list` shows them.", err=True)
        sys.exit(2)
    run = run_periodic(name, by_hand=True)
    assert run is not None, "a run by hand has a period of its own"
    click.echo(run.error or run.result)
    sys.exit(1 if run.error else 0)


@cli.command("drain")
def drain() -> None:
    """Do what waits in the outbox in this process, without a worker."""
    click.echo(f"{outbox.drain(limit=100_000, seconds=3600)} done")


def init_app(app: Flask, settings: Settings, jobs: list[Periodic]) -> None:
    app.extensions["doorbell"] = quick_redis(settings.redis_url)
    app.extensions["timetable"] = {job.name: job for job in jobs}
    app.cli.add_command(cli)
    outbox.set_doorbell(_ring_bell if settings.env != "test" else None)


def _ring_bell() -> None:
    ring()
