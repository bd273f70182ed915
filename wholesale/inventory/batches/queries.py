"""Reads of batches: by expiry, one by one, of an order; and their proof."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from flask import current_app

from wholesale.accounts.models import User
from wholesale.catalog.models import Product, Variant
from wholesale.inventory import queries as inventory
from wholesale.inventory.batches import rules
from wholesale.inventory.batches.models import Batch, BatchMove, BatchStock, ExpiringGoods
from wholesale.inventory.models import Allocation, Location, Stock
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import Money
from wholesale.organizations.models import Organization
from wholesale.platform.db import db

PAGE = 25
_MOST_MOVES = 100
NEAR = ("expired", "last_days", "soon")


def today() -> date:
    """The day in the platform's zone."""
    return clock.today(current_app.extensions["settings"].time_zone)


# --- by expiry --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """What is left of a batch in a place, and what it is worth at cost.

    `near`: how near its end is (rules.is_near). Of what has expired, `promised` pieces are set aside for orders.
    """

    batch_id: int
    code: str
    expires_on: date
    near: str
    pieces: int
    variant_id: int
    sku: str
    variant_name: str
    name: str
    name_bn: str | None
    unit: str
    organization_id: int
    seller_name: str
    location_id: int
    location_name: str
    worth: Money
    promised: int = 0

    @property
    def days(self) -> int:
        """How many days are left; below zero: since when."""
        return (self.expires_on - today()).days


@dataclass(frozen=True, slots=True)
class Filters:
    """What of the batches is looked for; empty means any."""

    near: str = ""
    q: str = ""
    seller_id: int | None = None
    location_id: int | None = None

    @property
    def narrowed(self) -> bool:
        return bool(self.near or self.q or self.seller_id or self.location_id)


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, first expired first, and the key behind which the next ones begin."""

    rows: list[Row]
    after: str | None


_WARN = sa.func.coalesce(ExpiringGoods.warn_days, rules.DAYS_BEFORE)


def _rows(day: date) -> Any:
    expired_there = (
        sa.select(sa.func.sum(BatchStock.pieces))
        .join(Batch, Batch.id == BatchStock.batch_id)
        .where(
            BatchStock.variant_id == Stock.variant_id,
            BatchStock.location_id == Stock.location_id,
            Batch.expires_on < day,
        )
        .correlate(Stock)
        .scalar_subquery()
    )
    return (
        sa.select(
            Batch.id,
            Batch.code,
            Batch.expires_on,
            Batch.organization_id,
            BatchStock.pieces,
            BatchStock.location_id,
            Location.name.label("location_name"),
            Variant.id.label("variant_id"),
            Variant.sku,
            Variant.name.label("variant_name"),
            Product.name,
            Product.name_bn,
            Product.unit,
            Product.cost,
            Product.currency,
            Organization.name.label("seller_name"),
            _WARN.label("warn_days"),
            Stock.on_hand,
            Stock.allocated,
            sa.case((Batch.expires_on < day, expired_there), else_=0).label("expired_there"),
        )
        .join(BatchStock, BatchStock.batch_id == Batch.id)
        .join(Stock, sa.and_(Stock.variant_id == BatchStock.variant_id, Stock.location_id == BatchStock.location_id))
        .join(Location, Location.id == BatchStock.location_id)
        .join(Variant, Variant.id == Batch.variant_id)
        .join(Product, Product.id == Variant.product_id)
        .join(Organization, Organization.id == Batch.organization_id)
        .outerjoin(ExpiringGoods, ExpiringGoods.product_id == Product.id)
        .where(BatchStock.pieces > 0)
        .order_by(Batch.expires_on, Batch.id, BatchStock.location_id)
    )


