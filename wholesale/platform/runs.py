"""Runs of the timetable's jobs: who may run which period, what became of it, and how far it is.

A period's row in `job_run` is its claim: whoever writes it runs it, and it is written once. The row of a job in
`job_seat` is the seat of whoever runs it now, so that it never runs twice at once, by hand or by the timetable.
Who sits says every few seconds that it lives; of who was killed the seat is free after a minute and a half, and the
period is taken over. Work and the mark that it was done are one transaction: who has been taken over, and wakes up,
can no more finish.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa
from flask import Flask, current_app
from sqlalchemy import CursorResult
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from wholesale.config import Settings
from wholesale.kernel import clock
from wholesale.kernel.errors import NotFoundError
from wholesale.platform import metrics, pulse, telemetry, tracing
from wholesale.platform.db import Base, db
from wholesale.platform.rhythm import Periodic
from wholesale.platform.transaction import independent, transaction

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
PAGE_SIZE = 20
_BEAT_SECONDS = 15.0
_GONE = timedelta(seconds=90)  # who has not said for as long that it lives was killed
_PAUSE = timedelta(minutes=10)  # before a day's job that failed is tried again; the second time twice as long
_OFTEN = timedelta(hours=6)  # what comes round sooner is not tried again: its next period is the next try
_AHEAD = timedelta(minutes=2)  # a period that is not due for longer than this was claimed by a clock that was ahead
_KEEP_OFTEN, _KEEP = timedelta(days=14), timedelta(days=400)
_KEEP_AT_LEAST = 10
_FIRST, _MICROSECOND = datetime.fromisoformat("1970-01-01T00:00:00+00:00"), timedelta(microseconds=1)

KILLED = "Its worker was killed each time, or stood still for too long."


class JobRun(Base):
    """One period of one periodic job: its row is the claim, so two schedulers run it once.

    `by_hand`: out of turn, in a period of its own; it claims none of the timetable's.
    """

    __tablename__ = "job_run"
    __table_args__ = (sa.Index("ix_job_run_name_started_at", "name", "started_at"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    period: Mapped[datetime] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    result: Mapped[str | None] = mapped_column(default=None)
    error: Mapped[str | None] = mapped_column(default=None)
    attempts: Mapped[int] = mapped_column(sa.Integer, default=1)
    by_hand: Mapped[bool] = mapped_column(default=False)

    @property
    def duration(self) -> timedelta | None:
        """How long it took; None while it has not ended."""
        return self.finished_at - self.started_at if self.finished_at else None


class JobSeat(Base):
    """Whoever runs a job sits here. `asked_at`: somebody wants it to be run by hand."""

    __tablename__ = "job_seat"
    __table_args__ = (
        sa.CheckConstraint(
            "(holder IS NULL) = (period IS NULL) AND (holder IS NULL) = (alive_at IS NULL)", name="held"
        ),
        sa.CheckConstraint("(done IS NULL) = (whole IS NULL)", name="progress"),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    known_since: Mapped[datetime] = mapped_column(default_factory=clock.now)
    holder: Mapped[str | None] = mapped_column(default=None)
    period: Mapped[datetime | None] = mapped_column(default=None)
    alive_at: Mapped[datetime | None] = mapped_column(default=None)
    asked_at: Mapped[datetime | None] = mapped_column(default=None)
    done: Mapped[int | None] = mapped_column(default=None)
    whole: Mapped[int | None] = mapped_column(default=None)

    def is_taken(self, now: datetime) -> bool:
        """Whether somebody who lives sits here. A sign of life from the future is no sign: the clock was ahead."""
        return self.alive_at is not None and abs(now - self.alive_at) <= _GONE


def timetable() -> dict[str, Periodic]:
    return cast("dict[str, Periodic]", current_app.extensions["timetable"])


def _zone() -> str:
    return cast("Settings", current_app.extensions["settings"]).time_zone


# --- who may run it ---------------------------------------------------------------------------------------


class _NotNowError(Exception):
    """Somebody else runs it, or it has been done."""


class _TakenOverError(Exception):
    """Somebody has taken the period over from us: what we did meanwhile is taken back."""


@dataclass(frozen=True)
class _Claim:
    name: str
    period: datetime
    attempts: int
    holder: str = field(default_factory=lambda: secrets.token_hex(8))


def due_jobs() -> list[str]:
    """The jobs to be run now: the current period is not done yet, or somebody asked; and nobody is at it.

    Periods before the current one are not caught up: of what was missed for days, one run is enough.
    """
    now, zone, seats = clock.now(), _zone(), _seats()
    periods = {job.name: job.period(now, zone) for job in timetable().values()}
    runs = {
        row.name: row
        for row in db.session.execute(
            sa.select(JobRun.name, JobRun.finished_at, JobRun.error, JobRun.attempts).where(
                sa.tuple_(JobRun.name, JobRun.period).in_(list(periods.items()))
            )
        )
    }
    due = []
    for job in timetable().values():
        seat = seats.get(job.name)
        if seat is not None and seat.is_taken(now):
            continue
        if (seat is not None and seat.asked_at is not None) or _is_open(job, runs.get(job.name), now):
            due.append(job.name)
    return due


def _is_open(job: Periodic, run: Any, now: datetime) -> bool:
    """Whether a period on which nobody is at work is to be done: it was never begun, or never ended, or failed.

    `run`: its row, or the columns of it that matter.
    """
    if run is None or run.finished_at is None:
        return True
    may_try_again = run.error is not None and run.attempts < MAX_ATTEMPTS and job.length > _OFTEN
    return may_try_again and now >= run.finished_at + _PAUSE * run.attempts


def _claim(job: Periodic, *, by_hand: bool) -> _Claim | None:
    """Sit down and claim the current period, or one of its own for a run by hand; None when it is not to be run."""
    with suppress(_NotNowError), independent() as session:
        now, seat = clock.now(), _seat(session, job.name)
        if seat.is_taken(now):
            raise _NotNowError
        run = None if by_hand else _take_period(session, job, now)
        if run is None:
            if not by_hand and seat.asked_at is None:
                return None
            run = _out_of_turn(session, job.name, now)
        claim = _Claim(job.name, run.period, run.attempts)
        seat.holder, seat.period, seat.alive_at = claim.holder, claim.period, now
        seat.asked_at = seat.done = seat.whole = None
        return claim
    return None


def _seat(session: Session, name: str) -> JobSeat:
    """The job's seat, locked: whoever wants to run it comes by here first."""
    wanted = sa.select(JobSeat).where(JobSeat.name == name).with_for_update().execution_options(populate_existing=True)
    seat = session.scalars(wanted).one_or_none()
    if seat is None:
        _put_seats(session, [name])
        seat = session.scalars(wanted).one()
    return seat


