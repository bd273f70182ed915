"""The outbox: what is announced is done once, whatever fails, and whoever else is draining."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from wholesale.kernel import clock
from wholesale.kernel.events import Event
from wholesale.platform import jobs, outbox
from wholesale.platform.db import db
from wholesale.platform.outbox import MAX_ATTEMPTS, OutboxRow
from wholesale.platform.transaction import transaction


@dataclass(frozen=True)
class LampLit(Event):
    """An event of these tests only."""

    lamp: int


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lamps that the one handler of LampLit has seen; it fails on negative ones."""
    lamps: list[int] = []

    def handle(event: LampLit) -> None:
        if event.lamp < 0:
            raise RuntimeError(f"lamp {event.lamp} is broken")
        lamps.append(event.lamp)

    monkeypatch.setattr(outbox, "_handlers", {"tests.handle": ("LampLit", handle)})
    return lamps


@pytest.fixture
def committed(committed_app: Flask) -> Iterator[Flask]:
    with committed_app.app_context():
        yield committed_app
        db.session.remove()


def light(*lamps: int) -> None:
    with transaction():
        for lamp in lamps:
            outbox.emit(LampLit(lamp=lamp))


def light_and_fail(lamp: int) -> None:
    with transaction():
        outbox.emit(LampLit(lamp=lamp))
        db.session.flush()
        raise ZeroDivisionError


def rows() -> list[OutboxRow]:
    return list(db.session.scalars(sa.select(OutboxRow).order_by(OutboxRow.id)))


def make_due() -> None:
    """Let the pauses be over."""
    with transaction():
        db.session.execute(sa.update(OutboxRow).values(available_at=clock.now() - timedelta(minutes=1)))


def test_rolled_back_leaves_nothing(committed: Flask, seen: list[int]) -> None:
    with pytest.raises(ZeroDivisionError):
        light_and_fail(1)
    assert rows() == []
    assert outbox.drain() == 0
    assert seen == []


def test_nobody_listens_nothing_is_kept(house: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "_handlers", {})
    light(1)
    assert rows() == []


def test_each_is_done_once_in_order(committed: Flask, seen: list[int]) -> None:
    light(1, 2, 3)
    assert outbox.pending() == 3
    assert outbox.drain() == 3
    assert outbox.drain() == 0
    assert seen == [1, 2, 3]
    assert all(row.done_at and row.attempts == 1 and row.error is None for row in rows())


