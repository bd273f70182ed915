"""Prices with dates: what begins, becomes regular, and is over. They hold without this; history and lists follow."""

# ruff: noqa: S608 - put together from the constants of this room

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from wholesale.kernel import clock
from wholesale.platform.db import db
from wholesale.pricing.actions import history
from wholesale.pricing.actions.listed import relist_soon
from wholesale.pricing.queries.ladders_sql import REGULAR, as_ladder

_NOTE = "INSERT INTO price_history (product_id, seller_id, before, after, cause, reason, user_id, change_id, at)"
# The regular ladder as one value per product.
_LADDERS = f"{REGULAR}, ladders AS (SELECT product_id, {as_ladder('min_qty', 'unit_price')} AS ladder FROM regular GROUP BY product_id)"  # noqa: E501
# Others' prices that have begun can be read, so whose they are is always said.
_OPEN = """d.ended_at IS NULL AND d.seller_id = :seller
    AND (CAST(:ids AS bigint[]) IS NULL OR d.product_id = ANY(:ids))"""
_DUE = f"{_OPEN} AND d.valid_until IS NULL AND d.valid_from <= :now"
_OVER = f"{_OPEN} AND d.valid_until <= :now"
_BEGUN = f"{_OPEN} AND d.noted_at IS NULL AND d.valid_until IS NOT NULL AND d.valid_from <= :now"
# fmt: off
_MERGE = (
    # Several may be due: only the one that counts is told of, at the moment from which it held.
    f"""WITH newest AS (SELECT DISTINCT ON (d.product_id) d.* FROM dated_price d WHERE {_DUE}
                        ORDER BY d.product_id, d.valid_from DESC, d.id DESC),
        old AS (SELECT t.product_id, {as_ladder("t.min_qty", "t.unit_price")} AS ladder
                FROM price_tier t JOIN newest n USING (product_id) GROUP BY t.product_id)
        {_NOTE}
        SELECT n.product_id, n.seller_id, coalesce(old.ladder, '[]'), n.ladder, 'change', coalesce(c.reason, ''),
               c.made_by, c.id, n.valid_from
        FROM newest n LEFT JOIN old USING (product_id) LEFT JOIN price_change c ON c.id = n.change_id
        WHERE n.ladder IS DISTINCT FROM old.ladder""",
    f"""DELETE FROM price_tier t USING (
            SELECT DISTINCT ON (d.product_id) d.product_id, d.ladder FROM dated_price d WHERE {_DUE}
            ORDER BY d.product_id, d.valid_from DESC, d.id DESC) n
        WHERE t.product_id = n.product_id AND t.min_qty >= (n.ladder -> 0 ->> 0)::integer""",
    f"""INSERT INTO price_tier (product_id, min_qty, unit_price)
        SELECT n.product_id, (step ->> 0)::integer, (step ->> 1)::numeric(18, 4)
        FROM (SELECT DISTINCT ON (d.product_id) d.product_id, d.ladder FROM dated_price d WHERE {_DUE}
              ORDER BY d.product_id, d.valid_from DESC, d.id DESC) n, jsonb_array_elements(n.ladder) AS step""",
    f"UPDATE dated_price d SET ended_at = :now, noted_at = :now WHERE {_DUE}",
)
_BEGIN = (
    f"""WITH wanted AS (SELECT DISTINCT d.product_id AS id FROM dated_price d WHERE {_BEGUN}), {_LADDERS} {_NOTE}
        SELECT d.product_id, d.seller_id, coalesce(l.ladder, '[]'), d.ladder, 'begun', coalesce(c.reason, ''),
               c.made_by, c.id, d.valid_from
        FROM dated_price d LEFT JOIN ladders l USING (product_id) LEFT JOIN price_change c ON c.id = d.change_id
        WHERE {_BEGUN} ORDER BY d.valid_from, d.id""",
    f"UPDATE dated_price d SET noted_at = :now WHERE {_BEGUN}",
)
_END = (
    f"""WITH wanted AS (SELECT DISTINCT d.product_id AS id FROM dated_price d WHERE {_OVER}), {_LADDERS} {_NOTE}
        SELECT d.product_id, d.seller_id, d.ladder, coalesce(l.ladder, '[]'), 'over', coalesce(c.reason, ''),
               NULL, c.id, d.valid_until
        FROM dated_price d LEFT JOIN ladders l USING (product_id) LEFT JOIN price_change c ON c.id = d.change_id
        WHERE {_OVER} ORDER BY d.valid_until, d.id""",
    f"UPDATE dated_price d SET ended_at = :now WHERE {_OVER}",
)
_STOP = (
    f"""WITH wanted AS (SELECT DISTINCT d.product_id AS id FROM dated_price d WHERE d.change_id = :change), {_LADDERS}
        {_NOTE}
        SELECT d.product_id, d.seller_id, d.ladder, coalesce(l.ladder, '[]'), 'over', :reason, CAST(:user AS bigint),
               :change, :now
        FROM dated_price d LEFT JOIN ladders l USING (product_id)
        WHERE d.change_id = :change AND d.ended_at IS NULL AND d.noted_at IS NOT NULL""",
)
# fmt: on


