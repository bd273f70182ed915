"""Runs of periodic jobs on a real database: once in effect, whoever is killed and whatever is done to the clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from wholesale.kernel import clock
from wholesale.kernel.errors import NotFoundError
from wholesale.platform import jobs, runs
from wholesale.platform.db import db
from wholesale.platform.outbox import OutboxRow
from wholesale.platform.rhythm import Periodic, Progress
from wholesale.platform.runs import JobRun, JobSeat
from wholesale.platform.transaction import one_moment, transaction

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Works:
    """A timetable of four jobs on a database of its own. What they do is a row, so that what is taken back is gone."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.meanwhile: Callable[[], None] = lambda: None
        self.fails = False
        self.steps = 0
        self.table = [
            Periodic("minutely", self.does("minutely"), every=MINUTE),
            Periodic("hourly", self.does("hourly"), every=HOUR),
            Periodic("nightly", self.does("nightly"), daily_at=time(2, 0)),
            Periodic("monthly", self.long, daily_at=time(6, 0), monthly_on=1),
        ]

    def does(self, name: str) -> Callable[[], str]:
        def work() -> str:
            db.session.add(OutboxRow(event=name, handler="none", payload={}, done_at=clock.now()))
            db.session.flush()
            self.meanwhile()
            if self.fails:
                raise RuntimeError("no ink")
            return "done"

        return work

    def long(self, progress: Progress) -> str:
        for step in range(self.steps):
            progress(step, self.steps)
            self.meanwhile()
        return self.does("monthly")()

    def done(self, name: str) -> int:
        """How often it was done in effect."""
        with transaction():
            return db.session.query(OutboxRow).filter_by(event=name).count()

    def runs_of(self, name: str) -> list[JobRun]:
        with transaction():
            found = list(db.session.scalars(sa.select(JobRun).where(JobRun.name == name).order_by(JobRun.period)))
            db.session.expunge_all()
            return found

    def beside(self, do: Callable[[], object]) -> object:
        """Do it as another process would: a connection of its own, at the same moment."""
        now = clock.now()

        def other() -> object:
            with self.app.app_context(), clock.at(now):
                return do()

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(other).result(30)


@pytest.fixture
def works(house: Flask, monkeypatch: pytest.MonkeyPatch) -> Works:
    made = Works(house)
    monkeypatch.setitem(house.extensions, "timetable", {job.name: job for job in made.table})
    return made


@pytest.fixture
def real(committed_app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Works]:
    """The same where commits are real, for what several do at once."""
    made = Works(committed_app)
    monkeypatch.setitem(committed_app.extensions, "timetable", {job.name: job for job in made.table})
    with committed_app.app_context():
        yield made
        db.session.remove()


def run_what_is_due() -> list[str]:
    """What a scheduler and a worker would do in a moment."""
    with transaction():
        due = runs.due_jobs()
    return [name for name in due if runs.run_periodic(name) is not None]


def run(name: str) -> JobRun | None:
    """In a transaction of its own, as a worker does: what fails takes back its own only."""
    db.session.commit()
    return runs.run_periodic(name)


# --- once -----------------------------------------------------------------------------------------------------


@pytest.mark.torture
@pytest.mark.parametrize("name", ["hourly", "nightly"])
def test_ten_workers_run_a_period_once(real: Works, name: str) -> None:
    start = threading.Barrier(10)

    def go() -> bool:
        with real.app.app_context(), clock.at(NOON):
            start.wait()
            return runs.run_periodic(name) is not None

    with ThreadPoolExecutor(10) as pool:
        won = [future.result(60) for future in [pool.submit(go) for _ in range(10)]]
    assert won.count(True) == 1
    assert real.done(name) == 1
    assert [run.attempts for run in real.runs_of(name)] == [1]


def test_what_was_missed_for_three_days_is_done_once(works: Works) -> None:
    with clock.at(NOON):
        assert set(run_what_is_due()) == {"minutely", "hourly", "nightly", "monthly"}
    with clock.at(NOON + 3 * DAY):
        assert set(run_what_is_due()) == {"minutely", "hourly", "nightly"}
        assert run_what_is_due() == []
    assert works.done("nightly") == 2
    assert works.done("minutely") == 2


