"""What lists say of prices: what everybody pays now, at the MOQ and at the last tier."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

import sqlalchemy as sa

from wholesale.catalog.actions import listings
from wholesale.kernel import clock
from wholesale.platform import outbox
from wholesale.platform.db import db
from wholesale.pricing.events import ManyPricesChanged
from wholesale.pricing.queries.ladders_sql import EVERYBODYS

AT_ONCE = 2000  # products that lists are told of within the caller's transaction
_CHUNK = 10_000
_PRICES = sa.text(
    f"""WITH wanted AS (SELECT unnest(:ids) AS id), {EVERYBODYS},
        alone AS (
            -- The only variant there is: its price is the product's. Looked up product by product, for the planner does
            -- not know how few there are and would read every variant.
            SELECT w.id AS product_id, single.surcharge
            FROM wanted w CROSS JOIN LATERAL (
                SELECT sum(v.surcharge) AS surcharge FROM variant v
                WHERE v.product_id = w.id AND v.is_offered HAVING count(*) = 1) AS single)
        SELECT p.id, coalesce(max(e.unit_price) FILTER (WHERE e.min_qty <= p.moq), max(e.unit_price)),
               min(e.unit_price), coalesce(max(a.surcharge), 0)
        FROM product p JOIN wanted w ON w.id = p.id
        LEFT JOIN everybodys e ON e.product_id = p.id LEFT JOIN alone a ON a.product_id = p.id
        GROUP BY p.id"""  # noqa: S608 - constants
).bindparams(sa.bindparam("ids", type_=sa.ARRAY(sa.BigInteger)))


@listings.filled_by
def relist(product_ids: Collection[int]) -> None:
    """Let lists know the prices of these products as they are now."""
    ids = sorted(set(product_ids))
    for start in range(0, len(ids), _CHUNK):
        told: dict[int, tuple[Decimal, Decimal] | None] = {}
        rows = db.session.execute(_PRICES, {"ids": ids[start : start + _CHUNK], "now": clock.now()})
        for product_id, at_moq, best, more in rows:
            told[product_id] = None if best is None else (at_moq + more, best + more)
        listings.set_prices(told)


def relist_soon(seller_id: int, product_ids: Collection[int]) -> None:
    """`relist`, but very many of a seller's products are left to a worker, some at a time: a list's row stands in
    many indexes. Who buys reads prices, and has the new ones at once.
    """
    ids = sorted(set(product_ids))
    if len(ids) <= AT_ONCE:
        relist(ids)
        return
    for start in range(0, len(ids), AT_ONCE):
        part = ids[start : start + AT_ONCE]
        told = ManyPricesChanged(seller_id=seller_id, first_id=part[0], last_id=part[-1])
        outbox.emit(told, priority=outbox.LONG_WORK)
