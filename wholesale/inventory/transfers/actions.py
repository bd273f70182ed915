"""Changes of transfers: what leaves is neither here nor there until it arrives, is given up, or comes back.

Locations are locked first, then the transfer, then the stock rows in the order of their keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects.postgresql import insert

from wholesale.audit import actions as audit
from wholesale.catalog.models import Variant
from wholesale.config import Settings
from wholesale.inventory import actions as inventory
from wholesale.inventory import queries as stock
from wholesale.inventory.errors import BelowAllocatedError, TooFewError
from wholesale.inventory.models import Stock
from wholesale.inventory.transfers import queries, rules
from wholesale.inventory.transfers.models import Transfer, TransferCounter, TransferLine
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, DomainError, NotFoundError
from wholesale.platform import idempotency
from wholesale.platform.db import db


def send(
    *,
    actor: Actor,
    from_location_id: int,
    to_location_id: int,
    pieces: Mapping[int, int],
    note: str = "",
    key: str,
) -> Transfer:
    """Pieces (variant's id → how many) leave one location for another of the same seller.

    The same `key` sends once, and nothing else than the first time. Must come first in its transaction. Raises
    DomainError on `pieces-<variant's id>` for more than is available there, and NotFoundError for what is not the
    actor's.
    """
    wanted = {variant_id: quantity for variant_id, quantity in sorted(pieces.items()) if quantity}
    note = note.strip()
    asked = {"from": from_location_id, "to": to_location_id, "pieces": wanted, "note": note}
    return _once(actor, key, asked, lambda: _send(actor, asked, key))


def send_everything(*, actor: Actor, from_location_id: int, to_location_id: int, key: str) -> Transfer:
    """All that is available in a location leaves for another one. What orders have been promised stays.

    Raises DomainError when there is nothing, or more kinds of goods than one transfer takes.
    """
    asked = {"from": from_location_id, "to": to_location_id, "note": ""}

    def work() -> Transfer:
        available = queries.available_in(from_location_id)
        if not available:
            raise DomainError("Nothing is available here that could be moved.", field="to_location_id")
        return _send(actor, asked | {"pieces": dict(sorted(available.items())[: rules.MOST_LINES])}, key)

    return _once(actor, key, asked, work)


def _once(actor: Actor, key: str, asked: dict[str, Any], work: Callable[[], Transfer]) -> Transfer:
    """What a form sends, once however often it arrives."""
    source, target = stock.location(actor, asked["from"]), stock.location(actor, asked["to"])
    if source.organization_id != target.organization_id:
        raise NotFoundError
    if source.id == target.id:
        raise DomainError("Choose another location: these are the same.", field="to_location_id")
    answer = idempotency.once(f"transfer:{source.organization_id}", key, asked, lambda: {"transfer_id": work().id})
    return db.session.get_one(Transfer, answer["transfer_id"])


def _send(actor: Actor, asked: Mapping[str, Any], key: str) -> Transfer:
    source, target = stock.location(actor, asked["from"]), stock.location(actor, asked["to"])
    wanted: dict[int, int] = asked["pieces"]
    _check(source.organization_id, wanted)
    inventory.open_locations([source.id, target.id])
    counter = _counter(source.organization_id)
    counter.last += 1
    number = rules.number(counter.year, counter.last)
    made = Transfer(
        organization_id=source.organization_id,
        number=number,
        key=key,
        from_location_id=source.id,
        to_location_id=target.id,
        note=asked["note"],
        sent_by=actor.user_id,
    )
    db.session.add(made)
    db.session.flush()
    db.session.execute(
        sa.insert(TransferLine),
        [
            {"transfer_id": made.id, "variant_id": variant_id, "quantity": quantity}
            | {"received": 0, "lost": 0, "found": 0, "returned": 0}
            for variant_id, quantity in wanted.items()
        ],
    )
    try:
        inventory.transfer(
            actor=actor,
            location_id=source.id,
            changes={variant_id: -quantity for variant_id, quantity in wanted.items()},
            reference=number,
        )
    except (BelowAllocatedError, TooFewError) as error:
        raise _too_many(source.id, error) from error
    _audit(made, actor, "stock.transfer_sent", wanted)
    return made


def _check(organization_id: int, wanted: Mapping[int, int]) -> None:
    if not wanted:
        raise DomainError("Say of at least one product how many pieces to send.", field="lines")
    if len(wanted) > rules.MOST_LINES:
        raise DomainError("Send at most {most} kinds of goods at once.", field="lines", most=rules.MOST_LINES)
    if any(quantity < 1 for quantity in wanted.values()):
        raise DomainError("Enter a whole number of at least {moq}.", field="lines", moq=1)
    own = db.session.scalar(
        sa.select(sa.func.count()).where(Variant.id.in_(wanted), Variant.seller_id == organization_id)
    )
    if own != len(wanted):
        raise NotFoundError


def _counter(organization_id: int) -> TransferCounter:
    """Of the seller's numbers of this year, locked: nobody else takes one before the transaction has ended."""
    year = clock.today(_zone()).year
    db.session.execute(
        insert(TransferCounter).values(organization_id=organization_id, year=year, last=0).on_conflict_do_nothing()
    )
    return db.session.scalars(
        sa.select(TransferCounter)
        .where(TransferCounter.organization_id == organization_id, TransferCounter.year == year)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def _zone() -> str:
    return cast("Settings", current_app.extensions["settings"]).time_zone


def _too_many(location_id: int, error: BelowAllocatedError | TooFewError) -> DomainError:
    """Which of the goods, and how many of it could go."""
    short = error.promised if isinstance(error, BelowAllocatedError) else error.there
    first = min(short)
    available = db.session.scalar(
        sa.select(Stock.on_hand - Stock.allocated).where(Stock.variant_id == first, Stock.location_id == location_id)
    )
    return DomainError("Only {available} are available here.", field=f"pieces-{first}", available=int(available or 0))


# --- what becomes of it -----------------------------------------------------------------------------------


def receive(*, actor: Actor, transfer_id: int, pieces: Mapping[int, int] | None = None, version: int) -> Transfer:
    """Pieces (variant's id → how many; None: all that are on the way) have arrived; the rest stays on the way.

    `version`: the transfer as the page showed it. Raises ConflictError when it is another one by now.
    """
    found, lines = _locked(actor, transfer_id, version)
    arrived = _of_the_way(lines, pieces)
    for variant_id, quantity in arrived.items():
        lines[variant_id].received += quantity
    inventory.transfer(actor=actor, location_id=found.to_location_id, changes=arrived, reference=found.number)
    _advance(found, lines)
    _audit(found, actor, "stock.transfer_received", arrived)
    return found


def lose(
    *, actor: Actor, transfer_id: int, pieces: Mapping[int, int] | None = None, note: str, version: int
) -> Transfer:
    """Pieces will not arrive: they are booked in where they went to and written off there, so that the log tells both.

    Raises DomainError on `note` when nobody says why.
    """
    if not note.strip():
        raise DomainError("Say what has happened to it.", field="note")
    found, lines = _locked(actor, transfer_id, version)
    gone = _of_the_way(lines, pieces)
    for variant_id, quantity in gone.items():
        lines[variant_id].lost += quantity
    told: dict[str, Any] = {"actor": actor, "location_id": found.to_location_id, "reference": found.number}
    inventory.transfer(changes=gone, **told)
    inventory.write_off(quantities=gone, reason="lost_on_the_way", note=note.strip(), **told)
    _advance(found, lines)
    _audit(found, actor, "stock.transfer_lost", gone, reason=note)
    return found


def find(*, actor: Actor, transfer_id: int, pieces: Mapping[int, int], version: int) -> Transfer:
    """Pieces that were given up have turned up after all, where they were to go."""
    found, lines = _locked(actor, transfer_id, version, ended=True)
    wanted = {variant_id: quantity for variant_id, quantity in pieces.items() if quantity}
    if not wanted:
        raise DomainError("Enter how many pieces.", field="lines")
    for variant_id, quantity in wanted.items():
        line = lines.get(variant_id)
        if line is None or not 0 < quantity <= line.missing:
            raise DomainError("Fewer pieces were lost than that.", field=f"pieces-{variant_id}")
        line.found += quantity
    inventory.adjust(
        actor=actor, location_id=found.to_location_id, changes=wanted, reference=found.number, reason="found"
    )
    _advance(found, lines)
    _audit(found, actor, "stock.transfer_found", wanted)
    return found


def cancel(*, actor: Actor, transfer_id: int, version: int) -> Transfer:
    """What is still on the way comes back to where it was sent from."""
    found, lines = _locked(actor, transfer_id, version)
    back = _of_the_way(lines, None)
    for variant_id, quantity in back.items():
        lines[variant_id].returned += quantity
    inventory.transfer(actor=actor, location_id=found.from_location_id, changes=back, reference=found.number)
    _advance(found, lines)
    _audit(found, actor, "stock.transfer_cancelled", back)
    return found


def _locked(
    actor: Actor, transfer_id: int, version: int, *, ended: bool = False
) -> tuple[Transfer, dict[int, TransferLine]]:
    """The transfer and its lines by variant, locked. Raises ConflictError when somebody was quicker."""
    seen = queries.transfer(actor, transfer_id)
    inventory.open_locations([seen.to_location_id] if ended else [seen.from_location_id, seen.to_location_id])
    found = db.session.scalars(
        sa.select(Transfer)
        .where(Transfer.id == transfer_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()
    if found.version != version:
        raise ConflictError(
            "Somebody has changed this transfer since the page was made. Nothing was changed: look at it again."
        )
    if not found.is_open and not ended:
        raise ConflictError("Nothing of this transfer is on the way any more.")
    rows = db.session.scalars(
        sa.select(TransferLine)
        .where(TransferLine.transfer_id == found.id)
        .order_by(TransferLine.variant_id)
        .execution_options(populate_existing=True)
    )
    return found, {row.variant_id: row for row in rows}


def _of_the_way(lines: Mapping[int, TransferLine], pieces: Mapping[int, int] | None) -> dict[int, int]:
    """How many pieces of each are meant: all that are on the way, or these. Raises DomainError beside the line."""
    if pieces is None:
        return {variant_id: line.on_the_way for variant_id, line in lines.items() if line.on_the_way}
    wanted = {variant_id: quantity for variant_id, quantity in sorted(pieces.items()) if quantity}
    if not wanted:
        raise DomainError("Enter how many pieces.", field="lines")
    for variant_id, quantity in wanted.items():
        line = lines.get(variant_id)
        if line is None or quantity < 0 or quantity > line.on_the_way:
            there = line.on_the_way if line is not None else 0
            raise DomainError("Only {there} are on the way.", field=f"pieces-{variant_id}", there=there)
    return wanted


def _advance(transfer: Transfer, lines: Mapping[int, TransferLine]) -> None:
    state = rules.state_after(
        on_the_way=sum(line.on_the_way for line in lines.values()),
        arrived=sum(line.received + line.lost for line in lines.values()),
    )
    transfer.version += 1
    if state != transfer.state:
        transfer.state, transfer.ended_at = state, clock.now()
    db.session.flush()


def _audit(transfer: Transfer, actor: Actor, action: str, pieces: Mapping[int, int], *, reason: str = "") -> None:
    audit.record(
        actor=actor,
        action=action,
        thing="stock_transfer",
        thing_id=transfer.id,
        organization_id=transfer.organization_id,
        after={"number": transfer.number, "pieces": sum(pieces.values())},
        reason=reason,
    )
