"""Changes of what is on hand: goods arrive, are counted, adjusted, written off, moved."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from wholesale.audit import actions as audit
from wholesale.inventory import queries
from wholesale.inventory.actions.places import open_locations
from wholesale.inventory.actions.rows import Shelf, bounded, lock, make_room, write_down
from wholesale.inventory.batches import hooks
from wholesale.inventory.batches.rules import Arrival
from wholesale.inventory.errors import BelowAllocatedError, StaleStockError, TooFewError
from wholesale.inventory.rules import MOST_ON_HAND, NEEDS_A_NOTE, REASONS, Take
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError
from wholesale.platform.db import db


def receive(
    *,
    actor: Actor,
    location_id: int,
    quantities: Mapping[int, int],
    reference: str,
    note: str = "",
    batches: Mapping[int, Sequence[Arrival]] | None = None,
) -> None:
    """Goods arrive (variant's id → pieces): on hand rises. Raises DomainError for a quantity below 1.

    `batches`: which of them are of which batch, as far as that is known.
    """
    if any(quantity < 1 for quantity in quantities.values()):
        raise DomainError("Enter a whole number of at least {moq}.", field="quantity", moq=1)
    _change("PURCHASE", actor, location_id, dict(quantities), reference=reference, note=note)
    if batches:
        hooks.arrived(actor=actor, location_id=location_id, quantities=quantities, reference=reference, batches=batches)


def adjust(
    *, actor: Actor, location_id: int, changes: Mapping[int, int], reference: str, note: str = "", reason: str = ""
) -> None:
    """What is on hand was noted wrongly: variant's id → pieces more, or (negative) less.

    Raises BelowAllocatedError when orders have been promised more than would be left, TooFewError when there are fewer
    than are to go, and then changes nothing.
    """
    _change("ADJUSTMENT", actor, location_id, dict(changes), reference=reference, note=note, reason=reason)


def write_off(
    *,
    actor: Actor,
    location_id: int,
    quantities: Mapping[int, int],
    reference: str,
    note: str = "",
    reason: str = "",
    loose_first: bool = False,
) -> None:
    """Goods are here no longer, or not fit to be sold (variant's id → pieces). Raises as `adjust` does.

    `loose_first`: they are known to be of no batch, as far as there are such pieces.
    """
    if any(quantity < 1 for quantity in quantities.values()):
        raise DomainError("Enter a whole number of at least {moq}.", field="quantity", moq=1)
    gone = {variant_id: -quantity for variant_id, quantity in quantities.items()}
    _change(
        "WRITE_OFF", actor, location_id, gone, reference=reference, note=note, reason=reason, loose_first=loose_first
    )


def transfer(*, actor: Actor, location_id: int, changes: Mapping[int, int], reference: str) -> None:
    """Goods leave for another location (negative) or arrive from one; `inventory.transfers` says which."""
    _change("TRANSFER", actor, location_id, dict(changes), reference=reference)


def _change(
    kind: str,
    actor: Actor,
    location_id: int,
    changes: Mapping[int, int],
    *,
    reference: str,
    note: str = "",
    reason: str = "",
    loose_first: bool = False,
) -> None:
    """On hand becomes so many more or less (variant's id → pieces), with as many statements for one as for thousands.

    What does not change leaves no trace.
    """
    changes = {variant_id: pieces for variant_id, pieces in changes.items() if pieces}
    if not changes:
        return
    places = shelves(location_id, changes)
    short = {row.variant_id: row for row in places if row.on_hand + changes[row.variant_id] < row.allocated}
    if promised := {variant_id: row.allocated for variant_id, row in short.items() if row.allocated}:
        raise BelowAllocatedError(promised)
    if short:
        raise TooFewError({variant_id: row.on_hand for variant_id, row in short.items()})
    if any(row.on_hand + changes[row.variant_id] > MOST_ON_HAND for row in places):
        raise DomainError("Nobody can keep so many pieces. Check the number.", field="quantity")
    takes = [Take(row.variant_id, location_id, changes[row.variant_id]) for row in places]
    after = bounded(takes, allocated=0, on_hand=1)
    write_down(
        kind=kind,
        actor=actor,
        changes=[(reference, take, after[take.variant_id, location_id].on_hand, take.quantity) for take in takes],
        reason=reason,
        note=note,
        loose_first=loose_first,
    )


def shelves(location_id: int, variant_ids: Collection[int]) -> list[Shelf]:
    """The stock of these variants in an open location, from now on there if it was not, and locked."""
    open_locations([location_id])
    wanted = sorted(variant_ids)
    # What there is is locked before anything is put beside it: others, who hold it, might want to do the same.
    places = [row for row in lock(wanted) if row.location_id == location_id]
    if len(places) < len(wanted):
        make_room(location_id, wanted)
        places = [row for row in lock(wanted) if row.location_id == location_id]
    return places


def set_on_hand(
    *,
    actor: Actor,
    location_id: int,
    counts: Mapping[int, int],
    reference: str,
    note: str = "",
    reason: str = "counted",
) -> None:
    """Somebody counted (variant's id → pieces there are in the location): on hand becomes that, whatever it was.

    A thousand variants take as many statements as one. A count that says what is known already leaves no trace.
    Raises BelowAllocatedError when orders have more of a variant than was counted, and then changes nothing.
    """
    if any(count < 0 for count in counts.values()):
        raise DomainError("Enter a whole number of at least {moq}.", field="quantity", moq=0)
    if not counts:
        return
    places = shelves(location_id, counts)
    promised = {row.variant_id: row.allocated for row in places if row.allocated > counts[row.variant_id]}
    if promised:
        raise BelowAllocatedError(promised)
    takes = [
        Take(row.variant_id, location_id, counts[row.variant_id] - row.on_hand)
        for row in places
        if counts[row.variant_id] != row.on_hand
    ]
    if not takes:
        return
    after = bounded(takes, allocated=0, on_hand=1)
    write_down(
        kind="ADJUSTMENT",
        actor=actor,
        changes=[(reference, take, after[take.variant_id, location_id].on_hand, take.quantity) for take in takes],
        reason=reason,
        note=note,
    )


def correct(
    *, actor: Actor, variant_id: int, location_id: int, reason: str, pieces: int, note: str = "", seen: int
) -> None:
    """Somebody changes one figure by hand: why (`rules.REASONS`), and how many pieces that concerns.

    `seen`: what was on hand when the page was made. Raises StaleStockError when that has changed meanwhile, and
    NotFoundError for what is not the actor's.
    """
    location, variant = queries.place(actor, location_id, variant_id), queries.own_variant(actor, variant_id)
    why = REASONS.get(reason)
    if why is None:
        raise DomainError("Please choose one.", field="reason")
    if why.sign and pieces < 1:
        raise DomainError("Enter a whole number of at least {moq}.", field="pieces", moq=1)
    if reason in NEEDS_A_NOTE and not note.strip():
        raise DomainError("Say what has happened to it.", field="note")
    now = next((row.on_hand for row in lock([variant_id]) if row.location_id == location_id), 0)
    if now != seen:
        raise StaleStockError(seen=seen, now=now)
    change = why.sign * pieces if why.sign else pieces - now
    if not change:
        return
    _change(why.kind, actor, location_id, {variant_id: change}, reference="", note=note.strip(), reason=reason)
    audit.record(
        actor=actor,
        action="stock.written_off" if why.kind == "WRITE_OFF" else "stock.adjusted",
        thing="product",
        thing_id=variant.product_id,
        organization_id=location.organization_id,
        before={f"stock {variant.sku}": now},
        after={f"stock {variant.sku}": now + change},
        reason=note,
    )


_FIRST_COUNT = sa.text(
    """
    WITH counted AS (
        SELECT * FROM unnest(:variant_ids, :pieces) WITH ORDINALITY AS counted (variant_id, pieces, place)
    ), shelved AS (
        INSERT INTO stock (variant_id, location_id, on_hand, allocated)
        SELECT variant_id, :location_id, pieces, 0 FROM counted ORDER BY place
    )
    INSERT INTO inventory_log (variant_id, location_id, kind, quantity, previous, new, reference, user_id, at, reason)
    SELECT variant_id, :location_id, 'ADJUSTMENT', pieces, 0, pieces, :reference, :user_id, :at, 'counted'
    FROM counted WHERE pieces > 0 ORDER BY place
    """
).bindparams(
    sa.bindparam("variant_ids", type_=sa.ARRAY(sa.BigInteger)), sa.bindparam("pieces", type_=sa.ARRAY(sa.Integer))
)


def first_count(*, actor: Actor, location_id: int, counts: Mapping[int, int], reference: str) -> None:
    """The first count of variants that the same transaction has made (variant's id → pieces): one statement does.

    Nobody else sees them yet, so there is nothing to lock, and lists are told by `listings.refresh`.
    """
    if counts:
        open_locations([location_id])
        ids = sorted(counts)
        db.session.execute(
            _FIRST_COUNT,
            {
                "variant_ids": ids,
                "pieces": [counts[variant_id] for variant_id in ids],
                "location_id": location_id,
                "reference": reference,
                "user_id": actor.user_id,
                "at": clock.now(),
            },
        )
