"""What is owed on a purchase, what came in beyond that, and what may be received and paid back. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money

REFUND_STATES = ("due", "paid")


@dataclass(frozen=True, slots=True)
class Balance:
    """What a purchase costs after all that was taken back (`due`), what came in for it (`paid`), and what of that
    went back or is on its way back to the buyer (`refunded`; None: nothing).
    """

    due: Money
    paid: Money
    refunded: Money | None = None

    @property
    def kept(self) -> Money:
        """What came in and has not been given back."""
        return self.paid if self.refunded is None else self.paid - self.refunded

    @property
    def owed(self) -> Money:
        """What is still to come; never below zero."""
        return max(self.due - self.kept, Money.zero(self.due.currency))

    @property
    def excess(self) -> Money:
        """What is kept beyond what is due: something was taken back after it had been paid. It is the buyer's."""
        return max(self.kept - self.due, Money.zero(self.due.currency))

    @property
    def is_paid(self) -> bool:
        return self.owed.is_zero and not self.due.is_zero


def bank_reference(typed: str) -> str:
    """The reference as it is kept: capitals, Latin digits, single spaces; so that one transfer has one form."""
    text = unicodedata.normalize("NFKC", typed)
    digits = (str(unicodedata.digit(char)) if char.isdecimal() else char for char in text)
    return " ".join("".join(digits).upper().split())


def check_amount(amount: Money, balance: Balance) -> None:
    """Raise DomainError on `amount` unless it may be received: a payable amount of at most what is owed."""
    owed = balance.owed
    _check_payable(amount, owed.currency)
    if owed.is_zero:
        raise DomainError("Nothing is owed on this purchase any more.", field="amount")
    if amount > owed:
        raise DomainError("Only {owed} is still owed on this purchase.", field="amount", owed=owed)


def check_refund(amount: Money, balance: Balance) -> None:
    """Raise DomainError on `amount` unless it may be paid back: a payable amount of at most the excess."""
    excess = balance.excess
    _check_payable(amount, excess.currency)
    if excess.is_zero:
        raise DomainError("Nothing is to be paid back here any more.", field="amount")
    if amount > excess:
        raise DomainError("At most {excess} is to be paid back.", field="amount", excess=excess)


def _check_payable(amount: Money, currency: str) -> None:
    if amount.currency != currency:
        raise DomainError("This purchase is in {currency}.", field="amount", currency=currency)
    if amount.amount <= 0 or amount != amount.rounded():
        raise DomainError("Enter an amount that can be paid, to the smallest coin.", field="amount")


def spread(amount: Money, left: Sequence[tuple[int, Money]]) -> list[tuple[int, Money]]:
    """Which receipts (id, what is left of it) an amount goes back from: the first ones, each as far as it reaches.

    Raises DomainError on `amount` when they do not hold as much.
    """
    parts: list[tuple[int, Money]] = []
    rest = amount
    for receipt_id, there in left:
        part = min(rest, there)
        if part.amount > 0:
            parts.append((receipt_id, part))
            rest = rest - part
    if not rest.is_zero:
        raise DomainError("More than was paid cannot be paid back.", field="amount")
    return parts
