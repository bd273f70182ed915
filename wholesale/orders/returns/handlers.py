"""Letters about returns, each to the side that has to know."""

from __future__ import annotations

from wholesale.kernel.money import Money
from wholesale.orders import letters
from wholesale.orders import queries as orders
from wholesale.orders.models import OrderCredit
from wholesale.orders.returns import queries
from wholesale.orders.returns.events import AllowanceGiven, GoodsRefused, ReturnMoved
from wholesale.platform.db import db
from wholesale.platform.outbox import on


@on(ReturnMoved)
def tell_other_side(event: ReturnMoved) -> None:
    """The seller reads what the buyer wants, the buyer what the seller says and has received."""
    found = queries.request_by_id(event.return_id)
    order = orders.order_by_id(found.order_id)
    if event.after in {"requested", "withdrawn"}:
        letters.tell(
            order,
            "seller",
            "return_moved",
            key=f"{found.number}:{event.after}",
            state=event.after,
            return_number=found.number,
        )
    elif event.after in {"approved", "refused", "received"}:
        credit = db.session.get(OrderCredit, found.credit_id) if found.credit_id else None
        letters.tell(
            order,
            "buyer",
            "return_moved",
            key=f"{found.number}:{event.after}",
            state=event.after,
            return_number=found.number,
            answer=found.answer,
            total=Money(credit.total, credit.currency) if credit else None,
        )


@on(GoodsRefused)
def tell_of_refusal(event: GoodsRefused) -> None:
    """The buyer reads that all of it went back, and that nothing is owed."""
    letters.tell(orders.order_by_id(event.order_id), "buyer", "order_refused", key=str(event.order_id))


@on(AllowanceGiven)
def tell_of_allowance(event: AllowanceGiven) -> None:
    """The buyer reads how much was let off, and why; the seller too, who may not have done it."""
    order = orders.order_by_id(event.order_id)
    credit = db.session.get_one(OrderCredit, event.credit_id)
    for side in (letters.BUYER, letters.SELLER):
        letters.tell(
            order,
            side,
            "order_allowance",
            key=str(credit.id),
            total=Money(credit.total, credit.currency),
            reason=credit.reason,
        )
