"""Changes of stock: each locks the rows in the order of their keys, makes one bounded UPDATE, and logs it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from wholesale.audit import actions as audit
from wholesale.catalog.actions import listings
from wholesale.catalog.models import Variant
from wholesale.inventory import queries
from wholesale.inventory.batches import hooks
from wholesale.inventory.batches.rules import Arrival
from wholesale.inventory.errors import BelowAllocatedError, ShortageError, StaleStockError, TooFewError
from wholesale.inventory.models import Allocation, Location, Stock
from wholesale.inventory.rules import MOST_ON_HAND, NEEDS_A_NOTE, REASONS, Place, Take, choose
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, DomainError
from wholesale.organizations.rules import distance
from wholesale.platform.db import db


def _lock(variant_ids: Sequence[int]) -> list[Stock]:
    """The stock rows of these variants, locked in key order: whoever comes second waits instead of deadlocking."""
    as_they_are = {"populate_existing": True}
    return list(db.session.scalars(_LOCK, {"variants": list(variant_ids)}, execution_options=as_they_are))


def _among(name: str) -> sa.ColumnElement[Any]:
    return sa.any_(sa.bindparam(name, type_=sa.ARRAY(sa.BigInteger)))


_LOCK = (
    sa.select(Stock)
    .where(Stock.variant_id == _among("variants"))
    .order_by(Stock.variant_id, Stock.location_id)
    .with_for_update(key_share=True)
)


def lock_stock(variant_ids: Collection[int]) -> None:
    """Lock the stock of these variants now, in key order, for an action that changes it in several steps."""
    _lock(sorted(set(variant_ids)))


def _bounded(takes: Sequence[Take], *, allocated: int, on_hand: int) -> dict[tuple[int, int], Any]:
    """Add `allocated`/`on_hand` times each take's quantity in one statement; (variant, location) → new figures.

    The rows are locked already, so the bound cannot fail; that it is there all the same means that no mistake
    elsewhere can sell a piece twice.
    """
    rows = db.session.execute(
        _adding(allocated, on_hand),
        {
            "variants": [take.variant_id for take in takes],
            "locations": [take.location_id for take in takes],
            "quantities": [take.quantity for take in takes],
        },
    ).all()
    if len(rows) != len(takes):
        raise ConflictError("The stock has changed in between. Nothing was changed: please try again.")
    if on_hand != allocated:  # shipped pieces were not available before either
        _tell_listings("variants", [take.variant_id for take in takes])
    return {(row.variant_id, row.location_id): row for row in rows}


@cache
def _adding(allocated: int, on_hand: int) -> sa.TextClause:
    """The statement of `_bounded`: three arrays, not VALUES, so that it is the same however many rows there are."""
    return sa.text(
        f"""
        UPDATE stock SET allocated = stock.allocated + {allocated} * change.quantity,
                         on_hand = stock.on_hand + {on_hand} * change.quantity
        FROM unnest(:variants, :locations, :quantities) AS change (variant_id, location_id, quantity)
        WHERE stock.variant_id = change.variant_id AND stock.location_id = change.location_id
          AND stock.allocated + {allocated} * change.quantity >= 0
          AND stock.on_hand + {on_hand} * change.quantity >= stock.allocated + {allocated} * change.quantity
        RETURNING stock.variant_id, stock.location_id, stock.on_hand, stock.allocated
        """  # noqa: S608 - two numbers of ours
    ).bindparams(
        sa.bindparam("variants", type_=sa.ARRAY(sa.BigInteger)),
        sa.bindparam("locations", type_=sa.ARRAY(sa.BigInteger)),
        sa.bindparam("quantities", type_=sa.ARRAY(sa.Integer)),
    )


_OF = aliased(Variant)
Whose = Literal["variants", "products"]


def _tell_listings(whose: Whose, ids: Collection[int]) -> None:
    """Let lists know which goods can be ordered now, of these products or of the products of these variants."""
    left = db.session.execute(_LEFT[whose], {"ids": list(ids)})
    listings.note_available({product_id: int(pieces) for product_id, pieces in left})


def _left(product_ids: sa.ColumnElement[Any]) -> sa.Select[int, int]:
    return (
        sa.select(Variant.product_id, sa.func.coalesce(sa.func.sum(Stock.on_hand - Stock.allocated), 0))
        .outerjoin(Stock, Stock.variant_id == Variant.id)
        .where(Variant.product_id == product_ids, Variant.is_offered)
        .group_by(Variant.product_id)
    )


_LEFT: dict[Whose, sa.Select[int, int]] = {
    # As an array, or very many goods would be gone through for a few.
    "variants": _left(
        sa.any_(sa.func.array(sa.select(_OF.product_id).where(_OF.id == _among("ids")).scalar_subquery()))
    ),
    "products": _left(_among("ids")),
}


@listings.filled_by
def recount(product_ids: Collection[int]) -> None:
    """Let lists know which of these products can be ordered now."""
    _tell_listings("products", product_ids)


def allocate(*, actor: Actor, reference: str, wanted: Mapping[int, int], near: str | None = None) -> None:
    """Promise pieces (variant's id → quantity) to `reference`. Raises ShortageError with all that is missing."""
    allocate_many(actor=actor, wanted={reference: wanted}, near=near)


def allocate_many(*, actor: Actor, wanted: Mapping[str, Mapping[int, int]], near: str | None = None) -> None:
    """Promise pieces to several references at once (one purchase's orders): locked together, all or none.

    A variant belongs to one seller and so to one reference. `near`: the district that the goods go to; of locations
    that could give them, the nearest does (`rules.choose`).
    """
    together: dict[int, int] = {}
    of: dict[int, str] = {}
    for reference, part in wanted.items():
        for variant_id, quantity in part.items():
            together[variant_id] = together.get(variant_id, 0) + quantity
            of[variant_id] = reference
    rows = _lock(sorted(together))
    places = [Place(row.variant_id, row.location_id, row.on_hand - row.allocated) for row in rows]
    takes, missing = choose(together, places, _distances(places, near) if near else {})
    if missing:
        raise ShortageError(missing)
    after = _bounded(takes, allocated=1, on_hand=0)
    db.session.execute(
        _ALLOCATE,
        {
            "references": [of[take.variant_id] for take in takes],
            "variants": [take.variant_id for take in takes],
            "locations": [take.location_id for take in takes],
            "quantities": [take.quantity for take in takes],
        },
    )
    _log(
        "ALLOCATION",
        actor,
        [
            (of[take.variant_id], take, after[take.variant_id, take.location_id].allocated, take.quantity)
            for take in takes
        ],
    )


def _distances(places: Sequence[Place], near: str) -> dict[int, int]:
    """Kilometres from each location to the district; nothing is asked where there is nothing to choose."""
    having: dict[int, set[int]] = {}
    for place in places:
        if place.available > 0:
            having.setdefault(place.variant_id, set()).add(place.location_id)
    several = set().union(*(locations for locations in having.values() if len(locations) > 1))
    if not several:
        return {}
    # Those of lines without a choice count too: what can go with them is one parcel less.
    rows = db.session.execute(
        sa.select(Location.id, Location.district).where(Location.id.in_(sorted(set().union(*having.values()))))
    )
    found = {location_id: distance(district, near) for location_id, district in rows}
    return {location_id: kilometres for location_id, kilometres in found.items() if kilometres is not None}


# A reference that has pieces of the same variant from there already has more of them now.
_ALLOCATE = sa.text(
    """
    INSERT INTO allocation (reference, variant_id, location_id, quantity, shipped, released)
    SELECT reference, variant_id, location_id, quantity, 0, 0
    FROM unnest(:references, :variants, :locations, :quantities) AS take (reference, variant_id, location_id, quantity)
    ON CONFLICT (reference, variant_id, location_id) DO UPDATE SET quantity = allocation.quantity + excluded.quantity
    """
).bindparams(
    sa.bindparam("references", type_=sa.ARRAY(sa.Text)),
    sa.bindparam("variants", type_=sa.ARRAY(sa.BigInteger)),
    sa.bindparam("locations", type_=sa.ARRAY(sa.BigInteger)),
    sa.bindparam("quantities", type_=sa.ARRAY(sa.Integer)),
)


def release(*, actor: Actor, reference: str, quantities: Mapping[int, int] | None = None) -> None:
    """Take back what was promised to `reference` and not shipped: all of it, or `quantities` (variant's id → pieces).

    Without quantities a second call changes nothing. Raises ConflictError when less than that is promised.
    """
    takes = _let_go(reference, "released", quantities)
    if takes:
        after = _bounded(takes, allocated=-1, on_hand=0)
        _log(
            "RELEASE",
            actor,
            [(reference, take, after[take.variant_id, take.location_id].allocated, -take.quantity) for take in takes],
        )


def ship(*, actor: Actor, reference: str, quantities: Mapping[int, int] | None = None) -> None:
    """Promised pieces leave, all or `quantities` (variant's id → pieces): on hand and allocated fall together.

    Without quantities a second call changes nothing. Raises ConflictError when less than that is promised.
    """
    takes = _let_go(reference, "shipped", quantities)
    if takes:
        after = _bounded(takes, allocated=-1, on_hand=-1)
        _log(
            "SALE",
            actor,
            [(reference, take, after[take.variant_id, take.location_id].on_hand, -take.quantity) for take in takes],
        )


def hold_rows(*, references: Collection[str]) -> None:
    """Lock all stock behind what is promised to these references at once, for whoever changes one after the other."""
    held = sa.select(Allocation.variant_id).where(Allocation.reference.in_(references), _STILL_HELD > 0).distinct()
    _lock(sorted(db.session.scalars(held)))


_STILL_HELD = Allocation.quantity - Allocation.shipped - Allocation.released


def _let_go(reference: str, becomes: str, quantities: Mapping[int, int] | None) -> list[Take]:
    """Lock the stock behind a reference's allocations and mark pieces that are held as `becomes`."""
    held = sa.select(Allocation).where(Allocation.reference == reference, _STILL_HELD > 0)
    if quantities is not None:
        held = held.where(
            Allocation.variant_id.in_([variant_id for variant_id, pieces in quantities.items() if pieces])
        )
    _lock(sorted({row.variant_id for row in db.session.scalars(held)}))
    rows = db.session.scalars(
        held.order_by(Allocation.variant_id, Allocation.location_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    left = dict(quantities) if quantities is not None else {}
    takes: list[Take] = []
    for row in rows:
        pieces = row.held if quantities is None else min(row.held, left[row.variant_id])
        if not pieces:
            continue
        if quantities is not None:
            left[row.variant_id] -= pieces
        setattr(row, becomes, getattr(row, becomes) + pieces)
        takes.append(Take(row.variant_id, row.location_id, pieces))
    if any(left.values()):
        raise ConflictError("Fewer pieces are set aside than that. Nothing was changed: look at it again.")
    db.session.flush()
    return takes


def come_back(
    *, actor: Actor, reference: str, restock: Mapping[int, int], write_off: Mapping[int, int] | None = None
) -> None:
    """Shipped pieces are here again (variant's id → pieces), where they were shipped from.

    What is not to be sold again (`write_off`) comes in and goes out, so that the log tells both. Raises
    ConflictError when fewer were shipped to `reference`.
    """
    ruined = dict(write_off or {})
    everything = {
        variant_id: restock.get(variant_id, 0) + ruined.get(variant_id, 0) for variant_id in {*restock, *ruined}
    }
    everything = {variant_id: pieces for variant_id, pieces in everything.items() if pieces}
    if not everything:
        return
    shipped = db.session.execute(
        sa.select(Allocation.variant_id, Allocation.location_id, _still_open(), Allocation.shipped)
        .join(Location, Location.id == Allocation.location_id)
        .where(
            Allocation.reference == reference,
            Allocation.variant_id.in_(everything),
            Allocation.shipped > 0,
        )
        .order_by(Allocation.variant_id, Allocation.shipped.desc(), Allocation.location_id)
    ).all()
    home: dict[int, int] = {}
    total: dict[int, int] = {}
    for row in shipped:
        home.setdefault(row.variant_id, row.still_open)
        total[row.variant_id] = total.get(row.variant_id, 0) + row.shipped
    if any(total.get(variant_id, 0) < pieces for variant_id, pieces in everything.items()):
        raise ConflictError("Fewer pieces were shipped than that. Nothing was changed: look at it again.")
    open_locations({home[variant_id] for variant_id in everything})
    if any(row.still_open != row.location_id for row in shipped):
        for location_id in sorted(set(home.values())):
            _make_room(location_id, [each for each in everything if home[each] == location_id])
    _lock(sorted(everything))
    for kind, sign, quantities in (("RETURN", 1, everything), ("WRITE_OFF", -1, ruined)):
        takes = [Take(variant, home[variant], pieces) for variant, pieces in sorted(quantities.items()) if pieces]
        if takes:
            after = _bounded(takes, allocated=0, on_hand=sign)
            _log(
                kind,
                actor,
                [
                    (reference, take, after[take.variant_id, take.location_id].on_hand, sign * take.quantity)
                    for take in takes
                ],
            )


def _still_open() -> sa.ColumnElement[int]:
    """Where an allocation was taken from; once that is closed, the first location that its seller still has."""
    instead = aliased(Location)
    first = (
        sa.select(sa.func.min(instead.id))
        .where(instead.organization_id == Location.organization_id, instead.closed_at.is_(None))
        .correlate(Location)
        .scalar_subquery()
    )
    open_one = sa.case((Location.closed_at.is_not(None), first), else_=Allocation.location_id)
    return sa.func.coalesce(open_one, Allocation.location_id).label("still_open")


def move_held(*, of: str, to: str, variant_ids: Collection[int] | None = None) -> dict[int, int]:
    """What is set aside for the reference `of` is set aside for `to` instead: nobody can take it in between.

    Of these variants only, if any are named. How many pieces of each variant (by its id) that was.
    """
    which = sa.update(Allocation).where(Allocation.reference == of, _STILL_HELD > 0).values(reference=to)
    if variant_ids is not None:
        which = which.where(Allocation.variant_id.in_(variant_ids))
    moved: dict[int, int] = {}
    rows = db.session.execute(
        which.returning(Allocation.variant_id, _STILL_HELD).execution_options(synchronize_session=False)
    )
    for variant_id, pieces in rows:
        moved[variant_id] = moved.get(variant_id, 0) + pieces
    return moved


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
    *, actor: Actor, location_id: int, quantities: Mapping[int, int], reference: str, note: str = "", reason: str = ""
) -> None:
    """Goods are here no longer, or not fit to be sold (variant's id → pieces). Raises as `adjust` does."""
    if any(quantity < 1 for quantity in quantities.values()):
        raise DomainError("Enter a whole number of at least {moq}.", field="quantity", moq=1)
    gone = {variant_id: -quantity for variant_id, quantity in quantities.items()}
    _change("WRITE_OFF", actor, location_id, gone, reference=reference, note=note, reason=reason)


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
) -> None:
    """On hand becomes so many more or less (variant's id → pieces), with as many statements for one as for thousands.

    What does not change leaves no trace.
    """
    changes = {variant_id: pieces for variant_id, pieces in changes.items() if pieces}
    if not changes:
        return
    places = _shelves(location_id, changes)
    short = {row.variant_id: row for row in places if row.on_hand + changes[row.variant_id] < row.allocated}
    if promised := {variant_id: row.allocated for variant_id, row in short.items() if row.allocated}:
        raise BelowAllocatedError(promised)
    if short:
        raise TooFewError({variant_id: row.on_hand for variant_id, row in short.items()})
    if any(row.on_hand + changes[row.variant_id] > MOST_ON_HAND for row in places):
        raise DomainError("Nobody can keep so many pieces. Check the number.", field="quantity")
    takes = [Take(row.variant_id, location_id, changes[row.variant_id]) for row in places]
    after = _bounded(takes, allocated=0, on_hand=1)
    _log(
        kind,
        actor,
        [(reference, take, after[take.variant_id, location_id].on_hand, take.quantity) for take in takes],
        reason=reason,
        note=note,
    )


def _shelves(location_id: int, variant_ids: Collection[int]) -> list[Stock]:
    """The stock of these variants in an open location, from now on there if it was not, and locked."""
    open_locations([location_id])
    _make_room(location_id, variant_ids)
    return [row for row in _lock(sorted(variant_ids)) if row.location_id == location_id]


def _make_room(location_id: int, variant_ids: Collection[int]) -> None:
    """Let there be a stock row of each in the location."""
    db.session.execute(
        sa.dialects.postgresql.insert(Stock)
        .from_select(
            ["variant_id", "location_id", "on_hand", "allocated"],
            sa.select(
                sa.func.unnest(sa.literal(sorted(variant_ids), sa.ARRAY(sa.BigInteger))),
                sa.literal(location_id),
                sa.literal(0),
                sa.literal(0),
            ),
        )
        .on_conflict_do_nothing()
    )


def open_locations(location_ids: Collection[int]) -> dict[int, Location]:
    """These locations by id, which nobody closes before the transaction ends. Raises DomainError for a closed one."""
    rows = db.session.scalars(
        sa.select(Location)
        .where(Location.id.in_(sorted(location_ids)))
        .order_by(Location.id)
        .with_for_update(read=True)
        .execution_options(populate_existing=True)
    )
    found = {row.id: row for row in rows}
    for row in found.values():
        if row.is_closed:
            raise DomainError("{name} is closed. Choose another location.", field="location_id", name=row.name)
    return found


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
    places = _shelves(location_id, counts)
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
    after = _bounded(takes, allocated=0, on_hand=1)
    _log(
        "ADJUSTMENT",
        actor,
        [(reference, take, after[take.variant_id, location_id].on_hand, take.quantity) for take in takes],
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
    now = next((row.on_hand for row in _lock([variant_id]) if row.location_id == location_id), 0)
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


def open_location(*, organization_id: int, name: str, district: str, kind: str = "warehouse") -> Location:
    """A new warehouse or shop of a seller."""
    location = Location(organization_id=organization_id, name=name, district=district, kind=kind)
    db.session.add(location)
    db.session.flush()
    return location


_INTO_LOG = """
    INSERT INTO inventory_log
        (variant_id, location_id, kind, quantity, previous, new, reference, user_id, at, reason, note)
    SELECT variant_id, location_id, :kind, quantity, new - quantity, new, reference, :user_id, :at, :reason, :note
    FROM unnest(:variant_ids, :location_ids, :quantities, :news, :references) WITH ORDINALITY
         AS change (variant_id, location_id, quantity, new, reference, place)
    ORDER BY place
"""
_LISTS = (
    sa.bindparam("variant_ids", type_=sa.ARRAY(sa.BigInteger)),
    sa.bindparam("location_ids", type_=sa.ARRAY(sa.BigInteger)),
    sa.bindparam("quantities", type_=sa.ARRAY(sa.Integer)),
    sa.bindparam("news", type_=sa.ARRAY(sa.Integer)),
    sa.bindparam("references", type_=sa.ARRAY(sa.Text)),
)
_LOG = sa.text(_INTO_LOG).bindparams(*_LISTS)
# What moves pieces tells besides how many of each place are in batches, so that nobody need ask for the others.
_LOG_OF_MOVES = sa.text(
    f"""{_INTO_LOG}
    RETURNING variant_id, location_id, (
        SELECT batched FROM stock
        WHERE stock.variant_id = inventory_log.variant_id AND stock.location_id = inventory_log.location_id
    ) AS batched
    """  # noqa: S608 - put together from the constant above
).bindparams(*_LISTS)


def first_location(*, organization_id: int, district: str) -> int:
    """The id of where a seller counts: the oldest location that is open, opened with the first count.

    Of two first counts at once the second waits here: what is in a second location could not be counted.
    """
    of_seller = queries.first_open(sa.literal(organization_id))
    found: int | None = db.session.scalar(of_seller)
    if found is None:
        key = f"first location:{organization_id}"
        db.session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(key, 0))))
        found = db.session.scalar(of_seller)
    if found is None:
        found = open_location(organization_id=organization_id, name="Warehouse", district=district).id
    return found


def _log(
    kind: str, actor: Actor, changes: Sequence[tuple[str, Take, int, int]], *, reason: str = "", note: str = ""
) -> None:
    """One row per change: (reference, take, the figure afterwards, by how much it changed). Batches follow."""
    moves = kind not in {"ALLOCATION", "RELEASE"}
    logged = db.session.execute(
        _LOG_OF_MOVES if moves else _LOG,
        {
            "kind": kind,
            "user_id": actor.user_id,
            "at": clock.now(),
            "variant_ids": [take.variant_id for _, take, _, _ in changes],
            "location_ids": [take.location_id for _, take, _, _ in changes],
            "quantities": [delta for _, _, _, delta in changes],
            "news": [new for _, _, new, _ in changes],
            "references": [reference for reference, _, _, _ in changes],
            "reason": reason,
            "note": note,
        },
    )
    if moves:
        batched = {(row.variant_id, row.location_id): row.batched for row in logged}
        hooks.follow(
            kind,
            actor,
            [
                hooks.Moved(
                    take.variant_id, take.location_id, delta, new, batched[take.variant_id, take.location_id], reference
                )
                for reference, take, new, delta in changes
            ],
        )
