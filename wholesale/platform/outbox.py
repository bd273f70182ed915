"""The outbox: PostgreSQL is the queue.

`emit(event)` inserts a row per subscribed handler within the caller's transaction. `drain()` claims one row
with FOR UPDATE SKIP LOCKED and does the effect in the same transaction as the mark: a killed worker frees
its row at once, and what was delivered twice has been done once. A failing handler is tried again with
growing pauses and ends as a dead letter that an admin can restart.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from flask import current_app
from sqlalchemy import CursorResult
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.kernel.events import Event
from wholesale.platform import metrics, telemetry, tracing
from wholesale.platform.db import Base, Id, db, insert_rows
from wholesale.platform.transaction import after_commit, transaction

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
LONG_WORK, _BACKGROUND = 5, 9  # behind what people wait for, which has 0
_AHEAD = timedelta(minutes=1)  # what clocks of good machines differ by is far less
_FIRST_PAUSE = timedelta(seconds=2)  # doubles: 2 s, 4 s … 4 min; 8 attempts take about 4 minutes

E = TypeVar("E", bound=Event)
Handler = Callable[[Any], None]
Condition = Callable[[Any], bool]

_handlers: dict[str, tuple[str, Handler]] = {}
_conditions: dict[str, Condition] = {}  # of those handlers that have one
_background: ContextVar[bool] = ContextVar("background", default=False)


class OutboxRow(Base):
    """One event for one handler, until `done_at`; `dead_at` when it failed for good."""

    __tablename__ = "outbox"
    __table_args__ = (
        # What a drain asks every time: the next open row. Partial, so it stays small however long the history is.
        sa.Index(
            "ix_outbox_open",
            "priority",
            "id",
            postgresql_where=sa.text("done_at IS NULL AND dead_at IS NULL"),
        ),
        # The few that failed for good: rooms ask for theirs while somebody waits.
        sa.Index(
            "ix_outbox_dead",
            "event",
            "id",
            postgresql_where=sa.text("dead_at IS NOT NULL AND done_at IS NULL"),
        ),
    )

    id: Mapped[Id] = mapped_column(init=False)
    event: Mapped[str]
    handler: Mapped[str]
    payload: Mapped[dict[str, Any]]
    priority: Mapped[int] = mapped_column(sa.SmallInteger, default=0)
    request_id: Mapped[str | None] = mapped_column(default=None)
    traceparent: Mapped[str | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    available_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    attempts: Mapped[int] = mapped_column(sa.Integer, default=0)
    error: Mapped[str | None] = mapped_column(default=None)
    done_at: Mapped[datetime | None] = mapped_column(default=None)
    dead_at: Mapped[datetime | None] = mapped_column(default=None)


def on(
    event: type[E], *, when: Callable[[E], bool] | None = None
) -> Callable[[Callable[[E], None]], Callable[[E], None]]:
    """Subscribe a handler: idempotent, no network, it runs in the drain's transaction.

    `when`: which events concern it, by their facts alone; the others leave no row.
    """

    def subscribe(handler: Callable[[E], None]) -> Callable[[E], None]:
        name = _name(handler)
        if when is None:
            _handlers[name] = (event.__name__, handler)
            return handler

        @wraps(handler)
        def concerned(event: E) -> None:  # a row may be older than the condition
            if when(event):
                handler(event)

        _handlers[name] = (event.__name__, concerned)
        _conditions[name] = when
        return concerned

    return subscribe


def _name(handler: Callable[[E], None]) -> str:
    return f"{handler.__module__}.{handler.__qualname__}"


def off(handler: Callable[[E], None]) -> None:
    """Forget a handler, in a process that is not to do its work (a measurement)."""
    _handlers.pop(_name(handler), None)


def handlers_of(event: str) -> list[str]:
    return [name for name, (of, _) in _handlers.items() if of == event]


def _concerned(event: Event) -> list[str]:
    """The handlers of an event that it is for."""
    return [name for name in handlers_of(type(event).__name__) if name not in _conditions or _conditions[name](event)]


@contextmanager
def background() -> Iterator[None]:
    """Within the block events wait behind everybody's: the demo's history must not delay a person's invoice."""
    token = _background.set(True)
    try:
        yield
    finally:
        _background.reset(token)


