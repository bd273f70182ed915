"""Ladders of prices: which price holds at which quantity, why, and what would be cheaper. Pure."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Literal

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.kernel.words import N_

TENTH = Decimal("0.1")
UNIT = Decimal("0.0001")  # the finest unit price

Step = tuple[int, Money]


@dataclass(frozen=True, slots=True)
class Source:
    """Why a tier costs what it costs.

    "list": the seller's regular prices; "dated": a price for a limited time, whose last day is `until`;
    "price_list": the list `name`, to which the asking buyer belongs, with its last day if it has one. `rounded`: the
    price is a percentage of another, and was rounded half up to 4 decimals. `is_rise`: a price for a time that is above
    the regular one.
    """

    kind: Literal["list", "dated", "price_list"] = "list"
    name: str = ""
    until: date | None = None
    rounded: bool = False
    is_rise: bool = False

    @property
    def note(self) -> str:
        """As it is frozen on an order line: JSON, without what is not there."""
        facts = {"kind": self.kind, "name": self.name, "until": self.until.isoformat() if self.until else "",
                 "rounded": self.rounded, "is_rise": self.is_rise}  # fmt: skip
        return json.dumps({name: value for name, value in facts.items() if value}, ensure_ascii=False)

    @classmethod
    def noted(cls, note: str) -> Source:
        """What `note` was made of; a line from before this was kept says nothing, and counts as the regular price."""
        facts = json.loads(note) if note else {}
        until = facts.get("until")
        return cls(
            kind=facts.get("kind", "list"),
            name=facts.get("name", ""),
            until=date.fromisoformat(until) if until else None,
            rounded=bool(facts.get("rounded")),
            is_rise=bool(facts.get("is_rise")),
        )


LIST = Source()


@dataclass(frozen=True, slots=True)
class Tier:
    """From `min_qty` on, a unit costs `unit_price`, because of `source`. `saving_percent` is against the first tier,
    half up to 0.1.
    """

    min_qty: int
    unit_price: Money
    saving_percent: Decimal | None = None
    source: Source = LIST


@dataclass(frozen=True, slots=True)
class Advice:
    """Another quantity worth knowing: what it costs, and what it takes or saves against what was asked."""

    quantity: int
    more: int
    unit_price: Money
    total: Money
    saves: Money


@dataclass(frozen=True, slots=True)
class Quote:
    """What `quantity` costs. `next_tier` is the next price step; `cheaper` a larger quantity that costs less."""

    quantity: int
    tier: Tier
    list_price: Money
    next_tier: Advice | None
    cheaper: Advice | None

    @property
    def unit_price(self) -> Money:
        return self.tier.unit_price

    @property
    def source(self) -> Source:
        """Which rule gave the price."""
        return self.tier.source

    @property
    def total(self) -> Money:
        return (self.unit_price * self.quantity).rounded()

    @property
    def saving_percent(self) -> Decimal | None:
        """The discount against the first tier's price, in per cent; None at the first tier."""
        return self.tier.saving_percent


@dataclass(frozen=True, slots=True)
class Special:
    """What a price list says of one product: own steps, a percentage off the seller's price, or both."""

    source: Source
    steps: tuple[Step, ...] = ()
    percent: Decimal | None = None


def ladder(steps: Iterable[Step], source: Source = LIST) -> tuple[Tier, ...]:
    """Tiers in order with what each saves against the first."""
    return with_savings([Tier(min_qty, price, None, source) for min_qty, price in sorted(steps, key=_quantity)])


def _quantity(step: Step) -> int:
    return step[0]


def with_savings(tiers: Sequence[Tier]) -> tuple[Tier, ...]:
    """Tiers with what each saves against the first; those without a price are dropped."""
    tiers = [tier for tier in tiers if tier.unit_price.amount > 0]
    if not tiers:
        return ()
    first, *others = tiers
    return (
        replace(first, saving_percent=None),
        *(replace(tier, saving_percent=saving(first.unit_price, tier.unit_price)) for tier in others),
    )


def saving(before: Money, after: Money) -> Decimal:
    """What `after` saves against `before`, in per cent, half up to one decimal."""
    return -change_percent(before, after)


def change_percent(old: Money, new: Money) -> Decimal:
    """By how many per cent a price has changed, half up (away from zero) to one decimal: 100 → 106 is 6.0."""
    return ((new.amount - old.amount) * 100 / old.amount).quantize(TENTH, ROUND_HALF_UP)


