"""How a purchase may be paid, and what is owed on it. Pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money


@dataclass(frozen=True, slots=True)
class Method:
    """A way to pay a purchase. `receipt` is the method of the receipts that it leads to."""

    receipt: str
    label: str
    meaning: str


# By the purchase's payment method.
METHODS = {
    "pay_on_delivery": Method(
        "cash", "Pay on delivery", "The seller takes the money at the door, one order at a time, and hands it over."
    ),
    "bank_transfer": Method(
        "bank_transfer", "Bank transfer", "The buyer transfers the whole purchase; an admin notes what arrived."
    ),
}


@dataclass(frozen=True, slots=True)
class Balance:
    """What a purchase costs without its cancelled orders (`due`), and what came in for it (`paid`)."""

    due: Money
    paid: Money

    @property
    def owed(self) -> Money:
        """What is still to come; never below zero."""
        return max(self.due - self.paid, Money.zero(self.due.currency))

    @property
    def excess(self) -> Money:
        """What came in beyond what is due: orders were cancelled after they had been paid."""
        return max(self.paid - self.due, Money.zero(self.due.currency))

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
    if amount.currency != owed.currency:
        raise DomainError("This purchase is in {currency}.", field="amount", currency=owed.currency)
    if amount.amount <= 0 or amount != amount.rounded():
        raise DomainError("Enter an amount that can be paid, to the smallest coin.", field="amount")
    if owed.is_zero:
        raise DomainError("Nothing is owed on this purchase any more.", field="amount")
    if amount > owed:
        raise DomainError("Only {owed} is still owed on this purchase.", field="amount", owed=owed)
