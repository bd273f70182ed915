"""Reads of stock, and its proof."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from wholesale.accounts.models import User
from wholesale.catalog.models import Product, Variant
from wholesale.inventory import slots
from wholesale.inventory.batches import proving
from wholesale.inventory.models import Allocation, InventoryLog, Location, Stock
from wholesale.inventory.rules import standing
from wholesale.inventory.transfers.models import Transfer, TransferLine
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.organizations.models import Membership, Organization
from wholesale.platform.db import db

PAGE = 25
LOG_PAGE = 30
MAX_QUERY = 100
_SHORTEST_BEGINNING = 3
_TOO_LONG = 19  # digits, for a key


# --- whose ------------------------------------------------------------------------------------------------


def seller_of(actor: Actor) -> int | None:
    """Whose stock the actor may see; None: everybody's."""
    return None if actor.is_staff else actor.acting_organization


def first_open(organization_id: Any) -> sa.Select[Any]:
    """The oldest location of a seller that is open: where goods are counted that nobody says a place of."""
    return sa.select(sa.func.min(Location.id)).where(
        Location.organization_id == organization_id, Location.closed_at.is_(None)
    )


def locations(organization_id: int, *, closed: bool = False) -> list[Location]:
    """The seller's locations, the oldest first; with the closed ones if asked."""
    statement = sa.select(Location).where(Location.organization_id == organization_id).order_by(Location.id)
    return list(db.session.scalars(statement if closed else statement.where(Location.closed_at.is_(None))))


def location(actor: Actor, location_id: int) -> Location:
    """One of the actor's locations. Raises NotFoundError."""
    found = db.session.get(Location, location_id)
    if found is None or seller_of(actor) not in (None, found.organization_id):
        raise NotFoundError
    return found


def own_variant(actor: Actor, variant_id: int) -> Variant:
    """One of the actor's variants. Raises NotFoundError."""
    found = db.session.get(Variant, variant_id)
    if found is None or seller_of(actor) not in (None, found.seller_id):
        raise NotFoundError
    return found


def product_of(variant: Variant) -> Product:
    return db.session.get_one(Product, variant.product_id)


def place(actor: Actor, location_id: int, variant_id: int) -> Location:
    """A location of the seller whose the variant is. Raises NotFoundError."""
    found, variant = location(actor, location_id), own_variant(actor, variant_id)
    if found.organization_id != variant.seller_id:
        raise NotFoundError
    return found


def sellers() -> list[tuple[int, str]]:
    """Sellers that have a location, by name, for the platform's staff to choose from."""
    having = sa.select(Location.organization_id).where(Location.organization_id == Organization.id)
    return [
        (row.id, row.name)
        for row in db.session.execute(
            sa.select(Organization.id, Organization.name).where(having.exists()).order_by(Organization.name).limit(500)
        )
    ]


# --- figures ----------------------------------------------------------------------------------------------


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


# --- the list ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filters:
    """What of the stock is looked for; empty means any."""

    q: str = ""
    seller_id: int | None = None
    location_id: int | None = None
    low: bool = False

    @property
    def narrowed(self) -> bool:
        return bool(self.q or self.seller_id or self.location_id or self.low)


@dataclass(frozen=True, slots=True)
class Row:
    """A variant with its figures, over all locations or in one; `on_order` None: nobody tells."""

    variant_id: int
    sku: str
    variant_name: str
    product: Product
    seller_name: str
    on_hand: int
    allocated: int
    level: int
    in_transit: int = 0
    on_order: int | None = None

    @property
    def available(self) -> int:
        return self.on_hand - self.allocated

    @property
    def standing(self) -> int:
        return standing(self.available, self.level)


@dataclass(frozen=True, slots=True)
class Page:
    """Some variants, and the key behind which the next ones begin."""

    rows: list[Row]
    after: str | None


def page(actor: Actor, filters: Filters, *, after: str = "") -> Page:
    """A page of the actor's stock, by key: what is out of stock first, then what is low, then the newest.

    Of everybody's goods together only the newest first: to order a million by how low they are takes too long.
    """
    seller_id = seller_of(actor) or filters.seller_id
    statement, columns = _stock(filters, seller_id)
    rank = _rank(columns) if seller_id is not None else sa.literal(0)
    key = _key(after)
    if key is not None:
        statement = statement.where(sa.or_(rank > key[0], sa.and_(rank == key[0], Variant.id < key[1])))
    found = db.session.execute(
        statement.add_columns(rank.label("rank")).order_by(rank, Variant.id.desc()).limit(PAGE + 1)
    ).all()
    more, found = len(found) > PAGE, found[:PAGE]
    return Page(_told([_row(each) for each in found]), f"{found[-1].rank}.{found[-1].id}" if more else None)


