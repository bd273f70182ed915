"""The nightly proof, and what lists say of stock."""

from __future__ import annotations

from wholesale.inventory import actions, queries
from wholesale.platform.rhythm import Progress
from wholesale.platform.transaction import transaction


def prove(progress: Progress | None = None) -> str:
    """Replay the log; raises AssertionError with the first thing that is wrong."""
    problems = queries.proof(progress)
    if problems:
        raise AssertionError(problems[0])
    return f"the log gives today's stock exactly: {queries.counted()} rows"


def relist() -> str:
    """Look again at what lists say of goods whose stock changed lately: of two changes at once one may be missed."""
    with transaction():
        product_ids = queries.changed_lately()
        actions.recount(product_ids)
    return f"{len(product_ids)} products"
