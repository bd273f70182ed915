"""Noting changes of prices, and keeping two people from changing the same ones at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa

from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.platform.db import db
from wholesale.pricing.models import PriceHistory

Pairs = Sequence[tuple[int, Decimal]]
_SPACE = 4012  # of advisory locks; the other half of the key is the seller's id


@dataclass(frozen=True, slots=True)
class Changed:
    """A product's ladder before and after, as (quantity, unit price); no ladder before: it had no price."""

    product_id: int
    seller_id: int
    before: Pairs
    after: Pairs


def note(
    *, actor: Actor | None, changed: Iterable[Changed], cause: str = "set", reason: str = "", at: datetime | None = None
) -> int:
    """Write history for what really changed, in one statement; how many rows. The caller changes the prices."""
    rows = [
        {
            "product_id": each.product_id,
            "seller_id": each.seller_id,
            "before": _kept(each.before),
            "after": _kept(each.after),
            "cause": cause,
            "reason": reason,
            "user_id": actor.user_id if actor is not None else None,
            "at": at or clock.now(),
        }
        for each in changed
        if _kept(each.before) != _kept(each.after)
    ]
    if rows:
        db.session.execute(sa.insert(PriceHistory), rows)
    return len(rows)


def _kept(pairs: Pairs) -> list[list[int | str]]:
    return [[quantity, f"{price:.4f}"] for quantity, price in pairs]


def lock_prices(seller_ids: Iterable[int], *, all_of_them: bool = False) -> None:
    """Until the end of the transaction nobody changes all of the sellers' prices at once; with `all_of_them`, nobody
    changes any. Taken in the order of their ids, before the first price is read.
    """
    kind = "pg_advisory_xact_lock" if all_of_them else "pg_advisory_xact_lock_shared"
    for seller_id in sorted(set(seller_ids)):
        db.session.execute(sa.select(getattr(sa.func, kind)(_SPACE, sa.cast(seller_id, sa.Integer))))
