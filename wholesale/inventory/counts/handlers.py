"""The printed sheet is made in the background."""

from __future__ import annotations

from wholesale.inventory.counts import sheets
from wholesale.inventory.counts.events import SheetWanted
from wholesale.platform.outbox import on


@on(SheetWanted)
def make_sheet(event: SheetWanted) -> None:
    """Make a part of the count's sheet as PDF; nothing when the one that is there has all its lines."""
    sheets.make(event.count_id, event.part)
