"""Every minute: count what has changed. Every night: what was missed. On Mondays: the weekly letters."""

from __future__ import annotations

from wholesale.platform.rhythm import Progress
from wholesale.reports import actions


def count() -> str:
    """Count the marked days anew, and what the last two days lack."""
    return actions.recompute()


def heal(progress: Progress | None = None) -> str:
    """Count every day of which the ledger knows something else than was counted."""
    return actions.recompute(everything_stale=True, progress=progress)


def weekly() -> str:
    """Have last week's reports written to sellers and admins."""
    return actions.begin_weekly()