def _put_seats(session: Session, names: Iterable[str]) -> None:
    rows = [{"name": name, "known_since": clock.now()} for name in names]
    if rows:
        session.execute(insert(JobSeat.__table__).values(rows).on_conflict_do_nothing())  # type: ignore[arg-type]


def _take_period(session: Session, job: Periodic, now: datetime) -> JobRun | None:
    """The row of the current period, ours from now on; None when it is done, or given up."""
    period = job.period(now, _zone())
    run = session.get(JobRun, (job.name, period))
    if run is None:
        run = JobRun(name=job.name, period=period, started_at=now)
        session.add(run)
        return run
    if not _is_open(job, run, now):
        return None
    if run.attempts >= MAX_ATTEMPTS:  # three times it was begun and never ended
        run.finished_at, run.error = now, KILLED
        return None
    run.attempts += 1
    run.started_at, run.finished_at, run.result, run.error = now, None, None, None
    return run


def _out_of_turn(session: Session, name: str, now: datetime) -> JobRun:
    period = now
    while session.get(JobRun, (name, period)) is not None:
        period += _MICROSECOND
    run = JobRun(name=name, period=period, started_at=now, by_hand=True)
    session.add(run)
    return run


def ask(name: str) -> bool:
    """Want a job to be run by hand, in the caller's transaction; False when it is running already.

    The wish is kept here, so that it outlives Redis. Raises NotFoundError for a name that is not on the timetable.
    """
    if name not in timetable():
        raise NotFoundError
    seat = _seat(db.session(), name)
    if seat.is_taken(clock.now()):
        return False
    seat.asked_at = seat.asked_at or clock.now()
    db.session.flush()
    return True


