"""The sweep that finds photographs whose sizes were not made."""

from __future__ import annotations

from wholesale.catalog import queries
from wholesale.catalog.events import PictureUploaded
from wholesale.platform import outbox


def sweep_pictures() -> str:
    """Ask again for photographs that are late, but not for those still in the outbox."""
    late = queries.late_pictures()
    waiting = {row.payload["picture_id"]: row for row in outbox.unfinished(PictureUploaded)} if late else {}
    asked = 0
    for picture_id in late:
        row = waiting.get(picture_id)
        if row is None:
            outbox.emit(PictureUploaded(picture_id=picture_id))
        elif row.dead_at is None or not outbox.restart(row.id):
            continue
        asked += 1
    return f"{asked} late pictures asked for again"
