"""Periodic jobs: when they are due, who claims them, and what the page is told of them."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa
from flask import Flask
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from wholesale.kernel import clock
from wholesale.kernel.errors import NotFoundError
from wholesale.platform import jobs
from wholesale.platform.db import db
from wholesale.platform.jobs import JobRun
from wholesale.platform.rhythm import Periodic
from wholesale.platform.transaction import transaction

HOURLY = Periodic("hourly", lambda: "done", every=timedelta(hours=1))
NIGHTLY = Periodic("nightly", lambda: "done", daily_at=time(2, 0))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- when -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "due", "following"),
    [
        # 02:00 in Dhaka (UTC+6, no summer time) is 20:00 UTC of the day before.
        ("2026-11-21 19:59:59", "2026-11-20 20:00", "2026-11-21 20:00"),
        ("2026-11-21 20:00:00", "2026-11-21 20:00", "2026-11-22 20:00"),
        ("2026-11-22 03:00:00", "2026-11-21 20:00", "2026-11-22 20:00"),
        ("2026-12-31 23:30:00", "2026-12-31 20:00", "2027-01-01 20:00"),
    ],
)
def test_daily_in_dhaka(now: str, due: str, following: str) -> None:
    assert NIGHTLY.period(utc(now), "Asia/Dhaka") == utc(due)
    assert NIGHTLY.next_period(utc(now), "Asia/Dhaka") == utc(following)


def test_every_hour_begins_at_the_hour_whatever_the_zone() -> None:
    now = utc("2026-11-21 10:59:59")
    for zone in ("Asia/Dhaka", "Asia/Kolkata", "Europe/Berlin"):
        assert HOURLY.period(now, zone) == utc("2026-11-21 10:00")
        assert HOURLY.next_period(now, zone) == utc("2026-11-21 11:00")


HALF_PAST_TWO = Periodic("half-past", lambda: "", daily_at=time(2, 30))


@pytest.mark.parametrize(
    ("now", "due"),
    [
        # Spring in Berlin: 02:00 becomes 03:00 at 01:00 UTC, so 02:30 does not exist and is done at 03:30.
        ("2027-03-28 00:59", "2027-03-27 01:30"),
        ("2027-03-28 01:15", "2027-03-27 01:30"),
        ("2027-03-28 01:30", "2027-03-28 01:30"),
        ("2027-03-29 00:29", "2027-03-28 01:30"),
        ("2027-03-29 00:30", "2027-03-29 00:30"),
        # Autumn: 03:00 becomes 02:00 at 01:00 UTC; of the two 02:30 the first counts, and only that.
        ("2026-10-25 00:29", "2026-10-24 00:30"),
        ("2026-10-25 00:30", "2026-10-25 00:30"),
        ("2026-10-25 01:15", "2026-10-25 00:30"),
        ("2026-10-25 01:45", "2026-10-25 00:30"),
        ("2026-10-26 01:29", "2026-10-25 00:30"),
        ("2026-10-26 01:30", "2026-10-26 01:30"),
    ],
)
def test_daily_when_the_clock_is_changed(now: str, due: str) -> None:
    assert HALF_PAST_TWO.period(utc(now), "Europe/Berlin") == utc(due)


def test_no_instant_has_a_period_that_is_not_due_yet_and_none_is_left_out() -> None:
    instant, periods = utc("2026-10-01 00:00"), set()
    while instant < utc("2027-04-10 00:00"):
        period = HALF_PAST_TWO.period(instant, "Europe/Berlin")
        assert period <= instant < HALF_PAST_TWO.next_period(instant, "Europe/Berlin")
        periods.add(period)
        instant += timedelta(minutes=15)
    ordered = sorted(periods)
    gaps = {later - earlier for earlier, later in pairwise(ordered)}
    assert gaps == {timedelta(hours=24), timedelta(hours=23), timedelta(hours=25)}


MONDAYS = Periodic("mondays", lambda: "", daily_at=time(8, 0), weekday=0)


@pytest.mark.parametrize(
    ("now", "due", "following"),
    [
        # 08:00 on Monday in Dhaka is 02:00 UTC.
        ("2026-11-16 01:59:59", "2026-11-09 02:00", "2026-11-16 02:00"),
        ("2026-11-16 02:00:00", "2026-11-16 02:00", "2026-11-23 02:00"),
        ("2026-11-22 23:00:00", "2026-11-16 02:00", "2026-11-23 02:00"),
        ("2027-01-01 00:00:00", "2026-12-28 02:00", "2027-01-04 02:00"),
    ],
)
def test_weekly_in_dhaka(now: str, due: str, following: str) -> None:
    assert MONDAYS.period(utc(now), "Asia/Dhaka") == utc(due)
    assert MONDAYS.next_period(utc(now), "Asia/Dhaka") == utc(following)
    assert MONDAYS.rhythm == "Mondays at 08:00"


@pytest.mark.parametrize("weekday", range(7))
def test_every_instant_is_in_one_week_also_when_the_clock_is_changed(weekday: int) -> None:
    """02:30 on Sundays does not exist in Berlin on 28 March 2027, and exists twice on 25 October 2026."""
    job = Periodic("weekly", lambda: "", daily_at=time(2, 30), weekday=weekday)
    instant, periods = utc("2026-09-20 00:00"), set()
    while instant < utc("2027-04-20 00:00"):
        period = job.period(instant, "Europe/Berlin")
        assert period <= instant < job.next_period(instant, "Europe/Berlin")
        periods.add(period)
        instant += timedelta(minutes=30)
    gaps = {later - earlier for earlier, later in pairwise(sorted(periods))}
    assert gaps <= {timedelta(days=7), timedelta(days=7, hours=1), timedelta(days=6, hours=23)}
    assert len(periods) in {31, 32}  # of 212 days, and the week before them


# --- who --------------------------------------------------------------------------------------------------


@pytest.fixture
def runs(committed_app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the timetable's two jobs did, on a database of its own; the hourly one fails while `runs` holds "fail"."""
    told: list[str] = []

    def hourly() -> str:
        told.append("hourly")
        if "fail" in told:
            raise RuntimeError("no ink")
        return f"run {told.count('hourly')}"

    def nightly() -> str:
        told.append("nightly")
        return "slept well"

    table = [
        Periodic("hourly", hourly, every=timedelta(hours=1)),
        Periodic("nightly", nightly, daily_at=time(2, 0)),
    ]
    monkeypatch.setitem(committed_app.extensions, "timetable", {job.name: job for job in table})
    with committed_app.app_context():
        yield told
        db.session.remove()