def put_seats() -> None:
    """Let the jobs of the timetable be known: from now on it counts when one of them is late."""
    with independent() as session:
        _put_seats(session, timetable())


def undo_the_future() -> int:
    """Periods that are not due yet were claimed by a clock that was ahead: these runs were out of turn; how many.

    So that the period is not lost when it comes. They stand among the runs of the moment at which this was noticed.
    """
    now = clock.now()
    with independent() as session:
        ahead = session.execute(
            sa.select(JobRun.name, JobRun.period)
            .where(
                JobRun.name.in_(list(timetable())),
                JobRun.period > now + _AHEAD,
                JobRun.finished_at.is_not(None),
            )
            .order_by(JobRun.period)
        ).all()
        for number, (name, period) in enumerate(ahead):
            session.execute(
                sa.update(JobRun)
                .where(JobRun.name == name, JobRun.period == period)
                .values(by_hand=True, period=now + number * _MICROSECOND, started_at=now, finished_at=now)
                .execution_options(synchronize_session=False)
            )
    return len(ahead)


# --- the run itself ---------------------------------------------------------------------------------------


def run_periodic(name: str, *, by_hand: bool = False) -> JobRun | None:
    """Claim the current period of `name` and run it; None when somebody else is at it, or it has been done.

    By hand it runs in a period of its own, the present instant; also when somebody asked for that (see `ask`).
    """
    job = timetable()[name]
    claim = _claim(job, by_hand=by_hand)
    if claim is None:
        return None
    with _seated(claim):
        _work(job, claim)
    return db.session.get_one(JobRun, (name, claim.period), populate_existing=True)


def _work(job: Periodic, claim: _Claim) -> None:
    """Do it, and mark it as done in the same transaction."""
    with telemetry.within(None) as work:
        facts: dict[str, object] = {"job": job.name}
        outcome = "done"
        try:
            with tracing.job(job.name), transaction():
                result = job.work(progress=_Teller(claim)) if job.shows_progress else job.work()
                _finish(claim, result=result)
        except _TakenOverError:
            outcome = "taken over"
            log.warning("periodic job %s was taken over by another process: what this one did is taken back", job.name)
        except Exception:
            outcome = "failed"
            log.exception("periodic job %s failed", job.name, extra={"facts": facts})
            with suppress(_TakenOverError), transaction():
                _finish(claim, error=traceback.format_exc(limit=-6)[-4000:])
        log.info("periodic job", extra={"facts": facts | {"result": outcome} | work.facts()})
        metrics.job_done(job.name, outcome, work.seconds)


def _finish(claim: _Claim, *, result: str | None = None, error: str | None = None) -> None:
    ended = db.session.execute(
        sa.update(JobRun)
        .where(
            JobRun.name == claim.name,
            JobRun.period == claim.period,
            JobRun.attempts == claim.attempts,
            JobRun.finished_at.is_(None),
        )
        .values(finished_at=clock.now(), result=result, error=error)
        .execution_options(synchronize_session=False)
    )
    if not cast("CursorResult[Any]", ended).rowcount:
        raise _TakenOverError


