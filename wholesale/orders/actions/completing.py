"""Delivered orders that nobody has complained about are completed, by the buyer or by time."""

from __future__ import annotations

from datetime import timedelta

from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM
from wholesale.orders import queries
from wholesale.orders.actions import keepers, moving

_AT_ONCE = 200


def complete_old(*, days: int, after: int = 0) -> tuple[int, int | None]:
    """Complete some orders delivered over `days` days ago: how many, and where to go on (None: all are done)."""
    found = queries.to_complete(clock.now() - timedelta(days=days), after=after, most=_AT_ONCE)
    kept = keepers.kept_open(found)
    done = 0
    for order_id in found:
        if order_id not in kept:
            order = queries.order_by_id(order_id)
            moving.lock(order)
            if order.state == "delivered":  # the buyer may have been quicker
                moving.advance(actor=SYSTEM, order=order, to="completed")
                done += 1
    return done, found[-1] if len(found) == _AT_ONCE else None
