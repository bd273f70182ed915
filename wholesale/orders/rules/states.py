"""States of an order, who may move it, and the checkout's steps. Pure."""

from __future__ import annotations

from wholesale.kernel.words import N_

# The whole life of an order: what may follow what. docs/orders.md is drawn from it.
TRANSITIONS = (
    ("placed", "confirmed"),
    ("placed", "cancelled"),
    ("confirmed", "processing"),
    ("confirmed", "partly_shipped"),
    ("confirmed", "shipped"),
    ("confirmed", "cancelled"),
    ("processing", "partly_shipped"),
    ("processing", "shipped"),
    ("processing", "cancelled"),
    ("partly_shipped", "shipped"),
    ("shipped", "delivered"),
    ("shipped", "returned"),
    ("delivered", "completed"),
    ("delivered", "returned"),
)

_SELLING = frozenset({"seller", "staff"})
# Who may make a move: the buyer only takes back what nobody has confirmed yet, and says that all is well.
# "time": the timetable, when a delivered order has been left alone long enough.
MOVERS = {
    ("placed", "confirmed"): _SELLING | {"time"},
    ("placed", "cancelled"): _SELLING | {"buyer", "time"},
    ("confirmed", "processing"): _SELLING,
    ("confirmed", "partly_shipped"): _SELLING,
    ("confirmed", "shipped"): _SELLING,
    ("confirmed", "cancelled"): _SELLING | {"time"},
    ("processing", "partly_shipped"): _SELLING,
    ("processing", "shipped"): _SELLING,
    ("processing", "cancelled"): _SELLING,
    ("partly_shipped", "shipped"): _SELLING,
    ("shipped", "delivered"): _SELLING,
    ("shipped", "returned"): _SELLING,
    ("delivered", "completed"): frozenset({"buyer", "staff", "time"}),
    ("delivered", "returned"): _SELLING,
}

STATES = (
    N_("placed"),
    N_("confirmed"),
    N_("processing"),
    N_("partly_shipped"),
    N_("shipped"),
    N_("delivered"),
    N_("completed"),
    N_("cancelled"),
    N_("returned"),
)
# The way of an order that goes well, for the steps on its page.
PATH = ("placed", "confirmed", "processing", "shipped", "delivered", "completed")
# Moves that follow from something else (a shipment, a return) and have no button of their own.
FOLLOWS = frozenset({"partly_shipped", "returned"})
# From here on the money is earned: what is taken back is taken from what was earned.
EARNED = frozenset({"delivered", "completed", "returned"})
# Until here pieces can be cancelled.
BEFORE_SHIPMENT = frozenset({"placed", "confirmed", "processing", "partly_shipped"})


def moves_open_to(party: str, state: str) -> list[str]:
    """The states to which `party` (buyer, seller or staff) may move an order that is in `state`."""
    return [after for before, after in TRANSITIONS if before == state and party in MOVERS[before, after]]


def missing_step(*, has_address: bool, has_delivery: bool, has_payment: bool) -> str | None:
    """The first step of the checkout that is not done; None when only the review is left."""
    done = {"address": has_address, "delivery": has_delivery, "payment": has_payment}
    return next((step for step, is_done in done.items() if not is_done), None)
