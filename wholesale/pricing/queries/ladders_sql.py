"""The SQL of ladders for many products at once: what is regular, what everybody pays now.

Each is a chain of CTEs that begins with `wanted(id)`, the products in question, and takes `:now`. A dated ladder that
has begun stands in the place of the tiers, as in `rules.effective`.
"""

from __future__ import annotations

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
        WHERE NOT EXISTS (SELECT FROM {over} WHERE {over}.product_id = t.product_id)
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
