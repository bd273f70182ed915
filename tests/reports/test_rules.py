"""Periods, what they are added up from, figures, pictures."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.kernel.money import Money
from wholesale.reports import chart, rules
from wholesale.reports.rules import Period, Platform

TODAY = date(2026, 11, 21)  # a Saturday
days = st.dates(date(2020, 1, 1), date(2032, 12, 31))


def period(first: str, last: str) -> Period:
    return Period(date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize(
    ("name", "now", "before"),
    [
        ("this_week", ("2026-11-16", "2026-11-21"), ("2026-11-09", "2026-11-14")),
        ("last_week", ("2026-11-09", "2026-11-15"), ("2026-11-02", "2026-11-08")),
        ("this_month", ("2026-11-01", "2026-11-21"), ("2026-10-01", "2026-10-21")),
        ("last_month", ("2026-10-01", "2026-10-31"), ("2026-09-01", "2026-09-30")),
        ("this_quarter", ("2026-10-01", "2026-11-21"), ("2026-07-01", "2026-08-21")),
        ("last_quarter", ("2026-07-01", "2026-09-30"), ("2026-04-01", "2026-06-30")),
        ("this_year", ("2026-01-01", "2026-11-21"), ("2025-01-01", "2025-11-21")),
        ("last_year", ("2025-01-01", "2025-12-31"), ("2024-01-01", "2024-12-31")),
    ],
)
def test_what_a_period_means_today(name, now, before) -> None:
    assert rules.asked(name, TODAY) == rules.Asked(period(*now), period(*before))


def test_a_month_is_not_compared_beyond_the_end_of_a_shorter_one() -> None:
    asked = rules.asked("this_month", date(2026, 3, 31))
    assert asked.before == period("2026-02-01", "2026-02-28")


def test_days_are_compared_with_as_many_right_before() -> None:
    asked = rules.asked("days", TODAY, first=date(2026, 11, 10), last=date(2026, 11, 12))
    assert asked == rules.Asked(period("2026-11-10", "2026-11-12"), period("2026-11-07", "2026-11-09"))


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [
        (None, TODAY, "since"),
        (TODAY, None, "until"),
        (TODAY, TODAY - timedelta(days=1), "until"),
        (date(2000, 1, 1), TODAY, "since"),
        (date(1, 1, 1), date(1, 1, 2), "since"),
    ],
)
def test_days_that_make_no_period(first, last, field) -> None:
    with pytest.raises(DomainError) as refused:
        rules.asked("days", TODAY, first=first, last=last)
    assert refused.value.field == field


@given(days, st.integers(0, 1500))
def test_months_and_days_are_each_day_of_the_period_once(first, length) -> None:
    whole = Period(first, first + timedelta(days=length))
    made = rules.pieces(whole)
    seen = [each.first + timedelta(days=n) for each in made.days for n in range(each.days)]
    if made.months:
        month = made.months.first
        while month <= made.months.last:
            full = rules.month(month)
            seen += [full.first + timedelta(days=n) for n in range(full.days)]
            month = full.last + timedelta(days=1)
    assert sorted(seen) == [whole.first + timedelta(days=n) for n in range(whole.days)]
    assert sum(each.days for each in made.days) <= 60


@given(days, st.integers(0, 800), st.sampled_from(rules.STEPS))
def test_buckets_are_the_period(first, length, step) -> None:
    whole = Period(first, first + timedelta(days=length))
    made = list(rules.buckets(whole, step))
    assert (made[0].first, made[-1].last) == (whole.first, whole.last)
    assert all(a.last + timedelta(days=1) == b.first for a, b in itertools.pairwise(made))
    if step == "week":
        assert all(each.first.weekday() == 0 for each in made[1:])


def test_a_week_by_its_name() -> None:
    assert rules.week("2026-W46", TODAY) == period("2026-11-09", "2026-11-15")
    assert rules.week_name(period("2026-11-09", "2026-11-15")) == "2026-W46"
    assert rules.week_before(TODAY) == period("2026-11-09", "2026-11-15")
    for wrong in ("2026-W47", "2026-W54", "2026-46", "x", "2026-W4x", "", "2030-W01"):
        with pytest.raises(NotFoundError):
            rules.week(wrong, TODAY)


def bdt(amount: str) -> Money:
    return Money(Decimal(amount), "BDT")


def test_the_margin_of_example_2_and_the_commission_of_example_3() -> None:
    platform = Platform(
        fee=bdt("825"), commission=bdt("1080"), rest=bdt("3740"), goods=bdt("0"),
        shared_sales=bdt("13500"), commission_sales=bdt("13500"), cost=bdt("8000"),
    )  # fmt: skip
    assert platform.gross_profit == bdt("5500")
    assert platform.margin == Decimal("40.74")
    assert platform.commission_rate == Decimal("8.00")
    assert platform.earned == bdt("5645")


def test_without_sales_there_is_no_margin() -> None:
    nothing = bdt("0")
    platform = Platform(nothing, nothing, nothing, nothing, nothing, nothing, nothing)
    assert (platform.margin, platform.commission_rate) == (None, None)


@pytest.mark.parametrize(
    ("now", "before", "change"),
    [(110, 100, "10.0"), (90, 100, "-10.0"), (1, 3, "-66.7"), (0, 5, "-100.0"), (5, 0, None), (5, -5, None)],
)
def test_change(now, before, change) -> None:
    assert rules.change(now, before) == (None if change is None else Decimal(change))


@given(st.decimals(-(10**12), 10**12, places=4), st.integers(0, 2**63 - 1))
def test_a_cursor_comes_back_from_its_address(value, key) -> None:
    assert rules.cursor(str(rules.Cursor(value, key))) == rules.Cursor(value, key)


@pytest.mark.parametrize("text", ["", "~", "x~1", "1~x", "NaN~1", "Infinity~1", "1~-1", f"1~{2**63}", "1e999999999~1"])
def test_nonsense_is_no_cursor(text) -> None:
    assert rules.cursor(text) is None


@given(st.lists(st.decimals(-(10**9), 10**9, places=2), min_size=1, max_size=100))
def test_every_column_stands_inside_the_picture(values) -> None:
    made = chart.columns(values)
    if not any(values):
        assert made is None
        return
    for box, value in zip(made.boxes, values, strict=True):
        assert 0 <= box.x <= box.x + box.width <= chart.WIDTH
        assert box.y >= 0
        assert box.y + box.height <= chart.HEIGHT
        assert (box.height > 0) == (value != 0)


@given(st.lists(st.decimals(0, 10**9, places=2), min_size=1, max_size=20))
def test_every_bar_stands_inside_the_picture(values) -> None:
    made = chart.bars(values)
    if made is not None:
        assert all(0 < box.width <= chart.WIDTH and box.y + box.height <= made.height for box in made.boxes)
