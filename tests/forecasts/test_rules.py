"""Methods, their choice, ranges, pooling, and what follows for stock."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wholesale.forecasts.rules import choice, methods, pooling, stock
from wholesale.forecasts.rules.choice import WEEKS, make
from wholesale.forecasts.rules.outlook import Outlook, Word, from_now, monday, with_word
from wholesale.forecasts.rules.pooling import Pool

SERIES = st.lists(st.integers(0, 5000) | st.just(0), max_size=60)
D = Decimal


def outlook(weekly: int = 70, spread: int = 0, **more: object) -> Outlook:
    values: dict[str, object] = {
        "starts_on": date(2026, 11, 16),
        "weekly": (D(weekly),) * WEEKS,
        "low": (D(0),) * WEEKS,
        "high": (D(2 * weekly),) * WEEKS,
        "spread": D(spread),
        "method": "combined",
        "error": None,
        "naive_error": None,
        "weeks": 30,
        "pooled": False,
    }
    return Outlook(**(values | more))  # type: ignore[arg-type]


# --- the forecast of a series -----------------------------------------------------------------------------


@given(SERIES)
def test_whatever_was_ordered_the_range_encloses_the_forecast_and_nothing_is_below_nothing(series: list[int]) -> None:
    made = make(series)
    assert len(made.weekly) == len(made.low) == len(made.high) == WEEKS
    for low, expected, high in zip(made.low, made.weekly, made.high, strict=True):
        assert 0 <= low <= expected <= high
    assert list(made.high) == sorted(made.high), "farther ahead is never surer"
    assert list(made.low) == sorted(made.low, reverse=True)
    assert made.spread >= 0
    assert made.weekly[0] <= max(series, default=0)
    assert (made.error is None) == (made.naive_error is None)


@given(SERIES, st.sampled_from([2, 4, 64, 1024]))  # powers of two: what is calculated scales without rounding
def test_in_other_pieces_it_is_the_same_forecast(series: list[int], times: int) -> None:
    one, many = make(series), make([times * value for value in series])
    assert (many.method, many.error, many.naive_error, many.weeks) == (
        one.method,
        one.error,
        one.naive_error,
        one.weeks,
    )
    assert many.weekly[0] == pytest.approx(one.weekly[0] * times, abs=D(times) / 1000)


@given(st.integers(1, 10**7), st.integers(1, 60))
def test_what_is_always_the_same_is_forecast_exactly(value: int, weeks: int) -> None:
    made = make([value] * weeks)
    assert made.weekly == (value,) * WEEKS
    if weeks >= methods.MONTH:
        assert made.spread == 0
        assert made.low == made.high == made.weekly
    if weeks >= choice.ENOUGH:
        assert made.error == made.naive_error == 0


@pytest.mark.parametrize("series", [[], [0], [0] * 52])
def test_never_ordered(series: list[int]) -> None:
    made = make(series, listed_weeks=5)
    assert made.method == "nothing"
    assert made.weekly == made.low == made.high == (0,) * WEEKS
    assert (made.error, made.weeks) == (None, 5)
    assert not made.speaks_for_itself


def test_one_week_is_a_guess_with_a_range() -> None:
    made = make([0, 0, 0, 9])
    assert (made.weekly[0], made.weeks, made.error) == (9, 1, None)
    assert made.low[0] < 9 < made.high[0]


def test_absurdly_large_stays_within_the_tables() -> None:
    made = make([10**30, 1, 10**30, 0, 5] * 8)
    assert max(made.high) <= D(10) ** 10
    assert stock.reorder_level(made.weekly, made.spread, 100, D("0.99")) == stock.MOST


def test_what_is_not_asked_for_any_more_is_forgotten() -> None:
    assert make([50] * 20 + [0] * 20).weekly[0] < 1


def test_what_happened_once_hardly_counts_and_what_grows_does() -> None:
    usual = [10, 12, 9, 11] * 6
    assert make([*usual, 900]).weekly[0] < 14
    assert make([*usual, *([40] * 8)]).weekly[0] > 35


def test_calmed() -> None:
    assert methods.calmed([4, 4, 100, 4, 100, 100]) == [4, 4, 100, 4, 100, 100], "three weeks are needed to know"
    assert methods.calmed([4, 4, 4, 100, 100]) == [4, 4, 4, 6, 100]
    assert methods.calmed([0] * 8 + [7]) == [0] * 8 + [7], "after nothing anything is usual"


def test_means_and_smoothing_by_hand() -> None:
    assert methods.mean([2, 4, 6], 2) == [2, 3, 5]
    by_squares, by_sizes = methods.smoothings([10, 20])
    assert by_squares == by_sizes == [10, 15]
    assert methods.intermittent([6])[0] == 6
    assert methods.naive([1, 2]) == [1, 2]


def test_missed_is_counted_over_all_weeks_that_have_four_after_them() -> None:
    series = [5] * 4 + [10] * 4
    assert choice.missed(series, {"naive": methods.naive(series)}) == {"naive": abs(4 * 5 - 40)}
    assert choice.missed([5] * 7, {"naive": [5.0] * 7}) == {"naive": 0}


def test_the_better_method_draws_the_forecast_towards_itself() -> None:
    # Every fourth week 40: the mean of four is exactly right whenever it is asked.
    series = [0, 0, 0, 40] * 11
    chosen = choice.choose(series)
    assert chosen.method == "month_mean"
    assert chosen.level == pytest.approx(10, abs=1)
    assert make(series).error < make(series).naive_error  # type: ignore[operator]


def test_few_weeks_choose_nothing() -> None:
    assert choice.choose([1, 9, 2, 8, 3, 7]).method == "combined"


def test_a_history_begins_with_its_first_order() -> None:
    assert list(choice.trimmed([0, 0, 3, 0])) == [3, 0]
    assert make([0] * 30 + [4] * 13).weeks == 13


# --- pooling ----------------------------------------------------------------------------------------------


def test_a_new_product_is_taken_for_the_middle_one_until_it_speaks_for_itself() -> None:
    pool = Pool(D(20), D(5), 8)
    levels = [pooling.blended(make([100] * weeks), pool).weekly[0] for weeks in range(13)]
    assert levels[0] == 20
    assert levels == sorted(levels)
    assert levels[12] == 100
    made = pooling.blended(make([]), pool)
    assert (made.method, made.pooled) == ("pooled", True)
    assert made.low[0] < 20 < made.high[0]
    assert not pooling.blended(make([100] * 12), pool).pooled


def test_goods_that_nobody_wanted_for_months_are_not_new() -> None:
    assert pooling.blended(make([0] * 52, listed_weeks=12), Pool(D(20), D(5), 8)).weekly[0] == 0
    assert 0 < pooling.blended(make([], listed_weeks=6), Pool(D(20), D(5), 8)).weekly[0] < 20


def test_nothing_comparable() -> None:
    assert pooling.blended(make([]), None).method == "nothing"
    assert pooling.first_enough([None, Pool(D(1), D(1), 2), Pool(D(2), D(1), 3)]) == Pool(D(2), D(1), 3)
    assert pooling.first_enough([None, Pool(D(1), D(1), 2)]) is None


def test_a_pool_is_the_middle_one_and_how_much_they_differ() -> None:
    assert Pool.of([10.0, 10.0], 3.0, 5) == Pool(D("10.0"), D("3.0"), 5)
    assert Pool.of([10.0, 22.816], 0.0, 5).spread == pytest.approx(D(10), abs=D("0.01"))


# --- what follows for stock -------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "pieces"), [(0, 0), (-3, 0), (1, 10), (7, 70), (10, 100), (84, 840), (91, 910)])
def test_demand_over_days(days: int, pieces: int) -> None:
    assert outlook().demand(days) == pieces


def test_demand_goes_through_the_weeks_in_turn() -> None:
    weekly = (D(7), D(14), *(D(0),) * 10)
    assert stock.demand(weekly, 10) == 7 + 6
    assert stock.demand((), 10) == 0


def test_a_lead_time_that_varies() -> None:
    assert stock.lead(4) == stock.Lead(D(4), D(0))
    assert stock.lead((3, 5)).mean == 4
    assert stock.lead((5, 3)) == stock.lead((3, 5))
    assert round(stock.lead((3, 5)).deviation, 4) == D("0.5774")
    assert stock.lead(-5).mean == 0


@pytest.mark.parametrize(
    ("service", "factor"), [("0.5", "0"), ("0.9", "1.2816"), ("0.95", "1.6449"), ("0.99", "2.3263")]
)
def test_the_factor_of_a_service_level(service: str, factor: str) -> None:
    assert stock.factor(D(service)) == D(factor)


def test_safety_stock_by_hand() -> None:
    # Four weeks, a week's error 10: 1.6449 × √4 × 10.
    assert stock.safety_stock((D(70),) * WEEKS, D(10), stock.lead(28), D("0.95")) == D("32.898")
    # 10 a day, 3 to 5 days: 1.6449 × 10 × 2/√12, and nothing from the forecast's error.
    found = stock.safety_stock((D(70),) * WEEKS, D(0), stock.lead((3, 5)), D("0.95"))
    assert round(found, 2) == D("9.50")
    assert stock.safety_stock((D(70),) * WEEKS, D(10), stock.lead(0), D("0.95")) == 0


def test_level_and_quantity() -> None:
    sure = outlook()
    assert sure.level(4) == 40
    assert sure.level((3, 5)) == 50  # 40, and 9.5 for days that vary
    assert sure.quantity(4, 7, D("0.95"), available=15, on_order=0) == 95
    assert sure.quantity(4, 7, D("0.95"), available=15, on_order=90) == 5
    assert sure.quantity(4, 7, D("0.95"), available=500, on_order=0) == 0
    assert outlook(spread=14).level(28) == 280 + 47
    assert outlook(reorder_level=33).level(28) == 33
    assert outlook(0).level((3, 5)) == 0


@given(st.integers(0, 500), st.integers(0, 200), st.integers(0, 60), st.integers(0, 60), st.integers(0, 900))
def test_more_service_more_time_more_stock(weekly: int, spread: int, days: int, more: int, available: int) -> None:
    found = outlook(weekly, spread)
    assert found.level(days, D("0.9")) <= found.level(days, D("0.99")) <= found.level(days + more, D("0.99"))
    assert found.level((days, days)) <= found.level((days, days + 2 * more))
    wanted = found.quantity(days, 7, D("0.95"), available, 0)
    assert wanted >= 0
    assert wanted + available >= found.level(days, D("0.95"))


# --- this week on, and somebody's word --------------------------------------------------------------------


def test_from_this_week_on() -> None:
    values = [D(week) for week in range(WEEKS)]
    start = date(2026, 11, 2)
    assert from_now(values, start, start) == tuple(values)
    assert from_now(values, start, start - timedelta(days=30)) == tuple(values)
    assert from_now(values, start, date(2026, 11, 15)) == (*values[1:], 11)
    assert from_now(values, start, date(2028, 1, 1)) == (11,) * WEEKS
    assert from_now([], start, start) == (0,) * WEEKS


def test_monday() -> None:
    assert monday(date(2026, 11, 22)) == monday(date(2026, 11, 16)) == date(2026, 11, 16)


def test_a_word_holds_until_its_day_and_keeps_the_range_as_wide() -> None:
    start = date(2026, 11, 16)
    weeks = (D(20),) * 3, (D(5),) * 3, (D(50),) * 3
    said = with_word(*weeks, Word(10, None, start + timedelta(days=7)), start)
    assert said == ((10, 10, 20), (0, 0, 5), (40, 40, 50))
    assert with_word(*weeks, Word(None, 3, start), start) == weeks