@contextmanager
def _seated(claim: _Claim) -> Iterator[None]:
    """While the block runs a thread says that we live; then the seat is free."""
    app = cast("Flask", current_app._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001
    up = threading.Event()

    def say() -> None:
        while not up.wait(_BEAT_SECONDS):
            with suppress(SQLAlchemyError), app.app_context():  # if the database is away, so is the work
                _update_seat(claim, alive_at=clock.now())
                pulse.beat()

    voice = threading.Thread(target=copy_context().run, args=(say,), name=f"{claim.name} lives", daemon=True)
    voice.start()
    try:
        yield
    finally:
        up.set()
        voice.join()
        _update_seat(claim, holder=None, period=None, alive_at=None, done=None, whole=None)


def _update_seat(claim: _Claim, **values: Any) -> None:
    with independent() as session:
        session.execute(
            sa.update(JobSeat)
            .where(JobSeat.name == claim.name, JobSeat.holder == claim.holder)
            .values(**values)
            .execution_options(synchronize_session=False)
        )


class _Teller:
    """The `progress` that a long job calls: writes at most once a second, in a transaction of its own."""

    def __init__(self, claim: _Claim) -> None:
        self.claim = claim
        self.told: float | None = None

    def __call__(self, done: int, total: int) -> None:
        from wholesale.platform import jobs

        moment = time.monotonic()
        if self.told is not None and moment - self.told < 1:
            return
        self.told = moment
        jobs.still_alive()
        _update_seat(self.claim, alive_at=clock.now(), done=max(0, min(done, total)), whole=max(0, total))


# --- what became of it ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Running:
    """A run that is under way: of which period, since when, and how far (None: it does not say)."""

    period: datetime
    since: datetime
    done: int | None
    whole: int | None

    @property
    def percent(self) -> int | None:
        return None if self.done is None or not self.whole else 100 * self.done // self.whole


@dataclass(frozen=True)
class JobState:
    """One line of the timetable as the jobs page shows it. `next_due` in the past: it waits for a worker.

    `missed_since`: when the first period was due that nobody has done; `failures`: how often it failed in a row.
    """

    job: Periodic
    last: JobRun | None
    running: Running | None
    asked: bool
    next_due: datetime
    missed_since: datetime | None
    is_overdue: bool
    failures: int

    @property
    def is_failing(self) -> bool:
        """It has failed as often as it is tried."""
        return self.failures >= MAX_ATTEMPTS

    @property
    def was_killed(self) -> bool:
        """Its last run has not ended and will not: nobody is at it any more."""
        return self.last is not None and self.last.finished_at is None and self.running is None


def _seats() -> dict[str, JobSeat]:
    found = db.session.scalars(sa.select(JobSeat).execution_options(populate_existing=True))
    return {seat.name: seat for seat in found}


def _newest(limit: int, *which: sa.ColumnElement[bool], by: Any) -> list[JobRun]:
    """The newest runs of each job of the timetable."""
    names = (
        sa.func.unnest(sa.literal(list(timetable()), sa.ARRAY(sa.Text))).table_valued("job").render_derived("listed")
    )
    each = (
        sa.select(JobRun).where(JobRun.name == names.c.job, *which).order_by(by.desc()).limit(limit).lateral("newest")
    )
    run = aliased(JobRun, each)
    wanted = sa.select(run).select_from(names.join(each, sa.true())).execution_options(populate_existing=True)
    return list(db.session.scalars(wanted))


def last_runs() -> dict[str, JobRun]:
    """The newest run of each job."""
    return {run.name: run for run in _newest(1, by=JobRun.started_at)}


def overview(only: str | None = None) -> list[JobState]:
    """The timetable with what became of it, in its own order; or one job of it."""
    now, seats = clock.now(), _seats()
    done = {
        run.name: run.period
        for run in _newest(1, JobRun.finished_at.is_not(None), ~JobRun.by_hand, JobRun.period <= now, by=JobRun.period)
    }
    recent: dict[str, list[JobRun]] = {}
    for run in sorted(_newest(MAX_ATTEMPTS, by=JobRun.started_at), key=lambda each: each.started_at, reverse=True):
        recent.setdefault(run.name, []).append(run)
    jobs = [timetable()[only]] if only is not None else list(timetable().values())
    return [_state(job, recent.get(job.name, []), done.get(job.name), seats.get(job.name)) for job in jobs]


def _state(job: Periodic, runs: list[JobRun], done: datetime | None, seat: JobSeat | None) -> JobState:
    now, zone = clock.now(), _zone()
    running = _running(runs, seat, now)
    if running is not None and runs and not runs[0].by_hand and running.period <= now:
        done = max(done, running.period) if done else running.period
    missed = job.next_period(done, zone) if done else seat.known_since if seat else None
    if missed is not None and missed > now:
        missed = None
    waits = done is None or missed is not None
    return JobState(
        job=job,
        last=runs[0] if runs else None,
        running=running,
        asked=seat is not None and seat.asked_at is not None,
        next_due=job.period(now, zone) if waits else job.next_period(now, zone),
        missed_since=missed,
        is_overdue=missed is not None and now - missed > job.grace,
        failures=_failures(runs),
    )


def _running(runs: list[JobRun], seat: JobSeat | None, now: datetime) -> Running | None:
    if seat is None or seat.period is None or not seat.is_taken(now):
        return None
    since = next((run.started_at for run in runs if run.period == seat.period), seat.period)
    return Running(seat.period, since, seat.done, seat.whole)


def _failures(runs: list[JobRun]) -> int:
    """How often it was tried in vain since it last went well, as far as these newest runs tell."""
    failures = 0
    for run in runs:
        if run.finished_at is None:
            continue
        if run.error is None:
            break
        failures += run.attempts
    return failures


def state_of(name: str) -> JobState:
    """One job of the timetable. Raises NotFoundError for a name that is not on it."""
    if name not in timetable():
        raise NotFoundError
    [state] = overview(name)
    return state


@dataclass(frozen=True)
class RunPage:
    """Runs of one job, newest first; the next page begins before `next_before` (microseconds since 1970)."""

    rows: list[JobRun]
    next_before: int | None


def history(name: str, *, before: int | None = None, limit: int = PAGE_SIZE) -> RunPage:
    """What became of a job's runs, newest first."""
    wanted = sa.select(JobRun).where(JobRun.name == name).order_by(JobRun.period.desc()).limit(limit + 1)
    if before is not None:
        wanted = wanted.where(JobRun.period < _FIRST + before * _MICROSECOND)
    found = list(db.session.scalars(wanted.execution_options(populate_existing=True)))
    rows = found[:limit]
    return RunPage(rows, (rows[-1].period - _FIRST) // _MICROSECOND if len(found) > limit else None)


def is_on_time(run: JobRun) -> bool:
    """Whether a run is the timetable's; else somebody asked for it by hand."""
    job = timetable().get(run.name)
    return job is not None and not run.by_hand and job.period(run.period, _zone()) == run.period


def forget() -> int:
    """Sweep old runs: of what comes round often after two weeks, of the rest after a year; how many.

    The newest of each job stay however old they are: they prove what has been done.
    """
    often = [job.name for job in timetable().values() if job.length <= _OFTEN]
    gone = db.session.execute(
        _FORGET, {"often": often, "keep": clock.now() - _KEEP, "keep_often": clock.now() - _KEEP_OFTEN}
    )
    return cast("CursorResult[Any]", gone).rowcount


_FORGET = sa.text(
    f"""
    WITH job AS (
        SELECT name, (SELECT r.period FROM job_run r WHERE r.name = known.name
                      ORDER BY r.period DESC OFFSET {_KEEP_AT_LEAST - 1} LIMIT 1) AS newest
        FROM (SELECT DISTINCT name FROM job_run) known
    )
    DELETE FROM job_run r USING job
    WHERE r.name = job.name AND r.period < job.newest
      AND r.started_at < CASE WHEN r.name = ANY(:often) THEN CAST(:keep_often AS timestamptz)
                              ELSE CAST(:keep AS timestamptz) END
    """  # noqa: S608 - a number of our own
)
