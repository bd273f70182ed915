"""One place tells the time, and tests can set it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from wholesale.kernel import clock

EVENING = datetime(2026, 11, 21, 17, 59, 59, tzinfo=UTC)


def test_now_is_aware_and_in_utc() -> None:
    assert clock.now().tzinfo is UTC
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_the_day_in_dhaka_begins_at_six_in_the_evening_of_greenwich() -> None:
    with clock.at(EVENING):
        assert clock.today("Asia/Dhaka") == date(2026, 11, 21)
    with clock.at(EVENING + timedelta(seconds=1)):
        assert clock.today("Asia/Dhaka") == date(2026, 11, 22)
        assert clock.today("Africa/Nairobi") == date(2026, 11, 21)


def test_it_can_be_set_within_a_block_and_goes_on_afterwards() -> None:
    with clock.at(EVENING):
        assert clock.now() == EVENING
        with clock.at(EVENING + timedelta(days=1)):
            assert clock.now() == EVENING + timedelta(days=1)
        assert clock.now() == EVENING
    assert clock.now() != EVENING


def test_another_zone_is_brought_to_utc() -> None:
    dhaka = timezone(timedelta(hours=6))
    with clock.at(datetime(2026, 11, 22, 0, 0, tzinfo=dhaka)):
        assert clock.now() == datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
        assert clock.now().tzinfo is UTC


def test_it_goes_on_after_an_error() -> None:
    with pytest.raises(RuntimeError), clock.at(EVENING):
        raise RuntimeError
    assert clock.now() != EVENING


def test_takes_no_time_without_a_zone() -> None:
    with pytest.raises(ValueError, match="aware"), clock.at(datetime(2026, 1, 1)):  # noqa: DTZ001 - that is the point
        pass
