"""How much there is of some variants, over all locations."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import sqlalchemy as sa

from wholesale.catalog.models import Variant
from wholesale.inventory.models import Allocation, InventoryLog, Stock
from wholesale.inventory.transfers.models import TransferLine
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


def in_transit(variant_ids: Collection[int]) -> dict[int, int]:
    """Pieces of each variant between two locations, of those that have any; nobody can order them."""
    if not variant_ids:
        return {}
    gone = TransferLine.received + TransferLine.lost + TransferLine.returned
    rows = db.session.execute(
        sa.select(TransferLine.variant_id, sa.func.sum(TransferLine.quantity - gone))
        .where(TransferLine.variant_id.in_(variant_ids), gone < TransferLine.quantity)
        .group_by(TransferLine.variant_id)
    )
    return {variant_id: int(pieces) for variant_id, pieces in rows}


def counted() -> int:
    """How many stock rows there are."""
    return db.session.scalar(sa.select(sa.func.count()).select_from(Stock)) or 0
