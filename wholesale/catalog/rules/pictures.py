"""What may be done with a product's pictures. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from wholesale.kernel.errors import DomainError

MOST_PICTURES = 12
LONGEST_ALT = 200
STATES = ("pending", "ready", "failed")

# Longer than the worker needs for all that a seller sends at once: then somebody is asked again.
LATE = timedelta(minutes=10)
_FIRST_LOOK, _LONGEST_PAUSE, _MOST_LOOKS = 2, 30, 12

Way = Literal["first", "up", "down", "last"]
WAYS: tuple[Way, ...] = ("first", "up", "down", "last")


def check_room(there: int, more: int, *, field: str) -> None:
    """Raise DomainError when a product would have too many pictures."""
    if there + more > MOST_PICTURES:
        raise DomainError(
            "A product has at most {most} pictures, and this one has {there}. Remove some first.",
            field=field,
            most=MOST_PICTURES,
            there=there,
        )


def pause(looks: int) -> int | None:
    """Seconds until a page that has looked so often looks again for a picture; None: it gives up."""
    return min(_FIRST_LOOK * 3**looks // 2**looks, _LONGEST_PAUSE) if looks < _MOST_LOOKS else None


def reordered(ids: Sequence[int], moved: int, way: Way) -> list[int]:
    """`ids` with `moved` one place further that way, or at that end; at the end already it stays."""
    rest = [each for each in ids if each != moved]
    at = list(ids).index(moved)
    place = {"first": 0, "up": max(at - 1, 0), "down": min(at + 1, len(rest)), "last": len(rest)}[way]
    return [*rest[:place], moved, *rest[place:]]
