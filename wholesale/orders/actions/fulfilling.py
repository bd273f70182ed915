"""What sellers do with a confirmed order: ship it, whole or in parts, and say what has arrived."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, NotFoundError
from wholesale.orders.actions import moving, shipping
from wholesale.orders.models import Order, Shipment
from wholesale.platform.db import db


def ship(
    *,
    actor: Actor,
    number: str,
    pieces: Mapping[int, int] | None = None,
    carrier: str = "",
    tracking: str = "",
    sequence: int | None = None,
) -> Shipment | None:
    """Ship `pieces` (line's id → how many) of an order together; None: all that is still to be shipped.

    `sequence` is the shipment that the actor saw coming: the same once more is the same shipment (a double click),
    another in its place is a ConflictError. Raises as `move_order` does, and DomainError on `quantity`. None when
    nothing is left to ship.
    """
    order = moving.locked(actor=actor, number=number)
    if sequence is not None:
        there = _shipment(order, sequence)
        if there is not None:
            if _is_same(there, pieces, carrier, tracking):
                return there
            raise ConflictError("Somebody shipped a part of this order just now. Look at what is left, then ship that.")
    if pieces is None:
        pieces = {line.id: line.progress.open for line in order.lines if line.progress.open}
        if order.state == "shipped" and not pieces:
            return None
    is_all = all(line.progress.open == pieces.get(line.id, 0) for line in order.lines)
    # One more part of what left in parts: by whoever may ship the last one.
    to = "shipped" if is_all or order.state == "partly_shipped" else "partly_shipped"
    moving.check_may_move(actor=actor, order=order, to=to)
    sent = shipping.send(actor=actor, order=order, pieces=pieces, carrier=carrier, tracking=tracking)
    moving.follow_pieces(actor=actor, order=order)
    return sent


def deliver(*, actor: Actor, number: str, sequence: int | None = None) -> Order:
    """A shipment has arrived, or all that left (None); with the last of an order's the order is delivered.

    What has arrived already stays as it is. Raises NotFoundError for strangers and unknown shipments, ConflictError
    when nothing has left yet.
    """
    if sequence is None:
        return moving.move_order(actor=actor, number=number, to="delivered")
    order = moving.locked(actor=actor, number=number)
    moving.check_may_act(actor)
    there = _shipment(order, sequence)
    if there is None:
        raise NotFoundError
    if there.delivered_at is None:
        # While more is to leave, one that arrives moves nothing: by whoever may ship the rest.
        to = "shipped" if order.state == "partly_shipped" else "delivered"
        moving.check_may_move(actor=actor, order=order, to=to)
        there.delivered_at = clock.now()
        db.session.flush()
        moving.follow_pieces(actor=actor, order=order)
    return order


def _shipment(order: Order, sequence: int) -> Shipment | None:
    found: Shipment | None = db.session.scalars(
        sa.select(Shipment)
        .where(Shipment.order_id == order.id, Shipment.sequence == sequence)
        .options(sa.orm.selectinload(Shipment.lines))
        .execution_options(populate_existing=True)
    ).one_or_none()
    return found


def _is_same(there: Shipment, pieces: Mapping[int, int] | None, carrier: str, tracking: str) -> bool:
    held = {line.line_id: line.quantity for line in there.lines}
    wanted = held if pieces is None else {line_id: count for line_id, count in pieces.items() if count}
    return (held, there.carrier, there.tracking) == (wanted, carrier, tracking)
