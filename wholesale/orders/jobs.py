"""This room's part of the ledger's proof."""

from __future__ import annotations

from wholesale.kernel.money import Money
from wholesale.orders import queries, rules

_AT_MOST = 20


def proof() -> list[str]:
    """Each order's postings must be what its frozen lines say for its state; what is wrong, a sentence each."""
    problems: list[str] = []
    for order, posted in queries.orders_with_postings():
        expected: dict[tuple[str, int | None], Money] = {}
        money = queries.money_of(order)
        legs = rules.placed_legs(money, buyer_id=order.buyer_id, seller_id=order.seller_id)
        if order.delivered_at is not None:
            legs += rules.delivered_legs(money, seller_id=order.seller_id)
        for leg in legs:
            known = expected.get((leg.code, leg.organization_id), Money.zero(order.currency))
            expected[leg.code, leg.organization_id] = known + leg.amount
        left = {account: amount for account, amount in expected.items() if not amount.is_zero}
        if left != posted:
            problems.append(f"order {order.number} ({order.state}) has other postings than its lines say")
            if len(problems) == _AT_MOST:
                break
    return problems