def _row(row: Any, day: date) -> Row:
    _free, promised = rules.expired_and_free(int(row.expired_there or 0), row.on_hand, row.allocated)
    return Row(
        batch_id=row.id,
        code=row.code,
        expires_on=row.expires_on,
        near=rules.is_near(row.expires_on, day, row.warn_days),
        pieces=row.pieces,
        variant_id=row.variant_id,
        sku=row.sku,
        variant_name=row.variant_name,
        name=row.name,
        name_bn=row.name_bn,
        unit=row.unit,
        organization_id=row.organization_id,
        seller_name=row.seller_name,
        location_id=row.location_id,
        location_name=row.location_name,
        worth=Money(rules.worth(row.pieces, row.cost), row.currency),
        promised=min(promised, row.pieces),
    )


def _near(near: str, day: date) -> sa.ColumnElement[bool]:
    """Whether a batch is so near its end."""
    last = sa.cast(sa.literal(day) + sa.func.least(rules.LAST_DAYS, _WARN), sa.Date)
    if near == "expired":
        return Batch.expires_on < day
    if near == "last_days":
        return sa.and_(Batch.expires_on >= day, Batch.expires_on <= last)
    return sa.and_(Batch.expires_on > last, Batch.expires_on <= sa.cast(sa.literal(day) + _WARN, sa.Date))


def expiring(organization_id: int | None, within_days: int | None = None, *, most: int = 200) -> list[Row]:
    """Batches with pieces that have expired or will within so many days, first expired first; of a seller, or of all.

    `within_days` None: as each product says when it is first warned of.
    """
    day = today()
    statement = _rows(day).limit(most)
    if organization_id is not None:
        statement = statement.where(Batch.organization_id == organization_id)
    until = sa.literal(day) + (_WARN if within_days is None else within_days)
    statement = statement.where(Batch.expires_on <= sa.cast(until, sa.Date))
    return [_row(row, day) for row in db.session.execute(statement)]


def page(actor: Actor, filters: Filters, *, after: str = "") -> Page:
    """A page of the actor's batches with pieces, by key."""
    day = today()
    statement = _rows(day).where(*_narrowed(actor, filters, day)).limit(PAGE + 1)
    key = _key(after)
    if key is not None:
        statement = statement.where(
            sa.tuple_(Batch.expires_on, Batch.id, BatchStock.location_id)
            > sa.tuple_(sa.literal(key[0]), sa.literal(key[1]), sa.literal(key[2]))
        )
    rows = [_row(row, day) for row in db.session.execute(statement)]
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    following = f"{last.expires_on.isoformat()}.{last.batch_id}.{last.location_id}" if last else None
    return Page(rows[:PAGE], following)


def _narrowed(actor: Actor, filters: Filters, day: date) -> list[sa.ColumnElement[bool]]:
    seller_id = inventory.seller_of(actor) or filters.seller_id
    found: list[sa.ColumnElement[bool]] = []
    if seller_id is not None:
        found.append(Batch.organization_id == seller_id)
    if filters.location_id is not None:
        found.append(BatchStock.location_id == filters.location_id)
    if filters.near in NEAR:
        found.append(_near(filters.near, day))
    if filters.q:
        beginning = filters.q.lower().replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_") + "%"
        found.append(
            sa.or_(
                sa.func.lower(Variant.sku).like(beginning),
                sa.func.lower(Batch.code).like(beginning),
                sa.func.lower(Product.name).like(f"%{beginning}"),
            )
        )
    return found


_ID_DIGITS = 18
_KEY_PARTS = 3  # a day, a batch, a place


def _key(text: str) -> tuple[date, int, int] | None:
    """Where a page begins; nonsense is the beginning."""
    parts = text.split(".")
    if len(parts) != _KEY_PARTS or not all(
        part.isascii() and part.isdecimal() and len(part) <= _ID_DIGITS for part in parts[1:]
    ):
        return None
    try:
        return date.fromisoformat(parts[0]), int(parts[1]), int(parts[2])
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Sum:
    """How many batches are so near their end, and what their pieces are worth at cost, by currency."""

    near: str
    batches: int
    worth: list[Money]


