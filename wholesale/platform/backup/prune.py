"""What of a backup is no longer needed: nothing that a moment within the last days to be kept needs."""

from __future__ import annotations

import json
from datetime import timedelta

from wholesale.kernel import clock
from wholesale.platform.backup import chain
from wholesale.platform.backup.shelves import Archive

_UNFINISHED_DAYS = 2
_CLOCKS = timedelta(hours=1)  # the place of the backups may have another idea of the time


def prune(archive: Archive, *, days: int) -> str:
    """Remove what only older moments need; one line that says what.

    Kept are the bases of the last `days`, and the one before them: the first of those days needs it. Of documents
    those that any of them had, and those that came later.
    """
    limit = clock.now() - timedelta(days=days)
    bases = chain.bases(archive)
    older = [base for base in bases if base.ended_at <= limit]
    gone, kept = older[:-1], older[-1:] + [base for base in bases if base.ended_at > limit]
    for base in gone:
        _remove_base(archive, base.id)
    for base_id in chain.unfinished(archive):
        if base_id < chain.base_id(clock.now() - timedelta(days=_UNFINISHED_DAYS)):
            _remove_base(archive, base_id)
    archive.clear_halves()
    if not kept:
        return "there is no whole base yet; nothing was removed"
    pieces = _remove_log(archive, kept)
    removed = _remove_documents(archive, kept)
    return f"{len(kept)} bases kept; {len(gone)} bases, {pieces} pieces of log and {removed} documents removed"


def _remove_base(archive: Archive, base_id: str) -> None:
    archive.delete(f"base/{base_id}/base")  # first, so that what is left is no base
    for entry in list(archive.names(f"base/{base_id}")):
        archive.delete(entry.name)


def _remove_log(archive: Archive, kept: list[chain.Base]) -> int:
    """The log before the oldest base of each timeline, and of timelines without any."""
    count = 0
    first = {base.timeline: base.end for base in reversed(kept)}
    newest = max(kept, key=lambda base: base.ended_at)
    for name in {entry.name.split("/")[1] for entry in archive.names("log")}:
        timeline = int(name, 16)
        for piece in chain.pieces(archive, timeline):
            is_before = timeline in first and piece.end <= first[timeline]
            is_of_nothing = timeline not in first and piece.at < newest.began_at
            if is_before or is_of_nothing:
                archive.delete(piece.name)
                count += 1
    return count


def _remove_documents(archive: Archive, kept: list[chain.Base]) -> int:
    """Those that were copied before the oldest base, and were no longer there when it was made, nor later."""
    needed: set[str] = set()
    for base in kept:
        needed.update(json.loads(b"".join(archive.get(f"base/{base.id}/documents"))))
    long_ago = kept[0].began_at - _CLOCKS
    unneeded = [
        entry.name
        for entry in archive.names("documents")
        if entry.at < long_ago and entry.name.rpartition("/")[2] not in needed
    ]
    for name in unneeded:
        archive.delete(name)
    return len(unneeded)
