"""What a seller may answer, what of it the buyer is asked about, and what it means for the pieces. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money

KINDS = ("accept", "less", "later", "substitute", "refuse")
STATES = ("waiting", "accepted", "declined", "withdrawn", "expired")
TRANSITIONS = (
    ("waiting", "accepted"),
    ("waiting", "declined"),
    ("waiting", "withdrawn"),
    ("waiting", "expired"),
)
# The states of an order in which its seller may still say that it will be different.
ANSWERABLE = frozenset({"placed", "confirmed"})

# What holds without asking, by what the buyer chose at the checkout.
_AT_ONCE = {
    "ask": frozenset[str](),
    "take_less": frozenset({"less", "refuse"}),
    "back_order": frozenset({"less", "later"}),
    "cancel": frozenset[str](),
}
_SHORT = frozenset({"less", "later", "refuse"})
_LATEST = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the seller says about one line.

    `quantity`: how many there are (less), or of the substitute. `ready_on`: from when (later), or the rest (less).
    """

    kind: str
    quantity: int | None = None
    ready_on: date | None = None
    sku: str = ""
    unit_price: Money | None = None


def is_asked(kind: str, if_short: str) -> bool:
    """Whether the buyer decides about a reply of this kind. Substitutes are always asked about."""
    return kind != "accept" and kind not in _AT_ONCE[if_short]


def ends_order(kinds: Collection[str], if_short: str) -> bool:
    """Whether these replies leave nothing of the order: all refused, or some missing where it is all or nothing."""
    return all(kind == "refuse" for kind in kinds) or (if_short == "cancel" and any(kind in _SHORT for kind in kinds))


def keeps_rest(kind: str, if_short: str) -> bool:
    """Whether what is not there now stays ordered, as the buyer chose."""
    return kind == "less" and if_short == "back_order"


def check_reply(reply: Reply, *, pieces: int, if_short: str, today: date, name: str) -> None:
    """Raise DomainError, on the field that it is about, unless the reply makes sense for `pieces` of a line."""
    if reply.kind not in KINDS:
        raise DomainError("Choose one of these.", field="kind")
    if reply.kind == "less" and (reply.quantity is None or not 0 < reply.quantity < pieces):
        raise DomainError(
            "Of {name}, {most} are open. Say how many there are: fewer than that, and at least 1.",
            field="quantity",
            name=name,
            most=pieces,
        )
    if (reply.kind == "later" or keeps_rest(reply.kind, if_short)) and (
        reply.ready_on is None or not today < reply.ready_on <= today + _LATEST
    ):
        raise DomainError("Say from which day it is there: a day after today, within a year.", field="ready_on")
    if reply.kind == "substitute":
        if not reply.sku:
            raise DomainError("Say by its SKU what you offer instead.", field="sku")
        if reply.quantity is None or reply.quantity < 1:
            raise DomainError("Say how many pieces of it you offer.", field="substitute_quantity")
        if reply.unit_price is None or reply.unit_price.amount <= 0:
            raise DomainError("Say what a piece of it costs.", field="unit_price")


def check_substitute(offered: Money, replaced: Money) -> None:
    """Raise DomainError when a substitute costs more than what it replaces: nobody pays more than they ordered for."""
    if offered > replaced:
        raise DomainError(
            "A substitute may not cost more than what it replaces: {offered} is above {replaced}.",
            field="unit_price",
            offered=offered,
            replaced=replaced,
        )


def pieces_gone(kind: str, *, pieces: int, quantity: int | None, keeps: bool) -> int:
    """How many of a line's open `pieces` a reply takes back once it holds."""
    if kind == "less" and not keeps:
        return pieces - (quantity or 0)
    return pieces if kind in {"refuse", "substitute"} else 0


def has_expired(expires_at: datetime, now: datetime) -> bool:
    """Whether the buyer's time is over, also where the timetable has not come by yet."""
    return now >= expires_at


def digest(*seen: object) -> str:
    """What somebody has looked at, so that nobody agrees to something else."""
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:32]
