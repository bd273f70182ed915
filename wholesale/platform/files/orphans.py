"""Files that no row knows: their transaction was rolled back or their process killed, or their row is gone.

Nothing is noted when a file is stored. Once a night the rooms are asked which of the keys they know, and what
nobody knows and is older than a day goes. A room that stores files registers with `add_owner` in the
composition root.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import islice

from wholesale.kernel import clock
from wholesale.platform.files.stores import storage

Owner = Callable[[Sequence[str]], set[str]]
"""Says which of the keys a room knows."""

_OWNERS: list[Owner] = []
_GRACE = timedelta(hours=24)  # longer than any transaction
_BATCH = 500
_SUSPICIOUS = 100
_MOST_A_NIGHT = 500  # each may take a while, and a transaction must not sit idle for long


def add_owner(owner: Owner) -> None:
    """Let the sweep ask this room too before it removes a file."""
    if owner not in _OWNERS:
        _OWNERS.append(owner)


def sweep() -> str:
    """For the timetable. Removes nothing, and fails, when more would go than stay.

    For that is no night's leftovers, but a database that is not the one that these files belong to.
    """
    assert _OWNERS, "rooms that store files register with add_owner"
    place = storage()
    old, kept = place.keys_before(clock.now() - _GRACE), 0
    unknown: list[str] = []
    while keys := list(islice(old, _BATCH)):
        known = {key for owner in _OWNERS for key in owner(keys)}
        kept += len(known)
        unknown += [key for key in keys if key not in known]
    if len(unknown) > max(kept, _SUSPICIOUS):
        raise AssertionError(f"{len(unknown)} files are unknown and {kept} known: is this the right database?")
    gone = unknown[:_MOST_A_NIGHT]
    for key in gone:
        place.delete(key)
    return f"{len(gone)} files that nobody knows removed, {kept} kept"
