"""The forecast of one series: its method chosen by a rolling backtest, twelve weeks with a range, and its error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from math import sqrt
from statistics import NormalDist

from wholesale.forecasts.rules import methods
from wholesale.forecasts.rules.methods import Levels

WEEKS = 12
ENOUGH = 12
"""Weeks of history with which a series speaks for itself."""
LOWER, UPPER = 0.1, 0.9
"""The range encloses four of five outcomes."""

COMBINED, NOTHING, POOLED = "combined", "nothing", "pooled"
_TOTAL = 4  # weeks: what a choice is judged by
_FIRST = 3  # the first week after which anything is judged
_FEW = 8  # origins: with so many the choice has half its weight
_EAGER = 4  # a method that is better by a quarter is believed wholly, given enough weeks
_NAMED = 0.25
_FEWEST_RESIDUALS = 8
_MOST = 10_000_000_000.0
_HIGHEST_ERROR = Decimal(9999)
_STEP = Decimal("0.001")
_Z = NormalDist().inv_cdf(UPPER)


@dataclass(frozen=True, slots=True)
class Made:
    """A forecast: pieces in each of twelve weeks with a range, and how good such forecasts have been.

    `spread`: the standard deviation of a week's error. `error` and `naive_error`: the sum of what four weeks' totals
    were missed by, over what was ordered in them; None where too little was. `weeks`: from the first order
    on, or since it is offered when there was none.
    """

    method: str
    weekly: tuple[Decimal, ...]
    low: tuple[Decimal, ...]
    high: tuple[Decimal, ...]
    spread: Decimal
    error: Decimal | None
    naive_error: Decimal | None
    weeks: int
    pooled: bool = False

    @property
    def mean(self) -> Decimal:
        return (sum(self.weekly, Decimal(0)) / len(self.weekly)).quantize(_STEP)

    @property
    def speaks_for_itself(self) -> bool:
        """Whether its history is long enough to need nobody else's."""
        return self.weeks >= ENOUGH


@dataclass(frozen=True, slots=True)
class Choice:
    """What is expected after each week of a series by the chosen method, the last one being the forecast.

    `combined`: the same by all of them together, before any was chosen.
    """

    method: str
    levels: Levels
    combined: Levels

    @property
    def level(self) -> float:
        return self.levels[-1]


def trimmed(series: Sequence[int]) -> Sequence[int]:
    """From the first week with an order on: before it nobody knew of the goods."""
    return next((series[index:] for index, value in enumerate(series) if value > 0), ())


def choose(series: Sequence[int]) -> Choice:
    """The method that would have been best, mixed with the combination of all.

    At every week each method forecast the total of the four after it. The best of them moves the combination towards
    itself, the further the better it was and the more often that could be seen: with few weeks the best is the one
    that was lucky.
    """
    by_method = methods.every(series)
    combined = by_method[COMBINED]
    origins = max(0, len(series) - _TOTAL - _FIRST)
    if not origins:
        return Choice(COMBINED, combined, combined)
    wrong = missed(series, by_method)
    best = min(by_method, key=lambda name: (wrong[name], name != COMBINED))
    if best == COMBINED or not wrong[COMBINED]:
        return Choice(COMBINED, combined, combined)
    better = min(1.0, _EAGER * (1 - wrong[best] / wrong[COMBINED]))
    weight = better * origins / (origins + _FEW)
    levels = [mine + weight * (its - mine) for mine, its in zip(combined, by_method[best], strict=True)]
    return Choice(best if weight >= _NAMED else COMBINED, levels, combined)


def missed(series: Sequence[int], levels: Mapping[str, Levels]) -> dict[str, float]:
    """By how many pieces each missed the totals of four weeks, over all weeks after which four more are known."""
    until = [0, *accumulate(series)]
    totals = [until[week + 1 + _TOTAL] - until[week + 1] for week in range(_FIRST, len(series) - _TOTAL)]
    return {
        name: sum(
            abs(_TOTAL * level - total)
            for level, total in zip(each[_FIRST : _FIRST + len(totals)], totals, strict=True)
        )
        for name, each in levels.items()
    }


