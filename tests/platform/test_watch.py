"""Alarms about the timetable: what is one, who is told, and that it is told once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.factories import accounts
from wholesale.kernel import clock
from wholesale.platform import jobs, pulse, runs, watch
from wholesale.platform.db import db
from wholesale.platform.messages.queue import OutgoingMessage
from wholesale.platform.rhythm import Periodic
from wholesale.platform.runs import JobState
from wholesale.platform.transaction import transaction
from wholesale.platform.watch import Finding, JobAlarm

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def state(name: str, **facts: object) -> JobState:
    known: dict[str, object] = {
        "last": None, "running": None, "asked": False, "next_due": NOON, "missed_since": None, "is_overdue": False,
        "failures": 0,
    }  # fmt: skip
    return JobState(job=Periodic(name, str, every=MINUTE), **(known | facts))  # type: ignore[arg-type]


def alive(*, scheduler: timedelta, worker: timedelta) -> watch.Beats:
    begun = NOON - 5 * HOUR
    return {"scheduler": (begun, NOON - scheduler), "worker": (begun, NOON - worker)}


WELL = alive(scheduler=5 * SECOND, worker=30 * SECOND)


@pytest.mark.parametrize(
    ("states", "beats", "found"),
    [
        ([], {}, []),
        ([state("a")], WELL, []),
        ([state("a")], alive(scheduler=60 * SECOND, worker=SECOND), []),
        ([state("a")], alive(scheduler=61 * SECOND, worker=SECOND), [("scheduler", "")]),
        # A worker is missed only while something waits for it, and not before the scheduler could have called it.
        ([state("a")], alive(scheduler=SECOND, worker=HOUR), []),
        ([state("a", missed_since=NOON - 4 * MINUTE)], alive(scheduler=SECOND, worker=HOUR), [("worker", "")]),
        ([state("a", missed_since=NOON - 2 * MINUTE)], alive(scheduler=SECOND, worker=HOUR), []),
        ([state("a", missed_since=NOON - 4 * MINUTE)], alive(scheduler=SECOND, worker=MINUTE), []),
        ([state("a", missed_since=NOON - 9 * HOUR)], {"scheduler": (NOON - MINUTE, NOON)}, []),
        ([state("a", missed_since=NOON - 9 * HOUR)], {"scheduler": (NOON - 4 * MINUTE, NOON)}, [("worker", "")]),
        ([state("a", missed_since=NOON - HOUR, is_overdue=True)], WELL, [("overdue", "a")]),
        ([state("a", failures=3, last=runs.JobRun(name="a", period=NOON, started_at=NOON))], WELL, [("failing", "a")]),
        ([state("a", failures=2, last=runs.JobRun(name="a", period=NOON, started_at=NOON))], WELL, []),
    ],
)
def test_what_is_wrong(states: list[JobState], beats: watch.Beats, found: list[tuple[str, str]]) -> None:
    assert [(each.kind, each.name) for each in watch.findings(states, beats, NOON)] == found


def test_nobody_is_told_of_thirty_jobs_when_the_worker_is_away() -> None:
    late = [state(f"job {n}", missed_since=NOON - HOUR, is_overdue=True) for n in range(30)]
    away = alive(scheduler=SECOND, worker=HOUR)
    found = watch.findings(late, away, NOON)
    assert len(found) == 31
    assert watch._worth_telling(found, late, away, NOON) == [Finding("worker", "", NOON - HOUR)]


def test_what_was_late_before_the_scheduler_came_back_has_its_grace_again() -> None:
    late = [state("a", missed_since=NOON - 9 * HOUR, is_overdue=True)]
    for minutes, told in ((9, []), (11, ["a"])):
        beats = {"scheduler": (NOON - minutes * MINUTE, NOON), "worker": (NOON - minutes * MINUTE, NOON)}
        found = watch.findings(late, beats, NOON)
        assert [each.name for each in watch._worth_telling(found, late, beats, NOON)] == told


# --- told once ------------------------------------------------------------------------------------------------


class Sick:
    """A job that fails while it is told to."""

    fails = False

    def work(self) -> str:
        if self.fails:
            raise RuntimeError("no ink")
        return "done"


@pytest.fixture
def sick() -> Sick:
    return Sick()


def settled(app: Flask, sick: Sick, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two jobs that have been known for hours, and two admins."""
    table = [
        Periodic("often", sick.work, every=MINUTE, about="Does it often."),
        Periodic("nightly", lambda: "slept", daily_at=time(2, 0)),
    ]
    monkeypatch.setitem(app.extensions, "timetable", {job.name: job for job in table})
    with transaction():
        accounts.user("Esha", staff_role="admin")
        accounts.user("Farid", staff_role="admin")
        accounts.user("Gita", staff_role="support")
        accounts.user("Amina")
    with clock.at(NOON - 2 * HOUR):
        runs.put_seats()