def _key(text: str) -> tuple[int, int] | None:
    """Where a page begins; nonsense begins at the beginning."""
    rank, _, variant_id = text.partition(".")
    fine = (
        rank in {"0", "1", "2", "3"} and variant_id.isascii() and variant_id.isdecimal() and len(variant_id) < _TOO_LONG
    )
    return (int(rank), int(variant_id)) if fine else None


def everything(actor: Actor, filters: Filters) -> Iterator[Row]:
    """All of the stock that is looked for, by SKU; some hundred rows at a time."""
    statement, _columns = _stock(filters, seller_of(actor) or filters.seller_id)
    found = db.session.execute(statement.order_by(Variant.sku, Variant.id))
    for part in found.partitions(1000):
        yield from _told([_row(each) for each in part])


def _stock(filters: Filters, seller_id: int | None) -> tuple[sa.Select[Any], Any]:
    """Variants with their figures: those that are offered, and those of which something is left."""
    figures = sa.select(
        sa.func.coalesce(sa.func.sum(Stock.on_hand), 0).label("on_hand"),
        sa.func.coalesce(sa.func.sum(Stock.allocated), 0).label("allocated"),
    ).where(Stock.variant_id == Variant.id)
    if filters.location_id is not None:
        figures = figures.where(Stock.location_id == filters.location_id)
    here = figures.correlate(Variant).lateral("here")
    statement = (
        sa.select(
            Variant.id,
            Variant.sku,
            Variant.name,
            Product,
            Organization.name.label("seller_name"),
            here.c.on_hand,
            here.c.allocated,
        )
        .join(Product, Product.id == Variant.product_id)
        .join(Organization, Organization.id == Variant.seller_id)
        .join(here, sa.true())
        .where(sa.or_(sa.and_(Variant.is_offered, Product.state != "archived"), here.c.on_hand > 0))
    )
    if seller_id is not None:
        statement = statement.where(Variant.seller_id == seller_id)
    if filters.location_id is not None:
        kept = sa.select(Stock.variant_id).where(
            Stock.variant_id == Variant.id, Stock.location_id == filters.location_id
        )
        statement = statement.where(kept.exists())
    if filters.q:
        statement = statement.where(_matches(filters.q, within_a_seller=seller_id is not None))
    if filters.low:
        statement = statement.where(here.c.on_hand - here.c.allocated <= _LEVEL)
    return statement, here.c


_LEVEL: sa.ColumnElement[int] = sa.func.coalesce(Product.reorder_level, Product.moq - 1)


def _rank(figures: Any) -> sa.ColumnElement[int]:
    """As `rules.standing`."""
    left = figures.on_hand - figures.allocated
    return sa.case(
        (_LEVEL <= 0, 3),
        (left <= 0, 0),
        (left <= _LEVEL, 1),
        (left * 2 <= _LEVEL * 3, 2),
        else_=3,
    )


def _matches(q: str, *, within_a_seller: bool) -> sa.ColumnElement[bool]:
    """A part of the name or the SKU; over all sellers the beginning of a SKU or words of a name, by their indexes."""
    if within_a_seller:
        return sa.or_(
            Variant.sku.icontains(q, autoescape=True),
            Variant.barcode == q,
            Variant.name.icontains(q, autoescape=True),
            Product.name.icontains(q, autoescape=True),
            Product.name_bn.icontains(q, autoescape=True),
        )
    sku, code = sa.func.lower(Variant.sku), q.lower()
    words = (word.replace("\\", "\\\\").replace("'", "''") for word in q.split())
    names = sa.func.to_tsvector(
        sa.literal_column("'simple'"),
        Product.name + sa.literal_column("' '") + sa.func.coalesce(Product.name_bn, sa.literal_column("''")),
    )
    named = sa.select(Product.id).where(
        names.op("@@")(sa.func.to_tsquery("simple", " & ".join(f"'{word}':*" for word in words)))
    )
    found = [
        sa.select(Variant.id).where(
            sku.startswith(code, autoescape=True) if len(q) >= _SHORTEST_BEGINNING else sku == code
        ),
        sa.select(Variant.id).where(Variant.barcode == q),
        sa.select(Variant.id).where(Variant.product_id.in_(named)),
    ]
    return Variant.id.in_(sa.union_all(*found))


def _row(each: Any) -> Row:
    product: Product = each.Product
    level = product.reorder_level if product.reorder_level is not None else product.moq - 1
    figures = int(each.on_hand), int(each.allocated)
    return Row(each.id, each.sku, each.name, product, each.seller_name, *figures, level)


def _told(rows: list[Row]) -> list[Row]:
    """With what is on its way, between locations and from suppliers."""
    variant_ids = [row.variant_id for row in rows]
    moving, ordered = in_transit(variant_ids), slots.on_order(variant_ids)
    return [
        replace(
            row,
            in_transit=moving.get(row.variant_id, 0),
            on_order=None if ordered is None else ordered.get(row.variant_id, 0),
        )
        for row in rows
    ]


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


