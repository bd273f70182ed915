"""Runs that got stuck, and those that have had their time."""

from __future__ import annotations

from wholesale.merchandising.imports import actions


def sweep() -> str:
    """Let runs go on whose step was lost, and end those whose step failed for good."""
    resumed, stopped = actions.rescue()
    return f"{resumed} imports resumed, {stopped} stopped"


def expire() -> str:
    """Forget runs after 30 days and exports after 7; end those that nobody has gone on with for a week."""
    runs, exports = actions.expire()
    return f"{runs} imports and {exports} exports removed"
