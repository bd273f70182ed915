"""Periodic jobs: when they are due, who claims them, and what the page is told of them."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from wholesale.kernel import clock
from wholesale.kernel.errors import NotFoundError
from wholesale.platform import jobs, runs
from wholesale.platform.db import db
from wholesale.platform.rhythm import Periodic
from wholesale.platform.runs import JobRun, JobSeat
from wholesale.platform.transaction import finish, transaction


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- who --------------------------------------------------------------------------------------------------


@pytest.fixture
def told(committed_app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the timetable's two jobs did, on a database of its own; the hourly one fails while `runs` holds "fail"."""
    said: list[str] = []

    def hourly() -> str:
        said.append("hourly")
        if "fail" in said:
            raise RuntimeError("no ink")
        return f"run {said.count('hourly')}"

    def nightly() -> str:
        said.append("nightly")
        return "slept well"

    table = [
        Periodic("hourly", hourly, every=timedelta(hours=1)),
        Periodic("nightly", nightly, daily_at=time(2, 0)),
    ]
    monkeypatch.setitem(committed_app.extensions, "timetable", {job.name: job for job in table})
    with committed_app.app_context():
        yield said
        db.session.remove()


NOON = utc("2026-11-21 12:00")


def test_claimed_once_per_period(told: list[str]) -> None:
    with clock.at(NOON + timedelta(minutes=5)):
        assert runs.due_jobs() == ["hourly", "nightly"]
        first = runs.run_periodic("hourly")
        assert first is not None
        assert (first.period, first.result, first.error) == (NOON, "run 1", None)
        assert runs.run_periodic("hourly") is None
        assert runs.due_jobs() == ["nightly"]
    with clock.at(NOON + timedelta(hours=1)):
        assert runs.due_jobs() == ["hourly", "nightly"]
        assert runs.run_periodic("hourly") is not None
    assert told == ["hourly", "hourly"]


def test_missed_periods_are_caught_up_once(told: list[str]) -> None:
    with clock.at(NOON):
        runs.run_periodic("nightly")
    with clock.at(NOON + timedelta(days=9)):
        assert "nightly" in runs.due_jobs()
        assert runs.run_periodic("nightly") is not None
        assert "nightly" not in runs.due_jobs()


@pytest.mark.torture
def test_two_schedulers_run_a_period_once(committed_app: Flask, told: list[str]) -> None:
    start = threading.Barrier(4)

    def go() -> bool:
        with committed_app.app_context(), clock.at(NOON):
            start.wait()
            try:
                return runs.run_periodic("hourly") is not None
            finally:
                db.session.remove()

    with ThreadPoolExecutor(4) as pool:
        won = [future.result() for future in [pool.submit(go) for _ in range(4)]]
    assert won.count(True) == 1
    assert told == ["hourly"]


def test_failure_is_kept_and_the_next_period_runs(told: list[str]) -> None:
    told.append("fail")
    with clock.at(NOON):
        failed = runs.run_periodic("hourly")
        assert failed is not None
        assert (failed.error or "").strip().endswith("RuntimeError: no ink")
        assert failed.result is None
        assert failed.duration == timedelta(0)
    told.remove("fail")
    with clock.at(NOON + timedelta(hours=1)):
        again = runs.run_periodic("hourly")
        assert again is not None
        assert again.error is None


def killed(name: str, period: datetime, at: datetime, *, attempts: int = 1) -> None:
    """A worker began a run then, and was killed at once."""
    with transaction():
        db.session.merge(JobRun(name=name, period=period, started_at=at, attempts=attempts))
        db.session.merge(JobSeat(name=name, holder="killed", period=period, alive_at=at))


def test_period_of_a_killed_worker_is_taken_over(told: list[str]) -> None:
    killed("hourly", NOON, NOON)
    with clock.at(NOON + timedelta(seconds=80)):
        assert state_of("hourly").running is not None
        assert "hourly" not in runs.due_jobs(), "it may still be at work"
        assert runs.run_periodic("hourly") is None
        assert runs.run_periodic("hourly", by_hand=True) is None, "never twice at once"
    with clock.at(NOON + timedelta(minutes=2)):
        assert state_of("hourly").was_killed
        assert "hourly" in runs.due_jobs()
        taken = runs.run_periodic("hourly")
        assert taken is not None
        assert (taken.period, taken.started_at, taken.result) == (NOON, NOON + timedelta(minutes=2), "run 1")
        assert taken.attempts == 2
        assert "hourly" not in runs.due_jobs()


def test_what_kills_its_worker_each_time_is_given_up_after_the_third(told: list[str]) -> None:
    killed("hourly", NOON, NOON, attempts=3)
    with clock.at(NOON + timedelta(minutes=2)):
        assert runs.run_periodic("hourly") is None
        assert "hourly" not in runs.due_jobs()
        state = state_of("hourly")
        assert state.is_failing
        assert state.last is not None
        assert state.last.error == runs.KILLED
    assert told == []


