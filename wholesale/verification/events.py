"""What this room announces."""

from __future__ import annotations

from dataclasses import dataclass

from wholesale.kernel.events import Event


@dataclass(frozen=True)
class PapersSent(Event):
    """A business has sent its papers; pictures of them are still to be made for who decides."""

    case_id: int
