"""Letters about answers, each to the side that has to know."""

from __future__ import annotations

from wholesale.kernel.money import Money
from wholesale.orders import letters
from wholesale.orders import queries as orders
from wholesale.orders.answers import queries
from wholesale.orders.answers.events import AnswerEnded, OrderAnswered
from wholesale.platform.outbox import on


@on(OrderAnswered)
def ask_buyer(event: OrderAnswered) -> None:
    """The buyer reads what they are asked about, or what has changed as they chose at the checkout."""
    answer = queries.answer(event.answer_id)
    order = orders.order_by_id(answer.order_id)
    if event.state == "waiting":
        if answer.state != "waiting":  # decided before this was written
            return
        proposal = queries.proposal(order, answer)
        letters.tell(
            order,
            "buyer",
            "order_answered",
            key=str(answer.id),
            before=proposal.before,
            after=proposal.after,
            until=answer.expires_at,
        )
    elif event.state == "accepted" and any(line.kind != "accept" for line in answer.lines):
        letters.tell(
            order,
            "buyer",
            "order_changed",
            key=str(answer.id),
            total=Money(order.due, order.currency),
            note=answer.note,
        )


@on(AnswerEnded)
def tell_how_it_ended(event: AnswerEnded) -> None:
    """The seller reads what the buyer decided, and both what time did."""
    answer = queries.answer(event.answer_id)
    order = orders.order_by_id(answer.order_id)
    total = Money(order.due, order.currency)
    if event.state in {"accepted", "declined"}:
        letters.tell(
            order, "seller", "order_answer_decided", key=str(answer.id), accepted=event.state == "accepted", total=total
        )
    elif event.state == "expired":
        for side in (letters.BUYER, letters.SELLER):
            letters.tell(order, side, "order_answer_expired", key=str(answer.id), total=total)
    else:
        letters.tell(order, "buyer", "order_answer_withdrawn", key=str(answer.id))
