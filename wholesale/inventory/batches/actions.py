"""Changes of batches that somebody makes by hand, and what becomes of what has expired."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from wholesale.audit import actions as audit
from wholesale.catalog.models import Variant
from wholesale.inventory import actions as inventory
from wholesale.inventory import queries as stock
from wholesale.inventory.batches import hooks, queries, rules
from wholesale.inventory.batches.models import Batch, BatchStock, ExpiringGoods
from wholesale.inventory.batches.rules import Arrival
from wholesale.inventory.models import Stock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, DomainError, NotFoundError
from wholesale.platform import idempotency
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction

_AT_ONCE = 100
UNKNOWN = "No goods of yours have this SKU or barcode."


def variant_of(*, seller_id: int, sku: str) -> Variant:
    """The seller's variant with this SKU or barcode. Raises DomainError on `sku`."""
    wanted = sku.strip().lower()
    found = db.session.scalars(
        sa.select(Variant).where(Variant.seller_id == seller_id, sa.func.lower(Variant.sku) == wanted).limit(1)
    ).first()
    if found is None:
        by_barcode = db.session.scalars(
            sa.select(Variant).where(Variant.seller_id == seller_id, Variant.barcode == wanted).limit(2)
        ).all()
        found = by_barcode[0] if len(by_barcode) == 1 else None
    if found is None:
        raise DomainError(UNKNOWN, field="sku")
    return found


def mark(*, actor: Actor, seller_id: int, sku: str, warn_days: int) -> int:
    """Pieces of the product with this SKU expire; say so first so many days before. The product's id."""
    if stock.seller_of(actor) not in (None, seller_id):
        raise NotFoundError
    variant = variant_of(seller_id=seller_id, sku=sku)
    before = db.session.scalar(sa.select(ExpiringGoods.warn_days).where(ExpiringGoods.product_id == variant.product_id))
    _mark(variant.product_id, seller_id, warn_days, anew=True)
    if before != warn_days:
        audit.record(
            actor=actor,
            action="batch.goods_marked",
            thing="batch_goods",
            thing_id=variant.product_id,
            organization_id=seller_id,
            before={"warn_days": before},
            after={"warn_days": warn_days},
        )
    return variant.product_id


def _mark(product_id: int, seller_id: int, warn_days: int, *, anew: bool) -> None:
    marked = insert(ExpiringGoods).values(product_id=product_id, organization_id=seller_id, warn_days=warn_days)
    if anew:
        db.session.execute(
            marked.on_conflict_do_update(index_elements=["product_id"], set_={"warn_days": marked.excluded.warn_days})
        )
    else:
        db.session.execute(marked.on_conflict_do_nothing(index_elements=["product_id"]))


def unmark(*, actor: Actor, product_id: int) -> None:
    """Nobody is asked for batches of the product any more; those there are stay. Raises NotFoundError."""
    found = db.session.get(ExpiringGoods, product_id)
    if found is None or stock.seller_of(actor) not in (None, found.organization_id):
        raise NotFoundError
    db.session.delete(found)
    db.session.flush()
    audit.record(
        actor=actor,
        action="batch.goods_unmarked",
        thing="batch_goods",
        thing_id=product_id,
        organization_id=found.organization_id,
        before={"warn_days": found.warn_days},
        after={"warn_days": None},
    )


def register_once(
    *, actor: Actor, key: str, location_id: int, sku: str, code: str, expires_on: date, pieces: int
) -> int:
    """`register` by a form that may arrive twice. Must come first in its transaction."""
    given = {"location_id": location_id, "sku": sku, "code": code, "expires_on": expires_on, "pieces": pieces}
    answer = idempotency.once(
        f"batch:{actor.user_id}",
        key,
        given,
        lambda: {
            "batch_id": register(
                actor=actor, location_id=location_id, sku=sku, code=code, expires_on=expires_on, pieces=pieces
            )
        },
    )
    return int(answer["batch_id"])


def register(*, actor: Actor, location_id: int, sku: str, code: str, expires_on: date, pieces: int) -> int:
    """Pieces that are there are of this batch; its id. Raises DomainError when fewer pieces are in no batch."""
    location = stock.location(actor, location_id)
    variant = variant_of(seller_id=location.organization_id, sku=sku)
    arrival = Arrival(code, expires_on, pieces)
    rules.check_arrivals([arrival], pieces)
    loose = _loose(variant.id, location_id)
    if pieces > loose:
        raise DomainError(_TOO_MANY, field="pieces", loose=loose)
    batch_id = hooks.find_or_make(variant.id, arrival)
    _mark(variant.product_id, location.organization_id, rules.DAYS_BEFORE, anew=False)
    hooks.write(rules.REGISTER, actor, [hooks.Step(batch_id, variant.id, location_id, pieces, "")])
    _note(actor, db.session.get_one(Batch, batch_id), "batch.registered", after={"pieces": pieces})
    return batch_id


_TOO_MANY = "Only {loose} pieces here are in no batch yet. Count the goods first if there are more."


def _loose(variant_id: int, location_id: int) -> int:
    """How many pieces are in no batch there; the stock is locked from now on."""
    inventory.lock_stock([variant_id])
    found = db.session.execute(
        sa.select(Stock.on_hand - Stock.batched).where(Stock.variant_id == variant_id, Stock.location_id == location_id)
    ).scalar()
    return int(found or 0)


