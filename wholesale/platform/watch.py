"""Who watches the watchers: alarms about the timetable, raised once and ended once, with a letter to admins each time.

Scheduler and worker look after each other; whoever finds something wrong writes one row, which is unique while it is
open. While the scheduler or the worker is away, that is the alarm, and not the thirty jobs that are late because of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, cast

import sqlalchemy as sa
from flask import Flask, current_app
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.platform import mail, pulse, runs
from wholesale.platform.db import Base, Id, db, one_of
from wholesale.platform.messages import queue
from wholesale.platform.runs import JobState
from wholesale.platform.transaction import transaction

log = logging.getLogger(__name__)

KINDS = ("scheduler", "worker", "overdue", "failing")
_EVERY = timedelta(seconds=30)
_SILENT = timedelta(minutes=1)  # the scheduler says every ten seconds that it lives
_IDLE = timedelta(minutes=3)  # something is due for as long, and no worker has been seen

Beats = dict[str, tuple[datetime, datetime]]


class JobAlarm(Base):
    """Something is wrong with the timetable since `since`: with a job (`name`), or with a process (no name)."""

    __tablename__ = "job_alarm"
    __table_args__ = (
        one_of("kind", KINDS),
        sa.Index("uq_job_alarm_open", "kind", "name", unique=True, postgresql_where=sa.text("ended_at IS NULL")),
    )

    id: Mapped[Id] = mapped_column(init=False)
    kind: Mapped[str]
    name: Mapped[str]
    since: Mapped[datetime]
    raised_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class Reader(Protocol):
    """Somebody who is told."""

    @property
    def user_id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def email(self) -> str: ...
    @property
    def language(self) -> str | None: ...


@dataclass(frozen=True)
class Finding:
    """Something that is wrong now."""

    kind: str
    name: str
    since: datetime


def findings(states: Iterable[JobState], beats: Beats, now: datetime) -> list[Finding]:
    """Everything that is wrong, processes first."""
    jobs = list(states)
    return [*_processes(jobs, beats, now), *_jobs(jobs)]


def _processes(jobs: list[JobState], beats: Beats, now: datetime) -> Iterator[Finding]:
    _, scheduler = beats.get(pulse.SCHEDULER, (now, now))  # one that was never there is not missed yet
    if now - scheduler > _SILENT:
        yield Finding("scheduler", "", scheduler)
    waiting = [job.missed_since for job in jobs if job.missed_since is not None and job.running is None]
    if not waiting:
        return
    begun, _ = beats.get(pulse.SCHEDULER, (now, now))
    _, worker = beats.get(pulse.WORKER, (begun, begun))
    idle_since = max(min(waiting), worker, begun)  # before the scheduler began, nobody called the worker
    if now - idle_since > _IDLE:
        yield Finding("worker", "", idle_since)


def _jobs(jobs: list[JobState]) -> Iterator[Finding]:
    for job in jobs:
        if job.is_overdue and job.missed_since is not None:
            yield Finding("overdue", job.job.name, job.missed_since)
        if job.is_failing and job.last is not None:
            yield Finding("failing", job.job.name, job.last.started_at)


def _worth_telling(found: list[Finding], states: Iterable[JobState], beats: Beats, now: datetime) -> list[Finding]:
    """What somebody is told of: not what follows from a process that is away, nor what was late before it came back."""
    processes = [finding for finding in found if finding.kind in {"scheduler", "worker"}]
    if pulse.has_just_begun():  # and with us the others, perhaps
        return []
    if processes:
        return processes
    begun, _ = beats.get(pulse.SCHEDULER, (now, now))
    grace = {state.job.name: state.job.grace for state in states}
    return [
        finding
        for finding in found
        if finding.kind != "overdue" or now - max(finding.since, begun) > grace[finding.name]
    ]


def look() -> None:
    """Raise what is wrong and not known yet, end what is well again. Every process may; one in half a minute does."""
    if not pulse.take_turn("watch", _EVERY):
        return
    try:
        _look()
    except OperationalError:
        raise
    except Exception:  # who looks after the others does not fall over what it sees
        log.exception("nobody could be told how the timetable is")


def _look() -> None:
    with transaction():
        now, states, beats = clock.now(), runs.overview(), pulse.beats()
        found = findings(states, beats, now)
        known = {(alarm.kind, alarm.name) for alarm in open_alarms()}
        letters: list[str] = []
        for finding in _worth_telling(found, states, beats, now):
            if (finding.kind, finding.name) not in known:
                letters += _raise(finding)
        wrong = {(finding.kind, finding.name) for finding in found}
        for alarm in open_alarms():
            if (alarm.kind, alarm.name) not in wrong:
                letters += _end(alarm)
        without_worker = any(finding.kind == "worker" for finding in found)
    if without_worker:  # nobody else would send them
        for key in letters:
            queue.send_now("mail", key)


def _raise(finding: Finding) -> list[str]:
    alarm_id = db.session.scalar(
        insert(JobAlarm)
        .values(kind=finding.kind, name=finding.name, since=finding.since, raised_at=clock.now())
        .on_conflict_do_nothing()
        .returning(JobAlarm.id)
    )
    if alarm_id is None:
        return []
    return _write(db.session.get_one(JobAlarm, alarm_id), well=False)


def _end(alarm: JobAlarm) -> list[str]:
    ended = db.session.scalar(
        sa.update(JobAlarm)
        .where(JobAlarm.id == alarm.id, JobAlarm.ended_at.is_(None))
        .values(ended_at=clock.now())
        .returning(JobAlarm.id)
    )
    return [] if ended is None else _write(alarm, well=True)


def _write(alarm: JobAlarm, *, well: bool) -> list[str]:
    """A letter to each admin, once for this alarm; their keys."""
    job = runs.timetable().get(alarm.name)
    last = runs.last_runs().get(alarm.name)
    keys = []
    for reader in _readers():
        key = f"job-alarm:{alarm.id}:{'well' if well else 'raised'}:{reader.user_id}"
        mail.send(
            key=key,
            to=reader.email,
            template="job_alarm",
            language=reader.language,
            name=reader.name,
            kind=alarm.kind,
            job=alarm.name,
            about=job.about if job else "",
            since=alarm.since,
            well=well,
            error=[(last.error.strip().splitlines() or [""])[-1]] if last and last.error and not well else [],
        )
        keys.append(key)
    return keys


def _readers() -> Iterable[Reader]:
    return cast("Callable[[], Iterable[Reader]]", current_app.extensions["told of alarms"])()


def open_alarms() -> list[JobAlarm]:
    return list(
        db.session.scalars(
            sa.select(JobAlarm)
            .where(JobAlarm.ended_at.is_(None))
            .order_by(JobAlarm.raised_at, JobAlarm.id)
            .execution_options(populate_existing=True)
        )
    )


@dataclass(frozen=True)
class Watch:
    """How the clock is: when scheduler and worker last said that they live (None: never), and what is wrong now."""

    states: list[JobState]
    scheduler: datetime | None
    worker: datetime | None
    found: list[Finding]

    @property
    def groups(self) -> list[tuple[str, list[JobState]]]:
        """The timetable under its headings, in its own order."""
        groups: dict[str, list[JobState]] = {}
        for each in self.states:
            groups.setdefault(each.job.group, []).append(each)
        return list(groups.items())

    def names(self, kind: str) -> list[str]:
        return [finding.name for finding in self.found if finding.kind == kind]

    def since(self, kind: str) -> datetime | None:
        """Since when a process is away; None while it is there."""
        return next((finding.since for finding in self.found if finding.kind == kind), None)


def state() -> Watch:
    """For the jobs page and /readyz: as it is at this moment, whoever has been told."""
    states, beats = runs.overview(), pulse.beats()
    alive = {process: at for process, (_, at) in beats.items()}
    return Watch(states, alive.get(pulse.SCHEDULER), alive.get(pulse.WORKER), findings(states, beats, clock.now()))


def init_app(app: Flask, told: Callable[[], Iterable[Reader]]) -> None:
    app.extensions["told of alarms"] = told
