"""What another sharing of revenue would have meant for lines that were sold. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from wholesale.kernel.money import Money
from wholesale.pricing.rules import Settlement, share

# From the most specific to the most general: the first that has a rule decides.
LEVELS = ("product", "seller", "category", "platform")
MOST_SELLERS = 3


def gives_way(kind: str) -> tuple[str, ...]:
    """The levels whose rules a rule for `kind` replaces or hides."""
    return LEVELS[LEVELS.index(kind) :]


class Percentages(Protocol):
    """A rule or a settlement, as far as its percentages go."""

    @property
    def model(self) -> str: ...
    @property
    def platform_percent(self) -> Decimal | None: ...
    @property
    def commission_percent(self) -> Decimal | None: ...


def percent_of(rule: Percentages) -> Decimal:
    """What the platform takes: of the profit, or of the revenue."""
    percent = rule.platform_percent if rule.model == "profit_share" else rule.commission_percent
    assert percent is not None, "a CHECK keeps it there"
    return percent


@dataclass(frozen=True, slots=True)
class Sold:
    """A line as it was frozen: what is shared of it (without tax), what the goods cost, and what the seller got."""

    product_id: int
    seller_id: int
    category_id: int
    seller_name: str
    revenue: Money
    cost: Money
    seller_got: Money


@dataclass(slots=True)
class Effect:
    """Revenue and the seller's part of it, as it was and as it would have been; the platform has the rest."""

    revenue: Money
    seller_before: Money
    seller_after: Money
    lines: int = 0

    @property
    def platform_before(self) -> Money:
        return self.revenue - self.seller_before

    @property
    def platform_after(self) -> Money:
        return self.revenue - self.seller_after

    @property
    def seller_change(self) -> Money:
        return self.seller_after - self.seller_before

    @property
    def platform_change(self) -> Money:
        return -self.seller_change

    def _add(self, line: Sold, seller_after: Money) -> None:
        self.lines += 1
        self.revenue += line.revenue
        self.seller_before += line.seller_got
        self.seller_after += seller_after


@dataclass(slots=True)
class OfSeller(Effect):
    """What it would have meant for one seller."""

    seller_id: int = 0
    name: str = ""


@dataclass(slots=True)
class Preview(Effect):
    """What it would have meant, in one currency, with the sellers for whom most would have changed."""

    by_seller: dict[int, OfSeller] = field(default_factory=dict)

    @property
    def most_affected(self) -> list[OfSeller]:
        changed = [each for each in self.by_seller.values() if not each.seller_change.is_zero]
        changed.sort(key=lambda each: (-abs(each.seller_change.amount), each.seller_id))
        return changed[:MOST_SELLERS]


def preview(lines: Iterable[tuple[Sold, Settlement]]) -> list[Preview]:
    """Each line shared anew by its settlement, added up per currency; the currency with the most lines first."""
    found: dict[str, Preview] = {}
    for line, settlement in lines:
        split = share(line.revenue, line.cost, settlement)
        after = split.seller_gets(settlement.goods_owner)
        zero = Money.zero(line.revenue.currency)
        whole = found.setdefault(zero.currency, Preview(zero, zero, zero))
        its = whole.by_seller.setdefault(
            line.seller_id, OfSeller(zero, zero, zero, seller_id=line.seller_id, name=line.seller_name)
        )
        for each in _both(whole, its):
            each._add(line, after)  # noqa: SLF001 - of this module
    return sorted(found.values(), key=lambda each: -each.lines)


def _both(whole: Effect, its: Effect) -> Iterator[Effect]:
    yield whole
    yield its