def sums(actor: Actor, seller_id: int | None = None) -> list[Sum]:
    """What has expired and what will, in NEAR's order."""
    day = today()
    of = inventory.seller_of(actor) or seller_id
    found: dict[str, tuple[int, list[Money]]] = {}
    for near in NEAR:
        statement = (
            sa.select(Product.currency, sa.func.count(), sa.func.sum(Product.cost * BatchStock.pieces))
            .select_from(Batch)
            .join(BatchStock, BatchStock.batch_id == Batch.id)
            .join(Variant, Variant.id == Batch.variant_id)
            .join(Product, Product.id == Variant.product_id)
            .outerjoin(ExpiringGoods, ExpiringGoods.product_id == Product.id)
            .where(BatchStock.pieces > 0, _near(near, day))
            .group_by(Product.currency)
            .order_by(Product.currency)
        )
        if of is not None:
            statement = statement.where(Batch.organization_id == of)
        rows = db.session.execute(statement).all()
        found[near] = (sum(row[1] for row in rows), [Money(row[2], row[0]).rounded() for row in rows])
    return [Sum(near, *found[near]) for near in NEAR]


# --- one batch --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Move:
    """A change of what is left of a batch."""

    at: datetime
    kind: str
    quantity: int
    reference: str
    location_name: str
    who: str


@dataclass(frozen=True, slots=True)
class PlaceOf:
    """A location where the batch is or may be: what is left there, how many pieces there are in no batch."""

    location_id: int
    name: str
    pieces: int
    loose: int
    promised: int
    orders: list[str]


@dataclass(frozen=True, slots=True)
class Seen:
    """A batch with its goods."""

    batch: Batch
    variant: Variant
    product: Product
    seller_name: str
    near: str
    places: list[PlaceOf]
    moves: list[Move]

    @property
    def pieces(self) -> int:
        return sum(place.pieces for place in self.places)

    @property
    def worth(self) -> Money:
        return Money(rules.worth(self.pieces, self.product.cost), self.product.currency)


def own(actor: Actor, batch_id: int) -> Batch:
    """One of the actor's batches. Raises NotFoundError."""
    found = db.session.get(Batch, batch_id)
    if found is None or inventory.seller_of(actor) not in (None, found.organization_id):
        raise NotFoundError
    return found


def seen(actor: Actor, batch_id: int) -> Seen:
    """A batch, where its pieces are, and its latest moves. Raises NotFoundError."""
    batch = own(actor, batch_id)
    row = db.session.execute(
        sa.select(Variant, Product, Organization.name, _WARN)
        .join(Product, Product.id == Variant.product_id)
        .join(Organization, Organization.id == Variant.seller_id)
        .outerjoin(ExpiringGoods, ExpiringGoods.product_id == Product.id)
        .where(Variant.id == batch.variant_id)
    ).one()
    moves = db.session.execute(
        sa.select(BatchMove, Location.name, User.name)
        .join(Location, Location.id == BatchMove.location_id)
        .outerjoin(User, User.id == BatchMove.user_id)
        .where(BatchMove.batch_id == batch.id)
        .order_by(BatchMove.id.desc())
        .limit(_MOST_MOVES)
    )
    return Seen(
        batch,
        row[0],
        row[1],
        row[2],
        rules.is_near(batch.expires_on, today(), row[3]),
        _places(batch),
        [Move(move.at, move.kind, move.quantity, move.reference, place, who or "") for move, place, who in moves],
    )


def _places(batch: Batch) -> list[PlaceOf]:
    rows = db.session.execute(
        sa.select(Stock, Location.name, sa.func.coalesce(BatchStock.pieces, 0))
        .join(Location, Location.id == Stock.location_id)
        .outerjoin(BatchStock, sa.and_(BatchStock.location_id == Stock.location_id, BatchStock.batch_id == batch.id))
        .where(Stock.variant_id == batch.variant_id)
        .order_by(Location.id)
    ).all()
    expired = _expired_in(batch.variant_id) if batch.expires_on < today() else {}
    found = []
    for stock, name, pieces in rows:
        _free, promised = rules.expired_and_free(expired.get(stock.location_id, 0), stock.on_hand, stock.allocated)
        promised = min(promised, pieces)
        found.append(
            PlaceOf(
                stock.location_id,
                name,
                pieces,
                stock.on_hand - stock.batched,
                promised,
                _promised_to(batch.variant_id, stock.location_id) if promised else [],
            )
        )
    return [place for place in found if place.pieces or place.loose]