def test_background_waits_behind_people_and_stays_background(
    committed: Flask, seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def echo(event: LampLit) -> None:
        seen.append(event.lamp)
        if event.lamp < 100:
            outbox.emit(LampLit(lamp=event.lamp + 100))

    monkeypatch.setattr(outbox, "_handlers", {"tests.echo": ("LampLit", echo)})
    with outbox.background():
        light(1)
    light(2)
    assert outbox.drain() == 4
    assert seen == [2, 102, 1, 101]
    assert [row.priority for row in rows()] == [9, 0, 0, 9]


def test_limit_and_time_end_a_drain(committed: Flask, seen: list[int]) -> None:
    light(1, 2, 3)
    assert outbox.drain(limit=2) == 2
    assert outbox.drain(seconds=0) == 0
    assert outbox.drain() == 1


def test_failure_is_kept_and_pauses_grow(committed: Flask, seen: list[int]) -> None:
    light(-1)
    assert outbox.drain() == 0, "tried, not done"
    [row] = rows()
    assert row.attempts == 1
    assert row.error is not None
    assert row.error.strip().endswith("RuntimeError: lamp -1 is broken")
    assert outbox.pending() == 0, "it is not due before its pause is over"
    pauses = [row.available_at - clock.now()]
    for _ in range(2):
        make_due()
        outbox.drain()
        pauses.append(rows()[0].available_at - clock.now())
    assert [round(pause.total_seconds()) for pause in pauses] == [2, 4, 8]


def test_failure_does_not_lose_its_neighbours(committed: Flask, seen: list[int]) -> None:
    light(1, -2, 3)
    assert outbox.drain() == 2
    assert seen == [1, 3]
    assert [bool(row.done_at) for row in rows()] == [True, False, True]


def test_effect_of_a_failed_handler_is_taken_back(
    committed: Flask, seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(event: LampLit) -> None:
        outbox.emit(LampLit(lamp=7))
        db.session.flush()
        raise RuntimeError("too late")

    monkeypatch.setattr(outbox, "_handlers", {"tests.half": ("LampLit", half)})
    light(1)
    outbox.drain()
    assert [row.payload["lamp"] for row in rows()] == [1]


def test_dead_letter_and_its_restart(committed: Flask, seen: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    light(-5, 6)
    for _ in range(MAX_ATTEMPTS):
        make_due()
        outbox.drain()
    [dead] = outbox.dead_letters()
    assert (dead.payload, dead.attempts) == ({"lamp": -5}, MAX_ATTEMPTS)
    assert outbox.state() == outbox.OutboxState(waiting=0, oldest_seconds=0, dead=1)
    assert [row.id for row in outbox.unfinished(LampLit)] == [dead.id]
    make_due()
    assert outbox.drain() == 0, "the dead stay dead by themselves"

    monkeypatch.setattr(outbox, "_handlers", {"tests.handle": ("LampLit", lambda event: seen.append(event.lamp))})
    with transaction():
        assert outbox.restart(dead.id) is True
    with transaction():
        assert outbox.restart(dead.id) is False, "a second press changes nothing"
    assert outbox.drain() == 1
    assert seen == [6, -5]
    assert outbox.dead_letters() == []


def test_unknown_handler_fails_and_does_not_stop_the_rest(
    committed: Flask, seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    light(1)
    monkeypatch.setattr(outbox, "_handlers", {})
    assert outbox.drain() == 0
    assert "KeyError" in (rows()[0].error or "")


def test_state_tells_how_long_the_oldest_waits(committed: Flask, seen: list[int]) -> None:
    light(1)
    make_due()
    state = outbox.state()
    assert (state.waiting, state.dead) == (1, 0)
    assert 59 <= state.oldest_seconds <= 70


def test_what_a_clock_that_was_ahead_has_written_does_not_wait_for_it(committed: Flask, seen: list[int]) -> None:
    with clock.at(clock.now() + timedelta(hours=2)):
        light(1)
        with transaction():
            outbox.emit(LampLit(lamp=2), pause=timedelta(minutes=5))
    light(3)
    assert outbox.drain() == 1, "only what was written by a right clock"
    with transaction():
        assert outbox.undo_the_future() == 2
    with transaction():
        assert outbox.undo_the_future() == 0
    assert outbox.drain() == 1
    assert seen == [3, 1]
    pauses = [round((row.available_at - clock.now()).total_seconds() / 60) for row in rows() if row.done_at is None]
    assert pauses == [5], "what was put off keeps its pause"


def test_whose_connection_was_cut_is_tried_again_soon(
    committed: Flask, seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(event: LampLit) -> None:
        seen.append(event.lamp)
        if len(seen) == 1:
            raise sa.exc.OperationalError("SELECT 1", {}, Exception("terminating"), connection_invalidated=True)

    monkeypatch.setattr(outbox, "_handlers", {"tests.cut": ("LampLit", cut)})
    light(1)
    assert outbox.drain(limit=1) == 0
    [row] = rows()
    assert row.attempts == 1
    assert row.available_at - clock.now() < timedelta(seconds=0.2)
    make_due()
    assert outbox.drain() == 1


@pytest.mark.torture
def test_drains_at_once_never_do_a_row_twice(
    committed_app: Flask, seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(event: LampLit) -> None:
        time.sleep(0.002)  # so that the others meet a locked row
        seen.append(event.lamp)

    monkeypatch.setattr(outbox, "_handlers", {"tests.slowly": ("LampLit", slowly)})
    with committed_app.app_context():
        light(*range(60))
        db.session.remove()
    start = threading.Barrier(4)

    def drain() -> int:
        with committed_app.app_context():
            start.wait()
            try:
                return outbox.drain()
            finally:
                db.session.remove()

    with ThreadPoolExecutor(4) as pool:
        done = [future.result() for future in [pool.submit(drain) for _ in range(4)]]
    assert sorted(seen) == list(range(60))
    assert sum(done) == 60
    assert len([share for share in done if share]) > 1, "they shared the work"
    with committed_app.app_context():
        assert {row.attempts for row in rows()} == {1}
        db.session.remove()


# --- the doorbell -----------------------------------------------------------------------------------------


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers: the worst Redis."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def test_doorbell_rings_once_after_the_commit(committed: Flask, seen: list[int]) -> None:
    rings: list[int] = []
    outbox.set_doorbell(lambda: rings.append(len(rows())))
    try:
        light(1, 2)
        with pytest.raises(ZeroDivisionError):
            light_and_fail(3)
    finally:
        outbox.set_doorbell(None)
    assert rings == [2], "once, when the rows were there, and not for what was taken back"


@pytest.mark.parametrize("kind", ["closed", "silent"])
def test_redis_away_does_not_hold_up_a_commit(
    committed: Flask, seen: list[int], silent_port: int, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = silent_port if kind == "silent" else _closed_port()
    monkeypatch.setitem(committed.extensions, "doorbell", jobs.quick_redis(f"redis://127.0.0.1:{port}/0"))
    answers: list[bool] = []
    outbox.set_doorbell(lambda: answers.append(jobs.ring()))
    began = time.monotonic()
    try:
        light(1)
    finally:
        outbox.set_doorbell(None)
    assert answers == [False]
    assert time.monotonic() - began < 1.5
    assert jobs.doorbell_answers() is False
    assert outbox.drain() == 1, "the scheduler or a command does it all the same"


def test_doorbell_does_not_pile_up(house: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Full:
        def __init__(self, *_: object, **__: object) -> None: ...

        def get_job_ids(self) -> list[str]:
            return ["drain_job---1", "drain_job---2", *asked]

        def enqueue(self, _function: str, *_: object, job_id: str, **__: object) -> None:
            asked.append(job_id)

    monkeypatch.setattr(jobs, "Queue", Full)
    assert jobs.ring() is True
    assert asked == [], "a drain that waits will take everything"
    for name in ("housekeeping", "house", "housekeeping"):
        assert jobs.ring("wholesale.platform.jobs.periodic_job", name) is True
    assert [each.partition("--")[0] for each in asked] == ["periodic_job-housekeeping", "periodic_job-house"]
