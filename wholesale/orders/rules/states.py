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
    ("completed", "returned"),
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
    ("completed", "returned"): _SELLING,
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
# In sentences people read the words of the badges, not what the database keeps.
IN_WORDS = {
    "placed": N_("Placed"),
    "confirmed": N_("Confirmed"),
    "processing": N_("Being packed"),
    "partly_shipped": N_("Partly shipped"),
    "shipped": N_("Shipped"),
    "delivered": N_("Delivered"),
    "completed": N_("Completed"),
    "cancelled": N_("Cancelled"),
    "returned": N_("Returned"),
}
# The way of an order that goes well, for the steps on its page.
PATH = ("placed", "confirmed", "processing", "shipped", "delivered", "completed")
OFF_PATH = frozenset({"cancelled", "returned"})
# Moves that follow from something else (a shipment, a return) and have no button of their own.
FOLLOWS = frozenset({"partly_shipped", "returned"})
# From here on the money is earned: what is taken back is taken from what was earned.
EARNED = frozenset({"delivered", "completed", "returned"})
# Until here pieces can be cancelled.
BEFORE_SHIPMENT = frozenset({"placed", "confirmed", "processing", "partly_shipped"})


def step_of(state: str) -> int | None:
    """Where on the way of `PATH` an order is, from 1; None for one that left it (cancelled, returned)."""
    return PATH.index("shipped" if state == "partly_shipped" else state) + 1 if state not in OFF_PATH else None


def may_cancel_pieces(party: str, state: str) -> bool:
    """Whether `party` may cancel pieces of an order in `state`: who may cancel it, or, of the rest, who ships it."""
    return party in MOVERS.get((state, "shipped" if state == "partly_shipped" else "cancelled"), ())


def moves_open_to(party: str, state: str) -> list[str]:
    """The states to which `party` (buyer, seller or staff) may move an order that is in `state`."""
    return [after for before, after in TRANSITIONS if before == state and party in MOVERS[before, after]]


def state_by_pieces(state: str, *, is_shipped: bool, is_open: bool, has_arrived: bool) -> list[str]:
    """The states that an order in `state` goes through now, because its pieces are shipped, to be shipped, arrived.

    With nothing left it is cancelled; with some of it gone partly shipped; with nothing more to ship it is shipped,
    and delivered as soon as all shipments have arrived.
    """
    if state in BEFORE_SHIPMENT and not is_open:
        if not is_shipped:
            return ["cancelled"]
        return ["shipped", "delivered"] if has_arrived else ["shipped"]
    if state in {"confirmed", "processing"} and is_shipped:
        return ["partly_shipped"]
    return ["delivered"] if state == "shipped" and has_arrived else []


def missing_step(*, has_address: bool, has_delivery: bool, has_payment: bool) -> str | None:
    """The first step of the checkout that is not done; None when only the review is left."""
    done = {"address": has_address, "delivery": has_delivery, "payment": has_payment}
    return next((step for step, is_done in done.items() if not is_done), None)
