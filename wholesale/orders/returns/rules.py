"""What may be sent back, and the states of a return. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from wholesale.kernel.errors import ConflictError, DomainError
from wholesale.kernel.words import N_

STATES = (N_("requested"), N_("approved"), N_("refused"), N_("received"), N_("closed"), N_("withdrawn"))
TRANSITIONS = (
    ("requested", "approved"),
    ("requested", "refused"),
    ("requested", "withdrawn"),
    ("approved", "received"),
    ("approved", "refused"),
    ("approved", "withdrawn"),
    ("received", "closed"),
)
# While a return is in one of these its order is not completed, and no other return of it is begun.
OPEN = frozenset({"requested", "approved"})
REASONS = ("damaged", "wrong_goods", "not_as_described", "too_many", "other")
MAX_PHOTOS = 4


@dataclass(frozen=True, slots=True)
class Wish:
    """So many pieces of a line are to be sent back, for a reason (`words` say more, and must for "other")."""

    pieces: int
    reason: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """How many pieces of a line arrived, and how many of these are not to be sold again."""

    arrived: int
    written_off: int = 0

    @property
    def restocked(self) -> int:
        return self.arrived - self.written_off


def check_in_time(state: str, delivered_at: datetime | None, now: datetime, *, days: int) -> None:
    """Raise ConflictError unless an order in this state can be sent back: delivered, or completed not long ago."""
    if state == "delivered":
        return
    if state != "completed" or delivered_at is None:
        raise ConflictError("Only what has been delivered can be sent back.")
    if now > delivered_at + timedelta(days=days):
        raise ConflictError("It is too late to send this back: that is possible for {days} days.", days=days)


def check_wish(wish: Wish, *, most: int, name: str) -> None:
    """Raise DomainError, on the field that it is about, unless so many pieces of a line may be sent back."""
    if not 0 < wish.pieces <= most:
        raise DomainError("Of {name}, at most {most} can be sent back.", field="pieces", name=name, most=most)
    if wish.reason not in REASONS:
        raise DomainError("Choose a reason.", field="reason")
    if wish.reason == "other" and not wish.words:
        raise DomainError("Say in your words what is wrong.", field="words")


def check_arrival(arrival: Arrival, *, most: int, name: str) -> None:
    """Raise DomainError unless written off ≤ arrived ≤ what may come back."""
    if not 0 <= arrival.arrived <= most:
        raise DomainError("Of {name}, at most {most} can come back.", field="arrived", name=name, most=most)
    if not 0 <= arrival.written_off <= arrival.arrived:
        raise DomainError(
            "No more can be written off than have arrived: {arrived}.", field="written_off", arrived=arrival.arrived
        )


def is_all_back(pieces: Mapping[int, tuple[int, int]]) -> bool:
    """Whether everything that was shipped has come back; (shipped, returned) by line."""
    return any(shipped for shipped, _back in pieces.values()) and all(
        shipped == back for shipped, back in pieces.values()
    )


def digest(*seen: object) -> str:
    """What somebody has looked at, so that nothing is done twice or to something else."""
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:32]
