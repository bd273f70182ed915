"""The proof of the batches, apart from their other reads: `inventory.queries.proof` asks it."""

from __future__ import annotations

import sqlalchemy as sa

from wholesale.platform.db import db

_PROOF = sa.text(
    """
    WITH moved AS (
        SELECT batch_id, location_id, sum(quantity) AS pieces FROM batch_move GROUP BY 1, 2
    ), held AS (
        SELECT variant_id, location_id, sum(pieces) AS pieces FROM batch_stock GROUP BY 1, 2
    )
    (
        SELECT 'batch ' || coalesce(s.batch_id, m.batch_id) || ' in location ' || coalesce(s.location_id, m.location_id)
               || ': ' || coalesce(s.pieces, 0) || ' left, by its moves ' || coalesce(m.pieces, 0)
        FROM batch_stock s FULL JOIN moved m ON m.batch_id = s.batch_id AND m.location_id = s.location_id
        WHERE coalesce(s.pieces, 0) <> coalesce(m.pieces, 0) LIMIT 20
    ) UNION ALL (
        SELECT 'variant ' || coalesce(s.variant_id, h.variant_id) || ' in location '
               || coalesce(s.location_id, h.location_id) || ': ' || coalesce(s.batched, 0) || ' in batches of '
               || coalesce(s.on_hand, 0) || ' on hand, by the batches ' || coalesce(h.pieces, 0)
        FROM stock s FULL JOIN held h ON h.variant_id = s.variant_id AND h.location_id = s.location_id
        WHERE coalesce(s.batched, 0) <> coalesce(h.pieces, 0) OR coalesce(s.batched, 0) > coalesce(s.on_hand, 0)
        LIMIT 20
    )
    """
)


def proof() -> list[str]:
    """What is wrong with the batches, a sentence each: their moves must sum to what is left, never above on hand."""
    return list(db.session.scalars(_PROOF))
