"""What comes in and what is ordered moves alerts at once; after the daily check the letters are written."""

from __future__ import annotations

from datetime import date

from wholesale.platform.outbox import on
from wholesale.purchasing.events import GoodsReceived, PurchaseOrderChanged
from wholesale.replenishment import actions
from wholesale.replenishment.events import StockChecked


@on(GoodsReceived)
def look_at_received(event: GoodsReceived) -> None:
    """The alerts of what came in close, or move, without waiting for the next look."""
    actions.look(variant_ids=event.variant_ids)
    actions.touch(variant_ids=event.variant_ids)


@on(PurchaseOrderChanged)
def look_at_ordered(event: PurchaseOrderChanged) -> None:
    """What is on order stands in the alerts' rows: whoever looks at them sees it."""
    actions.look(variant_ids=event.variant_ids)
    actions.touch(variant_ids=event.variant_ids)


@on(StockChecked)
def write_digest(event: StockChecked) -> None:
    """Write the day's letter, to a seller's people or to the platform's admins."""
    day = date.fromisoformat(event.day)
    if event.seller_id is None:
        actions.tell_admins(day=day)
    else:
        actions.tell(seller_id=event.seller_id, day=day)
