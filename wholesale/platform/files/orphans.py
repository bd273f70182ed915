"""Files that no row knows: their transaction was rolled back, their process killed, or their row is gone.

Nothing is noted when a file is stored. Once a night every column of text that is named `…_key` is asked which
files it knows, and what none knows and is older than a day goes. So a room that keeps a file's key in a column of
that name (kept by a test) has nothing to register that it could forget.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import islice

import sqlalchemy as sa

from wholesale.kernel import clock
from wholesale.platform.db import Base, db
from wholesale.platform.files.stores import storage

_GRACE = timedelta(hours=24)  # longer than any transaction
_BATCH = 500
_SUSPICIOUS = 100
_MOST_A_NIGHT = 500  # each may take a while, and a transaction must not sit idle for long


def key_columns() -> list[sa.Column[str]]:
    """The columns that may know a file; that some of them never do costs little."""
    return [
        column
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("_key") and isinstance(column.type, sa.String)
    ]


def _known(keys: Sequence[str]) -> set[str]:
    return {key for column in key_columns() for key in db.session.scalars(sa.select(column).where(column.in_(keys)))}


def sweep() -> str:
    """For the timetable. Removes nothing, and fails, when more would go than stay.

    For that is no night's leftovers, but a database that is not the one that these files belong to.
    """
    place = storage()
    old, kept = place.keys_before(clock.now() - _GRACE), 0
    unknown: list[str] = []
    while keys := list(islice(old, _BATCH)):
        known = _known(keys)
        kept += len(known)
        unknown += [key for key in keys if key not in known]
    if len(unknown) > max(kept, _SUSPICIOUS):
        raise AssertionError(f"{len(unknown)} files are unknown and {kept} known: is this the right database?")
    gone = unknown[:_MOST_A_NIGHT]
    for key in gone:
        place.delete(key)
    return f"{len(gone)} files that nobody knows removed, {kept} kept"
