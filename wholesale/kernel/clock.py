"""The one place that tells the time (UTC), so that tests and the demo's history can set it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

_fixed: ContextVar[datetime | None] = ContextVar("fixed_now", default=None)


def now() -> datetime:
    """The current instant, aware, in UTC."""
    return _fixed.get() or datetime.now(UTC)


def today(zone: str) -> date:
    """The business date in `zone`: in Dhaka it begins at 18:00 UTC the day before."""
    return now().astimezone(ZoneInfo(zone)).date()


@contextmanager
def at(instant: datetime) -> Iterator[None]:
    """Let `now()` answer `instant` within the block; `instant` must be aware."""
    if instant.tzinfo is None:
        raise ValueError("The clock takes aware datetimes only.")
    token = _fixed.set(instant.astimezone(UTC))
    try:
        yield
    finally:
        _fixed.reset(token)