NOON = utc("2026-11-21 12:00")


def test_claimed_once_per_period(runs: list[str]) -> None:
    with clock.at(NOON + timedelta(minutes=5)):
        assert jobs.due_jobs() == ["hourly", "nightly"]
        first = jobs.run_periodic("hourly")
        assert first is not None
        assert (first.period, first.result, first.error) == (NOON, "run 1", None)
        assert jobs.run_periodic("hourly") is None
        assert jobs.due_jobs() == ["nightly"]
    with clock.at(NOON + timedelta(hours=1)):
        assert jobs.due_jobs() == ["hourly", "nightly"]
        assert jobs.run_periodic("hourly") is not None
    assert runs == ["hourly", "hourly"]


def test_missed_periods_are_caught_up_once(runs: list[str]) -> None:
    with clock.at(NOON):
        jobs.run_periodic("nightly")
    with clock.at(NOON + timedelta(days=9)):
        assert "nightly" in jobs.due_jobs()
        assert jobs.run_periodic("nightly") is not None
        assert "nightly" not in jobs.due_jobs()


@pytest.mark.torture
def test_two_schedulers_run_a_period_once(committed_app: Flask, runs: list[str]) -> None:
    start = threading.Barrier(4)

    def go() -> bool:
        with committed_app.app_context(), clock.at(NOON):
            start.wait()
            try:
                return jobs.run_periodic("hourly") is not None
            finally:
                db.session.remove()

    with ThreadPoolExecutor(4) as pool:
        won = [future.result() for future in [pool.submit(go) for _ in range(4)]]
    assert won.count(True) == 1
    assert runs == ["hourly"]


def test_failure_is_kept_and_the_next_period_runs(runs: list[str]) -> None:
    runs.append("fail")
    with clock.at(NOON):
        failed = jobs.run_periodic("hourly")
        assert failed is not None
        assert (failed.error or "").strip().endswith("RuntimeError: no ink")
        assert failed.result is None
        assert failed.duration == timedelta(0)
    runs.remove("fail")
    with clock.at(NOON + timedelta(hours=1)):
        again = jobs.run_periodic("hourly")
        assert again is not None
        assert again.error is None


def test_period_of_a_killed_worker_is_taken_over(runs: list[str]) -> None:
    with transaction():
        db.session.add(JobRun(name="hourly", period=NOON, started_at=NOON))
    with clock.at(NOON + timedelta(minutes=2)):
        assert "hourly" not in jobs.due_jobs(), "it may still be at work"
        assert jobs.run_periodic("hourly") is None
    with clock.at(NOON + timedelta(minutes=4)):
        assert jobs.last_runs()["hourly"].is_abandoned
        assert "hourly" in jobs.due_jobs()
        taken = jobs.run_periodic("hourly")
        assert taken is not None
        assert (taken.period, taken.started_at, taken.result) == (NOON, NOON + timedelta(minutes=4), "run 1")
        assert "hourly" not in jobs.due_jobs()


