"""Cancelling what has not been shipped: some pieces, a line, an order, a whole purchase."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from wholesale.inventory import actions as inventory
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, DomainError
from wholesale.orders import queries, rules
from wholesale.orders.actions import crediting, moving
from wholesale.orders.actions.crowds import Outcome, one_by_one
from wholesale.orders.line_forms import on_line
from wholesale.orders.models import Order, OrderCredit
from wholesale.platform.db import db


def cancel_pieces(
    *, actor: Actor, number: str, pieces: Mapping[int, int], reason: str, sequence: int | None = None
) -> Order:
    """Cancel `pieces` (line's id → how many) of an order that are not shipped; a buyer only while it is placed.

    With nothing left the order is cancelled, and its delivery costs nothing either. `sequence` is the taking back that
    the actor saw coming: the same once more changes nothing (a double click), another in its place is a ConflictError.
    Raises as `move_order` does, and DomainError on `line-<id>-quantity`, `quantity` and `reason`.
    """
    order = moving.locked(actor=actor, number=number)
    wanted = {line_id: count for line_id, count in pieces.items() if count}
    if sequence is not None:
        there = _taken_back(order, sequence)
        if there is not None:
            if there.kind == "cancelled" and {line.line_id: line.quantity for line in there.lines} == wanted:
                return order
            raise ConflictError("Something of this order was cancelled just now. Look at what is left of it first.")
    is_rest = order.state == "partly_shipped" and rules.may_cancel_pieces(moving.party(actor), order.state)
    moving.check_may_move(actor=actor, order=order, to="shipped" if is_rest else "cancelled")
    if not reason:
        raise DomainError(moving.SAY_WHY, field="reason")
    lines = {line.id: line for line in order.lines}
    if not wanted or not wanted.keys() <= lines.keys():
        raise DomainError("Say how many pieces are cancelled.", field="quantity")
    for line_id, count in wanted.items():
        line = lines[line_id]
        if not 0 < count <= line.progress.open:
            wrong = DomainError(
                "Of {name}, {open} can still be cancelled.", field="quantity", name=line.name, open=line.progress.open
            )
            raise on_line(wrong, line_id)
    if all(wanted.get(line.id, 0) == line.progress.open and not line.progress.shipped for line in order.lines):
        moving.advance(actor=actor, order=order, to="cancelled", reason=reason)
        db.session.flush()
        return order
    quantities: dict[int, int] = {}
    for line_id, count in wanted.items():
        variant_id = lines[line_id].variant_id
        quantities[variant_id] = quantities.get(variant_id, 0) + count
    inventory.release(actor=actor, reference=order.number, quantities=quantities)
    crediting.take_back(actor=actor, order=order, kind="cancelled", reason=reason, pieces=wanted)
    moving.follow_pieces(actor=actor, order=order, reason=reason)
    return order


def cancel_purchase(*, actor: Actor, number: str, reason: str) -> list[Outcome]:
    """Cancel every order of a purchase that the actor may still cancel; what became of each.

    Raises NotFoundError for strangers, DomainError on `reason`.
    """
    purchase = queries.purchase(actor, number)
    moving.check_may_act(actor)
    if not reason:
        raise DomainError(moving.SAY_WHY, field="reason")
    numbers = [order.number for order in purchase.orders]
    return one_by_one(
        actor=actor,
        numbers=numbers,
        do=lambda each: moving.move_order(actor=actor, number=each, to="cancelled", reason=reason),
    )


def _taken_back(order: Order, sequence: int) -> OrderCredit | None:
    found: OrderCredit | None = db.session.scalars(
        sa.select(OrderCredit)
        .where(OrderCredit.order_id == order.id, OrderCredit.sequence == sequence)
        .options(sa.orm.selectinload(OrderCredit.lines))
    ).one_or_none()
    return found
