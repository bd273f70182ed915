"""What the timetable runs for search."""

from __future__ import annotations

from wholesale.platform.transaction import transaction
from wholesale.search import actions, counters


def count_words() -> str:
    """Count the catalogue's words anew, for spelling and suggestions."""
    with transaction():
        number = actions.make_vocabulary()
    return f"{number} words"


def write_counts() -> str:
    """Write down what was searched since the last time."""
    with transaction():
        number = actions.write_counts()
    counters.written()
    return f"{number} searches"


def sweep() -> str:
    """Forget old searches that found nothing."""
    with transaction():
        number = actions.sweep()
    return f"{number} forgotten"
