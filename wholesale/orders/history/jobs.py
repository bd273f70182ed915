"""Tables that have had their time."""

from __future__ import annotations

from wholesale.orders.history import actions


def expire() -> str:
    """Forget tables of orders after a week."""
    return f"{actions.expire()} tables of orders removed"