def test_never_twice_at_once_by_hand_or_by_the_timetable(real: Works) -> None:
    found: list[object] = []
    real.meanwhile = lambda: found.extend(
        [
            real.beside(lambda: runs.run_periodic("hourly", by_hand=True)),
            real.beside(lambda: runs.run_periodic("hourly")),
            real.beside(lambda: _asked("hourly")),
            real.beside(runs.due_jobs),
        ]
    )
    with clock.at(NOON):
        assert runs.run_periodic("hourly") is not None
    by_hand, again, asked, due = found
    assert (by_hand, again, asked) == (None, None, False)
    assert "hourly" not in str(due)
    assert real.done("hourly") == 1


def _asked(name: str) -> bool:
    with transaction():
        return runs.ask(name)


def test_who_asked_is_served_once_and_needs_no_redis(works: Works) -> None:
    with clock.at(NOON):
        run_what_is_due()
        assert _asked("nightly") is True
        assert _asked("nightly") is True, "asking twice is asking once"
        assert runs.due_jobs() == ["nightly"]
        run = runs.run_periodic("nightly")
        assert run is not None
        assert run.by_hand
        assert not runs.is_on_time(run)
        assert runs.due_jobs() == []
        with pytest.raises(NotFoundError), transaction():
            runs.ask("sleepwalking")
    assert works.done("nightly") == 2


def test_a_run_that_is_due_serves_who_asked(works: Works) -> None:
    with clock.at(NOON):
        _asked("nightly")
        run = runs.run_periodic("nightly")
        assert run is not None
        assert not run.by_hand
        assert runs.run_periodic("nightly") is None
    assert works.done("nightly") == 1


# --- killed, late, failed ---------------------------------------------------------------------------------------


def test_who_was_taken_over_and_wakes_up_has_done_nothing(real: Works) -> None:
    """A process that stood still for two minutes: its period was done by another one meanwhile."""
    taken: list[object] = []

    def stand_still() -> None:
        real.meanwhile = lambda: None

        def take_over() -> object:
            with clock.at(NOON + 2 * MINUTE):
                return runs.run_periodic("nightly")

        taken.append(real.beside(take_over))

    real.meanwhile = stand_still
    with clock.at(NOON):
        run = runs.run_periodic("nightly")
    assert taken != [None]
    assert run is not None
    assert (run.attempts, run.result) == (2, "done")
    assert real.done("nightly") == 1, "what the first one did is taken back"
    with transaction():
        seat = db.session.get_one(JobSeat, "nightly")
        assert (seat.holder, seat.period) == (None, None)


def test_taken_over_also_where_the_work_sees_one_moment_only(real: Works) -> None:
    """As the ledger's proof: a snapshot taken before, in which the row is still its own."""

    def proof(progress: Progress) -> str:
        one_moment()
        db.session.execute(sa.text("SELECT 1"))
        progress(1, 2)
        return "proved"

    table = {"nightly": Periodic("nightly", proof, daily_at=time(2, 0))}
    real.app.extensions["timetable"] |= table
    with clock.at(NOON):
        run = runs.run_periodic("nightly")
        assert run is not None
        assert (run.result, run.error) == ("proved", None)


def test_the_night_is_tried_again_and_an_hour_is_not(works: Works) -> None:
    works.fails = True
    with clock.at(NOON):
        for name in ("hourly", "nightly"):
            failed = run(name)
            assert failed is not None
            assert (failed.error or "").endswith("no ink\n")
        assert runs.due_jobs() == ["minutely", "monthly"]
    with clock.at(NOON + 9 * MINUTE):
        assert "nightly" not in runs.due_jobs()
    with clock.at(NOON + 10 * MINUTE):
        assert "hourly" not in runs.due_jobs(), "its next period is the next try"
        assert "nightly" in runs.due_jobs()
        again = run("nightly")
        assert again is not None
        assert again.attempts == 2
    with clock.at(NOON + 29 * MINUTE):
        assert "nightly" not in runs.due_jobs(), "each pause is longer than the one before"
    works.fails = False
    with clock.at(NOON + 30 * MINUTE):
        third = run("nightly")
        assert third is not None
        assert (third.attempts, third.error, third.result) == (3, None, "done")
    assert works.done("nightly") == 1