def make(history: Sequence[int], *, listed_weeks: int = 0) -> Made:
    """The forecast of a series of weekly pieces, oldest first; of nothing it is nothing."""
    series = trimmed(history)
    if not series:
        none = (Decimal(0),) * WEEKS
        return Made(NOTHING, none, none, none, Decimal(0), None, None, max(0, listed_weeks))
    chosen = choose(series)
    low, high = _range(series, chosen)
    error, naive_error = _errors(series, chosen) if len(series) >= ENOUGH else (None, None)
    weekly = pieces(chosen.level)
    return Made(
        method=chosen.method,
        weekly=(weekly,) * WEEKS,
        low=tuple(min(weekly, pieces(value)) for value in low),
        high=tuple(max(weekly, pieces(value)) for value in high),
        spread=pieces(_spread(series, chosen)),
        error=error,
        naive_error=naive_error,
        weeks=len(series),
    )


def pieces(value: float) -> Decimal:
    """As it is kept: never below nothing, to three decimals."""
    return Decimal(repr(round(min(max(0.0, value), _MOST), 3))).quantize(_STEP)


def _errors(series: Sequence[int], chosen: Choice) -> tuple[Decimal | None, Decimal | None]:
    # Of the combination: what was chosen was chosen knowing these weeks, and would look better than it was.
    ordered = sum(sum(series[week + 1 : week + 1 + _TOTAL]) for week in range(_FIRST, len(series) - _TOTAL))
    if not ordered:
        return None, None
    wrong = missed(series, {"ours": chosen.combined, "naive": methods.naive(series)})
    return _share(wrong["ours"] / ordered), _share(wrong["naive"] / ordered)


def _share(value: float) -> Decimal:
    return min(Decimal(repr(round(value, 4))).quantize(Decimal("0.0001")), _HIGHEST_ERROR)


def _range(series: Sequence[int], chosen: Choice) -> tuple[list[float], list[float]]:
    """The range of each week ahead: the quantiles of what that week was wrong by whenever it was so far ahead.

    It never becomes narrower with the distance. Where too few weeks are known, the last that has enough of them stands
    for it; where none has, a normal distribution around the level whose variance is that of a Poisson process or what
    was seen, whichever is more.
    """
    level, levels = chosen.level, chosen.levels
    low: list[float] = []
    high: list[float] = []
    below = above = 0.0
    for ahead in range(1, WEEKS + 1):
        off = sorted(series[week + ahead] - levels[week] for week in range(_FIRST - 1, len(series) - ahead))
        if len(off) >= _FEWEST_RESIDUALS:
            below, above = max(below, -_quantile(off, LOWER)), max(above, _quantile(off, UPPER))
        elif ahead == 1:
            wide = _Z * sqrt(max(level, _spread(series, chosen) ** 2))
            below = above = wide if any(value != series[0] for value in series) or len(series) < _FIRST else 0.0
        low.append(max(0.0, level - below))
        high.append(level + above)
    return low, high


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Between the two nearest, as most statistics programs do it (Hyndman and Fan 1996, type 7)."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _spread(series: Sequence[int], chosen: Choice) -> float:
    """The standard deviation of a week's error: of single weeks, or of four weeks' totals where that is more, since
    levels that were wrong stay wrong for a while. Of calmed weeks: nobody keeps stock for what happened once.
    """
    calm, levels = methods.calmed(series), chosen.levels
    singles = [calm[week + 1] - levels[week] for week in range(_FIRST - 1, len(calm) - 1)]
    if not singles:
        return sqrt(chosen.level)
    weekly = sqrt(sum(off * off for off in singles) / len(singles))
    until = [0.0, *accumulate(calm)]
    totals = [
        until[week + 1 + _TOTAL] - until[week + 1] - _TOTAL * levels[week] for week in range(_FIRST, len(calm) - _TOTAL)
    ]
    if not totals:
        return weekly
    # Of independent weeks the deviation of a total grows with the root of their number.
    together = sqrt(sum(off * off for off in totals) / len(totals) / _TOTAL)
    return max(weekly, together)