def _expired_in(variant_id: int) -> dict[int, int]:
    rows = db.session.execute(
        sa.select(BatchStock.location_id, sa.func.sum(BatchStock.pieces))
        .join(Batch, Batch.id == BatchStock.batch_id)
        .where(BatchStock.variant_id == variant_id, Batch.expires_on < today())
        .group_by(BatchStock.location_id)
    )
    return {location_id: int(pieces) for location_id, pieces in rows}


def _promised_to(variant_id: int, location_id: int) -> list[str]:
    """The references that have pieces of the variant set aside there, the latest first: these may go short."""
    return list(
        db.session.scalars(
            sa.select(Allocation.reference)
            .where(
                Allocation.variant_id == variant_id,
                Allocation.location_id == location_id,
                Allocation.quantity > Allocation.shipped + Allocation.released,
            )
            .order_by(Allocation.id.desc())
            .limit(20)
        )
    )


# --- what expires at all ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Goods:
    """A product whose pieces expire."""

    product_id: int
    name: str
    name_bn: str | None
    sku: str
    seller_name: str
    warn_days: int


def goods(actor: Actor, seller_id: int | None = None) -> list[Goods]:
    """The products that the actor has marked as expiring, by name."""
    of = inventory.seller_of(actor) or seller_id
    first = sa.select(sa.func.min(Variant.sku)).where(Variant.product_id == Product.id).scalar_subquery()
    statement = (
        sa.select(ExpiringGoods, Product.name, Product.name_bn, first, Organization.name)
        .join(Product, Product.id == ExpiringGoods.product_id)
        .join(Organization, Organization.id == ExpiringGoods.organization_id)
        .order_by(Product.name, Product.id)
        .limit(500)
    )
    if of is not None:
        statement = statement.where(ExpiringGoods.organization_id == of)
    return [
        Goods(marked.product_id, name, name_bn, sku, seller_name, marked.warn_days)
        for marked, name, name_bn, sku, seller_name in db.session.execute(statement)
    ]


def keeps_batches(variant_ids: Collection[int]) -> set[int]:
    """Which of these variants expire: who receives them is asked for code and day."""
    return set(
        db.session.scalars(
            sa.select(Variant.id)
            .join(ExpiringGoods, ExpiringGoods.product_id == Variant.product_id)
            .where(Variant.id.in_(variant_ids))
        )
    )


# --- of an order ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """So many pieces of a batch."""

    code: str
    expires_on: date
    pieces: int


def shipped(reference: str) -> dict[int, list[Part]]:
    """Which batches went out under a reference (an order's number) and are not back: variant's id → parts."""
    pieces = -sa.func.sum(BatchMove.quantity)
    rows = db.session.execute(
        sa.select(Batch.variant_id, Batch.code, Batch.expires_on, pieces)
        .join(BatchMove, BatchMove.batch_id == Batch.id)
        .where(BatchMove.reference == reference, BatchMove.kind.in_(("SALE", "RETURN")))
        .group_by(Batch.id)
        .having(pieces > 0)
        .order_by(Batch.expires_on, Batch.id)
    )
    found: dict[int, list[Part]] = {}
    for variant_id, code, expires_on, quantity in rows:
        found.setdefault(variant_id, []).append(Part(code, expires_on, int(quantity)))
    return found


def sent(reference: str, since: datetime | None = None, until: datetime | None = None) -> dict[int, list[Part]]:
    """Which batches left under a reference in that time: variant's id → parts."""
    statement = (
        sa.select(Batch.variant_id, Batch.code, Batch.expires_on, -sa.func.sum(BatchMove.quantity))
        .join(BatchMove, BatchMove.batch_id == Batch.id)
        .where(BatchMove.reference == reference, BatchMove.kind == "SALE")
        .group_by(Batch.id)
        .order_by(Batch.expires_on, Batch.id)
    )
    if since is not None:
        statement = statement.where(BatchMove.at > since)
    if until is not None:
        statement = statement.where(BatchMove.at <= until)
    found: dict[int, list[Part]] = {}
    for variant_id, code, expires_on, quantity in db.session.execute(statement):
        found.setdefault(variant_id, []).append(Part(code, expires_on, int(quantity)))
    return found


