"""An order paid on delivery that was delivered has been paid."""

from __future__ import annotations

from wholesale.orders.events import OrderMoved
from wholesale.payments import actions
from wholesale.platform.outbox import on


@on(OrderMoved)
def take_cash(event: OrderMoved) -> None:
    """Cash on delivery is received with the goods' delivery."""
    if event.after == "delivered":
        actions.take_cash(order_id=event.order_id)
