"""States of an order, the checkout's steps, and the ledger entries of each event. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wholesale.kernel.money import Money
from wholesale.kernel.words import N_
from wholesale.ledger.rules import Leg, credit, debit
from wholesale.pricing.rules import Split

# The whole life of an order: what may follow what. docs/orders.md is drawn from it.
TRANSITIONS = (
    ("placed", "confirmed"),
    ("placed", "cancelled"),
    ("confirmed", "shipped"),
    ("confirmed", "cancelled"),
    ("shipped", "delivered"),
)

# Who may make a move: the buyer only takes back what nobody has confirmed yet.
MOVERS = {
    ("placed", "confirmed"): frozenset({"seller", "staff"}),
    ("placed", "cancelled"): frozenset({"buyer", "seller", "staff"}),
    ("confirmed", "shipped"): frozenset({"seller", "staff"}),
    ("confirmed", "cancelled"): frozenset({"seller", "staff"}),
    ("shipped", "delivered"): frozenset({"seller", "staff"}),
}

STATES = (N_("placed"), N_("confirmed"), N_("shipped"), N_("delivered"), N_("cancelled"))
# The way of an order that goes well, for the steps on its page.
PATH = ("placed", "confirmed", "shipped", "delivered")


def moves_open_to(party: str, state: str) -> list[str]:
    """The states to which `party` (buyer, seller or staff) may move an order that is in `state`."""
    return [after for before, after in TRANSITIONS if before == state and party in MOVERS[before, after]]


def missing_step(*, has_address: bool, has_delivery: bool, has_payment: bool) -> str | None:
    """The first step of the checkout that is not done; None when only the review is left."""
    done = {"address": has_address, "delivery": has_delivery, "payment": has_payment}
    return next((step for step, is_done in done.items() if not is_done), None)


@dataclass(frozen=True, slots=True)
class Parts:
    """An order's money as the ledger tells it apart, added up over its lines."""

    fee: Money
    commission: Money
    rest: Money
    seller: Money
    platform_goods: Money


def parts(lines: Sequence[tuple[Split, str, str]], delivery_fee: Money) -> Parts:
    """Add up lines given as (split, settlement model, goods owner); delivery is the seller's who delivers."""
    zero = Money.zero(delivery_fee.currency)
    fee = commission = rest = platform_goods = zero
    seller = delivery_fee
    for split, model, owner in lines:
        if model == "commission":
            commission += split.platform_fee
        else:
            fee += split.platform_fee
        rest += split.platform_rest
        seller += split.seller_share
        if owner == "seller":
            seller += split.owner_recovers
        else:
            platform_goods += split.owner_recovers
    return Parts(fee, commission, rest, seller, platform_goods)


def placed_legs(money: Parts, *, buyer_id: int, seller_id: int) -> list[Leg]:
    """At placement the buyer owes; what seller and platform will get is pending until delivery."""
    platform = money.fee + money.commission + money.rest + money.platform_goods
    return [
        debit("buyer_receivable", money.seller + platform, buyer_id),
        credit("seller_pending", money.seller, seller_id),
        credit("platform_pending", platform),
    ]


def delivered_legs(money: Parts, *, seller_id: int) -> list[Leg]:
    """At delivery what was pending is earned."""
    platform = money.fee + money.commission + money.rest + money.platform_goods
    return [
        debit("seller_pending", money.seller, seller_id),
        credit("seller_payable", money.seller, seller_id),
        debit("platform_pending", platform),
        credit("platform_fee", money.fee),
        credit("commission", money.commission),
        credit("platform_share", money.rest),
        credit("goods_recovered", money.platform_goods),
    ]


def placed_key(number: str) -> str:
    """The ledger's key of an order's placement."""
    return f"order:{number}:placed"
