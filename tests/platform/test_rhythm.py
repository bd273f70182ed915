"""When jobs are due: every instant is in one period, every period comes once, whatever is done to the clock."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from wholesale.platform.rhythm import Periodic, Progress

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


# --- wherever, whenever ---------------------------------------------------------------------------------------

# Zones with summer time of an hour and of half an hour, one that changed at a minute past midnight (so that the face
# of the clock showed yesterday again), one that left a day out, one whose gap is at midnight, one that changed once.
ZONES = (
    "Europe/London", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo", "Asia/Dhaka",
    "Africa/Cairo", "Asia/Kathmandu", "UTC",
)  # fmt: skip
INSTANTS = st.datetimes(datetime(2005, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - given UTC
TIMES = st.builds(time, st.integers(0, 23), st.sampled_from((0, 1, 15, 30, 59)))


def nothing() -> str:
    return ""


def jobs_at(at: time) -> list[Periodic]:
    return [
        Periodic("daily", nothing, daily_at=at),
        *(Periodic("weekly", nothing, daily_at=at, weekday=weekday) for weekday in (0, 4, 5, 6)),
        *(Periodic("monthly", nothing, daily_at=at, monthly_on=day) for day in (1, 15, 29, 30, 31)),
        *(Periodic("often", nothing, every=timedelta(minutes=minutes)) for minutes in (1, 7, 60, 1440)),
    ]


@settings(max_examples=300, deadline=None)
@given(now=INSTANTS, later=st.timedeltas(timedelta(), timedelta(days=40)), at=TIMES, zone=st.sampled_from(ZONES))
def test_every_instant_is_in_one_period(now: datetime, later: timedelta, at: time, zone: str) -> None:
    for job in jobs_at(at):
        period, following = job.period(now, zone), job.next_period(now, zone)
        assert period <= now < following
        assert job.period(period, zone) == period, "the moment at which it is due is its own period"
        assert job.next_period(period, zone) == following, "there is nothing between the two"
        assert job.period(following, zone) == following
        assert job.period(following - timedelta(microseconds=1), zone) == period
        assert job.period(now + later, zone) >= period, "time that goes on never goes back to an earlier period"


def walk(job: Periodic, zone: str, first: str, last: str) -> list[datetime]:
    """All periods that begin between two days, one after the other."""
    found, end = [job.next_period(utc(first), zone)], utc(last)
    while found[-1] < end:
        found.append(job.next_period(found[-1], zone))
    return found[:-1]


@pytest.mark.parametrize("at", [time(0, 0), time(0, 1), time(0, 30), time(2, 0), time(2, 30), time(9, 0), time(23, 30)])
@pytest.mark.parametrize("zone", ZONES)
def test_each_day_of_twenty_years_comes_once(zone: str, at: time) -> None:
    place = ZoneInfo(zone)
    dues = walk(Periodic("daily", nothing, daily_at=at), zone, "2006-01-01", "2026-01-01")
    days = (dues[-1].astimezone(place).date() - dues[0].astimezone(place).date()).days + 1
    left_out = 1 if zone == "Pacific/Apia" else 0
    assert len(dues) == days - left_out
    told = [due.astimezone(place) for due in dues]
    odd = [due for due in told if (due.hour, due.minute) != (at.hour, at.minute)]
    assert len(odd) <= 25, "only where the clock leaps over that time, once a year at the most"
    assert all(timedelta() < due.replace(tzinfo=None) - datetime.combine(due, at) <= timedelta(hours=1) for due in odd
               if due.date() == (due - timedelta(hours=1)).date())  # fmt: skip


@pytest.mark.parametrize("zone", ZONES)
def test_each_month_comes_once(zone: str) -> None:
    place = ZoneInfo(zone)
    for on in (1, 28, 29, 30, 31):
        dues = walk(Periodic("monthly", nothing, daily_at=time(6, 0), monthly_on=on), zone, "2006-01-10", "2026-01-10")
        told = [due.astimezone(place) for due in dues]
        months = [due.year * 12 + due.month for due in told]
        assert months == list(range(months[0], months[0] + 240))
        for due in told:
            last = monthrange(due.year, due.month)[1]
            left_out = (zone, f"{due:%Y-%m}") == ("Pacific/Apia", "2011-12") and on == 30
            assert due.day == (31 if left_out else min(on, last))


FIRST_AT_SIX = Periodic("forecast", nothing, daily_at=time(6, 0), monthly_on=1)


@pytest.mark.parametrize(
    ("now", "due", "following"),
    [
        # 06:00 in Dhaka is 00:00 UTC.
        ("2026-11-30 23:59:59", "2026-11-01 00:00", "2026-12-01 00:00"),
        ("2026-12-01 00:00:00", "2026-12-01 00:00", "2027-01-01 00:00"),
        ("2028-02-29 12:00:00", "2028-02-01 00:00", "2028-03-01 00:00"),
    ],
)
def test_monthly_in_dhaka(now: str, due: str, following: str) -> None:
    assert FIRST_AT_SIX.period(utc(now), "Asia/Dhaka") == utc(due)
    assert FIRST_AT_SIX.next_period(utc(now), "Asia/Dhaka") == utc(following)
    assert FIRST_AT_SIX.rhythm == "monthly on 1 at 06:00"


def test_the_last_day_where_a_month_is_shorter() -> None:
    job = Periodic("ends", nothing, daily_at=time(12, 0), monthly_on=31)
    dues = walk(job, "UTC", "2027-12-31 13:00", "2028-05-01")
    assert [due.day for due in dues] == [31, 29, 31, 30]


@pytest.mark.parametrize(
    ("zone", "at", "now", "due", "following"),
    [
        # London, spring: 01:30 is leapt over; autumn: the first of two.
        ("Europe/London", "01:30", "2027-03-28 00:59", "2027-03-27 01:30", "2027-03-28 01:30"),
        ("Europe/London", "01:30", "2027-10-31 00:45", "2027-10-31 00:30", "2027-11-01 01:30"),
        ("Europe/London", "01:30", "2027-10-31 01:45", "2027-10-31 00:30", "2027-11-01 01:30"),
        # Lord Howe changes by half an hour: 02:15 does not exist on 4 October 2026 and is done at 02:45.
        ("Australia/Lord_Howe", "02:15", "2026-10-03 15:44", "2026-10-02 15:45", "2026-10-03 15:45"),
        ("Australia/Lord_Howe", "01:45", "2027-04-03 15:10", "2027-04-03 14:45", "2027-04-04 15:15"),
        # St John's in 2010, at 00:01 on the 7th, showed 23:01 of the 6th again: midnight had been, and comes no more.
        ("America/St_Johns", "00:00", "2010-11-07 02:30", "2010-11-07 02:30", "2010-11-08 03:30"),
        ("America/St_Johns", "00:00", "2010-11-07 03:00", "2010-11-07 02:30", "2010-11-08 03:30"),
        ("America/St_Johns", "23:30", "2010-11-07 03:00", "2010-11-07 02:00", "2010-11-08 03:00"),
        # Samoa had no 30 December 2011: that day's and the next one's are one.
        ("Pacific/Apia", "02:00", "2011-12-30 10:30", "2011-12-29 12:00", "2011-12-30 12:00"),
        ("Pacific/Apia", "02:00", "2011-12-30 12:00", "2011-12-30 12:00", "2011-12-31 12:00"),
        # Dhaka in 2009: 19 June had no last hour, and 31 December had it twice.
        ("Asia/Dhaka", "23:30", "2009-06-19 17:29", "2009-06-18 17:30", "2009-06-19 17:30"),
        ("Asia/Dhaka", "23:30", "2009-06-19 17:30", "2009-06-19 17:30", "2009-06-20 16:30"),
        ("Asia/Dhaka", "23:30", "2009-12-31 17:45", "2009-12-31 16:30", "2010-01-01 17:30"),
    ],
)
def test_odd_days(zone: str, at: str, now: str, due: str, following: str) -> None:
    job = Periodic("daily", nothing, daily_at=time.fromisoformat(at))
    assert job.period(utc(now), zone) == utc(due)
    assert job.next_period(utc(now), zone) == utc(following)


def test_fridays_where_a_friday_was_left_out() -> None:
    job = Periodic("fridays", nothing, daily_at=time(8, 0), weekday=4)
    dues = [due.astimezone(ZoneInfo("Pacific/Apia")) for due in walk(job, "Pacific/Apia", "2011-12-17", "2012-01-15")]
    assert [f"{due:%a %d %b}" for due in dues] == ["Fri 23 Dec", "Sat 31 Dec", "Fri 06 Jan", "Fri 13 Jan"]


@pytest.mark.parametrize(
    ("rhythm", "grace"),
    [
        ({"every": timedelta(minutes=1)}, timedelta(minutes=10)),
        ({"every": timedelta(minutes=30)}, timedelta(minutes=30)),
        ({"every": timedelta(hours=1)}, timedelta(hours=1)),
        ({"daily_at": time(9, 0)}, timedelta(hours=1)),
        ({"daily_at": time(9, 0), "monthly_on": 1}, timedelta(hours=1)),
    ],
)
def test_how_late_it_may_be(rhythm: dict[str, Any], grace: timedelta) -> None:
    assert Periodic("job", nothing, **rhythm).grace == grace


@pytest.mark.parametrize(
    "nonsense",
    [
        {},
        {"every": timedelta(hours=1), "daily_at": time(9, 0)},
        {"every": timedelta()},
        {"every": timedelta(hours=1), "weekday": 0},
        {"every": timedelta(hours=1), "monthly_on": 1},
        {"weekday": 0},
        {"daily_at": time(9, 0), "weekday": 7},
        {"daily_at": time(9, 0), "monthly_on": 0},
        {"daily_at": time(9, 0), "monthly_on": 32},
        {"daily_at": time(9, 0), "weekday": 0, "monthly_on": 1},
    ],
)
def test_a_job_without_sense_is_refused_where_it_is_written(nonsense: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^odd: "):
        Periodic("odd", nothing, **nonsense)


def test_only_what_takes_it_is_asked_how_far_it_is() -> None:
    def tells(progress: Progress | None = None) -> str:
        return str(progress)

    assert Periodic("tells", tells, every=timedelta(hours=1)).shows_progress
    assert not Periodic("silent", nothing, every=timedelta(hours=1)).shows_progress


def test_the_timetable_of_the_product(app: Flask) -> None:
    """What the specification names is there, each job says in a sentence what it does, under a heading."""
    table: dict[str, Periodic] = app.extensions["timetable"]
    assert table["stock-check"].rhythm == "daily at 09:00"
    assert table["weekly-reports"].rhythm == "Mondays at 08:00"
    assert [job.rhythm for job in table.values() if job.monthly_on == 1], "the forecast, on the first"
    for job in table.values():
        assert job.group, job.name
        assert job.about.endswith("."), job.name
