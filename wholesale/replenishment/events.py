"""What this room announces."""

from __future__ import annotations

from dataclasses import dataclass

from wholesale.kernel.events import Event


@dataclass(frozen=True)
class StockChecked(Event):
    """The day's check found something new: a seller's, or (None) what the platform's admins are to be told of."""

    seller_id: int | None
    day: str