@pytest.fixture
def site(house: Flask, sick: Sick, monkeypatch: pytest.MonkeyPatch) -> Flask:
    settled(house, sick, monkeypatch)
    return house


@pytest.fixture
def real_site(committed_app: Flask, sick: Sick, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """The same where commits are real, for threads."""
    with committed_app.app_context():
        settled(committed_app, sick, monkeypatch)
        yield committed_app
        db.session.remove()


def lives(*processes: str, at: datetime, since: datetime = NOON - 5 * HOUR) -> None:
    with transaction():
        for process in processes:
            db.session.merge(pulse.ProcessBeat(process=process, since=since, alive_at=at))


def looked(at: datetime) -> list[str]:
    """Look, and say which letters are new: `key` without its number and reader."""
    before = letters()
    with clock.at(at):
        watch.look()
    return sorted({key.split(":")[2] for key in letters() - before})


def letters() -> set[str]:
    with transaction():
        return set(db.session.scalars(sa.select(OutgoingMessage.key)))


def open_alarms() -> list[tuple[str, str]]:
    with transaction():
        return [(alarm.kind, alarm.name) for alarm in watch.open_alarms()]


def run_all(at: datetime) -> None:
    with clock.at(at):
        for name in ("often", "nightly"):
            db.session.commit()  # as in a worker: what fails takes back its own only
            runs.run_periodic(name)


def test_an_overdue_job_is_told_once_and_once_more_when_it_is_well(site: Flask) -> None:
    run_all(NOON)
    later = NOON + 20 * MINUTE
    lives("scheduler", "worker", at=later)
    assert looked(later) == ["raised"]
    assert len(letters()) == 2, "both admins, and nobody else"
    assert open_alarms() == [("overdue", "often")]
    for minutes in (1, 2, 3):
        lives("scheduler", "worker", at=later + minutes * MINUTE)
        assert looked(later + minutes * MINUTE) == []
    run_all(later + 4 * MINUTE)
    lives("scheduler", "worker", at=later + 4 * MINUTE)
    assert looked(later + 4 * MINUTE) == ["well"]
    assert open_alarms() == []
    assert looked(later + 4.5 * MINUTE) == []
    assert len(letters()) == 4
    again = later + HOUR
    lives("scheduler", "worker", at=again)
    assert looked(again) == ["raised"], "another time is another alarm"


def test_what_fails_three_times_is_told_with_what_it_said(site: Flask, sick: Sick) -> None:
    sick.fails = True
    for minutes in range(3):
        run_all(NOON + minutes * MINUTE)
        lives("scheduler", "worker", at=NOON + minutes * MINUTE)
        assert looked(NOON + minutes * MINUTE) == (["raised"] if minutes == 2 else [])
    assert open_alarms() == [("failing", "often")]
    with transaction():
        message = db.session.scalars(sa.select(OutgoingMessage)).first()
        assert message is not None
        assert message.subject == "often fails again and again"
        body = watch.queue.vault.unseal(message.body or b"", place=watch.queue._place("mail", message.key)).decode()
    for word in ("RuntimeError: no ink", "/admin/jobs", "Does it often."):
        assert word in body
    sick.fails = False
    run_all(NOON + 3 * MINUTE)
    lives("scheduler", "worker", at=NOON + 3 * MINUTE)
    assert looked(NOON + 3 * MINUTE) == ["well"]


def test_a_worker_that_is_away_is_one_letter_and_the_scheduler_sends_it(site: Flask) -> None:
    run_all(NOON)
    later = NOON + 2 * HOUR
    lives("worker", at=NOON)
    lives("scheduler", at=later)
    assert looked(later) == ["raised"]
    assert open_alarms() == [("worker", "")], "not one for each job that waits"
    with transaction():
        states = set(db.session.scalars(sa.select(OutgoingMessage.state)))
    assert states == {"sent"}, "nobody else would send them"


def test_the_worker_notices_that_the_scheduler_is_away(site: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    run_all(NOON)
    lives("scheduler", at=NOON)
    monkeypatch.setattr(jobs, "_worker_app", site)
    with clock.at(NOON + 2 * MINUTE):
        jobs.drain_job()
        jobs.drain_job()
    assert open_alarms() == [("scheduler", "")]
    lives("scheduler", at=NOON + 3 * MINUTE)
    assert looked(NOON + 3 * MINUTE) == ["well"]


def test_who_has_just_been_started_misses_nobody_yet(site: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a night in which everything stood still, the worker may be there before the scheduler."""
    run_all(NOON)
    lives("scheduler", at=NOON)
    monkeypatch.setattr(pulse, "_here_since", NOON + 8 * HOUR)
    assert looked(NOON + 8 * HOUR + MINUTE) == []
    lives("worker", at=NOON + 8 * HOUR + 2 * MINUTE)
    assert looked(NOON + 8 * HOUR + 2 * MINUTE) == ["raised"]
    assert open_alarms() == [("scheduler", "")]


def test_who_looks_does_not_fall_over_what_it_sees(site: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(**_: object) -> None:
        raise RuntimeError("no letters")

    run_all(NOON)
    lives("scheduler", "worker", at=NOON + HOUR)
    monkeypatch.setattr(watch.mail, "send", stumble)
    assert looked(NOON + HOUR) == []
    assert open_alarms() == [], "who could not be told is told the next time"


def test_a_house_that_begins_is_not_alarmed(site: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_worker_app", site)
    with clock.at(NOON):
        jobs.drain_job()
    assert open_alarms() == [], "there has been no scheduler yet that could be missed"


@pytest.mark.torture
def test_eight_who_look_at_once_tell_it_once(real_site: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    run_all(NOON)
    later = NOON + HOUR
    lives("scheduler", "worker", at=later)
    monkeypatch.setattr(pulse, "take_turn", lambda *_: True)  # the alarm itself is unique, whoever may look
    start = threading.Barrier(8)

    def go() -> None:
        with real_site.app_context(), clock.at(later):
            start.wait()
            watch.look()

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(go) for _ in range(8)]:
            future.result(60)
    assert open_alarms() == [("overdue", "often")]
    assert len(letters()) == 2


@pytest.mark.parametrize("language", ["en", "bn"])
def test_every_letter_can_be_written(site: Flask, language: str) -> None:
    db.session.execute(sa.text("UPDATE app_user SET language = :language"), {"language": language})
    for kind in watch.KINDS:
        alarm = JobAlarm(kind=kind, name="often" if kind in {"overdue", "failing"} else "", since=NOON, raised_at=NOON)
        db.session.add(alarm)
        db.session.flush()
        for well in (False, True):
            assert len(watch._write(alarm, well=well)) == 2
    subjects = db.session.scalars(sa.select(OutgoingMessage.subject)).all()
    assert len(set(subjects)) == 8
    assert all(subject and "\n" not in subject for subject in subjects)


# --- signs of life ----------------------------------------------------------------------------------------------


def test_a_turn_is_one_persons(site: Flask) -> None:
    take: Callable[[], bool] = lambda: pulse.take_turn("watch", 30 * SECOND)  # noqa: E731 - said five times
    with clock.at(NOON):
        assert [take(), take()] == [True, False]
    with clock.at(NOON + 29 * SECOND):
        assert not take()
    with clock.at(NOON + 30 * SECOND):
        assert take()
    with clock.at(NOON - HOUR):
        assert take(), "the clock was ahead"


def test_since_when_a_process_lives(site: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "_here", None)
    monkeypatch.setattr(pulse, "_here_since", None)
    pulse.beat()
    assert pulse.beats() == {}
    pulse.this_is(pulse.SCHEDULER)
    for seconds in (0, 10, 20, 130):
        with clock.at(NOON + seconds * SECOND):
            pulse.beat()
    with transaction():
        assert pulse.beats()["scheduler"] == (NOON, NOON + 130 * SECOND)
    with clock.at(NOON + HOUR):
        pulse.beat()
    with transaction():
        assert pulse.beats()["scheduler"] == (NOON + HOUR, NOON + HOUR), "it was away meanwhile"


def test_the_scheduler_looks_after_the_clock(site: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "_here", None)
    monkeypatch.setattr(pulse, "_here_since", None)
    shell = site.test_cli_runner()
    monkeypatch.setattr(jobs.signal, "signal", lambda *_: None)
    assert shell.invoke(args=["jobs", "schedule", "--once"]).exit_code == 0
    with transaction():
        assert set(pulse.beats()) == {"scheduler", "watch"}
    answer = site.test_client().get("/readyz")
    assert answer.json["scheduler"] == "ok"


def test_ready_says_what_is_wrong(site: Flask, sick: Sick) -> None:
    sick.fails = True
    for minutes in range(3):
        run_all(NOON + minutes * MINUTE)
    later = NOON + HOUR
    lives("scheduler", "worker", at=later)
    with clock.at(later):
        answer = site.test_client().get("/readyz")
    assert answer.status_code == 200, "ordering goes on"
    assert answer.json["jobs"] == "overdue: often; failing: often"
    lives("scheduler", "worker", at=NOON)
    with clock.at(later):
        answer = site.test_client().get("/readyz")
    assert answer.json["scheduler"] == "away since 2026-11-21 12:00Z: nothing begins by itself"
    assert answer.json["worker"] == "away: work waits since 2026-11-21 12:03Z"
