"""Signs of life: the scheduler and the worker say in the database that they are there, whatever Redis does."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.platform import metrics
from wholesale.platform.db import Base, db
from wholesale.platform.transaction import independent

SCHEDULER, WORKER = "scheduler", "worker"
EVERY = timedelta(seconds=10)
_SILENCE = timedelta(minutes=2)  # after one of this length a process has not been there all the time

_here: str | None = None
_here_since: datetime | None = None


class ProcessBeat(Base):
    """When a process (or one of several of its kind) last said that it lives, and since when without a silence."""

    __tablename__ = "process_beat"

    process: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    alive_at: Mapped[datetime]


def this_is(process: str) -> None:
    """Remember of which kind this process is; those that it forks are of the same."""
    global _here, _here_since
    _here, _here_since = process, clock.now()
    metrics.this_is(process)


def has_just_begun() -> bool:
    """Whether this process was started with the others a moment ago: it may not miss them yet."""
    return _here_since is not None and _here_since <= clock.now() < _here_since + _SILENCE


def beat() -> None:
    """Say that this process lives; nothing where it is neither worker nor scheduler."""
    if _here is not None:
        take_turn(_here, EVERY / 2)


def take_turn(what: str, every: timedelta) -> bool:
    """Whether `every` has passed since anybody's last turn; if so the turn is the caller's alone.

    A turn that lies in the future was taken by a clock that was ahead, and counts for nothing.
    """
    now = clock.now()
    new = insert(ProcessBeat).values(process=what, since=now, alive_at=now)
    turn = new.on_conflict_do_update(
        index_elements=[ProcessBeat.process],
        set_={
            "alive_at": now,
            "since": sa.case(
                (ProcessBeat.alive_at.between(now - max(every, _SILENCE), now + EVERY), ProcessBeat.since), else_=now
            ),
        },
        where=sa.or_(ProcessBeat.alive_at <= now - every, ProcessBeat.alive_at > now + EVERY),
    ).returning(ProcessBeat.process)
    with independent() as session:
        return session.execute(turn).one_or_none() is not None


def beats() -> dict[str, tuple[datetime, datetime]]:
    """Of each process that ever lived: since when, and when it last said so."""
    rows = db.session.execute(sa.select(ProcessBeat.process, ProcessBeat.since, ProcessBeat.alive_at))
    return {process: (since, alive_at) for process, since, alive_at in rows}
