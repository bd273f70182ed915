"""What this room announces to itself."""

from __future__ import annotations

from dataclasses import dataclass

from wholesale.kernel.events import Event


@dataclass(frozen=True)
class OrderExportRequested(Event):
    """Somebody wants their orders as a table that takes a while."""

    export_id: int
