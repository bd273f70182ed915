"""Goods leave, whole or in parts, and arrive."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from wholesale.inventory import actions as inventory
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError
from wholesale.orders import queries
from wholesale.orders.answers import ending
from wholesale.orders.line_forms import on_line
from wholesale.orders.models import Order, Shipment, ShipmentLine
from wholesale.platform.db import db, insert_rows


def send(*, actor: Actor, order: Order, pieces: Mapping[int, int], carrier: str = "", tracking: str = "") -> Shipment:
    """Ship `pieces` (line's id → how many) of a locked order together: they leave the stock. The state is the caller's.

    Raises DomainError on `line-<id>-quantity` for more than is open, on `quantity` for nothing; ConflictError while the
    buyer is asked about changes.
    """
    ending.check_none_waits(order.id)
    leaving = {line: pieces.get(line.id, 0) for line in order.lines if pieces.get(line.id, 0)}
    if not leaving:
        raise DomainError("Say how many pieces leave.", field="quantity")
    for line, quantity in leaving.items():
        if not 0 < quantity <= line.progress.open:
            wrong = DomainError(
                "Of {name}, {open} are still to be shipped.", field="quantity", name=line.name, open=line.progress.open
            )
            raise on_line(wrong, line.id)
    sequence = queries.shipments_of(order.id) + 1
    shipment = Shipment(
        order_id=order.id,
        sequence=sequence,
        number=f"{order.number}-{sequence}",
        carrier=carrier,
        tracking=tracking,
        user_id=actor.user_id,
    )
    db.session.add(shipment)
    db.session.flush()
    held = [
        {"shipment_id": shipment.id, "line_id": line.id, "quantity": quantity} for line, quantity in leaving.items()
    ]
    insert_rows({ShipmentLine: held})
    quantities: dict[int, int] = {}
    for line, quantity in leaving.items():
        line.progress.shipped += quantity
        quantities[line.variant_id] = quantities.get(line.variant_id, 0) + quantity
    db.session.flush()
    inventory.ship(actor=actor, reference=order.number, quantities=quantities)
    return shipment


def send_rest(*, actor: Actor, order: Order) -> Shipment | None:
    """Ship all that is still open; None when nothing is."""
    pieces = {line.id: line.progress.open for line in order.lines if line.progress.open}
    return send(actor=actor, order=order, pieces=pieces) if pieces else None


def note_delivered(order: Order) -> None:
    """All shipments of an order have arrived by now."""
    db.session.execute(
        sa.update(Shipment)
        .where(Shipment.order_id == order.id, Shipment.delivered_at.is_(None))
        .values(delivered_at=clock.now())
    )
