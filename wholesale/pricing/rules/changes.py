"""Changing many prices at once: what a percentage makes of one, and what is wrong with the result. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Literal

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.kernel.words import N_
from wholesale.pricing.rules.ladders import Step, check_steps

Rounding = Literal["0.01", "0.1", "1"]
Direction = Literal["half_up", "up"]
ROUNDINGS: tuple[Rounding, ...] = ("0.01", "0.1", "1")
DIRECTIONS: tuple[Direction, ...] = ("half_up", "up")
_TOO_MUCH = Decimal(1000)

# Why a product is left out, or is worth a look; the words of `queries.changes`' answers.
PROBLEMS = {
    "no_price": N_("A price would round to nothing: left out."),
    "broken": N_("Rounding would make two steps equal, so that a larger quantity saves nothing: left out."),
    "unchanged": N_("Rounding leaves every price as it is: left out."),
    "below_cost": N_("A price falls below what the goods cost."),
}
LEFT_OUT = ("no_price", "broken", "unchanged")


@dataclass(frozen=True, slots=True)
class Change:
    """What a seller wants: so many per cent (up when positive) of which products, rounded how, from when until when.

    `category_ids`: a category and those below it. No scope: everything. `starts_on` None: at once. `ends_on`: the last
    day; None: for good.
    """

    percent: Decimal
    rounding: Rounding = "0.01"
    direction: Direction = "half_up"
    category_ids: tuple[int, ...] | None = None
    product_id: int | None = None
    starts_on: date | None = None
    ends_on: date | None = None

    def digest(self, prices: str) -> str:
        """What somebody confirms: this change, and `prices`, a digest of every old and new price."""
        facts = (str(self.percent.normalize()), self.rounding, self.direction, self.category_ids, self.product_id,
                 str(self.starts_on), str(self.ends_on), prices)  # fmt: skip
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]


def check_change(change: Change, *, today: date) -> None:
    """Raise DomainError, on its field, for a change that means nothing."""
    if not change.percent:
        raise DomainError("Enter by how many per cent the prices change.", field="percent")
    if not -100 < change.percent < _TOO_MUCH:  # noqa: PLR2004 - a percentage
        raise DomainError("Prices can fall by less than 100 per cent and rise by less than 1,000.", field="percent")
    if change.percent != round(change.percent, 4):
        raise DomainError("A percentage has at most 4 decimals.", field="percent")
    if change.starts_on is not None and change.starts_on < today:
        raise DomainError("This day is over. Choose today or a later one.", field="starts_on")
    if change.ends_on is not None and change.ends_on < (change.starts_on or today):
        raise DomainError("The last day is before the first.", field="ends_on")


def changed_price(price: Decimal, change: Change) -> Decimal:
    """The new unit price, on the chosen step: half up, or always up."""
    step = Decimal(change.rounding)
    exact = price * (100 + change.percent) / 100
    mode = ROUND_CEILING if change.direction == "up" else ROUND_HALF_UP
    return (exact / step).to_integral_value(mode) * step


def problem(
    before: Sequence[Step], after: Sequence[Step], *, multiple: int, cost: Money
) -> Literal["no_price", "broken", "unchanged", "below_cost"] | None:
    """What is wrong with a changed ladder, the gravest first."""
    if any((price * quantity).rounded().amount <= 0 for quantity, price in after):
        return "no_price"
    try:
        check_steps(after, multiple=max(multiple, 1))
    except DomainError:
        return "broken"
    if list(before) == list(after):
        return "unchanged"
    return "below_cost" if any(price < cost for _quantity, price in after) else None


def pause(looks: int) -> int:
    """Seconds until a page that has looked so often looks again how far a change is."""
    return min(2 + max(looks, 0) // 5, 15)
