"""Simple methods of forecasting, each as the level that it expects from every week on, knowing what came before.

A level is pieces a week, the same for all weeks to come: in series as short and as broken as those of shops nobody has
shown more to be there for one item (Makridakis, Spiliotis and Assimakopoulos, "The M5 accuracy competition", 2022).
What is known after a week never changes later, so one pass through a series is its rolling backtest as well.

Each sees `calmed` weeks. Of one item's weeks, one order of a hundred times the usual tells next to nothing about the
next week, and would be in the mean for a quarter of a year.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Levels = list[float]

MONTH, SHORT = 4, 8  # weeks
_ALPHAS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
_SIZE_ALPHA = _CHANCE_ALPHA = 0.2
_CALM_WEEKS, _FEWEST, _HALF_AS_MUCH_AGAIN = 8, 3, 1.5


def calmed(series: Sequence[float]) -> list[float]:
    """Each week counts up to half as much again as the highest of the eight before it.

    What grows is let through a week later; what happened once is cut for good. The limits are no fine tuning: once,
    half as much again and twice, of eight or of thirteen weeks, were each better than none at five ends of the real
    year, and about as good as each other.
    """
    found = []
    for index, value in enumerate(series):
        before = series[max(0, index - _CALM_WEEKS) : index]
        most = max(before) * _HALF_AS_MUCH_AGAIN if len(before) >= _FEWEST else 0
        found.append(float(min(value, most)) if most > 0 else float(value))
    return found


def naive(series: Sequence[float]) -> Levels:
    """What came last comes again: what every other method is measured by."""
    return [float(value) for value in series]


def mean(series: Sequence[float], weeks: int) -> Levels:
    """The mean of so many weeks, or of as many as there are."""
    found = []
    for index in range(len(series)):
        some = series[max(0, index + 1 - weeks) : index + 1]
        found.append(sum(some) / len(some))
    return found


def smoothings(series: Sequence[float]) -> tuple[Levels, Levels]:
    """Simple exponential smoothing (Brown 1956): each week corrects the level by a part of what it was wrong by.

    That part is of a few the one whose errors have been the least so far: the first answer by their squares, the
    second by their sizes, which rare large orders sway less. The first weeks are their mean.
    """
    at = [0.0] * len(_ALPHAS)
    squares, sizes = [0.0] * len(_ALPHAS), [0.0] * len(_ALPHAS)
    parts = list(enumerate(_ALPHAS))
    by_squares: Levels = []
    by_sizes: Levels = []
    for week, value in enumerate(series):
        least = 1 / (week + 1)
        for index, alpha in parts:
            off = value - at[index]
            if week:
                squares[index] += off * off
                sizes[index] += abs(off)
            at[index] += max(alpha, least) * off
        by_squares.append(at[squares.index(min(squares))])
        by_sizes.append(at[sizes.index(min(sizes))])
    return by_squares, by_sizes


def intermittent(series: Sequence[float]) -> Levels:
    """The chance of an order in a week times its size, each smoothed (Teunter, Syntetos and Babai 2011).

    Unlike Croston's (1972), whose level stays where the last order left it, it forgets what is not asked for any more.
    """
    chance, size = 1.0, None
    found: Levels = []
    for week, value in enumerate(series):
        if value > 0:
            size = value if size is None else size + max(_SIZE_ALPHA, 1 / (week + 1)) * (value - size)
        chance += max(_CHANCE_ALPHA, 1 / (week + 2)) * ((value > 0) - chance)
        found.append(chance * (size or 0.0))
    return found


def every(series: Sequence[float]) -> Mapping[str, Levels]:
    """What each method expected after each week; `combined` is the median of them all.

    Combinations are seldom worse than the best of their parts and never as bad as the worst (Bates and Granger 1969;
    Petropoulos and Svetunkov, "A simple combination of univariate models", 2020, take the median as here).
    """
    calm = calmed(series)
    by_squares, by_sizes = smoothings(calm)
    found = {
        "smoothing": by_squares,
        "steady_smoothing": by_sizes,
        "month_mean": mean(calm, MONTH),
        "short_mean": mean(calm, SHORT),
        "intermittent": intermittent(calm),
    }
    middle = len(found) // 2
    return found | {"combined": [sorted(levels)[middle] for levels in zip(*found.values(), strict=True)]}
