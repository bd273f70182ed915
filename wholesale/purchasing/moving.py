"""What all actions on an order share: the lock, the step to another state, and telling others."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from wholesale.audit import actions as audit
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.kernel.states import check_transition
from wholesale.kernel.words import N_
from wholesale.merchandising.actions.rights import owner
from wholesale.platform.db import db
from wholesale.platform.outbox import emit
from wholesale.purchasing import rules
from wholesale.purchasing.events import PurchaseOrderChanged
from wholesale.purchasing.models import PurchaseOrder, PurchaseOrderLine, PurchaseOrderMove, Supplier

CHANGED = N_("Somebody has changed this order since you looked. Nothing was saved: look at it as it is now.")


def check_seller(actor: Actor, seller_id: int) -> None:
    """Raise NotFoundError unless the actor acts for this seller, ForbiddenError unless they may change anything."""
    if owner(actor) not in (None, seller_id):
        raise NotFoundError


def locked(actor: Actor, order_id: int, *, revision: int | None = None) -> PurchaseOrder:
    """The order as it is now, held until the commit. Raises NotFoundError, and DomainError when it was changed."""
    statement = sa.select(PurchaseOrder).where(PurchaseOrder.id == order_id).with_for_update(key_share=True)
    seller_id = owner(actor)
    if seller_id is not None:
        statement = statement.where(PurchaseOrder.seller_id == seller_id)
    order = db.session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
    if order is None:
        raise NotFoundError
    if revision is not None and order.revision != revision:
        raise DomainError(CHANGED)
    return order


def lines_of(order: PurchaseOrder) -> list[PurchaseOrderLine]:
    """Its lines as they are now; the order must be locked."""
    return list(
        db.session.scalars(
            sa.select(PurchaseOrderLine)
            .where(PurchaseOrderLine.order_id == order.id)
            .order_by(PurchaseOrderLine.position)
            .execution_options(populate_existing=True)
        )
    )


def supplier_of(seller_id: int, supplier_id: int) -> Supplier:
    """The seller's supplier. Raises NotFoundError."""
    found = db.session.get(Supplier, supplier_id)
    if found is None or found.seller_id != seller_id:
        raise NotFoundError
    return found


def move(actor: Actor, order: PurchaseOrder, to: str, reason: str = "") -> None:
    """Let the order become that, if the table allows it, and note who did it when and why."""
    check_transition(rules.TRANSITIONS, order.state, to, words=rules.STATE_WORDS)
    before, order.state = order.state, to
    order.revision += 1
    if to in (rules.RECEIVED, rules.CANCELLED, rules.CLOSED):
        order.ended_at = clock.now()
    note_move(actor, order, before, to, reason)


def note_move(actor: Actor, order: PurchaseOrder, before: str | None, after: str, reason: str = "") -> None:
    db.session.add(
        PurchaseOrderMove(
            order_id=order.id,
            seller_id=order.seller_id,
            before=before,
            after=after,
            user_id=actor.user_id,
            reason=reason,
            at=clock.now(),
        )
    )
    db.session.flush()


def tell(order: PurchaseOrder, variant_ids: Collection[int]) -> None:
    """What is on order has changed."""
    emit(PurchaseOrderChanged.of(order.id, variant_ids))


def record(actor: Actor, order: PurchaseOrder, action: str, *, reason: str = "", **after: object) -> None:
    """In the log of what was done."""
    audit.record(
        actor=actor,
        action=action,
        thing="purchase_order",
        thing_id=order.id,
        organization_id=order.seller_id,
        after={"number": order.number, **after},
        reason=reason,
    )