def to_fetch(wanted: Collection[tuple[int, int, int]]) -> dict[tuple[int, int], list[Part]]:
    """Which batches somebody who packs (variant, location, pieces) now should take: first expired first."""
    places = [(variant_id, location_id) for variant_id, location_id, _pieces in wanted]
    rows = db.session.execute(
        sa.select(BatchStock, Batch.code, Batch.expires_on, Stock.on_hand - Stock.batched)
        .join(Batch, Batch.id == BatchStock.batch_id)
        .join(Stock, sa.and_(Stock.variant_id == BatchStock.variant_id, Stock.location_id == BatchStock.location_id))
        .where(sa.tuple_(BatchStock.variant_id, BatchStock.location_id).in_(places), BatchStock.pieces > 0)
    ).all()
    left: dict[tuple[int, int], list[rules.Left]] = {}
    named: dict[int, tuple[str, date]] = {}
    loose: dict[tuple[int, int], int] = {}
    for held, code, expires_on, unbatched in rows:
        place = held.variant_id, held.location_id
        left.setdefault(place, []).append(rules.Left(held.batch_id, expires_on, held.pieces))
        named[held.batch_id] = code, expires_on
        loose[place] = unbatched
    found: dict[tuple[int, int], list[Part]] = {}
    for variant_id, location_id, pieces in wanted:
        place = variant_id, location_id
        taken = rules.take("SALE", pieces, left.get(place, []), loose=loose.get(place, 0), today=today())
        if taken:
            found[place] = [Part(*named[batch_id], quantity) for batch_id, quantity in taken.items()]
    return found


# --- what has expired -------------------------------------------------------------------------


def places_with_expired(organization_id: int | None = None) -> list[tuple[int, int]]:
    """Where pieces have expired: variants and locations, in the order in which stock is locked."""
    statement = (
        sa.select(BatchStock.variant_id, BatchStock.location_id)
        .join(Batch, Batch.id == BatchStock.batch_id)
        .where(BatchStock.pieces > 0, Batch.expires_on < today())
        .distinct()
        .order_by(BatchStock.variant_id, BatchStock.location_id)
    )
    if organization_id is not None:
        statement = statement.where(Batch.organization_id == organization_id)
    return [(variant_id, location_id) for variant_id, location_id in db.session.execute(statement)]


@dataclass(frozen=True, slots=True)
class Expired:
    """Pieces of a batch that have expired in a place, and what there is of the variant altogether."""

    batch_id: int
    code: str
    pieces: int
    on_hand: int
    allocated: int


def expired_in(places: Sequence[tuple[int, int]]) -> dict[tuple[int, int], list[Expired]]:
    """What has expired in these places, the oldest first; for who holds their stock."""
    rows = db.session.execute(
        sa.select(BatchStock, Batch.code, Stock.on_hand, Stock.allocated)
        .join(Batch, Batch.id == BatchStock.batch_id)
        .join(Stock, sa.and_(Stock.variant_id == BatchStock.variant_id, Stock.location_id == BatchStock.location_id))
        .where(
            sa.tuple_(BatchStock.variant_id, BatchStock.location_id).in_(places),
            BatchStock.pieces > 0,
            Batch.expires_on < today(),
        )
        .order_by(BatchStock.variant_id, BatchStock.location_id, Batch.expires_on, Batch.id)
        .execution_options(populate_existing=True)
    )
    found: dict[tuple[int, int], list[Expired]] = {}
    for held, code, on_hand, allocated in rows:
        one = Expired(held.batch_id, code, held.pieces, on_hand, allocated)
        found.setdefault((held.variant_id, held.location_id), []).append(one)
    return found
