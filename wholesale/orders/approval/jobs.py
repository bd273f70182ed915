"""Every few minutes: requests that nobody decided in time."""

from __future__ import annotations

from wholesale.orders.approval import actions


def expire() -> str:
    """End them, put their lines back into the cart, and write to whoever asked."""
    return f"{actions.expire()} requests for approval ended"
