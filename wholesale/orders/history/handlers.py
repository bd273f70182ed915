"""Large tables are written in the background."""

from __future__ import annotations

from wholesale.orders.history import actions
from wholesale.orders.history.events import OrderExportRequested
from wholesale.platform.outbox import on


@on(OrderExportRequested)
def make_export(event: OrderExportRequested) -> None:
    """Write and keep the table, unless it is there."""
    actions.make_export(event.export_id)
