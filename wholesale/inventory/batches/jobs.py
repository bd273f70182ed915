"""What is done every hour with what has expired."""

from __future__ import annotations

from collections.abc import Callable

from wholesale.inventory.batches import actions
from wholesale.kernel.actor import SYSTEM


def expire(progress: Callable[[int, int], None] | None = None) -> str:
    """Write off expired pieces that are promised to nobody."""
    done = actions.expire(actor=SYSTEM, progress=progress)
    return f"{done.pieces} expired pieces written off, {done.promised} more are promised to orders"
