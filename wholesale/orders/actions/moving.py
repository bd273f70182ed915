"""Moving orders through their states, with what follows for stock and money."""

from __future__ import annotations

import sqlalchemy as sa

from wholesale.audit import actions as audit
from wholesale.inventory import actions as inventory
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError
from wholesale.kernel.states import check_transition
from wholesale.kernel.words import N_, Word
from wholesale.ledger import actions as ledger
from wholesale.orders import queries, rules
from wholesale.orders.actions import crediting, keepers, shipping
from wholesale.orders.answers import ending
from wholesale.orders.events import OrderMoved
from wholesale.orders.models import Order, OrderMove
from wholesale.platform.db import db
from wholesale.platform.outbox import emit

SAY_WHY = N_("Say why, so that the other side understands.")

NOT_NOW = N_('This is "{before}" now, so it cannot become "{after}".')
TOO_LATE = N_('This is "{before}" now: it is too late for this step. Ask the other side.')


def move_order(*, actor: Actor, number: str, to: str, reason: str = "") -> Order:
    """Advance an order to the state `to`, with what follows from it for stock and money.

    Moving it where it already is changes nothing (a double click). Raises NotFoundError for strangers,
    ConflictError when the table does not allow it (any more), ForbiddenError when it is not this party's move,
    DomainError on `reason` when a cancellation gives none.
    """
    order = locked(actor=actor, number=number)
    if order.state != to:
        if to in rules.FOLLOWS:
            raise ConflictError("An order becomes this by what is shipped or comes back, not by itself.")
        advance(actor=actor, order=order, to=to, reason=reason)
        db.session.flush()
    return order


def locked(*, actor: Actor, number: str) -> Order:
    """The actor's order with lines and their progress, locked: as it is now, until this transaction ends.

    Raises NotFoundError for strangers.
    """
    return queries.fresh(queries.lock(actor, number))


def lock(order: Order) -> None:
    """Lock an order that is loaded, and read again what others may have changed while this waited."""
    db.session.execute(sa.select(Order.id).where(Order.id == order.id).with_for_update(key_share=True))
    queries.fresh(order.id)


def advance(*, actor: Actor, order: Order, to: str, reason: str = "") -> None:
    """`move_order` for an order that this transaction holds already, with its lines; the caller flushes."""
    check_may_move(actor=actor, order=order, to=to)
    if to == "cancelled" and not reason:
        raise DomainError(SAY_WHY, field="reason")
    _follow(actor, order, to, reason)
    become(actor=actor, order=order, to=to, reason=reason)


def check_may_act(actor: Actor) -> None:
    """Raise ForbiddenError for whoever only looks, or places orders for somebody else."""
    if actor.role == "viewer":
        raise ForbiddenError("Your role in the business is to look, not to act.")
    if actor.on_behalf:
        raise ForbiddenError("Who acts for a business places orders and does nothing else. Stop that first.")


def check_may_move(*, actor: Actor, order: Order, to: str) -> None:
    """Raise unless the table allows a locked order to become `to` now, and this actor to move it there."""
    check_may_act(actor)
    if (order.state, to) not in rules.TRANSITIONS:
        raise ConflictError(NOT_NOW, before=_called(order.state), after=_called(to))
    side = party(actor)
    if side not in rules.MOVERS[order.state, to]:
        if any(after == to and side in movers for (_before, after), movers in rules.MOVERS.items()):
            raise ConflictError(TOO_LATE, before=_called(order.state))
        raise ForbiddenError("This step is not yours to take.")


def _called(state: str) -> Word:
    return Word(rules.IN_WORDS.get(state, state))


def follow_pieces(*, actor: Actor, order: Order, reason: str = "") -> None:
    """Let a locked order be in the state in which its pieces are, after some were shipped, cancelled or arrived.

    Whoever changed the pieces has checked that they may; nothing happens when the state is right already.
    """
    to = rules.state_by_pieces(
        order.state,
        is_shipped=any(line.progress.shipped for line in order.lines),
        is_open=any(line.progress.open for line in order.lines),
        has_arrived=order.state in {"partly_shipped", "shipped"} and not queries.on_their_way(order.id),
    )
    for state in to:
        _follow(actor, order, state, reason)
        become(actor=actor, order=order, to=state, reason=reason)
    db.session.flush()


def become(*, actor: Actor, order: Order, to: str, reason: str = "") -> None:
    """Write down that a locked order is in the state `to` now; what follows for stock and money has been done."""
    before = order.state
    check_transition(rules.TRANSITIONS, before, to)
    order.state = to
    _note_move(order, actor, before=before, after=to, reason=reason)
    emit(OrderMoved(order_id=order.id, before=before, after=to))
    _note_for_audit(order, actor, before=before, after=to, reason=reason)


def party(actor: Actor) -> str:
    """On whose side of an order the actor stands."""
    if actor.is_staff:
        return "staff" if actor.is_admin else "support"  # support looks, and moves nothing
    return "seller" if actor.is_seller else "buyer"


def _note_move(order: Order, actor: Actor, *, before: str, after: str, reason: str) -> None:
    who = actor.organization_name or ("" if actor.user_id else actor.name)
    db.session.add(
        OrderMove(order_id=order.id, before=before, after=after, user_id=actor.user_id, who=who, reason=reason)
    )


def _note_for_audit(order: Order, actor: Actor, *, before: str, after: str, reason: str) -> None:
    """Cancellations, and whatever the platform's staff do: that stands in the log of both businesses."""
    by_staff = actor.is_staff and actor.user_id is not None
    if not by_staff and after != "cancelled":
        return
    whose = (order.buyer_id, order.seller_id) if actor.organization_id is None else (actor.organization_id,)
    for organization_id in whose:
        audit.record(
            actor=actor,
            action="order.cancelled" if after == "cancelled" else "order.moved",
            thing="order",
            thing_id=order.number,
            organization_id=organization_id,
            before={"state": before},
            after={"state": after},
            reason=reason,
        )


def _follow(actor: Actor, order: Order, to: str, reason: str) -> None:
    """What a move brings with it for stock and money, in the same transaction."""
    if to in {"confirmed", "processing"} and actor.user_id is not None:
        ending.check_none_waits(order.id)
    match to:
        case "confirmed":
            order.confirmed_at = clock.now()
        case "shipped":  # whatever is still open leaves as one shipment; of what left in parts, this is the last one
            shipping.send_rest(actor=actor, order=order)
            order.shipped_at = clock.now()
        case "delivered":
            shipping.note_delivered(order)
            ledger.post(
                actor=actor,
                key=rules.delivered_key(order.number),
                reference=order.number,
                memo="Order delivered",
                legs=rules.delivered_legs(queries.money_of(order), seller_id=order.seller_id),
            )
            order.delivered_at = clock.now()
        case "completed":
            if keepers.is_kept_open(order.id):
                raise ConflictError("Something of this order is still being settled. It is completed after that.")
        case "cancelled":
            ending.end_with_order(actor=actor, order_id=order.id, by_buyer=party(actor) == "buyer")
            inventory.release(actor=actor, reference=order.number)
            crediting.take_back_rest(actor=actor, order=order, kind="cancelled", reason=reason)
