"""Every day: reorder points, then the stock check with its letters. Every minute: what has moved."""

from __future__ import annotations

from wholesale.platform.jobs import still_alive
from wholesale.replenishment import actions


def check() -> str:
    """Look at the stock of everything; whoever has something new is written to."""
    return actions.check()


def watch() -> str:
    """Follow the inventory log."""
    return actions.watch()


def renew_points() -> str:
    """Work out the reorder levels of goods that have none of their own."""

    def alive(_done: int, _total: int) -> None:
        still_alive()

    return f"{actions.renew_points(progress=alive)} reorder points"
