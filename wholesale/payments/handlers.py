"""An order paid on delivery that was delivered has been paid; refunds leave, and the buyer is told."""

from __future__ import annotations

from wholesale.kernel.money import Money
from wholesale.orders.events import OrderMoved
from wholesale.payments import actions, queries
from wholesale.payments.events import RefundAsked, RefundPaid
from wholesale.platform import mail
from wholesale.platform.outbox import on


@on(OrderMoved, when=lambda event: event.after == "delivered")
def take_cash(event: OrderMoved) -> None:
    """Cash on delivery is received with the goods' delivery."""
    actions.take_cash(order_id=event.order_id)


@on(RefundAsked)
def start_refund(event: RefundAsked) -> None:
    """Ask the provider to pay it back."""
    actions.start_refund(refund_id=event.refund_id)


@on(RefundPaid)
def settle_returns(event: RefundPaid) -> None:
    """With the last of the money a return is settled."""
    actions.settle_returns(key=event.key)


@on(RefundPaid)
def tell_buyer(event: RefundPaid) -> None:
    """A letter to whoever ordered it and to the owners of the business: how much, by which reference."""
    paid = queries.paid_back(event.key)
    for person in paid.people:
        mail.send(
            key=f"refund_paid:{event.key}:{person.user_id}",
            to=person.email,
            template="refund_paid",
            language=person.language,
            name=person.name,
            business=paid.business,
            amount=Money.total((refund.amount for refund in paid.refunds), paid.currency),
            number=paid.number,
            in_cash=paid.in_cash,
            reference=paid.reference,
            order_number=paid.order_number,
        )
