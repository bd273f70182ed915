"""Papers that have had their time."""

from __future__ import annotations

from wholesale.papers import actions


def expire() -> str:
    """Remove papers and their files after 30 days."""
    return f"{actions.expire()} papers removed"
