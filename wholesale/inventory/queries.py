"""Reads of stock, and its proof."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import sqlalchemy as sa

from wholesale.catalog.models import Variant
from wholesale.inventory.models import Allocation, InventoryLog, Stock
from wholesale.kernel import clock
from wholesale.platform.db import db


def available(variant_ids: Collection[int]) -> dict[int, int]:
    """What can be ordered of each variant now, over all locations."""
    rows = db.session.execute(
        sa.select(Stock.variant_id, sa.func.sum(Stock.on_hand - Stock.allocated))
        .where(Stock.variant_id.in_(variant_ids))
        .group_by(Stock.variant_id)
    )
    return {variant_id: int(quantity) for variant_id, quantity in rows}


def held(reference: str) -> dict[int, int]:
    """What is set aside for a reference now (variant's id → pieces), over all locations."""
    rows = db.session.execute(
        sa.select(Allocation.variant_id, sa.func.sum(Allocation.quantity - Allocation.shipped - Allocation.released))
        .where(Allocation.reference == reference)
        .group_by(Allocation.variant_id)
    )
    return {variant_id: int(pieces) for variant_id, pieces in rows if pieces}


_LATELY = timedelta(minutes=30)
_MOST_CHANGES = 50_000


def written_off(reference: str) -> dict[int, int]:
    """What came back to `reference` and cannot be sold again: variant's id → pieces."""
    rows = db.session.execute(
        sa.select(InventoryLog.variant_id, -sa.func.sum(InventoryLog.quantity))
        .where(InventoryLog.kind == "WRITE_OFF", InventoryLog.reference == reference)
        .group_by(InventoryLog.variant_id)
    )
    return {variant_id: int(pieces) for variant_id, pieces in rows}


def changed_lately() -> list[int]:
    """The products of which any stock changed in the last half hour."""
    newest = sa.select(InventoryLog.variant_id, InventoryLog.at).order_by(InventoryLog.id.desc()).limit(_MOST_CHANGES)
    changed = newest.subquery()
    return list(
        db.session.scalars(
            sa.select(Variant.product_id)
            .join(changed, changed.c.variant_id == Variant.id)
            .where(changed.c.at > clock.now() - _LATELY)
            .distinct()
            .order_by(Variant.product_id)
        )
    )


_ALLOCATING = ("ALLOCATION", "RELEASE", "SALE")


def proof() -> list[str]:
    """Replay the log: what is wrong, one sentence each; empty when it gives today's stock exactly.

    On hand is the sum of all changes but ALLOCATION and RELEASE; allocated the sum of those two, less what
    SALE took from it (a SALE's quantity is negative).
    """
    on_hand = sa.func.coalesce(
        sa.func.sum(InventoryLog.quantity).filter(InventoryLog.kind.not_in(("ALLOCATION", "RELEASE"))), 0
    )
    allocated = sa.func.coalesce(sa.func.sum(InventoryLog.quantity).filter(InventoryLog.kind.in_(_ALLOCATING)), 0)
    replayed = (
        sa.select(
            InventoryLog.variant_id,
            InventoryLog.location_id,
            on_hand.label("on_hand"),
            allocated.label("allocated"),
        )
        .group_by(InventoryLog.variant_id, InventoryLog.location_id)
        .subquery()
    )
    wrong = db.session.execute(
        sa.select(
            Stock.variant_id,
            Stock.location_id,
            Stock.on_hand,
            Stock.allocated,
            sa.func.coalesce(replayed.c.on_hand, 0).label("log_on_hand"),
            sa.func.coalesce(replayed.c.allocated, 0).label("log_allocated"),
        )
        .outerjoin(
            replayed,
            sa.and_(replayed.c.variant_id == Stock.variant_id, replayed.c.location_id == Stock.location_id),
        )
        .where(
            sa.or_(
                Stock.on_hand != sa.func.coalesce(replayed.c.on_hand, 0),
                Stock.allocated != sa.func.coalesce(replayed.c.allocated, 0),
            )
        )
        .order_by(Stock.variant_id)
        .limit(20)
    )
    return [
        f"variant {row.variant_id} in location {row.location_id}: on hand {row.on_hand}, by the log {row.log_on_hand};"
        f" allocated {row.allocated}, by the log {row.log_allocated}"
        for row in wrong
    ]


def counted() -> int:
    """How many stock rows there are."""
    return db.session.scalar(sa.select(sa.func.count()).select_from(Stock)) or 0
