"""What `inventory.actions` calls when pieces come or go: the batches follow.

Everything here runs while the stock rows are locked, right after what is on hand has changed. Goods without batches
never come this far: the log's own statement says which rows have any.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects.postgresql import insert

from wholesale.catalog.models import Variant
from wholesale.inventory.batches.models import Batch, BatchMove, BatchStock
from wholesale.inventory.batches.rules import Arrival, Left, check_arrivals, check_day, plain_code, put_back, take
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError
from wholesale.platform.db import db

Place = tuple[int, int]
"""A variant's id and a location's."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Pieces that came (or went, below zero) to a place: what is `on_hand` since, and how many were in batches."""

    variant_id: int
    location_id: int
    quantity: int
    on_hand: int
    batched: int
    reference: str


@dataclass(frozen=True, slots=True)
class Step:
    """A change of what is left of one batch in a place."""

    batch_id: int
    variant_id: int
    location_id: int
    quantity: int
    reference: str


def follow(kind: str, actor: Actor, moved: Collection[Moved], *, loose_first: bool = False) -> None:
    """Let batches follow what has moved, as the rules say. `loose_first`: what goes is known to be of no batch."""
    going = [each for each in moved if each.quantity < 0 and each.batched]
    coming = [each for each in moved if each.quantity > 0 and kind in {"RETURN", "TRANSFER"}]
    steps: list[Step] = []
    if going:
        left = _left([(each.variant_id, each.location_id) for each in going])
        brought = _brought(going) if kind == "WRITE_OFF" and not loose_first else {}
        today = _today()
        for each in going:
            place = each.variant_id, each.location_id
            taken = take(
                "ADJUSTMENT" if loose_first else kind,
                -each.quantity,
                left.get(place, []),
                loose=each.on_hand - each.quantity - each.batched,
                today=today,
                first=brought.get((*place, each.reference)),
            )
            steps += [Step(batch_id, *place, -pieces, each.reference) for batch_id, pieces in taken.items()]
    if coming:
        out = _out(("SALE", "RETURN") if kind == "RETURN" else ("TRANSFER",), coming)
        for each in coming:
            put = put_back(each.quantity, out.get((each.variant_id, each.reference), []))
            steps += [
                Step(batch_id, each.variant_id, each.location_id, pieces, each.reference)
                for batch_id, pieces in put.items()
            ]
    write(kind, actor, steps)


def arrived(
    *,
    actor: Actor,
    location_id: int,
    quantities: Mapping[int, int],
    reference: str,
    batches: Mapping[int, Sequence[Arrival]],
) -> None:
    """These batches came with what was received. Raises DomainError for what cannot be."""
    steps = []
    for variant_id, arrivals in sorted(batches.items()):
        check_arrivals(arrivals, quantities.get(variant_id, 0))
        for arrival in arrivals:
            batch = find_or_make(variant_id, arrival)
            steps.append(Step(batch, variant_id, location_id, arrival.quantity, reference))
    write("PURCHASE", actor, steps)


def find_or_make(variant_id: int, arrival: Arrival) -> int:
    """The id of the variant's batch with this code. Raises DomainError when it is known with another day."""
    check_day(arrival.expires_on, _today())
    code = plain_code(arrival.code)
    seller = sa.select(
        sa.literal(variant_id),
        Variant.seller_id,
        sa.literal(code),
        sa.literal(arrival.expires_on),
        sa.literal(clock.now()),
    ).where(Variant.id == variant_id)
    made = insert(Batch).from_select(["variant_id", "organization_id", "code", "expires_on", "created_at"], seller)
    db.session.execute(made.on_conflict_do_nothing(index_elements=["variant_id", "code"]))
    found = db.session.execute(
        sa.select(Batch.id, Batch.expires_on).where(Batch.variant_id == variant_id, Batch.code == code)
    ).one()
    if found.expires_on != arrival.expires_on:
        raise DomainError(
            "Batch {code} is known here, and good until {day}. Correct the day, or give these pieces another code.",
            field="expires_on",
            code=code,
            day=found.expires_on.isoformat(),
        )
    return int(found.id)


def _left(places: Sequence[Place]) -> dict[Place, list[Left]]:
    rows = db.session.execute(
        sa.select(
            BatchStock.variant_id, BatchStock.location_id, BatchStock.batch_id, Batch.expires_on, BatchStock.pieces
        )
        .join(Batch, Batch.id == BatchStock.batch_id)
        .where(
            # As an array too, for the index; pairs alone would be compared one by one.
            BatchStock.variant_id
            == sa.any_(sa.literal(sorted({place[0] for place in places}), sa.ARRAY(sa.BigInteger))),
            sa.tuple_(BatchStock.variant_id, BatchStock.location_id).in_(places),
            BatchStock.pieces > 0,
        )
    )
    found: dict[Place, list[Left]] = {}
    for row in rows:
        found.setdefault((row.variant_id, row.location_id), []).append(Left(row.batch_id, row.expires_on, row.pieces))
    return found


