"""What stands in for a history that is too short: the figures of other goods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from statistics import NormalDist

from wholesale.forecasts.rules.choice import POOLED, UPPER, WEEKS, Made

FEWEST = 3
"""With fewer goods there is no telling what is usual."""
_PRIOR_WEEKS = 6
_STEP = Decimal("0.001")
_Z = Decimal(repr(round(NormalDist().inv_cdf(UPPER), 4)))


@dataclass(frozen=True, slots=True)
class Pool:
    """What comparable goods are asked for in a week: the middle one's pieces, their standard deviation among each
    other, and how many they are.
    """

    rate: Decimal
    spread: Decimal
    goods: int

    @classmethod
    def of(cls, rates: Sequence[float], spread: float, goods: int) -> Pool:
        """Of the median and the ninth decile of their rates, and the median of their own deviations.

        What one of them will be wrong by is the two together: how much it differs from the middle one, measured
        where a few bestsellers do not decide, and how much its weeks differ.
        """
        middle, high = (Decimal(repr(rate)) for rate in rates)
        among = (high - middle) / _Z
        return cls(middle, (among**2 + Decimal(repr(spread)) ** 2).sqrt(), goods)


def first_enough(pools: Sequence[Pool | None]) -> Pool | None:
    """The first of them, from the most alike on, that is of enough goods."""
    return next((pool for pool in pools if pool is not None and pool.goods >= FEWEST), None)


def blended(own: Made, pool: Pool | None) -> Made:
    """Of a short history what it tells, and of comparable goods the rest: each week of its own counts the more, until
    it speaks for itself.

    Shrinkage of a single series towards its group (James and Stein 1961; for sales, Gelper, Wilms and Croux 2016), with
    the group weighing as much as six weeks. Of the group the middle one: a few bestsellers make its mean, and a new
    product is seldom one. Goods that are long offered and were never asked for are left at nothing.
    """
    if own.speaks_for_itself or pool is None:
        return own
    share = Decimal(own.weeks) / (own.weeks + _PRIOR_WEEKS)  # weeks in which it was offered and not asked for tell too
    level = own.weekly[0] * share + pool.rate * (1 - share)
    spread = (own.spread**2 * share + pool.spread**2 * (1 - share)).sqrt()
    low, high = max(Decimal(0), level - _Z * spread), level + _Z * spread
    return replace(
        own,
        method=POOLED,
        weekly=(level.quantize(_STEP),) * WEEKS,
        low=(low.quantize(_STEP),) * WEEKS,
        high=(high.quantize(_STEP),) * WEEKS,
        spread=spread.quantize(_STEP),
        pooled=True,
    )