def test_by_hand_has_a_period_of_its_own(told: list[str]) -> None:
    with clock.at(NOON):
        runs.run_periodic("hourly")
    with clock.at(NOON + timedelta(minutes=10)):
        assert runs.run_periodic("hourly", by_hand=True) is not None
        assert runs.last_runs()["hourly"].result == "run 2"
    with clock.at(NOON + timedelta(hours=1)):
        assert "hourly" in runs.due_jobs(), "a run by hand does not put off the next one"


# --- what the page is told --------------------------------------------------------------------------------


def state_of(name: str) -> runs.JobState:
    return next(state for state in runs.overview() if state.job.name == name)


def test_overview_of_a_house_where_nothing_ran(told: list[str]) -> None:
    with clock.at(NOON - timedelta(minutes=30)):
        runs.put_seats()
    with clock.at(NOON + timedelta(minutes=5)):
        state = state_of("hourly")
        assert state.last is None
        assert state.next_due == NOON
        assert not state.is_overdue, "late by 35 minutes of the 60 that are its grace"
    with clock.at(NOON + timedelta(minutes=31)):
        assert state_of("hourly").is_overdue


def test_overview_after_a_run_and_after_a_silence(told: list[str]) -> None:
    with clock.at(NOON):
        runs.run_periodic("hourly")
        state = state_of("hourly")
        assert state.last is not None
        assert state.last.result == "run 1"
        assert (state.next_due, state.is_overdue) == (NOON + timedelta(hours=1), False)
    with clock.at(NOON + timedelta(minutes=90)):
        state = state_of("hourly")
        assert (state.next_due, state.is_overdue) == (NOON + timedelta(hours=1), False), "late, not overdue"
    with clock.at(NOON + timedelta(hours=2, minutes=1)):
        assert state_of("hourly").is_overdue


def test_ring_by_hand(told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(jobs, "ring", lambda *arguments: bool(asked.append(arguments)) or True)
    assert jobs.ring_by_hand("nightly") is True
    assert asked == [], "nobody is called before it is written down"
    finish(keep=True)
    assert asked == [("wholesale.platform.jobs.periodic_job", "nightly")]
    with pytest.raises(NotFoundError):
        jobs.ring_by_hand("sleepwalking")


def test_entry_points_of_the_worker(committed_app: Flask, told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_worker_app", committed_app)
    jobs.drain_job()
    jobs.periodic_job("nightly")
    jobs.periodic_job("nightly")
    jobs.periodic_job("nightly", True)
    assert told == ["nightly", "nightly"]


def test_a_tick_rings_for_what_waits_and_not_twice_within_half_a_minute(
    told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(jobs, "ring", lambda _="drain", name="drain": bool(asked.append(name)) or True)
    monkeypatch.setattr(jobs.outbox, "pending", lambda: 3)
    rung: dict[str, float] = {}
    jobs.tick(rung)
    jobs.tick(rung)
    assert asked == ["drain", "hourly", "nightly", "drain"]


def test_commands(committed_app: Flask, told: list[str]) -> None:
    db.session.remove()
    shell = committed_app.test_cli_runner()
    assert "never ran" in shell.invoke(args=["jobs", "list"]).output
    assert "slept well" in shell.invoke(args=["jobs", "run", "nightly"]).output
    assert "slept well" in shell.invoke(args=["jobs", "list"]).output
    unknown = shell.invoke(args=["jobs", "run", "sleepwalking"])
    assert unknown.exit_code == 2
    told.append("fail")
    failed = shell.invoke(args=["jobs", "run", "hourly"])
    assert failed.exit_code == 1
    assert "no ink" in failed.output
    assert "0 done" in shell.invoke(args=["jobs", "drain"]).output


def test_run_keeps_the_claim_when_the_work_is_rolled_back(told: list[str]) -> None:
    told.append("fail")
    with clock.at(NOON):
        runs.run_periodic("hourly")
    assert db.session.scalar(sa.select(sa.func.count()).select_from(JobRun)) == 1


def test_run_by_hand_through_redis_and_a_worker(
    committed_app: Flask, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "QUEUE", f"test-{uuid.uuid4().hex}")  # other tests' workers listen to the usual one
    monkeypatch.setattr(jobs, "_worker_app", committed_app)
    with transaction():
        assert jobs.ask("nightly") is True
    redis = committed_app.extensions["doorbell"]
    queue = Queue(jobs.QUEUE, connection=redis, serializer=JSONSerializer)
    SimpleWorker([queue], connection=redis, serializer=JSONSerializer).work(burst=True, logging_level="WARNING")
    assert told == ["nightly"]
    assert runs.last_runs()["nightly"].result == "slept well"
    assert queue.count == 0
