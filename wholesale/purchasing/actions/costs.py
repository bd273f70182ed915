"""A delivery has offered a product's new cost; the seller takes it, or leaves the cost as it is."""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa

from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, DomainError, NotFoundError
from wholesale.merchandising import actions as merchandising
from wholesale.merchandising.actions.rights import owner
from wholesale.platform.db import db
from wholesale.purchasing.models import CostOffer, PurchaseDelivery, PurchaseOrder

Answer = Literal["average", "last", "kept"]


def answer_offer(*, actor: Actor, offer_id: int, answer: str) -> int:
    """The product costs the moving average from now on, or what the last pieces cost, or what it did; its order's id.

    The same answer again changes nothing. Raises ConflictError when it was answered otherwise, or the product's cost is
    not what it was when the offer was made.
    """
    if answer not in ("average", "last", "kept"):
        raise DomainError("Please choose one.")
    statement = sa.select(CostOffer).where(CostOffer.id == offer_id).with_for_update(key_share=True)
    seller_id = owner(actor)
    if seller_id is not None:
        statement = statement.where(CostOffer.seller_id == seller_id)
    offer = db.session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
    if offer is None:
        raise NotFoundError
    delivery = db.session.get_one(PurchaseDelivery, offer.delivery_id)
    if offer.answer == answer:
        return delivery.order_id
    if offer.answer != "open":
        raise ConflictError("This has been answered already. Reload the page to see the cost as it is now.")
    if answer != "kept":
        order = db.session.get_one(PurchaseOrder, delivery.order_id)
        merchandising.set_cost(
            actor=actor,
            product_id=offer.product_id,
            cost=offer.average if answer == "average" else offer.last,
            seen=offer.before,
            reason=order.number,
        )
    offer.answer, offer.answered_by, offer.answered_at = answer, actor.user_id, clock.now()
    db.session.flush()
    return delivery.order_id
