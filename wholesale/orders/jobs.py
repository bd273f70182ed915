"""This room's part of the ledger's proof, and the completion of what was delivered long enough ago."""

from __future__ import annotations

from functools import partial

from flask import current_app

from wholesale.orders import actions, queries
from wholesale.platform.transaction import run, transaction

_AT_MOST = 20


def proof() -> list[str]:
    """Each order's postings must be what its frozen lines say for its state; what is wrong, a sentence each."""
    problems: list[str] = []
    for order, posted in queries.orders_with_postings():
        if queries.expected_postings(order) != posted:
            problems.append(f"order {order.number} ({order.state}) has other postings than its lines say")
            if len(problems) == _AT_MOST:
                break
    return problems


def complete() -> str:
    """Complete orders that were delivered a while ago and that nobody has complained about."""
    days = current_app.extensions["settings"].order_completion_days
    done, after = 0, 0
    while True:
        with transaction():
            more, further = run(partial(actions.complete_old, days=days, after=after))
        done += more
        if further is None:
            return f"{done} orders completed"
        after = further