def moved_tiers(before: Sequence[Step], after: Sequence[Step]) -> tuple[tuple[int, Decimal | None], ...]:
    """The quantities at which a price has changed, with by how many per cent; None: one begins or ends there.

    The first tiers are compared with each other wherever they begin: a new minimum order is no new price.
    """
    if not before or not after:
        return ()
    old, new = dict(before[1:]), dict(after[1:])
    found: list[tuple[int, Decimal | None]] = []
    if before[0][1] != after[0][1]:
        found.append((after[0][0], change_percent(before[0][1], after[0][1])))
    for quantity in sorted(old.keys() | new.keys()):
        if quantity not in old or quantity not in new:
            found.append((quantity, None))
        elif old[quantity] != new[quantity]:
            found.append((quantity, change_percent(old[quantity], new[quantity])))
    return tuple(found)


def percent_off(price: Money, percent: Decimal) -> tuple[Money, bool]:
    """`price` less `percent` per cent, half up to 4 decimals; and whether that rounded anything away."""
    exact = price.amount * (100 - percent) / 100
    rounded = exact.quantize(UNIT, ROUND_HALF_UP)
    return Money(rounded, price.currency), rounded != exact


def effective(
    regular: Sequence[Step],
    *,
    moq: int,
    multiple: int = 1,
    dated: Sequence[Step] = (),
    dated_source: Source = LIST,
    specials: Iterable[Special] = (),
) -> tuple[Tier, ...]:
    """The ladder that holds for a buyer: at each quantity the lowest valid price, with its source.

    `dated` takes the place of `regular` where it has a price; the buyer's price lists (`specials`) compete with
    that, and with each other. It begins at the MOQ; every further step lowers the price, others are dropped. Empty
    when nothing has a price at the MOQ.
    """
    base = _replaced(ladder(regular), ladder(dated, dated_source))
    candidates = [base]
    for special in specials:
        if special.steps:
            candidates.append(ladder(special.steps, special.source))
        if special.percent is not None:
            candidates.append(_reduced(base, special))
    starts = {fitting(tier.min_qty, moq=moq, multiple=multiple) for tiers in candidates for tier in tiers}
    found: list[Tier] = []
    for start in sorted(starts | {moq}):
        holding = [tier for tiers in candidates if (tier := tier_at(tiers, start)) is not None]
        # Of equal prices the first: the regular one needs no explanation.
        best = min(holding, key=lambda tier: tier.unit_price.amount, default=None)
        if best is not None and (not found or best.unit_price < found[-1].unit_price):
            found.append(replace(best, min_qty=start))
    return with_savings(found) if found and found[0].min_qty == moq else ()


def _replaced(regular: tuple[Tier, ...], dated: tuple[Tier, ...]) -> tuple[Tier, ...]:
    if not dated:
        return regular
    return (*(tier for tier in regular if tier.min_qty < dated[0].min_qty), *dated)


def _reduced(base: Iterable[Tier], special: Special) -> tuple[Tier, ...]:
    assert special.percent is not None, "asked of percentages only"
    tiers = []
    for tier in base:
        price, rounded = percent_off(tier.unit_price, special.percent)
        if not price.is_zero:
            tiers.append(Tier(tier.min_qty, price, None, replace(special.source, rounded=rounded)))
    return tuple(tiers)


def tier_at(tiers: Sequence[Tier], quantity: int) -> Tier | None:
    """The tier that holds at `quantity`; None below the first."""
    rung = bisect_right(tiers, quantity, key=lambda tier: tier.min_qty)
    return tiers[rung - 1] if rung else None


def check_ladder(steps: Sequence[Step], *, moq: int, multiple: int) -> None:
    """Raise DomainError unless quantities rise, prices fall, and the first tier stands at the MOQ."""
    if not steps or steps[0][0] != moq:
        raise DomainError("The first tier must begin at the minimum order quantity, {moq}.", field="tiers", moq=moq)
    check_steps(steps, multiple=multiple)


