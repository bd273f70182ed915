"""Files that no row knows: their transaction was rolled back, their process killed, or their row is gone.

Nothing is noted when a file is stored. Once a night every column of text that is named `…_key` is asked which
files it knows, and what none knows and is older than a day goes. So a room that keeps a file's key in a column of
that name (kept by a test) has nothing to register that it could forget.

Only what strangers may have stored without end is noted: files of forms that were refused (`kept_until_sent`).
They go first, and their number says nothing about the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.platform.db import Base, db
from wholesale.platform.files.stores import storage
from wholesale.platform.transaction import independent

_GRACE = timedelta(hours=24)  # longer than any transaction
_BATCH = 500
_SUSPICIOUS = 100
_MOST_NEVER_SENT = 5000
_MOST_A_NIGHT = 500  # each may take a while, and a transaction must not sit idle for long


class KeptFile(Base):
    """A file that was stored although its form was refused; whether a row knows it by now, the sweep asks."""

    __tablename__ = "kept_file"

    file_key: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default_factory=clock.now, index=True)


def kept_until_sent(key: str) -> None:
    """Note that a form which comes back holds this file; the note stays when the form's own transaction does not."""
    with independent() as session:
        session.execute(insert(KeptFile).values(file_key=key, at=clock.now()).on_conflict_do_nothing())


def key_columns() -> list[sa.Column[str]]:
    """The columns that may know a file; that some of them never do costs little."""
    return [
        column
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("_key") and isinstance(column.type, sa.String) and table is not KeptFile.__table__
    ]


def _known(keys: Sequence[str]) -> set[str]:
    return {key for column in key_columns() for key in db.session.scalars(sa.select(column).where(column.in_(keys)))}


def sweep() -> str:
    """For the timetable. Removes nothing, and fails, when more would go than stay.

    For that is no night's leftovers, but a database that is not the one that these files belong to.
    """
    place = storage()
    never_sent = _sweep_never_sent()
    old, kept = place.keys_before(clock.now() - _GRACE), 0
    unknown: list[str] = []
    while keys := list(islice(old, _BATCH)):
        known = _known(keys)
        kept += len(known)
        noted = set(db.session.scalars(sa.select(KeptFile.file_key).where(KeptFile.file_key.in_(keys))))
        unknown += [key for key in keys if key not in known | noted]
    if len(unknown) > max(kept, _SUSPICIOUS):
        raise AssertionError(f"{len(unknown)} files are unknown and {kept} known: is this the right database?")
    gone = unknown[:_MOST_A_NIGHT]
    for key in gone:
        place.delete(key)
    return f"{len(gone) + never_sent} files that nobody knows removed, {kept} kept"


def _sweep_never_sent() -> int:
    """Files whose form was never sent after all; of what was sent only the note goes."""
    gone = 0
    for _each in range(_MOST_NEVER_SENT // _BATCH):
        over = sa.select(KeptFile.file_key).where(KeptFile.at < clock.now() - _GRACE).order_by(KeptFile.at)
        keys = db.session.scalars(over.limit(_BATCH)).all()
        if not keys:
            break
        for key in set(keys) - _known(keys):
            storage().delete(key)
            gone += 1
        db.session.execute(sa.delete(KeptFile).where(KeptFile.file_key.in_(keys)))
    return gone