def correct(*, actor: Actor, batch_id: int, location_id: int, pieces: int, seen: int) -> None:
    """So many pieces in the location are of the batch; the others are in none. `seen`: as many the page showed.

    Raises ConflictError when that has changed meanwhile.
    """
    batch = queries.own(actor, batch_id)
    if stock.location(actor, location_id).organization_id != batch.organization_id:
        raise NotFoundError
    loose = _loose(batch.variant_id, location_id)
    left = db.session.scalar(
        sa.select(BatchStock.pieces).where(BatchStock.batch_id == batch_id, BatchStock.location_id == location_id)
    )
    now = int(left or 0)
    if now != seen:
        raise ConflictError("These pieces have moved meanwhile. Look at the batch again.")
    if pieces < 0:
        raise DomainError("Enter a whole number of at least {moq}.", field="pieces", moq=0)
    if pieces - now > loose:
        raise DomainError(_TOO_MANY, field="pieces", loose=loose)
    if pieces != now:
        step = hooks.Step(batch_id, batch.variant_id, location_id, pieces - now, "")
        hooks.write(rules.REGISTER, actor, [step])
        _note(actor, batch, "batch.changed", before={"pieces": now}, after={"pieces": pieces})


def change(*, actor: Actor, batch_id: int, code: str, expires_on: date) -> None:
    """The batch was noted wrongly. Raises DomainError when another of the variant has this code."""
    batch = queries.own(actor, batch_id)
    rules.check_code(code)
    rules.check_day(expires_on, queries.today())
    db.session.refresh(batch, with_for_update=True)
    plain = rules.plain_code(code)
    taken = sa.select(Batch.id).where(Batch.variant_id == batch.variant_id, Batch.code == plain, Batch.id != batch_id)
    if db.session.scalar(taken) is not None:
        raise DomainError(_CODE_TAKEN, field="code")
    before = {"code": batch.code, "expires_on": batch.expires_on.isoformat()}
    after = {"code": plain, "expires_on": expires_on.isoformat()}
    if before != after:
        try:
            with db.session.begin_nested():
                batch.code, batch.expires_on = plain, expires_on
                db.session.flush()
        except IntegrityError as error:  # somebody has given it to another batch at this moment
            if "uq_batch" not in str(error.orig):
                raise
            raise DomainError(_CODE_TAKEN, field="code") from error
        _note(actor, batch, "batch.changed", before=before, after=after)


_CODE_TAKEN = "Another batch of these goods has this code."


def _note(
    actor: Actor,
    batch: Batch,
    action: str,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """What is done with batches stands in the audit log of the seller whose they are."""
    audit.record(
        actor=actor,
        action=action,
        thing="batch",
        thing_id=batch.id,
        organization_id=batch.organization_id,
        before={f"batch {batch.code} {name}": value for name, value in (before or {}).items()},
        after={f"batch {batch.code} {name}": value for name, value in (after or {}).items()},
    )


# --- what has expired -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WrittenOff:
    """What became of pieces that have expired: how many were written off, how many are promised to orders."""

    pieces: int
    promised: int


def write_off_expired(*, actor: Actor, batch_id: int) -> WrittenOff:
    """Write off what has expired of the goods of a batch, everywhere, as far as it is promised to nobody."""
    batch = queries.own(actor, batch_id)
    if batch.expires_on >= queries.today():
        raise DomainError("This batch has not expired.")
    inventory.lock_stock([batch.variant_id])
    places = [each for each in queries.places_with_expired(batch.organization_id) if each[0] == batch.variant_id]
    done = _write_off(actor, places)
    if done.pieces:
        _note(actor, batch, "batch.written_off", after={"pieces written off": done.pieces})
    return done


def expire(*, actor: Actor, progress: Callable[[int, int], None] | None = None) -> WrittenOff:
    """The hour's work: all that has expired and is promised to nobody is written off, a hundred places at a time."""
    with transaction():
        places = queries.places_with_expired()
    pieces = promised = 0
    for first in range(0, len(places), _AT_ONCE):
        chunk = places[first : first + _AT_ONCE]
        with transaction():
            inventory.lock_stock([variant_id for variant_id, _location_id in chunk])
            done = _write_off(actor, chunk)
        pieces, promised = pieces + done.pieces, promised + done.promised
        if progress is not None:
            progress(min(first + _AT_ONCE, len(places)), len(places))
    return WrittenOff(pieces, promised)


def _write_off(actor: Actor, places: list[tuple[int, int]]) -> WrittenOff:
    pieces = promised = 0
    for (variant_id, location_id), batches in queries.expired_in(places).items():
        together = sum(batch.pieces for batch in batches)
        free, left = rules.expired_and_free(together, batches[0].on_hand, batches[0].allocated)
        pieces, promised = pieces + free, promised + left
        for batch in batches:  # the oldest first, which is the order in which what is written off goes
            part = min(free, batch.pieces)
            if part:
                inventory.write_off(
                    actor=actor,
                    location_id=location_id,
                    quantities={variant_id: part},
                    reference=batch.code,
                    reason="expired",
                )
                free -= part
    return WrittenOff(pieces, promised)
