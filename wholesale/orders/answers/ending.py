"""What the other actions on an order need to know of answers: that none waits, or that it ends with the order."""

from __future__ import annotations

import sqlalchemy as sa

from wholesale.inventory import actions as inventory
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError
from wholesale.orders.answers.models import OrderAnswer
from wholesale.platform.db import db


def held_for(answer_id: int) -> str:
    """The reference under which the pieces of an answer's substitutes are set aside."""
    return f"answer:{answer_id}"


def waiting_id(order_id: int) -> int | None:
    """The answer of an order that waits for the buyer."""
    return db.session.scalar(
        sa.select(OrderAnswer.id).where(OrderAnswer.order_id == order_id, OrderAnswer.state == "waiting")
    )


def check_none_waits(order_id: int) -> None:
    """Raise ConflictError while the buyer is asked about changes to this order, which the caller has locked."""
    if waiting_id(order_id) is not None:
        raise ConflictError(
            "The buyer is asked about changes to this order, so nothing else can be done with it until they have"
            " decided or the time is over. The seller can take the question back."
        )


def end_with_order(*, actor: Actor, order_id: int, by_buyer: bool) -> None:
    """The whole locked order is cancelled: nothing is asked any more, and what was set aside is free again."""
    answer_id = waiting_id(order_id)
    if answer_id is not None:
        end(actor=actor, answer_id=answer_id, state="declined" if by_buyer else "withdrawn")
        inventory.release(actor=actor, reference=held_for(answer_id))


def end(*, actor: Actor, answer_id: int, state: str) -> None:
    """Write down what became of a waiting answer; its order is locked."""
    db.session.execute(
        sa.update(OrderAnswer)
        .where(OrderAnswer.id == answer_id)
        .values(state=state, decided_at=clock.now(), decided_by=actor.user_id)
    )