def check_steps(steps: Sequence[Step], *, multiple: int) -> None:
    """`check_ladder` without the MOQ: a price list may begin above it."""
    for (quantity, price), (next_quantity, next_price) in pairwise(steps):
        if next_quantity <= quantity:
            raise DomainError("The quantities of the tiers must rise.", field="tiers")
        if next_price >= price:
            raise DomainError("A larger quantity must cost less for each piece.", field="tiers")
    for quantity, price in steps:
        if quantity % multiple:
            raise DomainError(
                "A tier must begin at a multiple of {multiple}; {quantity} is none.",
                field="tiers",
                multiple=multiple,
                quantity=quantity,
            )
        if price.amount <= 0 or price.amount != round(price.amount, 4):
            raise DomainError("A price is above zero and has at most 4 decimals.", field="tiers")
        if (price * quantity).rounded().is_zero:
            raise DomainError("The smallest order of a tier must cost something.", field="tiers")


def check_quantity(quantity: int, *, moq: int, multiple: int) -> None:
    """Raise DomainError on `quantity` below the MOQ or between multiples, never rounding it silently."""
    if quantity < 1:
        raise DomainError("Enter a whole number of at least {moq}.", field="quantity", moq=moq)
    if quantity < moq:
        raise DomainError(
            "The minimum order is {moq}: {more} more needed.", field="quantity", moq=moq, more=moq - quantity
        )
    if quantity % multiple:
        lower = quantity // multiple * multiple
        message = N_("This is sold in multiples of {multiple}: {lower} or {upper} would fit.")
        if lower < moq:
            message = N_("This is sold in multiples of {multiple}: {upper} would fit.")
        raise DomainError(message, field="quantity", multiple=multiple, lower=lower, upper=lower + multiple)


def fitting(quantity: int, *, moq: int, multiple: int) -> int:
    """The smallest quantity that can be ordered and is at least `quantity`."""
    wanted = max(quantity, moq)
    return -(-wanted // multiple) * multiple


def neighbours(quantity: int, *, moq: int, multiple: int, available: int | None = None) -> list[int]:
    """The nearest quantities that can be ordered, below and above: at most two, none that is not there."""
    upper = fitting(quantity, moq=moq, multiple=multiple)
    lower = quantity // multiple * multiple
    if available is not None:
        most = available // multiple * multiple
        lower, upper = min(lower, most), upper if upper <= most else 0
    return [fits for fits in sorted({lower, upper}) if fits >= moq]


def best_buy(
    tiers: Sequence[Tier], at_least: int, *, moq: int, multiple: int = 1, available: int | None = None
) -> Advice | None:
    """The cheapest total for at least `at_least` pieces; of equal totals the larger quantity.

    `saves` is against the smallest quantity that fits; None when there is not enough of it.
    """
    least = fitting(at_least, moq=moq, multiple=multiple)
    reaches = {least} | {fitting(tier.min_qty, moq=moq, multiple=multiple) for tier in tiers if tier.min_qty > least}
    offered = []
    for quantity in sorted(reaches):
        tier = tier_at(tiers, quantity)
        if tier is not None and (available is None or quantity <= available):
            offered.append((quantity, tier.unit_price, (tier.unit_price * quantity).rounded()))
    if not offered or offered[0][0] != least:
        return None
    quantity, price, total = min(offered, key=lambda each: (each[2].amount, -each[0]))
    return Advice(quantity, quantity - at_least, price, total, offered[0][2] - total)


def quote(tiers: Sequence[Tier], quantity: int, *, multiple: int = 1, available: int | None = None) -> Quote:
    """Price `quantity` on a sorted ladder, with advice; the one price function of the product.

    `quantity` must not be below the first tier. Advice never exceeds `available`.
    """
    rung = bisect_right(tiers, quantity, key=lambda tier: tier.min_qty)
    if rung == 0:
        raise DomainError(
            "The minimum order is {moq}: {more} more needed.",
            field="quantity",
            moq=tiers[0].min_qty,
            more=tiers[0].min_qty - quantity,
        )
    tier = tiers[rung - 1]
    total = (tier.unit_price * quantity).rounded()
    steps = []
    for above in tiers[rung:]:
        reach = fitting(above.min_qty, moq=tiers[0].min_qty, multiple=multiple)
        cost = (above.unit_price * reach).rounded()
        if available is None or reach <= available:
            steps.append(Advice(reach, reach - quantity, above.unit_price, cost, total - cost))
    # Several tiers above may all cost less in total: the cheapest is the advice, the larger of equals.
    below = [step for step in steps if step.total < total]
    cheaper = min(below, key=lambda step: (step.total.amount, -step.quantity), default=None)
    return Quote(quantity, tier, tiers[0].unit_price, steps[0] if steps else None, cheaper)