# --- one variant ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shelf:
    """What one location has of a variant."""

    location: Location
    on_hand: int
    allocated: int

    @property
    def available(self) -> int:
        return self.on_hand - self.allocated


def shelves(variant: Variant) -> list[Shelf]:
    """What each of the seller's locations has of it; a closed one has nothing."""
    rows = db.session.execute(
        sa.select(Location, sa.func.coalesce(Stock.on_hand, 0), sa.func.coalesce(Stock.allocated, 0))
        .outerjoin(Stock, sa.and_(Stock.location_id == Location.id, Stock.variant_id == variant.id))
        .where(
            Location.organization_id == variant.seller_id,
            sa.or_(Location.closed_at.is_(None), Stock.on_hand > 0),
        )
        .order_by(Location.id)
    )
    return [Shelf(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the log with names. `who` None: see `by`, which is "platform" or "buyer" then."""

    id: int
    at: datetime
    kind: str
    quantity: int
    previous: int
    new: int
    reference: str
    reason: str
    note: str
    location: str
    who: str | None
    by: str
    link: tuple[str, dict[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """Some entries, the newest first, and the key below which the next ones begin."""

    entries: list[Entry]
    after: int | None


def log(
    actor: Actor, variant: Variant, *, kind: str = "", location_id: int | None = None, after: int | None = None
) -> Log:
    """What has happened to the variant's stock, the newest first, by key."""
    rows = db.session.execute(_log(variant, kind, location_id, after=after, limit=LOG_PAGE + 1)).all()
    entries = _named(actor, variant.seller_id, rows[:LOG_PAGE])
    return Log(entries, entries[-1].id if len(rows) > LOG_PAGE else None)


def whole_log(actor: Actor, variant: Variant, *, kind: str = "", location_id: int | None = None) -> Iterator[Entry]:
    """All of it, for a table."""
    for part in db.session.execute(_log(variant, kind, location_id)).partitions(1000):
        yield from _named(actor, variant.seller_id, list(part))


def _log(
    variant: Variant, kind: str, location_id: int | None, *, after: int | None = None, limit: int | None = None
) -> sa.Select[Any]:
    """From each location its newest, as the index has them, and of these the newest."""
    entries = sa.select(InventoryLog).where(
        InventoryLog.variant_id == variant.id, InventoryLog.location_id == Location.id
    )
    if kind:
        entries = entries.where(InventoryLog.kind == kind)
    if after is not None:
        entries = entries.where(InventoryLog.id < after)
    part = entries.order_by(InventoryLog.id.desc()).limit(limit).correlate(Location).lateral("entry")
    statement = (
        sa.select(part, Location.name.label("location_name"))
        .select_from(Location)
        .join(part, sa.true())
        .where(Location.organization_id == variant.seller_id)
        .order_by(part.c.id.desc())
        .limit(limit)
    )
    return statement if location_id is None else statement.where(Location.id == location_id)


def _named(actor: Actor, seller_id: int, rows: Collection[Any]) -> list[Entry]:
    """With names of people: sellers learn those of their own; and with where references lead."""
    people = {row.user_id for row in rows if row.user_id is not None}
    names = sa.select(User.id, User.name).where(User.id.in_(people))
    if not actor.is_staff:
        own = sa.select(Membership.user_id).where(Membership.organization_id == seller_id)
        names = names.where(User.id.in_(own))
    known = dict(db.session.execute(names).all()) if people else {}
    links = slots.links(seller_id, {row.reference for row in rows if row.reference})
    return [
        Entry(
            id=row.id,
            at=row.at,
            kind=row.kind,
            quantity=row.quantity,
            previous=row.previous,
            new=row.new,
            reference=row.reference,
            reason=row.reason,
            note=row.note,
            location=row.location_name,
            who=known.get(row.user_id),
            by="buyer" if row.user_id is not None and row.kind in {"ALLOCATION", "RELEASE"} else "platform",
            link=links.get(row.reference),
        )
        for row in rows
    ]


# --- the proof --------------------------------------------------------------------------------------------

_ALLOCATING = ("ALLOCATION", "RELEASE", "SALE")
_PROMISING = ("ALLOCATION", "RELEASE")
_MOST_TOLD = 20


def proof() -> list[str]:
    """Replay the log: what is wrong, one sentence each; empty when it gives today's stock exactly.

    On hand is the sum of all changes but ALLOCATION and RELEASE; allocated the sum of those two, less what
    SALE took from it (a SALE's quantity is negative). Each change of what is on hand begins where the one before it
    ended. What orders hold is what is allocated, and what was sent between locations is where its transfer says.
    """
    return [*_wrong_figures(), *_broken_chains(), *_wrong_promises(), *_wrong_transfers(), *proving.proof()]


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


def counted() -> int:
    """How many stock rows there are."""
    return db.session.scalar(sa.select(sa.func.count()).select_from(Stock)) or 0
