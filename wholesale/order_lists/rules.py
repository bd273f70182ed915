"""What a list may hold, and what has changed since something was put there. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from wholesale.cart.rules import Cart, Line
from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.pricing.rules import change_percent

MAX_LINES = 500
MAX_LISTS = 100
PAGE = 50


def check_room(lines: int) -> None:
    """Raise DomainError for a list that would be longer than lists may be."""
    if lines > MAX_LINES:
        raise DomainError(
            "A list holds at most {limit} lines; this one would have {lines}. Begin another list.",
            field="list_id",
            limit=MAX_LINES,
            lines=lines,
        )


def check_lists(lists: int) -> None:
    """Raise DomainError when a business has as many lists as it may have."""
    if lists >= MAX_LISTS:
        raise DomainError(
            "Your business has {limit} lists, which is the most. Remove one that nobody needs.",
            field="name",
            limit=MAX_LISTS,
        )


@dataclass(frozen=True, slots=True)
class ListLine:
    """A line of a list with its price today, or what keeps it from being ordered; and what one cost when it was put."""

    line: Line
    seller_name: str

    @property
    def change(self) -> Decimal | None:
        """By how much per cent the unit price has changed since it was put here; None: not at all, or nobody knows."""
        if self.line.unit_price is None:
            return None
        return change_percent(self.line.item.seen_price, self.line.unit_price) or None


@dataclass(frozen=True, slots=True)
class Priced:
    """A list's lines in their order, and all of them as the orders that they would become."""

    lines: tuple[ListLine, ...]
    cart: Cart

    @property
    def good(self) -> int:
        return sum(line.line.problem is None for line in self.lines)

    @property
    def totals(self) -> list[Money]:
        return self.cart.totals


def moved(ids: Sequence[int], line_id: int, to: str) -> list[int]:
    """The lines' ids in their new order after one went up, down, or to the top."""
    at = ids.index(line_id)
    place = {"up": max(at - 1, 0), "down": at + 1, "top": 0}[to]
    rest = [each for each in ids if each != line_id]
    return [*rest[:place], line_id, *rest[place:]]
