"""Amounts of money: decimal, never float, and never without their currency."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from functools import cache, total_ordering

# ISO 4217: digits after the decimal point. UGX and RWF have none, so "two decimals" is no default.
MINOR_DIGITS = {"BDT": 2, "KES": 2, "INR": 2, "USD": 2, "EUR": 2, "GBP": 2, "TZS": 2, "UGX": 0, "RWF": 0}


@cache
def smallest_unit(currency: str) -> Decimal:
    """The currency's smallest unit: 0.01 for BDT, 1 for UGX. Raises KeyError for an unknown currency."""
    return Decimal(1).scaleb(-MINOR_DIGITS[currency])


@total_ordering
@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in one currency (ISO 4217 code); arithmetic across currencies is a TypeError.

    Unit prices carry up to 4 decimals; call `rounded()` once, on a line's total.
    """

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal):
            raise TypeError(f"Money needs a Decimal, not {type(self.amount).__name__}.")
        if self.currency not in MINOR_DIGITS:
            raise ValueError(f"Unknown currency {self.currency!r}.")

    @classmethod
    def zero(cls, currency: str) -> Money:
        return cls(Decimal(0), currency)

    @classmethod
    def total(cls, parts: Iterable[Money], currency: str) -> Money:
        """The sum of `parts`; zero in `currency` when there are none."""
        result = cls.zero(currency)
        for part in parts:
            result += part
        return result

    def _same(self, other: object) -> Decimal:
        if not isinstance(other, Money) or other.currency != self.currency:
            raise TypeError(f"{self!r} and {other!r} are not in one currency.")
        return other.amount

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __mul__(self, factor: int | Decimal) -> Money:
        if isinstance(factor, bool) or not isinstance(factor, int | Decimal):
            raise TypeError(f"Money is multiplied by int or Decimal, not {type(factor).__name__}.")
        return Money(self.amount * factor, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    @property
    def is_zero(self) -> bool:
        return self.amount == 0

    def rounded(self) -> Money:
        """To the currency's smallest unit, half up."""
        return Money(self.amount.quantize(smallest_unit(self.currency), ROUND_HALF_UP), self.currency)

    def percent(self, percent: Decimal) -> Money:
        """`percent` per cent of this amount, rounded half up to the smallest unit."""
        return (self * (percent / 100)).rounded()

    def __str__(self) -> str:
        """For logs and messages to developers; people see what `platform.i18n` formats."""
        return f"{self.currency} {self.amount:,}"


def split(amount: Money, weights: Sequence[int | Decimal]) -> list[Money]:
    """Share `amount` by `weights` so that the parts add up to it exactly.

    Largest remainder: each part is cut to the smallest unit, then the units left over go to the largest
    remainders (the earlier part first among equals). All weights zero: shared as if they were equal.
    """
    if not weights or any(weight < 0 for weight in weights):
        raise ValueError("Weights are needed, none of them negative.")
    if amount != amount.rounded():
        raise ValueError(f"{amount!r} is finer than its currency's smallest unit.")
    parts = [Decimal(weight) for weight in weights]
    whole = sum(parts)
    if whole == 0:
        parts, whole = [Decimal(1)] * len(parts), Decimal(len(parts))
    unit = smallest_unit(amount.currency)
    sign = -1 if amount.amount < 0 else 1
    units = abs(amount.amount) / unit
    exact = [units * part / whole for part in parts]
    floors = [share.quantize(Decimal(1), ROUND_DOWN) for share in exact]
    left = int(units - sum(floors))
    by_remainder = sorted(range(len(parts)), key=lambda i: (floors[i] - exact[i], i))
    for i in by_remainder[:left]:
        floors[i] += 1
    return [Money(sign * floor * unit, amount.currency) for floor in floors]
