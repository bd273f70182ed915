"""How the business stands, as figures for /metrics: totals of everybody, never of one business or person."""

from __future__ import annotations

from datetime import timedelta

from wholesale.kernel import clock
from wholesale.ledger import queries as ledger
from wholesale.orders import queries as orders
from wholesale.platform.scrape import Figure, Values
from wholesale.replenishment import queries as replenishment
from wholesale.verification import queries as verification

_DAY = timedelta(days=1)


def _balances() -> Values:
    return [
        ((row.account.code, trial.currency), float(row.left.amount))
        for trial in ledger.trial_balance()
        for row in trial.rows
    ]


def _orders() -> Values:
    return [((currency,), number) for currency, number, _ in orders.placed_since(clock.now() - _DAY)]


def _order_value() -> Values:
    return [((currency,), float(value)) for currency, _, value in orders.placed_since(clock.now() - _DAY)]


def _waiting() -> Values:
    return [((), verification.waiting())]


def _alerts() -> Values:
    return [((severity,), number) for severity, number in replenishment.open_alerts().items()]


def _proof() -> Values:
    return [((), len(proof.problems)) for proof in ledger.proofs(1)]


FIGURES = (
    Figure(
        "ledger_balance",
        "What stands on an account of the ledger, debit positive: bank is the money held",
        _balances,
        ("account", "currency"),
    ),
    Figure("ledger_proof_problems", "What the last proof of the ledger found wrong", _proof),
    Figure("orders_last_day", "Orders placed within 24 hours", _orders, ("currency",)),
    Figure("order_value_last_day", "Their totals, in units of the currency", _order_value, ("currency",)),
    Figure("verifications_waiting", "Businesses that wait for a reviewer", _waiting),
    Figure("stock_alerts_open", "Goods that run out", _alerts, ("severity",)),
)
