"""What this room announces to itself."""

from __future__ import annotations

from dataclasses import dataclass

from wholesale.kernel.events import Event


@dataclass(frozen=True)
class SheetWanted(Event):
    """A count has lines of which there is no printed sheet yet: those of this part."""

    count_id: int
    part: int
