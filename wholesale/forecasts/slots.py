"""What rooms above tell the pages of forecasts. Each says it here once, where it is imported."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

# Variants' ids → the fewest and the most days that their supplier takes.
LeadDays = Callable[[Collection[int]], Mapping[int, tuple[int, int]]]


@dataclass
class _Told:
    lead_days: LeadDays | None = None


_told = _Told()


def tells_lead_days(function: LeadDays) -> LeadDays:
    _told.lead_days = function
    return function


def lead_days(variant_id: int) -> tuple[int, int] | None:
    """How long the variant's supplier takes; None: nobody knows."""
    return None if _told.lead_days is None else _told.lead_days([variant_id]).get(variant_id)
