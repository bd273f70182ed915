"""What a tax comes to. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money

# Standard: a percentage of the goods. Zero: taxed, at nothing. Exempt: outside of the tax, for a reason that is told.
KINDS = ("standard", "zero", "exempt")
LONGEST_NAME = 40
LONGEST_REASON = 200
_WHOLE = Decimal(100)


def tax_of(goods: Money, percent: Decimal, *, included: bool) -> Money:
    """The tax in `goods` (`included`) or on top of them, rounded half up once: for a line, never for a piece."""
    of = _WHOLE + percent if included else _WHOLE
    return Money(goods.amount * percent / of, goods.currency).rounded()


@dataclass(frozen=True, slots=True)
class Rate:
    """A tax as it holds for some goods on some day."""

    name: str
    kind: str
    percent: Decimal
    included: bool
    reason: str = ""

    def of(self, goods: Money) -> Money:
        """The tax in or on top of a line's goods."""
        return tax_of(goods, self.percent, included=self.included)

    @property
    def seen(self) -> tuple[str, ...]:
        """What a person agrees to who agrees to this rate."""
        return (self.name, self.kind, f"{self.percent.normalize():f}", "in" if self.included else "on top")


@dataclass(frozen=True, slots=True)
class Due:
    """What several lines have of one rate together. `net` is without the tax, wherever that stands."""

    rate: Rate
    net: Money
    tax: Money


def by_rate(lines: Iterable[tuple[Rate | None, Money, Money]]) -> list[Due]:
    """Add up lines given as (rate, goods, tax) by their rate, the highest first; without any they are left out."""
    found: dict[Rate, Due] = {}
    for rate, goods, tax in lines:
        if rate is None:
            continue
        net = goods - tax if rate.included else goods
        before = found.get(rate)
        found[rate] = Due(rate, before.net + net, before.tax + tax) if before else Due(rate, net, tax)
    return sorted(found.values(), key=lambda due: (-due.rate.percent, due.rate.name, due.rate.kind))


def check_rate(*, kind: str, percent: Decimal, reason: str) -> None:
    """Raise DomainError unless the percentage and the reason fit the kind."""
    if kind not in KINDS:
        raise DomainError("Please choose one.", field="kind")
    if percent < 0 or percent > _WHOLE or percent != round(percent, 4):
        raise DomainError("Enter a percentage from 0 to 100.", field="percent")
    if kind == "standard" and percent == 0:
        raise DomainError("A tax of nothing is a zero rate or an exemption. Choose one of these.", field="percent")
    if kind != "standard" and percent != 0:
        raise DomainError("A zero rate and an exemption have no percentage. Enter 0.", field="percent")
    if kind == "exempt" and not reason.strip():
        raise DomainError("Say why these goods are exempt: it stands on the invoice.", field="reason")
