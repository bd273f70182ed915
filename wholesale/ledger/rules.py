"""The chart of accounts. Amounts on accounts: debit positive, credit negative."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wholesale.kernel.money import Money
from wholesale.kernel.words import N_


@dataclass(frozen=True, slots=True)
class Account:
    """A kind of account, by its code and as people call it. `per` says whether each business has its own or the
    platform one.
    """

    code: str
    name: str
    kind: str
    per: str
    meaning: str


CHART = {
    account.code: account
    for account in (
        Account(
            "buyer_receivable",
            N_("Owed by buyers"),
            "asset",
            "business",
            N_("What a buyer still owes for placed orders."),
        ),
        Account("bank", N_("Bank"), "asset", "platform", N_("Money in the platform's bank account.")),
        Account(
            "cash_with_seller",
            N_("Cash with sellers"),
            "asset",
            "business",
            N_("Cash a seller took at the door and has not handed over."),
        ),
        Account(
            "seller_pending",
            N_("Sellers' part, pending"),
            "liability",
            "business",
            N_("A seller's part of orders that are not delivered yet."),
        ),
        Account(
            "platform_pending",
            N_("Platform's part, pending"),
            "liability",
            "platform",
            N_("The platform's part of orders not delivered yet."),
        ),
        Account(
            "seller_payable",
            N_("Owed to sellers"),
            "liability",
            "business",
            N_("What a seller has earned and not been paid."),
        ),
        Account(
            "tax_pending",
            N_("Tax, pending"),
            "liability",
            "business",
            N_("Tax on a seller's orders that are not delivered yet."),
        ),
        Account(
            "tax_payable",
            N_("Tax to hand over"),
            "liability",
            "business",
            N_("Tax a seller has charged and must hand to the state."),
        ),
        Account(
            "platform_fee",
            N_("Platform fee"),
            "income",
            "platform",
            N_("The platform's percentage of the gross profit."),
        ),
        Account(
            "platform_share",
            N_("Platform's rest of the profit"),
            "income",
            "platform",
            N_("The rest of the profit; a loss stands on the other side."),
        ),
        Account("commission", N_("Commission"), "income", "platform", N_("The platform's percentage of the revenue.")),
        Account(
            "goods_recovered",
            N_("Cost of the platform's own goods"),
            "income",
            "platform",
            N_("The cost of sold goods that belonged to the platform."),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Leg:
    """An amount on an account: debit positive, credit negative. `organization_id` None: the platform's."""

    code: str
    organization_id: int | None
    amount: Money


def debit(code: str, amount: Money, organization_id: int | None = None) -> Leg:
    return Leg(code, organization_id, amount)


def credit(code: str, amount: Money, organization_id: int | None = None) -> Leg:
    return Leg(code, organization_id, -amount)


@dataclass(frozen=True, slots=True)
class Entry:
    """One business event to be posted: `key` names it for ever, by `reference` people find it."""

    key: str
    reference: str
    memo: str
    legs: Sequence[Leg]


def balanced(legs: Sequence[Leg]) -> list[Leg]:
    """The legs that are not zero. Raises ValueError unless they balance per currency and fit the chart."""
    kept = [leg for leg in legs if not leg.amount.is_zero]
    for leg in kept:
        per = CHART[leg.code].per
        if (per == "business") != (leg.organization_id is not None):
            raise ValueError(f"{leg.code} is an account per {per}.")
        if leg.amount != leg.amount.rounded():
            raise ValueError(f"{leg.amount!r} is finer than its currency's smallest unit.")
    for currency in {leg.amount.currency for leg in kept}:
        left = Money.total((leg.amount for leg in kept if leg.amount.currency == currency), currency)
        if not left.is_zero:
            raise ValueError(f"The legs leave {left}.")
    return kept
