"""Taking back a part of an order: its pieces, its money, and the share of everybody in it, exactly."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.ledger import actions as ledger
from wholesale.orders import queries, rules
from wholesale.orders.answers import ending
from wholesale.orders.events import OrderCredited
from wholesale.orders.models import Order, OrderCredit, OrderCreditLine, OrderLine
from wholesale.platform.db import db
from wholesale.platform.outbox import emit


def take_back(
    *,
    actor: Actor,
    order: Order,
    kind: str,
    reason: str,
    pieces: Mapping[int, int] | None = None,
    amounts: Mapping[int, Money] | None = None,
    delivery: Money | None = None,
) -> OrderCredit | None:
    """Take back `pieces` (line's id → how many) or `amounts` (line's id → of its goods), and `delivery`.

    The order is locked, with its lines' progress (`moving.lock`). The buyer owes less, everybody's share of it is
    taken back in proportion, from what is pending or, once delivered, from what was earned; stock is the caller's.
    None when there was nothing to take back. Raises DomainError for more pieces or money than are left.
    """
    if kind == "cancelled":
        ending.check_none_waits(order.id)
    pieces, fee = dict(pieces or {}), delivery or Money.zero(order.currency)
    taken = _taken(order, kind, pieces, amounts or {})
    if fee.amount < 0 or fee.amount > order.delivery_fee - order.delivery_credited:
        raise DomainError("More than the delivery cost cannot be taken back.", field="delivery")
    if not taken and fee.is_zero:
        return None
    money = rules.parts(
        [(taken[line.id], line.settlement, line.goods_owner) for line in order.lines if line.id in taken], fee
    )
    credit = OrderCredit(
        order_id=order.id,
        sequence=queries.credits_of(order.id) + 1,
        kind=kind,
        reason=reason,
        delivery=fee.amount,
        total=money.charged.amount,
        currency=order.currency,
        earned=order.delivered_at is not None,
        user_id=actor.user_id,
        at=clock.now(),
    )
    db.session.add(credit)
    db.session.flush()
    if taken:
        db.session.execute(
            sa.insert(OrderCreditLine),
            [_row(credit.id, line_id, pieces.get(line_id, 0), portion) for line_id, portion in taken.items()],
        )
    for line in order.lines:
        if line.id in taken:
            line.progress.credited += taken[line.id].goods.amount
            if kind == "cancelled":
                line.progress.cancelled += pieces.get(line.id, 0)
            else:
                line.progress.returned += pieces.get(line.id, 0)
    order.credited += money.charged.amount
    order.delivery_credited += fee.amount
    db.session.flush()
    ledger.post(
        actor=actor,
        key=rules.credit_key(order.number, credit.sequence),
        reference=order.number,
        memo=f"Taken back: {kind}",
        legs=rules.credit_legs(money, buyer_id=order.buyer_id, seller_id=order.seller_id, earned=credit.earned),
    )
    emit(OrderCredited(order_id=order.id, credit_id=credit.id))
    return credit


def take_back_rest(*, actor: Actor, order: Order, kind: str, reason: str) -> OrderCredit | None:
    """Take back all that is left of an order, its delivery included: nothing is owed for it any more."""
    pieces = {line.id: line.progress.kept for line in order.lines if line.progress.kept}
    fee = Money(order.delivery_fee - order.delivery_credited, order.currency)
    return take_back(actor=actor, order=order, kind=kind, reason=reason, pieces=pieces, delivery=fee)


def _taken(
    order: Order, kind: str, pieces: Mapping[int, int], amounts: Mapping[int, Money]
) -> dict[int, rules.Portion]:
    """What these pieces or amounts take back of each line's money, by its id."""
    gone = queries.credited(order)
    taken: dict[int, rules.Portion] = {}
    for line in order.lines:
        count = pieces.get(line.id, 0)
        _check_pieces(line, count, kind)
        whole = queries.portion(line, order.currency)
        before = gone.get(line.id, rules.Portion.zero(order.currency, tax_included=line.tax_included))
        if count:
            kept = line.progress.kept
            goods = rules.goods_of(count, left=whole.goods - before.goods, pieces_left=kept)
            taken[line.id] = rules.taken_back(whole, before, goods, is_last=count == kept)
        elif line.id in amounts:
            taken[line.id] = rules.taken_back(whole, before, amounts[line.id])
    return taken


def _check_pieces(line: OrderLine, pieces: int, kind: str) -> None:
    """Cancelled is what has not been shipped; what comes back was shipped before."""
    most = line.progress.open if kind == "cancelled" else line.progress.shipped - line.progress.returned
    if not 0 <= pieces <= most:
        raise DomainError("Of {name}, at most {most} can be taken back.", field="quantity", name=line.name, most=most)


def _row(credit_id: int, line_id: int, quantity: int, portion: rules.Portion) -> dict[str, object]:
    return {
        "credit_id": credit_id,
        "line_id": line_id,
        "quantity": quantity,
        "goods": portion.goods.amount,
        "tax": portion.tax.amount,
        "tax_included": portion.tax_included,
        "platform_fee": portion.platform_fee.amount,
        "platform_rest": portion.platform_rest.amount,
        "seller_share": portion.seller_share.amount,
        "owner_recovers": portion.owner_recovers.amount,
    }