def test_after_three_tries_it_waits_for_the_next_night_and_fails(works: Works) -> None:
    works.fails = True
    for minutes in (0, 10, 30):
        with clock.at(NOON + minutes * MINUTE):
            assert run("nightly") is not None
    with clock.at(NOON + 5 * HOUR):
        assert run("nightly") is None
        assert runs.state_of("nightly").is_failing
    works.fails = False
    with clock.at(NOON + DAY):
        assert run("nightly") is not None
        assert not runs.state_of("nightly").is_failing


def test_three_failures_in_a_row_of_what_comes_often(works: Works) -> None:
    works.fails = True
    for minutes in range(3):
        with clock.at(NOON + minutes * MINUTE):
            assert not runs.state_of("minutely").is_failing
            run("minutely")
    assert runs.state_of("minutely").failures == 3
    assert runs.state_of("minutely").is_failing


# --- the clock is moved -----------------------------------------------------------------------------------------


def test_forward_and_back_no_period_is_lost_and_none_is_done_twice(works: Works) -> None:
    with clock.at(NOON):
        run_what_is_due()
    with clock.at(NOON + 45 * DAY):
        assert set(run_what_is_due()) == {"minutely", "hourly", "nightly", "monthly"}
    with clock.at(NOON + MINUTE):
        runs.undo_the_future()
        assert run_what_is_due() == ["minutely"], "this minute's; the rest has been done for today"
    with clock.at(NOON + HOUR):
        assert set(run_what_is_due()) == {"minutely", "hourly"}
    with clock.at(NOON + DAY):
        assert set(run_what_is_due()) == {"minutely", "hourly", "nightly"}
    with clock.at(NOON + 45 * DAY):
        assert set(run_what_is_due()) == {"minutely", "hourly", "nightly", "monthly"}, "it came in truth"
        assert run_what_is_due() == []
    timely = [run.period for run in works.runs_of("nightly") if not run.by_hand]
    assert len(timely) == len(set(timely)) == 3


def test_what_ran_by_a_clock_ahead_stands_among_the_runs_of_now(works: Works) -> None:
    with clock.at(NOON + 45 * DAY):
        run_what_is_due()
    with clock.at(NOON):
        assert runs.undo_the_future() == 4
        assert runs.undo_the_future() == 0
        last = runs.state_of("nightly").last
        assert last is not None
        assert (last.by_hand, last.started_at) == (True, NOON)
        assert "nightly" in runs.due_jobs()


def test_a_seat_of_a_clock_that_was_ahead_is_free(works: Works) -> None:
    with transaction():
        db.session.add(JobSeat(name="hourly", holder="x", period=NOON + DAY, alive_at=NOON + DAY))
    with clock.at(NOON):
        assert runs.run_periodic("hourly") is not None


def test_a_little_back_is_no_matter(works: Works) -> None:
    """Within one period, as a clock that is set right does."""
    with clock.at(NOON + timedelta(seconds=2)):
        assert runs.run_periodic("hourly") is not None
    with clock.at(NOON - timedelta(seconds=1)):
        assert runs.undo_the_future() == 0
        runs.run_periodic("hourly")
    with clock.at(NOON + timedelta(seconds=1)):
        assert runs.run_periodic("hourly") is None
    assert [run.period for run in works.runs_of("hourly")] == [NOON - HOUR, NOON]


# --- how far it is ------------------------------------------------------------------------------------------------


