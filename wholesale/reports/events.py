"""What this room announces."""

from __future__ import annotations

from dataclasses import dataclass

from wholesale.kernel.events import Event


@dataclass(frozen=True)
class WeekEnded(Event):
    """The figures of the week that began on `monday` (ISO) are to be sent: a seller's, or (None) the platform's."""

    monday: str
    seller_id: int | None
