"""What orders must know of the ways to pay. Pure; the ways themselves are the payments room's, which adds them here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money


@dataclass(frozen=True, slots=True)
class Instructions:
    """What the buyer must do now: a sentence, and facts (label and value) to copy where they pay."""

    title: str
    facts: tuple[tuple[str, Money | str], ...] = ()


class WayToPay(Protocol):
    """A payment method, as far as the checkout and an order's page show it. Texts are English, to be translated."""

    @property
    def code(self) -> str:
        """Its name in the tables; never changed."""

    @property
    def label(self) -> str: ...

    @property
    def meaning(self) -> str:
        """One sentence for who chooses among several."""

    @property
    def offered(self) -> bool:
        """Whether it can be chosen; one that is not any more still names what was paid with it."""

    def instructions(self, purchase_number: str, amount: Money) -> Instructions:
        """What the buyer must do now, so that `amount` is paid for the purchase."""


_WAYS: dict[str, WayToPay] = {}


def add_way(way: WayToPay) -> None:
    """Let a method be chosen in the checkout; in the order in which they are added."""
    _WAYS[way.code] = way


def remove_way(code: str) -> None:
    """Forget a method (tests add some)."""
    _WAYS.pop(code, None)


def ways_to_pay() -> list[WayToPay]:
    """What can be chosen now."""
    return [way for way in _WAYS.values() if way.offered]


def way_to_pay(code: str) -> WayToPay:
    """One that can be chosen. Raises DomainError on `payment_method`."""
    way = _WAYS.get(code)
    if way is None or not way.offered:
        raise DomainError("Choose one of these.", field="payment_method")
    return way


def known_way(code: str) -> WayToPay | None:
    """One that can be, or could once be, chosen."""
    return _WAYS.get(code)
