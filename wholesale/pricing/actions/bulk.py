"""The ladders of many products at once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

import sqlalchemy as sa

from wholesale.catalog.models import Product
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.platform.db import db
from wholesale.pricing.actions import dated, history
from wholesale.pricing.actions.listed import relist

Ladder = Sequence[tuple[int, Decimal]]

_HISTORY = sa.text(
    """
    INSERT INTO price_history (product_id, seller_id, before, after, cause, reason, user_id, at)
    SELECT given.id, product.seller_id,
           coalesce(old.ladder, '[]'), given.ladder, 'import', :reason, :user_id, :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given (id bigint, ladder jsonb)
    JOIN product ON product.id = given.id
    LEFT JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_array(t.min_qty, t.unit_price::text) ORDER BY t.min_qty) AS ladder
        FROM price_tier t WHERE t.product_id = given.id
    ) AS old ON true
    WHERE old.ladder IS DISTINCT FROM given.ladder
    """
)
_CLEAR = sa.text("DELETE FROM price_tier WHERE product_id = ANY(:ids)")
_WRITE = sa.text(
    """
    INSERT INTO price_tier (product_id, min_qty, unit_price)
    SELECT given.id, (step ->> 0)::integer, (step ->> 1)::numeric(18,4)
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given (id bigint, ladder jsonb),
         LATERAL jsonb_array_elements(given.ladder) AS step
    """
)

_FIRST = sa.text(
    """
    WITH given AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given (id bigint, ladder jsonb)
    ), written AS (
        INSERT INTO price_tier (product_id, min_qty, unit_price)
        SELECT given.id, (step ->> 0)::integer, (step ->> 1)::numeric(18,4)
        FROM given, LATERAL jsonb_array_elements(given.ladder) AS step
    )
    INSERT INTO price_history (product_id, seller_id, before, after, cause, reason, user_id, at)
    SELECT given.id, product.seller_id, '[]', given.ladder, 'import', :reason, :user_id, :now
    FROM given JOIN product ON product.id = given.id
    """
)


def first_ladders(*, actor: Actor, ladders: Mapping[int, Ladder], reason: str = "") -> None:
    """Ladders of products that the same transaction has made: nobody else sees them, and lists are told afterwards.

    Each must have passed `rules.check_ladder`.
    """
    if ladders:
        told = {"reason": reason, "user_id": actor.user_id, "now": clock.now()}
        db.session.execute(_FIRST, {"rows": _json(ladders), **told})


def set_ladders(*, actor: Actor, ladders: Mapping[int, Ladder], reason: str = "", listed: bool = True) -> None:
    """Product's id → its ladder from now on, with its place in the history.

    Not `listed`: lists are told afterwards, with everything else that is new of these products.

    Each must have passed `rules.check_ladder`: the rows of a file are checked one by one, with a sentence for each.
    """
    if not ladders:
        return
    rows = _json(ladders)
    # As who saves one product: first its row, then the seller's prices, so that nobody waits for nobody.
    owners = db.session.execute(
        sa.select(Product.id, Product.seller_id)
        .where(Product.id.in_(ladders))
        .order_by(Product.id)
        .with_for_update(key_share=True)
    ).all()
    sellers = sorted({seller_id for _product_id, seller_id in owners})
    history.lock_prices(sellers)
    for seller_id in sellers:
        dated.merge_due(seller_id=seller_id, product_ids=list(ladders))
    db.session.execute(_HISTORY, {"rows": rows, "reason": reason, "user_id": actor.user_id, "now": clock.now()})
    db.session.execute(_CLEAR, {"ids": sorted(ladders)})
    db.session.execute(_WRITE, {"rows": rows})
    if listed:
        relist(list(ladders))


def _json(ladders: Mapping[int, Ladder]) -> str:
    return json.dumps(
        [
            {"id": product_id, "ladder": [[quantity, f"{price:.4f}"] for quantity, price in ladder]}
            for product_id, ladder in sorted(ladders.items())
        ]
    )