def follow(*, seller_id: int) -> tuple[int, int, int]:
    """Do all that is due of a seller's dates, and let lists know: how many became regular, began, are over."""
    history.lock_prices([seller_id], all_of_them=True)
    found = [what(seller_id=seller_id) for what in (merge_due, begin_due, end_due)]
    relist_soon(seller_id, {product_id for ids in found for product_id in ids})
    return len(found[0]), len(found[1]), len(found[2])


def merge_due(*, seller_id: int, product_ids: Collection[int] | None = None) -> list[int]:
    """Write open-ended ladders of the seller whose moment has come into the tiers; of these products, or all.

    The caller holds `history.lock_prices`, so that nobody does the same meanwhile.
    """
    return _follow(_DUE, _MERGE, seller_id, product_ids)


def begin_due(*, seller_id: int) -> list[int]:
    """Note the seller's prices for a time that have begun."""
    return _follow(_BEGUN, _BEGIN, seller_id)


def end_due(*, seller_id: int) -> list[int]:
    """Note the seller's prices for a time that are over."""
    return _follow(_OVER, _END, seller_id)


def stop(*, change_id: int, user_id: int | None, reason: str) -> list[int]:
    """End what is left of a change: what has begun is noted as over, what has not is as if it had never been."""
    db.session.flush()
    facts = {"change": change_id, "user": user_id, "reason": reason, "now": clock.now()}
    _run(_STOP, facts)
    ended = sa.text(
        "UPDATE dated_price SET ended_at = :now WHERE change_id = :change AND ended_at IS NULL RETURNING product_id"
    )
    return list(db.session.scalars(ended, {"change": change_id, "now": clock.now()}))


def _follow(
    condition: str, statements: Sequence[str], seller_id: int, product_ids: Collection[int] | None = None
) -> list[int]:
    """Run the statements on what fulfils the condition, if anything does; the products' ids."""
    db.session.flush()
    facts = {
        "now": clock.now(),
        "seller": seller_id,
        "ids": None if product_ids is None else list(product_ids),
    }
    found = list(db.session.scalars(_text(f"SELECT DISTINCT d.product_id FROM dated_price d WHERE {condition}"), facts))
    if found:
        _run(statements, facts)
    return found


def _run(statements: Sequence[str], facts: dict[str, Any]) -> None:
    for statement in statements:
        db.session.execute(_text(statement), facts)


def _text(sql: str) -> sa.TextClause:
    statement = sa.text(sql)
    return statement.bindparams(sa.bindparam("ids", type_=sa.ARRAY(sa.BigInteger))) if ":ids" in sql else statement
