"""What becomes of goods on the way. Pure."""

from __future__ import annotations

from wholesale.kernel.words import N_

IN_TRANSIT, DONE, CANCELLED = "in_transit", "done", "cancelled"
STATES = {IN_TRANSIT: N_("In transit"), DONE: N_("Done"), CANCELLED: N_("Cancelled")}
MOST_LINES = 5000


def number(year: int, count: int) -> str:
    """TR-2026-001."""
    return f"TR-{year}-{count:03d}"


def state_after(*, on_the_way: int, arrived: int) -> str:
    """Where a transfer stands. `arrived`: what was received or lost; nothing of it means that all came back."""
    if on_the_way:
        return IN_TRANSIT
    return DONE if arrived else CANCELLED
