"""Where an order's pieces come from. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """What one location has of one variant."""

    variant_id: int
    location_id: int
    available: int


@dataclass(frozen=True, slots=True)
class Take:
    """So many pieces of a variant from a location."""

    variant_id: int
    location_id: int
    quantity: int


def choose(wanted: Mapping[int, int], places: Sequence[Place]) -> tuple[list[Take], dict[int, int]]:
    """Which location gives how much of each variant, and for what is missing how much there is.

    From one location when one has enough (the one with most), else from several, the fullest first.
    """
    takes: list[Take] = []
    missing: dict[int, int] = {}
    for variant_id, quantity in sorted(wanted.items()):
        mine = sorted(
            (place for place in places if place.variant_id == variant_id),
            key=lambda place: (-place.available, place.location_id),
        )
        there = sum(place.available for place in mine)
        if there < quantity:
            missing[variant_id] = there
            continue
        left = quantity
        for place in mine:
            part = min(left, place.available)
            if part > 0:
                takes.append(Take(variant_id, place.location_id, part))
                left -= part
    return takes, missing
