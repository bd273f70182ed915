"""The SQL of ladders for many products at once: what is regular, what everybody pays now.

Each is a chain of CTEs that begins with `wanted(id)`, the products in question, and takes `:now`. A dated ladder that
has begun stands in the place of the tiers from its first quantity on, as in `rules.effective`: the MOQ may have become
smaller since it was made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from decimal import Decimal

import sqlalchemy as sa

from wholesale.kernel import clock
from wholesale.platform.db import db

_EXPANDED = "SELECT {0}.product_id, (step ->> 0)::integer, (step ->> 1)::numeric(18, 4) FROM {0}, jsonb_array_elements({0}.ladder) AS step"  # noqa: E501


def _newest(condition: str) -> str:
    return f"""
        SELECT DISTINCT ON (d.product_id) d.product_id, d.ladder
        FROM dated_price d JOIN wanted w ON w.id = d.product_id
        WHERE d.ended_at IS NULL AND d.valid_from <= :now AND {condition}
        ORDER BY d.product_id, d.valid_from DESC, d.id DESC"""  # noqa: S608 - constants


def _placed(over: str, under: str) -> str:
    return f"""
        SELECT t.product_id, t.min_qty, t.unit_price FROM {under} t JOIN wanted w ON w.id = t.product_id
        WHERE NOT EXISTS (
            SELECT FROM {over}
            WHERE {over}.product_id = t.product_id AND ({over}.ladder -> 0 ->> 0)::integer <= t.min_qty)
        UNION ALL {_EXPANDED.format(over)}"""  # noqa: S608 - constants


# regular(product_id, min_qty, unit_price): the seller's prices without those for a time.
REGULAR = f"""
    due AS ({_newest("d.valid_until IS NULL")}),
    regular AS ({_placed("due", "price_tier")})"""
# everybodys(product_id, min_qty, unit_price): what is paid now by who is on no list.
EVERYBODYS = f"""{REGULAR},
    limited AS ({_newest("d.valid_until > :now")}),
    everybodys AS ({_placed("limited", "regular")})"""


def as_ladder(quantity: str, price: str) -> str:
    """An aggregate that makes the column of `models.LadderColumn`."""
    return f"jsonb_agg(jsonb_build_array({quantity}, ({price})::numeric(18, 4)::text) ORDER BY {quantity})"


_REGULAR = sa.text(
    f"WITH wanted AS (SELECT unnest(:ids) AS id), {REGULAR} SELECT * FROM regular ORDER BY product_id, min_qty"  # noqa: S608 - constants
).bindparams(sa.bindparam("ids", type_=sa.ARRAY(sa.BigInteger)))


def regular_ladders(product_ids: Collection[int]) -> defaultdict[int, list[tuple[int, Decimal]]]:
    """The sellers' own prices as they hold now, without those for a time: what a seller edits."""
    found: defaultdict[int, list[tuple[int, Decimal]]] = defaultdict(list)
    if product_ids:
        for product_id, quantity, price in db.session.execute(
            _REGULAR, {"ids": sorted(product_ids), "now": clock.now()}
        ):
            found[product_id].append((quantity, price))
    return found
