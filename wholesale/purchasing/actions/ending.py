"""An order ends without all its goods: cancelled, or closed short."""

from __future__ import annotations

from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError
from wholesale.purchasing import queries, rules
from wholesale.purchasing.models import PurchaseOrder
from wholesale.purchasing.moving import lines_of, locked, move, record, tell


def cancel(*, actor: Actor, order_id: int, reason: str = "", revision: int | None = None) -> PurchaseOrder:
    """Nothing of it is wanted any more; it keeps its number. Cancelled already, it stays so.

    A sent one needs a reason. Raises ConflictError when something has come of it: then it can be closed short.
    """
    order = locked(actor, order_id)
    if order.state == rules.CANCELLED:
        return order
    order = locked(actor, order_id, revision=revision)
    if order.state == rules.SENT and not reason:
        raise DomainError("Say why: the supplier will ask.", field="reason")
    move(actor, order, rules.CANCELLED, reason)
    record(actor, order, "purchase_order.cancelled", reason=reason)
    tell(order, queries.ids_of_lines(lines_of(order)))
    return order


def close_short(*, actor: Actor, order_id: int, reason: str, revision: int | None = None) -> PurchaseOrder:
    """What has not come will not come: nothing of it is on order any more. Closed already, it stays so."""
    order = locked(actor, order_id)
    if order.state == rules.CLOSED:
        return order
    order = locked(actor, order_id, revision=revision)
    if not reason:
        raise DomainError("Say why the rest does not come.", field="reason")
    move(actor, order, rules.CLOSED, reason)
    lines = lines_of(order)
    for line in lines:
        line.closed += line.open
    record(actor, order, "purchase_order.closed", reason=reason)
    tell(order, queries.ids_of_lines(lines))
    return order
