"""What orders are promised: set aside, shipped, let go, come back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from wholesale.inventory.actions.places import open_locations
from wholesale.inventory.actions.rows import (
    LISTS_MAY_BE_WRONG,
    bounded,
    check_all_changed,
    lock,
    make_room,
    tell_lists,
    write_down,
)
from wholesale.inventory.errors import ShortageError
from wholesale.inventory.models import Allocation, Location
from wholesale.inventory.rules import Place, Take, choose
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError
from wholesale.organizations.rules import distance
from wholesale.platform.db import db


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
    rows = lock(sorted(together))
    places = [Place(row.variant_id, row.location_id, row.on_hand - row.allocated) for row in rows]
    takes, missing = choose(together, places, _distances(places, near) if near else {})
    if missing:
        raise ShortageError(missing)
    changed = db.session.execute(
        _ALLOCATE,
        {
            "references": [of[take.variant_id] for take in takes],
            "variants": [take.variant_id for take in takes],
            "locations": [take.location_id for take in takes],
            "quantities": [take.quantity for take in takes],
            "user_id": actor.user_id,
            "at": clock.now(),
        },
    ).all()
    check_all_changed(changed, takes)
    tell_lists(changed)


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


# What `bounded` and `write_down` do, and the promise between them, at once: everybody who wants the same goods waits
# meanwhile. A reference that has pieces of the same variant from there already has more of them now.
_ALLOCATE = sa.text(
    f"""
    WITH take AS (
        SELECT * FROM unnest(:references, :variants, :locations, :quantities) WITH ORDINALITY
                      AS take (reference, variant_id, location_id, quantity, place)
    ), changed AS (
        UPDATE stock SET allocated = stock.allocated + take.quantity FROM take
        WHERE stock.variant_id = take.variant_id AND stock.location_id = take.location_id
          AND stock.on_hand >= stock.allocated + take.quantity
        RETURNING stock.variant_id, stock.location_id, stock.allocated, {LISTS_MAY_BE_WRONG},
                  take.reference, take.quantity, take.place
    ), promised AS (
        INSERT INTO allocation (reference, variant_id, location_id, quantity, shipped, released)
        SELECT reference, variant_id, location_id, quantity, 0, 0 FROM changed ORDER BY place
        ON CONFLICT (reference, variant_id, location_id)
        DO UPDATE SET quantity = allocation.quantity + excluded.quantity
    ), logged AS (
        INSERT INTO inventory_log
            (variant_id, location_id, kind, quantity, previous, new, reference, user_id, at, reason, note)
        SELECT variant_id, location_id, 'ALLOCATION', quantity, allocated - quantity, allocated, reference,
               :user_id, :at, '', ''
        FROM changed ORDER BY place
    )
    SELECT variant_id, lists_may_be_wrong FROM changed
    """  # noqa: S608 - a constant
).bindparams(
    sa.bindparam("references", type_=sa.ARRAY(sa.Text)),
    sa.bindparam("variants", type_=sa.ARRAY(sa.BigInteger)),
    sa.bindparam("locations", type_=sa.ARRAY(sa.BigInteger)),
    sa.bindparam("quantities", type_=sa.ARRAY(sa.Integer)),
    sa.bindparam("user_id", type_=sa.BigInteger),
    sa.bindparam("at", type_=sa.DateTime(timezone=True)),
)


def release(*, actor: Actor, reference: str, quantities: Mapping[int, int] | None = None) -> None:
    """Take back what was promised to `reference` and not shipped: all of it, or `quantities` (variant's id → pieces).

    Without quantities a second call changes nothing. Raises ConflictError when less than that is promised.
    """
    takes = _let_go(reference, "released", quantities)
    if takes:
        after = bounded(takes, allocated=-1, on_hand=0)
        write_down(
            kind="RELEASE",
            actor=actor,
            changes=[
                (reference, take, after[take.variant_id, take.location_id].allocated, -take.quantity) for take in takes
            ],
        )


def ship(*, actor: Actor, reference: str, quantities: Mapping[int, int] | None = None) -> None:
    """Promised pieces leave, all or `quantities` (variant's id → pieces): on hand and allocated fall together.

    Without quantities a second call changes nothing. Raises ConflictError when less than that is promised.
    """
    takes = _let_go(reference, "shipped", quantities)
    if takes:
        after = bounded(takes, allocated=-1, on_hand=-1)
        write_down(
            kind="SALE",
            actor=actor,
            changes=[
                (reference, take, after[take.variant_id, take.location_id].on_hand, -take.quantity) for take in takes
            ],
        )


def hold_rows(*, references: Collection[str]) -> None:
    """Lock all stock behind what is promised to these references at once, for whoever changes one after the other."""
    held = sa.select(Allocation.variant_id).where(Allocation.reference.in_(references), _STILL_HELD > 0).distinct()
    lock(sorted(db.session.scalars(held)))


_STILL_HELD = Allocation.quantity - Allocation.shipped - Allocation.released


def _let_go(reference: str, becomes: str, quantities: Mapping[int, int] | None) -> list[Take]:
    """Lock the stock behind a reference's allocations and mark pieces that are held as `becomes`."""
    held = sa.select(Allocation).where(Allocation.reference == reference, _STILL_HELD > 0)
    if quantities is not None:
        held = held.where(
            Allocation.variant_id.in_([variant_id for variant_id, pieces in quantities.items() if pieces])
        )
    lock(sorted({row.variant_id for row in db.session.scalars(held)}))
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
        lock(sorted(everything))  # before anything is put beside it, as whoever receives goods does
        for location_id in sorted(set(home.values())):
            make_room(location_id, [each for each in everything if home[each] == location_id])
    lock(sorted(everything))
    for kind, sign, quantities in (("RETURN", 1, everything), ("WRITE_OFF", -1, ruined)):
        takes = [Take(variant, home[variant], pieces) for variant, pieces in sorted(quantities.items()) if pieces]
        if takes:
            after = bounded(takes, allocated=0, on_hand=sign)
            write_down(
                kind=kind,
                actor=actor,
                changes=[
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
