"""What this room announces."""

from __future__ import annotations

from dataclasses import dataclass

from wholesale.kernel.events import Event


@dataclass(frozen=True)
class PurchaseOrderChanged(Event):
    """What is on order of these variants has changed: raised, edited, sent, cancelled, closed short."""

    order_id: int
    variant_ids: list[int]


@dataclass(frozen=True)
class GoodsReceived(Event):
    """A delivery of a purchase order came in."""

    order_id: int
    variant_ids: list[int]


@dataclass(frozen=True)
class PurchaseOrderSent(Event):
    """An order has a new version for its supplier; its document is still to be made, and then to be sent."""

    document_id: int
