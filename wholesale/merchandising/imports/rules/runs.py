"""The states of a run."""

from __future__ import annotations

RUN_STATES = ("reading", "mapping", "checking", "checked", "applying", "done", "stopped", "cancelled")
WORKING = ("reading", "checking", "applying")
ENDED = ("done", "stopped", "cancelled")
MODES = ("valid", "all")
MAX_ROWS = 100_000

_FIRST_PAUSE, _LONGEST_PAUSE = 1, 15


def pause(tries: int) -> int:
    """Seconds until a page asks again how far a run is: soon at first, then less and less often."""
    return min(_FIRST_PAUSE + max(tries, 0) // 2, _LONGEST_PAUSE)