def test_by_hand_has_a_period_of_its_own(runs: list[str]) -> None:
    with clock.at(NOON):
        jobs.run_periodic("hourly")
    with clock.at(NOON + timedelta(minutes=10)):
        assert jobs.run_periodic("hourly", by_hand=True) is not None
        assert jobs.last_runs()["hourly"].result == "run 2"
    with clock.at(NOON + timedelta(hours=1)):
        assert "hourly" in jobs.due_jobs(), "a run by hand does not put off the next one"


# --- what the page is told --------------------------------------------------------------------------------


def state_of(name: str) -> jobs.JobState:
    return next(state for state in jobs.overview() if state.job.name == name)


def test_overview_of_a_house_where_nothing_ran(runs: list[str]) -> None:
    with clock.at(NOON + timedelta(minutes=5)):
        state = state_of("hourly")
    assert state.last is None
    assert state.next_due == NOON
    assert state.is_overdue


def test_overview_after_a_run_and_after_a_silence(runs: list[str]) -> None:
    with clock.at(NOON):
        jobs.run_periodic("hourly")
        state = state_of("hourly")
        assert state.last is not None
        assert state.last.result == "run 1"
        assert (state.next_due, state.is_overdue) == (NOON + timedelta(hours=1), False)
    with clock.at(NOON + timedelta(minutes=90)):
        state = state_of("hourly")
        assert (state.next_due, state.is_overdue) == (NOON + timedelta(hours=1), False), "late, not overdue"
    with clock.at(NOON + timedelta(hours=2, minutes=1)):
        assert state_of("hourly").is_overdue


def test_ring_by_hand(runs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(jobs, "ring", lambda *arguments: bool(asked.append(arguments)) or True)
    assert jobs.ring_by_hand("nightly") is True
    assert asked == [("wholesale.platform.jobs.periodic_job", "nightly", True)]
    with pytest.raises(NotFoundError):
        jobs.ring_by_hand("sleepwalking")


def test_entry_points_of_the_worker(committed_app: Flask, runs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_worker_app", committed_app)
    jobs.drain_job()
    jobs.periodic_job("nightly")
    jobs.periodic_job("nightly")
    jobs.periodic_job("nightly", True)
    assert runs == ["nightly", "nightly"]


def test_a_tick_rings_for_what_waits_and_not_twice_within_half_a_minute(
    runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(jobs, "ring", lambda _="drain", name="drain": bool(asked.append(name)) or True)
    monkeypatch.setattr(jobs.outbox, "pending", lambda: 3)
    rung: dict[str, float] = {}
    jobs.tick(rung)
    jobs.tick(rung)
    assert asked == ["drain", "hourly", "nightly", "drain"]


def test_commands(committed_app: Flask, runs: list[str]) -> None:
    db.session.remove()
    shell = committed_app.test_cli_runner()
    assert "never ran" in shell.invoke(args=["jobs", "list"]).output
    assert "slept well" in shell.invoke(args=["jobs", "run", "nightly"]).output
    assert "slept well" in shell.invoke(args=["jobs", "list"]).output
    unknown = shell.invoke(args=["jobs", "run", "sleepwalking"])
    assert unknown.exit_code == 2
    runs.append("fail")
    failed = shell.invoke(args=["jobs", "run", "hourly"])
    assert failed.exit_code == 1
    assert "no ink" in failed.output
    assert "0 done" in shell.invoke(args=["jobs", "drain"]).output


def test_run_keeps_the_claim_when_the_work_is_rolled_back(runs: list[str]) -> None:
    runs.append("fail")
    with clock.at(NOON):
        jobs.run_periodic("hourly")
    assert db.session.scalar(sa.select(sa.func.count()).select_from(JobRun)) == 1


def test_run_by_hand_through_redis_and_a_worker(
    committed_app: Flask, runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "QUEUE", f"test-{uuid.uuid4().hex}")  # other tests' workers listen to the usual one
    monkeypatch.setattr(jobs, "_worker_app", committed_app)
    assert jobs.ring_by_hand("nightly") is True
    redis = committed_app.extensions["doorbell"]
    queue = Queue(jobs.QUEUE, connection=redis, serializer=JSONSerializer)
    SimpleWorker([queue], connection=redis, serializer=JSONSerializer).work(burst=True, logging_level="WARNING")
    assert runs == ["nightly"]
    assert jobs.last_runs()["nightly"].result == "slept well"
    assert queue.count == 0
