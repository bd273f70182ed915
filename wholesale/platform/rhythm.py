"""When a job of the timetable is due. Pure: an instant and a zone go in, an instant comes out.

A *period* is named by the instant at which it was due (UTC). Local times are the platform zone's: one that the
clock leaps over is done as much later as the leap is wide, of one that comes twice the first counts, and a day that
a zone leaves out (Samoa, 30 December 2011) is done with the next one.
"""

from __future__ import annotations

import inspect
from bisect import bisect_right
from calendar import day_name, monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from functools import cached_property
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_LONGEST_MONTH = 31
_LEAST_GRACE, _MOST_GRACE = timedelta(minutes=10), timedelta(hours=1)

Progress = Callable[[int, int], None]
"""What a long job calls now and then: so many are done, of so many in all."""


@dataclass(frozen=True)
class Periodic:
    """A job of the timetable: every so often, or at a time of day in the platform's zone.

    At `daily_at` each day, or only on that `weekday` (0: Monday), or only on that day of the month (`monthly_on`;
    where a month is shorter, on its last day). `work` returns one line that says what it did; it must bear to run
    twice. If it takes an argument `progress`, it may call it with what is done and how much there is in all.

    `about` says for people what it does, in one sentence; `group` is the heading under which it stands.
    """

    name: str
    work: Callable[..., str]
    every: timedelta | None = None
    daily_at: time_of_day | None = None
    weekday: int | None = None
    monthly_on: int | None = None
    about: str = ""
    group: str = ""

    def __post_init__(self) -> None:
        if (self.every is None) == (self.daily_at is None):
            raise ValueError(f"{self.name}: either every so often, or at a time of day")
        if self.every is not None and (self.every <= timedelta() or self.weekday is not None or self.monthly_on):
            raise ValueError(f"{self.name}: every so often, whatever the day is")
        if self.weekday is not None and (self.monthly_on is not None or self.weekday not in range(7)):
            raise ValueError(f"{self.name}: a weekday is 0 (Monday) to 6, and has no day of the month")
        if self.monthly_on is not None and self.monthly_on not in range(1, _LONGEST_MONTH + 1):
            raise ValueError(f"{self.name}: a day of the month is 1 to 31")

    def period(self, now: datetime, zone: str) -> datetime:
        """The instant at which the current period was due (UTC): never later than `now`."""
        if self.every is not None:
            return _EPOCH + (now - _EPOCH) // self.every * self.every
        dues = self._around(now, zone)
        return dues[bisect_right(dues, now) - 1]

    def next_period(self, now: datetime, zone: str) -> datetime:
        """The instant at which the period after the current one is due (UTC): always later than `now`."""
        if self.every is not None:
            return self.period(now, zone) + self.every
        dues = self._around(now, zone)
        return dues[bisect_right(dues, now)]

    def _around(self, now: datetime, zone: str) -> list[datetime]:
        """The dues of two periods before and after that of `now`, in order.

        Compared in UTC: two local times of one zone compare by the face of the clock, which lies twice a year. A
        whole window of them, because the face may show yesterday's date after it has shown today's.
        """
        assert self.daily_at is not None, "asked of what has a time of day"
        place, at = ZoneInfo(zone), self.daily_at
        days = self._days(now.astimezone(place).date())
        return sorted({datetime.combine(day, at, place).astimezone(UTC) for day in days})

    def _days(self, today: date) -> list[date]:
        if self.monthly_on is not None:
            months = [divmod(today.year * 12 + today.month - 1 + shift, 12) for shift in range(-2, 3)]
            return [
                date(year, month + 1, min(self.monthly_on, monthrange(year, month + 1)[1])) for year, month in months
            ]
        if self.weekday is not None:
            latest = today - (today.weekday() - self.weekday) % 7 * _DAY
            return [latest + weeks * 7 * _DAY for weeks in range(-2, 3)]
        return [today + days * _DAY for days in range(-2, 3)]

    @property
    def length(self) -> timedelta:
        """How long a period is at the longest, but for the days on which the clock is changed."""
        if self.every is not None:
            return self.every
        return (_LONGEST_MONTH if self.monthly_on is not None else 7 if self.weekday is not None else 1) * _DAY

    @property
    def grace(self) -> timedelta:
        """How late it may be before somebody is told: one more period, ten minutes at least, an hour at most."""
        return min(max(self.length, _LEAST_GRACE), _MOST_GRACE)

    @property
    def rhythm(self) -> str:
        """For people at a terminal, and the map."""
        if self.daily_at is None:
            return f"every {self.every}"
        at = f"at {self.daily_at:%H:%M}"
        if self.monthly_on is not None:
            return f"monthly on {self.monthly_on} {at}"
        return f"{'daily' if self.weekday is None else day_name[self.weekday] + 's'} {at}"

    @cached_property
    def shows_progress(self) -> bool:
        """Whether `work` tells how far it is."""
        return "progress" in inspect.signature(self.work).parameters
