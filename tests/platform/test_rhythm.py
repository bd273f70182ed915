"""When jobs are due: every instant is in one period, every period comes once, whatever is done to the clock."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import pytest

from wholesale.platform.rhythm import Periodic

HOURLY = Periodic("hourly", lambda: "done", every=timedelta(hours=1))
NIGHTLY = Periodic("nightly", lambda: "done", daily_at=time(2, 0))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


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
