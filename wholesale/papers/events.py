"""What this room announces to itself."""

from __future__ import annotations

from dataclasses import dataclass

from wholesale.kernel.events import Event


@dataclass(frozen=True)
class PaperAdvanced(Event):
    """A paper was asked for, or the first `position` of its things are made: the next step can be done."""

    paper_id: int
    position: int