def emit(*events: Event, pause: timedelta = timedelta(), priority: int | None = None) -> None:
    """Announce events with the transaction that made them true; the doorbell rings after its commit.

    With a `pause` their handlers wait that long. `priority`: `LONG_WORK` lets what people wait for go first.
    """
    now = clock.now()
    rows = [
        {
            "event": type(event).__name__,
            "handler": handler,
            "payload": event.payload(),
            "priority": priority if priority is not None else _BACKGROUND if _background.get() else 0,
            "request_id": telemetry.request_id(),
            "traceparent": tracing.carried(),
            "created_at": now,
            "available_at": now + pause,
            "attempts": 0,
        }
        for event in events
        for handler in _concerned(event)
    ]
    insert_rows({OutboxRow: rows})
    _count_when_committed(events)
    if rows and not pause and _doorbell is not None:
        after_commit(_doorbell)


@dataclass(eq=False)
class _Announced:
    """An after-commit hook that counts the events of one transaction."""

    names: list[str]

    def __call__(self) -> None:
        metrics.announced(self.names)


def _count_when_committed(events: tuple[Event, ...]) -> None:
    names = [type(event).__name__ for event in events]
    hooks = db.session().info.get("after_commit", [])
    waiting = next((hook for hook in hooks if isinstance(hook, _Announced)), None)
    if waiting is not None:
        waiting.names += names
    else:
        after_commit(_Announced(names))


_doorbell: Callable[[], None] | None = None


def set_doorbell(ring: Callable[[], None] | None) -> None:
    """What rings after a commit that announced something; `jobs` sets it, tests leave it out."""
    global _doorbell  # noqa: PLW0603 - one doorbell per process
    _doorbell = ring


def drain(*, limit: int = 1000, seconds: float = 45, before: int | None = None) -> int:
    """Do open rows one by one until none is due, `limit` were tried or `seconds` have passed; how many were done.

    `before`: only those that go before this priority.
    """
    tried = done = 0
    end = time.monotonic() + seconds
    while tried < limit and time.monotonic() < end:
        outcome = _do_next(before)
        if outcome is None:
            break
        tried += 1
        done += outcome
    return done


def let_others_through(seconds: float = 2) -> None:
    """Between the parts of a long piece of work: do what people wait for, for a moment, in transactions of its own."""
    if current_app.testing:
        return
    end = time.monotonic() + seconds
    with current_app.app_context():
        while drain(limit=1, before=LONG_WORK) and time.monotonic() < end:
            pass


