"""What a buyer saw on the review page, and what is different now. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, DecimalException
from typing import Literal

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money

_LONGEST = 200_000
_LONGEST_NAME = 200
_LARGEST = 10**15

Kind = Literal[
    "removed", "added", "quantity", "price", "goods", "not_orderable", "delivery", "minimum", "tax", "limit", "total"
]


@dataclass(frozen=True, slots=True)
class SeenLine:
    """A line as it was shown; without a price when it could not be ordered, because of `problem`."""

    name: str
    quantity: int
    unit_price: Money | None
    total: Money | None
    problem: DomainError | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SeenSeller:
    """What one seller's part costs beside its goods. `minimum`: the least that they sell for, if that is missed."""

    name: str
    delivery: Money
    minimum: Money | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything with a number on the review page: lines by variant's id, sellers by theirs."""

    lines: Mapping[int, SeenLine]
    sellers: Mapping[int, SeenSeller]
    tax: Money
    total: Money
    limit: Money | None = None

    def packed(self) -> str:
        """For a hidden field of the form; `unpacked` reads it."""
        facts = {
            "c": self.total.currency,
            "l": [
                [key, line.name[:_LONGEST_NAME], line.quantity, _text(line.unit_price), _text(line.total)]
                for key, line in self.lines.items()
            ],
            "s": [
                [key, each.name[:_LONGEST_NAME], _text(each.delivery), _text(each.minimum)]
                for key, each in self.sellers.items()
            ],
            "x": _text(self.tax),
            "t": _text(self.total),
            "m": _text(self.limit),
        }
        return json.dumps(facts, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def unpacked(cls, text: str, currency: str) -> Seen | None:
        """What was packed; None for anything else, which then only costs the reader the list of differences."""
        if len(text) > _LONGEST:
            return None
        try:
            facts = json.loads(text)
            if facts["c"] != currency:
                return None
            zero = Money.zero(currency)
            return cls(
                {
                    int(key): SeenLine(str(name), _count(quantity), _read(price, currency), _read(total, currency))
                    for key, name, quantity, price, total in facts["l"]
                },
                {
                    int(key): SeenSeller(str(name), _read(fee, currency) or zero, _read(minimum, currency))
                    for key, name, fee, minimum in facts["s"]
                },
                _read(facts["x"], currency) or zero,
                _read(facts["t"], currency) or zero,
                _read(facts["m"], currency),
            )
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, DecimalException, RecursionError):
            return None


def _text(amount: Money | None) -> str:
    return "" if amount is None else str(amount.amount)


def _read(text: object, currency: str) -> Money | None:
    if text == "":
        return None
    amount = Decimal(str(text)[:40])
    if not amount.is_finite() or not 0 <= amount < _LARGEST:
        raise ValueError("no amount")
    return Money(amount, currency)


def _count(number: object) -> int:
    if not isinstance(number, int) or not 0 <= number < _LARGEST:
        raise ValueError("no quantity")
    return number


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was seen: of a line or seller (`name`), or of the whole. None: there is none.

    `problem`: why a line cannot be ordered any more.
    """

    kind: Kind
    name: str = ""
    before: Money | int | None = None
    after: Money | int | None = None
    problem: DomainError | None = None


def differences(before: Seen, after: Seen) -> list[Difference]:
    """Line by line, seller by seller, and what it comes to; empty when everything is as it was seen."""
    found: list[Difference] = []
    for key, line in before.lines.items():
        if key not in after.lines:
            found.append(Difference("removed", line.name, line.quantity, None))
            continue
        found += _of_line(line, after.lines[key])
    found += [
        Difference("added", line.name, None, line.quantity)
        for key, line in after.lines.items()
        if key not in before.lines
    ]
    for key, seller in after.sellers.items():
        known = before.sellers.get(key)
        if known is not None and known.delivery != seller.delivery:
            found.append(Difference("delivery", seller.name, known.delivery, seller.delivery))
        if seller.minimum is not None and (known is None or known.minimum != seller.minimum):
            found.append(Difference("minimum", seller.name, None, seller.minimum))
    if before.tax != after.tax:
        found.append(Difference("tax", "", before.tax, after.tax))
    if before.total != after.total:
        found.append(Difference("total", "", before.total, after.total))
    if before.limit != after.limit:
        found.append(Difference("limit", "", before.limit, after.limit))
    return found


def _of_line(before: SeenLine, after: SeenLine) -> list[Difference]:
    found: list[Difference] = []
    if before.quantity != after.quantity:
        found.append(Difference("quantity", after.name, before.quantity, after.quantity))
    if after.unit_price is None:
        if before.unit_price is not None:
            found.append(Difference("not_orderable", after.name, before.total, None, after.problem))
        return found
    if before.unit_price != after.unit_price:
        found.append(Difference("price", after.name, before.unit_price, after.unit_price))
    if before.total != after.total:
        found.append(Difference("goods", after.name, before.total, after.total))
    return found
