"""A variant's outlook: the forecast as it stands this week, with what somebody knows better put in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from wholesale.forecasts.rules import stock
from wholesale.forecasts.rules.stock import Days

WEEKS = 12


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody said: pieces a week, the reorder level, or both; the last day on which it holds."""

    weekly: int | None
    reorder_level: int | None
    ends_on: date


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is expected of a variant in this week and the eleven after it, and what follows from that.

    `low` and `high` enclose four of five outcomes. `spread`: the standard deviation of a week's error. `error` and
    `naive_error`: shares by which four weeks' totals were missed in the backtest; None: nothing to compare.
    `weeks`: of history. `pooled`: its category's figures stand in for what its history cannot tell.
    `overridden`: somebody's word is in it. `reorder_level`: somebody's word on that. `service` and `review_days`: how
    its seller wants it kept.
    """

    starts_on: date
    weekly: tuple[Decimal, ...]
    low: tuple[Decimal, ...]
    high: tuple[Decimal, ...]
    spread: Decimal
    method: str
    error: Decimal | None
    naive_error: Decimal | None
    weeks: int
    pooled: bool
    overridden: bool = False
    reorder_level: int | None = None
    service: Decimal = stock.SERVICE
    review_days: int = stock.REVIEW_DAYS

    @property
    def mean(self) -> Decimal:
        """Pieces in an average week."""
        return sum(self.weekly, Decimal(0)) / len(self.weekly)

    def demand(self, days: Decimal | int) -> Decimal:
        """Pieces over so many days from now on."""
        return stock.demand(self.weekly, days)

    def safety_stock(self, lead_days: Days, service: Decimal | None = None) -> int:
        """How many of the reorder level's pieces are there against surprises."""
        over = stock.lead(lead_days)
        return stock.whole(stock.safety_stock(self.weekly, self.spread, over, service or self.service))

    def level(self, lead_days: Days, service: Decimal | None = None) -> int:
        """The reorder level: somebody's word on it, else what the lead time takes and the safety stock.

        `service`: a share such as 0.95; None: as its seller wants it.
        """
        if self.reorder_level is not None:
            return self.reorder_level
        return stock.reorder_level(self.weekly, self.spread, lead_days, service or self.service)

    def quantity(
        self,
        lead_days: Days,
        review_days: int | None = None,
        service: Decimal | None = None,
        available: int = 0,
        on_order: int = 0,
    ) -> int:
        """What to order now, before anybody's minimum or packs."""
        return stock.reorder_quantity(
            self.weekly,
            self.spread,
            lead_days=lead_days,
            review_days=self.review_days if review_days is None else review_days,
            service=service or self.service,
            available=available,
            on_order=on_order,
        )


def monday(day: date) -> date:
    """The first day of its week."""
    return day - timedelta(days=day.weekday())


def from_now(values: Sequence[Decimal], starts_on: date, today: date) -> tuple[Decimal, ...]:
    """The weeks of a forecast from this one on: what is past is left out, and the last goes on for what is missing."""
    passed = max(0, (monday(today) - starts_on).days // 7)
    left = tuple(values[passed:])
    return left + (values[-1],) * (WEEKS - len(left)) if values else (Decimal(0),) * WEEKS


def with_word(
    weekly: Sequence[Decimal], low: Sequence[Decimal], high: Sequence[Decimal], word: Word, starts_on: date
) -> tuple[tuple[Decimal, ...], tuple[Decimal, ...], tuple[Decimal, ...]]:
    """The weeks with somebody's pieces in the place of the forecast's, as long as that word holds.

    The range keeps its width: a better guess is a guess as well.
    """
    if word.weekly is None:
        return tuple(weekly), tuple(low), tuple(high)
    said = Decimal(word.weekly)
    weeks: list[tuple[Decimal, Decimal, Decimal]] = []
    for index, (expected, least, most) in enumerate(zip(weekly, low, high, strict=True)):
        if starts_on + timedelta(weeks=index) > word.ends_on:
            weeks.append((expected, least, most))
        else:
            weeks.append((said, max(Decimal(0), said - (expected - least)), said + (most - expected)))
    means, lows, highs = zip(*weeks, strict=True)
    return means, lows, highs