def _out(kinds: Sequence[str], moved: Collection[Moved]) -> dict[tuple[int, str], list[Left]]:
    """What moves of these kinds took under the same reference and has not come back, by variant and reference."""
    pieces = -sa.func.sum(BatchMove.quantity)
    rows = db.session.execute(
        sa.select(Batch.variant_id, BatchMove.reference, Batch.id, Batch.expires_on, pieces.label("pieces"))
        .join(Batch, Batch.id == BatchMove.batch_id)
        .where(_same_reference(moved), BatchMove.kind.in_(kinds))
        .group_by(Batch.variant_id, BatchMove.reference, Batch.id, Batch.expires_on)
        .having(pieces > 0)
    )
    found: dict[tuple[int, str], list[Left]] = {}
    for row in rows:
        found.setdefault((row.variant_id, row.reference), []).append(Left(row.id, row.expires_on, int(row.pieces)))
    return found


def _brought(moved: Collection[Moved]) -> dict[tuple[int, int, str], dict[int, int]]:
    """What came to a place under the same reference and was not written off again, the latest first.

    By variant, location and reference: batch's id → pieces. Goods that came, or came back, broken, or were lost on the
    way, are booked in and written off in one go.
    """
    pieces = sa.func.sum(BatchMove.quantity)
    rows = db.session.execute(
        sa.select(Batch.variant_id, BatchMove.location_id, BatchMove.reference, Batch.id, pieces.label("pieces"))
        .join(Batch, Batch.id == BatchMove.batch_id)
        .where(_same_reference(moved), BatchMove.kind.in_(("PURCHASE", "RETURN", "TRANSFER", "WRITE_OFF")))
        .group_by(Batch.variant_id, BatchMove.location_id, BatchMove.reference, Batch.id, Batch.expires_on)
        .having(pieces > 0)
        .order_by(sa.func.max(BatchMove.at).desc(), Batch.expires_on, Batch.id)
    )
    found: dict[tuple[int, int, str], dict[int, int]] = {}
    for row in rows:
        place = row.variant_id, row.location_id, row.reference
        found.setdefault(place, {})[row.id] = int(row.pieces)
    return found


def _same_reference(moved: Collection[Moved]) -> sa.ColumnElement[bool]:
    return sa.and_(
        BatchMove.reference.in_({each.reference for each in moved} - {""}),
        Batch.variant_id.in_({each.variant_id for each in moved}),
    )


_CHANGE = """
    WITH change AS (
        SELECT * FROM unnest(:batch_ids, :variant_ids, :location_ids, :quantities, :references)
               WITH ORDINALITY AS change (batch_id, variant_id, location_id, quantity, reference, place)
    ), moved AS (
        INSERT INTO batch_move (batch_id, location_id, kind, quantity, reference, user_id, at)
        SELECT batch_id, location_id, :kind, quantity, reference, :user_id, :at FROM change ORDER BY place
    ), kept AS (
        {kept}
    )
    UPDATE stock SET batched = stock.batched + sums.pieces
    FROM (SELECT variant_id, location_id, sum(quantity)::integer AS pieces FROM change GROUP BY 1, 2) AS sums
    WHERE stock.variant_id = sums.variant_id AND stock.location_id = sums.location_id
"""
_TYPES = (
    sa.bindparam("batch_ids", type_=sa.ARRAY(sa.BigInteger)),
    sa.bindparam("variant_ids", type_=sa.ARRAY(sa.BigInteger)),
    sa.bindparam("location_ids", type_=sa.ARRAY(sa.BigInteger)),
    sa.bindparam("quantities", type_=sa.ARRAY(sa.Integer)),
    sa.bindparam("references", type_=sa.ARRAY(sa.Text)),
)
_TAKE = sa.text(
    _CHANGE.format(
        kept="UPDATE batch_stock SET pieces = batch_stock.pieces + change.quantity FROM change"
        " WHERE batch_stock.batch_id = change.batch_id AND batch_stock.location_id = change.location_id"
    )
).bindparams(*_TYPES)
# A batch that comes to a place for the first time has no row there.
_PUT = sa.text(
    _CHANGE.format(
        kept="INSERT INTO batch_stock (batch_id, location_id, variant_id, pieces)"
        " SELECT batch_id, location_id, variant_id, sum(quantity) FROM change GROUP BY 1, 2, 3"
        " ON CONFLICT (batch_id, location_id) DO UPDATE SET pieces = batch_stock.pieces + excluded.pieces"
    )
).bindparams(*_TYPES)


def write(kind: str, actor: Actor, steps: Sequence[Step]) -> None:
    """Write these changes down, those that take and those that bring in a statement each."""
    for statement, part in (
        (_TAKE, [step for step in steps if step.quantity < 0]),
        (_PUT, [step for step in steps if step.quantity > 0]),
    ):
        if not part:
            continue
        values: dict[str, Any] = {
            "kind": kind,
            "user_id": actor.user_id,
            "at": clock.now(),
            "batch_ids": [step.batch_id for step in part],
            "variant_ids": [step.variant_id for step in part],
            "location_ids": [step.location_id for step in part],
            "quantities": [step.quantity for step in part],
            "references": [step.reference for step in part],
        }
        db.session.execute(statement, values)


def _today() -> Any:
    return clock.today(current_app.extensions["settings"].time_zone)
