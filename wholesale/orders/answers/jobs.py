"""Every few minutes: changes of orders that their buyers did not decide about in time."""

from __future__ import annotations

from wholesale.orders.answers import actions


def expire() -> str:
    """End the question; what was accepted stays, what was to be changed is cancelled."""
    return f"{actions.expire()} answers to orders ended"