def undo_the_future() -> int:
    """Rows written by a clock that was ahead would wait until the time it told: they are due now; how many.

    What was put off keeps its pause. The database's own clock is the judge.
    """
    now = sa.func.clock_timestamp()
    ahead = sa.update(OutboxRow).where(
        OutboxRow.done_at.is_(None), OutboxRow.dead_at.is_(None), OutboxRow.created_at > now + _AHEAD
    )
    late = ahead.values(created_at=now, available_at=now + (OutboxRow.available_at - OutboxRow.created_at))
    done = db.session.execute(late.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", done).rowcount


def pending() -> int:
    """How many rows are due now."""
    return db.session.scalar(sa.select(sa.func.count()).select_from(OutboxRow).where(*_due())) or 0


def _due() -> tuple[sa.ColumnElement[bool], ...]:
    return (
        OutboxRow.done_at.is_(None),
        OutboxRow.dead_at.is_(None),
        OutboxRow.available_at <= sa.func.clock_timestamp(),
    )


def _do_next(before: int | None) -> bool | None:
    """Claim and do one row: whether it succeeded; None when none is due. A failure is recorded."""
    claimed: _Claimed | None = None
    try:
        with transaction():
            row = db.session.scalars(
                sa.select(OutboxRow)
                .where(*_due(), *([] if before is None else [OutboxRow.priority < before]))
                .order_by(OutboxRow.priority, OutboxRow.id)
                .limit(1)
                .with_for_update(skip_locked=True)
            ).one_or_none()
            if row is None:
                return None
            claimed = _Claimed(row)
            # What follows from a background event stays in the background.
            with claimed.doing(), background() if row.priority == _BACKGROUND else nullcontext():
                _, handler = _handlers[row.handler]
                handler(Event.registry[row.event].load(row.payload))
                row.done_at = clock.now()
                row.attempts += 1
                row.error = None
                db.session.flush()
    except Exception as error:
        if claimed is None:
            raise  # the database itself: the caller's business
        claimed.tell(error)
        # Its connection was cut: mostly no fault of the handler, so that it need not wait long.
        cut = isinstance(error, DBAPIError) and error.connection_invalidated
        _record_failure(claimed.id, traceback.format_exc(limit=-6), _FIRST_PAUSE / 20 if cut else _FIRST_PAUSE)
        return False
    claimed.tell()
    return True


class _Claimed:
    """A row that is being done, for the log and /metrics: its row object is of no use after a failure."""

    def __init__(self, row: OutboxRow) -> None:
        self.id, self.handler, self.request_id = row.id, row.handler, row.request_id
        self.traceparent = row.traceparent
        self.due_at = row.available_at if row.priority < LONG_WORK else None  # else nobody waits for it
        self.work = telemetry.Work()

    @contextmanager
    def doing(self) -> Iterator[None]:
        """The block is its work, under the id of the request that caused it."""
        with (
            telemetry.within(self.request_id) as self.work,
            tracing.outbox_row(self.handler, self.id, self.traceparent),
        ):
            yield

    def tell(self, error: Exception | None = None) -> None:
        """What became of it, after its transaction."""
        result = "failed" if error else "done"
        wait = None if error or self.due_at is None else max(0.0, (clock.now() - self.due_at).total_seconds())
        facts = {"row": self.id, "handler": self.handler, "result": result, **self.work.facts()}
        with telemetry.within(self.request_id):
            if error:
                log.error("outbox row %s failed", self.id, extra={"facts": facts}, exc_info=error)
            else:
                log.info("outbox row", extra={"facts": facts})
        metrics.outbox_row_done(self.handler, result, self.work.seconds, wait)


def _record_failure(row_id: int, error: str, pause: timedelta) -> None:
    with transaction():
        row = db.session.get(OutboxRow, row_id, with_for_update=True)
        if row is None or row.done_at is not None:
            return
        row.attempts += 1
        row.error = error[-4000:]
        row.available_at = clock.now() + pause * 2 ** (row.attempts - 1)
        if row.attempts >= MAX_ATTEMPTS:
            row.dead_at = clock.now()


@dataclass(frozen=True)
class OutboxState:
    """For the jobs page and /readyz: what is due, how long people (not the background) wait, what failed for good."""

    waiting: int
    oldest_seconds: float
    dead: int


def state() -> OutboxState:
    open_rows = sa.and_(OutboxRow.done_at.is_(None), OutboxRow.dead_at.is_(None))
    waiting, oldest, dead = db.session.execute(
        sa.select(
            sa.func.count().filter(open_rows, OutboxRow.available_at <= sa.func.clock_timestamp()),
            sa.func.extract(
                "epoch", sa.func.now() - sa.func.min(OutboxRow.available_at).filter(open_rows, OutboxRow.priority == 0)
            ),
            sa.func.count().filter(OutboxRow.dead_at.is_not(None)),
        ).where(OutboxRow.done_at.is_(None))
    ).one()
    return OutboxState(waiting, max(0.0, float(oldest or 0)), dead)


def dead_letters(limit: int = 100) -> list[OutboxRow]:
    """What failed for good, newest first."""
    return list(
        db.session.scalars(
            sa.select(OutboxRow)
            .where(OutboxRow.dead_at.is_not(None), OutboxRow.done_at.is_(None))
            .order_by(OutboxRow.dead_at.desc())
            .limit(limit)
        )
    )


def unfinished(event: type[Event]) -> list[OutboxRow]:
    """What still waits of `event`, and what of it failed for good; so that a sweep asks for nothing twice."""
    return list(
        db.session.scalars(
            sa.select(OutboxRow)
            .where(OutboxRow.event == event.__name__, OutboxRow.done_at.is_(None))
            .order_by(OutboxRow.id)
        )
    )


def restart(row_id: int) -> bool:
    """Give a dead letter another life; False when there is none by that id."""
    row = _dead(row_id)
    if row is None:
        return False
    _revive(row)
    return True


def restart_all() -> int:
    """Give all dead letters another life; how many."""
    rows = db.session.scalars(
        sa.select(OutboxRow)
        .where(OutboxRow.dead_at.is_not(None), OutboxRow.done_at.is_(None))
        .order_by(OutboxRow.id)
        .with_for_update()
    ).all()
    for row in rows:
        _revive(row)
    return len(rows)


def discard(row_id: int, reason: str) -> bool:
    """Give a dead letter up: it is done with, undone, and says why; False when there is none by that id."""
    row = _dead(row_id)
    if row is None:
        return False
    row.done_at = clock.now()
    row.error = f"{row.error or ''}\nDiscarded: {reason}".strip()
    return True


def _dead(row_id: int) -> OutboxRow | None:
    row = db.session.get(OutboxRow, row_id, with_for_update=True)
    return None if row is None or row.dead_at is None or row.done_at is not None else row


def _revive(row: OutboxRow) -> None:
    row.dead_at = None
    row.attempts = 0
    row.available_at = clock.now()
    if _doorbell is not None:
        after_commit(_doorbell)