def test_progress_is_seen_by_others_while_it_runs(real: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(range(0, 1000, 2))
    monkeypatch.setattr(runs.time, "monotonic", lambda: next(moments))
    seen: list[object] = []

    def look() -> tuple[int | None, int | None, int | None]:
        running = runs.state_of("monthly").running
        return (running.done, running.whole, running.percent) if running else (None, None, None)

    real.steps = 4
    real.meanwhile = lambda: seen.append(real.beside(look))
    with clock.at(NOON):
        runs.run_periodic("monthly")
    assert seen[:4] == [(0, 4, 0), (1, 4, 25), (2, 4, 50), (3, 4, 75)]
    with transaction():
        assert runs.state_of("monthly").running is None
        assert db.session.get_one(JobSeat, "monthly").whole is None


def test_progress_is_written_once_a_second_at_the_most(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[object] = []
    monkeypatch.setattr(runs.time, "monotonic", lambda: 7.0)
    monkeypatch.setattr(runs, "_update_seat", lambda _claim, **values: written.append(values.get("done")))
    works.steps = 1000
    with clock.at(NOON):
        runs.run_periodic("monthly")
    assert written == [0, None], "the first one, and the seat that is left"


def test_who_is_at_it_says_so_however_long_it_takes(real: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_BEAT_SECONDS", 0.02)
    told, heard = threading.Event(), list[bool]()
    update = runs._update_seat

    def tell(claim: object, **values: object) -> None:
        update(claim, **values)  # type: ignore[arg-type]
        if values.get("alive_at") and not values.get("whole"):
            told.set()

    monkeypatch.setattr(runs, "_update_seat", tell)
    real.meanwhile = lambda: heard.append(told.wait(20))
    with clock.at(NOON):
        assert runs.run_periodic("hourly") is not None
    assert heard == [True]


# --- what is kept ---------------------------------------------------------------------------------------------------


def test_old_runs_are_swept_but_for_those_that_prove_what_was_done(works: Works) -> None:
    with transaction():
        for minutes in range(30):
            at = NOON - minutes * MINUTE
            db.session.add(JobRun(name="minutely", period=at, started_at=at, finished_at=at, result="done"))
        for days in range(20):
            at = NOON.replace(hour=20) - (days + 1) * DAY
            db.session.add(JobRun(name="nightly", period=at, started_at=at, finished_at=at, result="done"))
    with clock.at(NOON + 20 * DAY), transaction():
        assert runs.forget() == 20, "the minutes' after two weeks, but for the newest ten"
    with clock.at(NOON + 500 * DAY), transaction():
        assert runs.forget() == 10
    with clock.at(NOON):
        assert runs.due_jobs() == ["hourly", "monthly"], "what has been done is still known to be"


def test_history_by_pages(works: Works) -> None:
    with transaction():
        for hours in range(45):
            at = NOON - hours * HOUR
            db.session.add(JobRun(name="hourly", period=at, started_at=at, finished_at=at, result=f"{hours}"))
    seen: list[str | None] = []
    before = None
    for _ in range(3):
        page = runs.history("hourly", before=before)
        seen += [run.result for run in page.rows]
        before = page.next_before
    assert before is None
    assert seen == [f"{hours}" for hours in range(45)]


def test_the_command_does_not_run_it_twice_at_once(works: Works) -> None:
    with transaction():
        db.session.add(JobSeat(name="hourly", holder="x", period=NOON, alive_at=clock.now()))
    db.session.remove()
    refused = works.app.test_cli_runner().invoke(args=["jobs", "run", "hourly"])
    assert refused.exit_code == 1
    assert "running already" in refused.output
    listed = works.app.test_cli_runner().invoke(args=["jobs", "list"])
    assert "monthly on 1 at 06:00" in listed.output, listed.exception


def test_redis_is_emptied_and_nothing_is_lost(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bell is rung, Redis forgets it; half a minute later it is rung again."""
    rung: list[tuple[object, ...]] = []
    monkeypatch.setattr(jobs, "ring", lambda *arguments: bool(rung.append(arguments)) or True)
    moments = [1000.0]
    monkeypatch.setattr(jobs.time, "monotonic", lambda: moments[0])
    memory: dict[str, float] = {}
    with clock.at(NOON):
        for moments[0] in (1000.0, 1001.0, 1029.0):
            jobs.tick(memory)
        assert len(rung) == 4, "each once"
        moments[0] = 1030.0
        jobs.tick(memory)
        assert len(rung) == 8
        run_what_is_due()
        moments[0] = 1090.0
        jobs.tick(memory)
        assert len(rung) == 8
        jobs.tick({})
        assert len(rung) == 8, "nor by a scheduler that has just been started"


@pytest.mark.parametrize("name", ["ledger-proof", "inventory-proof"])
def test_the_long_jobs_of_the_product_tell_how_far_they_are(house: Flask, name: str) -> None:
    told: list[tuple[int, int]] = []
    job = house.extensions["timetable"][name]
    job.work(progress=lambda done, total: told.append((done, total)))
    assert len(told) > 1
    assert told == sorted(told)
    assert all(0 <= done <= total for done, total in told)
