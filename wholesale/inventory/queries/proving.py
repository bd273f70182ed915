"""The proof: the log replayed, promises and transfers added up, against what is there."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from wholesale.inventory.batches import proving
from wholesale.inventory.models import Allocation, InventoryLog, Stock
from wholesale.inventory.transfers.models import Transfer, TransferLine
from wholesale.platform import patience
from wholesale.platform.db import db
from wholesale.platform.rhythm import Progress

_ALLOCATING = ("ALLOCATION", "RELEASE", "SALE")
_PROMISING = ("ALLOCATION", "RELEASE")
_MOST_TOLD = 20
_SECONDS = 600  # for each question: a year of orders is more than the 30 s of a page


def proof(progress: Progress | None = None) -> list[str]:
    """Replay the log: what is wrong, one sentence each; empty when it gives today's stock exactly.

    On hand is the sum of all changes but ALLOCATION and RELEASE; allocated the sum of those two, less what
    SALE took from it (a SALE's quantity is negative). Each change of what is on hand begins where the one before it
    ended. What orders hold is what is allocated, and what was sent between locations is where its transfer says.
    """
    patience.for_long(_SECONDS)
    parts = (_wrong_figures, _broken_chains, _wrong_promises, _wrong_transfers, proving.proof)
    found: list[str] = []
    for number, part in enumerate(parts):
        if progress is not None:
            progress(number, len(parts))
        found += part()
    return found


def _wrong_figures() -> list[str]:
    on_hand = sa.func.coalesce(sa.func.sum(InventoryLog.quantity).filter(InventoryLog.kind.not_in(_PROMISING)), 0)
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
    there = [sa.func.coalesce(column, 0) for column in (Stock.on_hand, Stock.allocated)]
    told = [sa.func.coalesce(column, 0) for column in (replayed.c.on_hand, replayed.c.allocated)]
    variant_id = sa.func.coalesce(Stock.variant_id, replayed.c.variant_id)
    location_id = sa.func.coalesce(Stock.location_id, replayed.c.location_id)
    wrong = db.session.execute(
        sa.select(variant_id, location_id, there[0], told[0], there[1], told[1])
        .select_from(Stock)
        .outerjoin(
            replayed,
            sa.and_(replayed.c.variant_id == Stock.variant_id, replayed.c.location_id == Stock.location_id),
            full=True,
        )
        .where(sa.or_(there[0] != told[0], there[1] != told[1]))
        .order_by(variant_id, location_id)
        .limit(_MOST_TOLD)
    )
    return [
        f"variant {variant} in location {where}: on hand {on_hand}, by the log {log_on_hand};"
        f" allocated {allocated}, by the log {log_allocated}"
        for variant, where, on_hand, log_on_hand, allocated, log_allocated in wrong
    ]


def _broken_chains() -> list[str]:
    before = sa.func.lag(InventoryLog.new, 1, 0).over(
        partition_by=(InventoryLog.variant_id, InventoryLog.location_id), order_by=InventoryLog.id
    )
    steps = (
        sa.select(
            InventoryLog.id,
            InventoryLog.variant_id,
            InventoryLog.location_id,
            InventoryLog.previous,
            before.label("before"),
        )
        .where(InventoryLog.kind.not_in(_PROMISING))
        .subquery()
    )
    wrong = db.session.execute(
        sa.select(steps).where(steps.c.previous != steps.c.before).order_by(steps.c.id).limit(_MOST_TOLD)
    )
    return [
        f"log row {row.id}: variant {row.variant_id} in location {row.location_id} goes on from {row.previous},"
        f" the change before ended at {row.before}"
        for row in wrong
    ]


def _wrong_promises() -> list[str]:
    held = (
        sa.select(
            Allocation.variant_id,
            Allocation.location_id,
            sa.func.sum(Allocation.quantity - Allocation.shipped - Allocation.released).label("pieces"),
        )
        .group_by(Allocation.variant_id, Allocation.location_id)
        .subquery()
    )
    allocated, pieces = sa.func.coalesce(Stock.allocated, 0), sa.func.coalesce(held.c.pieces, 0)
    variant_id = sa.func.coalesce(Stock.variant_id, held.c.variant_id)
    location_id = sa.func.coalesce(Stock.location_id, held.c.location_id)
    wrong = db.session.execute(
        sa.select(variant_id, location_id, allocated, pieces)
        .select_from(Stock)
        .outerjoin(
            held,
            sa.and_(held.c.variant_id == Stock.variant_id, held.c.location_id == Stock.location_id),
            full=True,
        )
        .where(allocated != pieces)
        .order_by(variant_id, location_id)
        .limit(_MOST_TOLD)
    )
    return [
        f"variant {variant} in location {where}: allocated {allocated}, orders hold {pieces}"
        for variant, where, allocated, pieces in wrong
    ]


def _wrong_transfers() -> list[str]:
    """What each line says of source and destination, and what the log does."""

    def logged(kind: str, location_id: Any) -> sa.ColumnElement[int]:
        return sa.func.coalesce(
            sa.func.sum(InventoryLog.quantity).filter(
                InventoryLog.kind == kind, InventoryLog.location_id == location_id
            ),
            0,
        )

    says = {
        "sent": (TransferLine.returned - TransferLine.quantity, logged("TRANSFER", Transfer.from_location_id)),
        "arrived": (TransferLine.received + TransferLine.lost, logged("TRANSFER", Transfer.to_location_id)),
        "lost": (-TransferLine.lost, logged("WRITE_OFF", Transfer.to_location_id)),
        "found": (TransferLine.found, logged("ADJUSTMENT", Transfer.to_location_id)),
    }
    columns: list[Any] = [Transfer.number, Transfer.organization_id, TransferLine.variant_id]
    columns += [line.label(f"line_{name}") for name, (line, _) in says.items()]
    columns += [told.label(f"log_{name}") for name, (_, told) in says.items()]
    statement = (
        sa.select(*columns)
        .join(TransferLine, TransferLine.transfer_id == Transfer.id)
        .outerjoin(
            InventoryLog,
            sa.and_(
                InventoryLog.variant_id == TransferLine.variant_id,
                InventoryLog.location_id.in_([Transfer.from_location_id, Transfer.to_location_id]),
                InventoryLog.reference == Transfer.number,
            ),
        )
        .group_by(Transfer.id, TransferLine.transfer_id, TransferLine.variant_id)
        .having(sa.or_(*(line != told for line, told in says.values())))
        .order_by(Transfer.id, TransferLine.variant_id)
        .limit(_MOST_TOLD)
    )
    wrong = [
        f"transfer {row.number} of seller {row.organization_id}, variant {row.variant_id}: "
        + ", ".join(
            f"{name} {getattr(row, f'line_{name}')}, by the log {getattr(row, f'log_{name}')}"
            for name in says
            if getattr(row, f"line_{name}") != getattr(row, f"log_{name}")
        )
        for row in db.session.execute(statement)
    ]
    ended = sa.func.bool_and(TransferLine.received + TransferLine.lost + TransferLine.returned == TransferLine.quantity)
    stuck = db.session.execute(
        sa.select(Transfer.number, Transfer.organization_id, Transfer.state)
        .join(TransferLine, TransferLine.transfer_id == Transfer.id)
        .group_by(Transfer.id)
        .having(ended == (Transfer.state == "in_transit"))
        .order_by(Transfer.id)
        .limit(_MOST_TOLD)
    )
    wrong += [
        f"transfer {row.number} of seller {row.organization_id} is {row.state}, its lines say not" for row in stuck
    ]
    return wrong + _unknown_transfers()


def _unknown_transfers() -> list[str]:
    """Rows of the log that name no transfer of that seller."""
    known = (
        sa.select(Transfer.id)
        .join(TransferLine, TransferLine.transfer_id == Transfer.id)
        .where(Transfer.number == InventoryLog.reference, TransferLine.variant_id == InventoryLog.variant_id)
        .correlate(InventoryLog)
    )
    rows = db.session.execute(
        sa.select(InventoryLog.id, InventoryLog.reference)
        .where(InventoryLog.kind == "TRANSFER", ~known.exists())
        .order_by(InventoryLog.id)
        .limit(_MOST_TOLD)
    )
    return [f"log row {row.id}: no transfer {row.reference} is known of it" for row in rows]
