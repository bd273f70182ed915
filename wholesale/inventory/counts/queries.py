"""Reads of counts, scoped by the actor. While goods are counted, nothing here tells what is expected."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import aliased

from wholesale.accounts.models import User
from wholesale.catalog.models import Category, Product, Variant
from wholesale.inventory import queries as inventory
from wholesale.inventory.counts import rules
from wholesale.inventory.counts.models import (
    StockCount,
    StockCountEntry,
    StockCountFile,
    StockCountLine,
    StockCountSheet,
)
from wholesale.inventory.models import InventoryLog, Location, Stock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import Money
from wholesale.organizations.models import Organization
from wholesale.platform.db import db

PAGE = 20
LINES = 20
DIFFERENCES = 25


# --- counts -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """A count as people see it, and how far it is."""

    id: int
    number: str
    organization_id: int
    seller_name: str
    location_id: int
    location_name: str
    scope: str
    category: Category | None
    state: str
    note: str
    currency: str
    started_by: str
    started_at: datetime
    ended_by: str
    ended_at: datetime | None
    lines: int
    counted: int

    @property
    def uncounted(self) -> int:
        return self.lines - self.counted

    @property
    def is_open(self) -> bool:
        return self.state in {"counting", "checking"}


_starter, _ender = aliased(User), aliased(User)
_LINES = sa.select(sa.func.count()).where(StockCountLine.count_id == StockCount.id)
_COUNTED = _LINES.where(StockCountLine.counted.is_not(None))


def _counts(actor: Actor, seller_id: int | None = None) -> sa.Select[Any]:
    statement = (
        sa.select(
            StockCount,
            Organization.name,
            Location.name,
            Category,
            _starter.name,
            _ender.name,
            _LINES.scalar_subquery(),
            _COUNTED.scalar_subquery(),
        )
        .join(Organization, Organization.id == StockCount.organization_id)
        .join(Location, Location.id == StockCount.location_id)
        .outerjoin(Category, Category.id == StockCount.category_id)
        .outerjoin(_starter, _starter.id == StockCount.user_id)
        .outerjoin(_ender, _ender.id == StockCount.ended_by)
    )
    of = inventory.seller_of(actor) or seller_id
    return statement if of is None else statement.where(StockCount.organization_id == of)


def _seen(row: Any) -> Seen:
    count, seller_name, location_name, category, starter, ender, lines, counted = row
    return Seen(
        id=count.id,
        number=count.number,
        organization_id=count.organization_id,
        seller_name=seller_name,
        location_id=count.location_id,
        location_name=location_name,
        scope=count.scope,
        category=category,
        state=count.state,
        note=count.note,
        currency=count.currency,
        started_by=starter or "",
        started_at=count.started_at,
        ended_by=ender or "",
        ended_at=count.ended_at,
        lines=lines,
        counted=counted,
    )


@dataclass(frozen=True, slots=True)
class Page:
    """Some counts, newest first, and the id before which the next ones are."""

    counts: list[Seen]
    before: int | None


def page(actor: Actor, *, seller_id: int | None = None, before: int | None = None) -> Page:
    """The actor's counts, by key."""
    statement = _counts(actor, seller_id).order_by(StockCount.id.desc()).limit(PAGE + 1)
    if before is not None:
        statement = statement.where(StockCount.id < before)
    found = [_seen(row) for row in db.session.execute(statement)]
    more, found = len(found) > PAGE, found[:PAGE]
    return Page(found, found[-1].id if more else None)


def count(actor: Actor, count_id: int) -> Seen:
    """One of the actor's counts. Raises NotFoundError."""
    row = db.session.execute(_counts(actor).where(StockCount.id == count_id)).one_or_none()
    if row is None:
        raise NotFoundError
    return _seen(row)


def categories() -> list[list[Any]]:
    """The tree, as `catalog` orders it: id, name, Bangla name, parent."""
    rows = db.session.execute(
        sa.select(Category.id, Category.name, Category.name_bn, Category.parent_id).order_by(
            Category.position, Category.id
        )
    )
    return [list(row) for row in rows]


# --- the sheet --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above a sheet."""

    number: str
    seller_name: str
    location_name: str
    started_at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class SheetLine:
    """What a sheet says of a variant."""

    position: int
    sku: str
    barcode: str | None
    name: str
    name_bn: str | None
    variant_name: str
    unit: str


@dataclass(frozen=True, slots=True)
class Printed:
    """A part of the printed sheet: its lines from `first` to `last`; without a key while it is being made."""

    part: int
    first: int
    last: int
    file_key: str | None


def printed(found: Seen) -> list[Printed]:
    """The parts of a count's printed sheet, made or not."""
    rows = db.session.execute(
        sa.select(StockCountSheet.part, StockCountSheet.lines, StockCountSheet.file_key).where(
            StockCountSheet.count_id == found.id
        )
    )
    made = {part: (lines, key) for part, lines, key in rows}
    every = []
    for part in range(1, rules.parts(found.lines) + 1):
        first, last = (part - 1) * rules.PART + 1, min(part * rules.PART, found.lines)
        lines, key = made.get(part, (0, None))
        every.append(Printed(part, first, last, key if lines == last - first + 1 else None))
    return every


def heading(count: StockCount) -> Heading:
    names = db.session.execute(
        sa.select(Organization.name, Location.name)
        .join(Location, Location.organization_id == Organization.id)
        .where(Location.id == count.location_id)
    ).one()
    return Heading(count.number, names[0], names[1], count.started_at, count.note)


def heading_of(actor: Actor, count_id: int) -> Heading:
    """What stands above the sheet of one of the actor's counts. Raises NotFoundError."""
    found = count(actor, count_id)
    return Heading(found.number, found.seller_name, found.location_name, found.started_at, found.note)


def sheet_lines(count_id: int) -> list[SheetLine]:
    """The lines of a sheet, in its order."""
    rows = db.session.execute(
        sa.select(
            StockCountLine.position,
            Variant.sku,
            Variant.barcode,
            Product.name,
            Product.name_bn,
            Variant.name,
            Product.unit,
        )
        .join(Variant, Variant.id == StockCountLine.variant_id)
        .join(Product, Product.id == Variant.product_id)
        .where(StockCountLine.count_id == count_id)
        .order_by(StockCountLine.position)
    )
    return [SheetLine(*row) for row in rows]


# --- counting ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """A line as those see it who count: without what is expected."""

    variant_id: int
    position: int
    sku: str
    barcode: str | None
    name: str
    name_bn: str | None
    variant_name: str
    unit: str
    counted: int | None


def _lines(count_id: int) -> Any:
    return (
        sa.select(
            StockCountLine.variant_id,
            StockCountLine.position,
            Variant.sku,
            Variant.barcode,
            Product.name,
            Product.name_bn,
            Variant.name,
            Product.unit,
            StockCountLine.counted,
        )
        .join(Variant, Variant.id == StockCountLine.variant_id)
        .join(Product, Product.id == Variant.product_id)
        .where(StockCountLine.count_id == count_id)
        .order_by(StockCountLine.position)
    )


def lines(count_id: int, *, after: int = 0, uncounted: bool = False) -> tuple[list[Line], int | None]:
    """A page of the sheet behind a position, and the position behind which the next page is."""
    statement = _lines(count_id).where(StockCountLine.position > after).limit(LINES + 1)
    if uncounted:
        statement = statement.where(StockCountLine.counted.is_(None))
    found = [Line(*row) for row in db.session.execute(statement)]
    more, found = len(found) > LINES, found[:LINES]
    return found, found[-1].position if more else None


def next_line(count_id: int, after: int = 0) -> Line | None:
    """The next line that nobody has counted, from a position on and then from the beginning."""
    statement = _lines(count_id).where(StockCountLine.counted.is_(None)).limit(1)
    row = db.session.execute(statement.where(StockCountLine.position > after)).one_or_none()
    if row is None and after:
        row = db.session.execute(statement).one_or_none()
    return Line(*row) if row is not None else None


def line(count_id: int, variant_id: int) -> Line:
    """One line. Raises NotFoundError."""
    row = db.session.execute(_lines(count_id).where(StockCountLine.variant_id == variant_id)).one_or_none()
    if row is None:
        raise NotFoundError
    return Line(*row)


def find_line(count_id: int, text: str) -> Line | None:
    """The line with this SKU or barcode."""
    wanted = text.strip().lower()
    rows = db.session.execute(
        _lines(count_id)
        .where(sa.or_(sa.func.lower(Variant.sku) == wanted, Variant.barcode == wanted))
        .order_by(None)
        .order_by(sa.func.lower(Variant.sku) != wanted)
        .limit(2)
    ).all()
    if not rows or (len(rows) > 1 and rows[0].sku.lower() != wanted):
        return None
    return Line(*rows[0])


def goods(count_id: int) -> rules.Goods:
    """Of which goods a file of this count may speak."""
    rows = db.session.execute(
        sa.select(Variant.id, Variant.sku, Variant.barcode)
        .join(StockCountLine, StockCountLine.variant_id == Variant.id)
        .where(StockCountLine.count_id == count_id)
    ).all()
    barcodes: dict[str, tuple[int, ...]] = {}
    for variant_id, _sku, barcode in rows:
        if barcode:
            barcodes[rules.key(barcode)] = (*barcodes.get(rules.key(barcode), ()), variant_id)
    sheet = {rules.key(sku): variant_id for variant_id, sku, _barcode in rows}
    others = db.session.scalars(
        sa.select(Variant.sku)
        .join(StockCount, StockCount.organization_id == Variant.seller_id)
        .where(StockCount.id == count_id)
    )
    return rules.Goods(sheet, frozenset(rules.key(sku) for sku in others) - set(sheet), barcodes)


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file of numbers and what was wrong in it."""

    file_name: str
    at: datetime
    who: str
    kept: int
    empty: int
    wrong: int
    problems: list[dict[str, Any]]


def last_file(count_id: int) -> SentFile | None:
    """The file that was sent last."""
    row = db.session.execute(
        sa.select(StockCountFile, User.name)
        .outerjoin(User, User.id == StockCountFile.user_id)
        .where(StockCountFile.count_id == count_id)
        .order_by(StockCountFile.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    sent, who = row
    return SentFile(sent.file_name, sent.at, who or "", sent.kept, sent.empty, sent.wrong, sent.problems)


def last_of(count_id: int, variant_ids: Collection[int]) -> dict[int, tuple[str, datetime]]:
    """Who gave the latest number of each of these lines, and when."""
    rows = db.session.execute(
        sa.select(StockCountEntry.variant_id, User.name, StockCountEntry.at)
        .ext(distinct_on(StockCountEntry.variant_id))
        .outerjoin(User, User.id == StockCountEntry.user_id)
        .where(StockCountEntry.count_id == count_id, StockCountEntry.variant_id.in_(variant_ids))
        .order_by(StockCountEntry.variant_id, StockCountEntry.id.desc())
    )
    return {variant_id: (who or "", at) for variant_id, who, at in rows}


# --- what differs -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A line that differs, or (of a posted count) whose difference was posted or refused.

    `now`: what the location has at this moment, and `allocated` of it.
    """

    line: Line
    difference: rules.Difference
    currency: str
    reason: str
    note: str
    posted: int | None
    promised: int | None
    now: int
    allocated: int

    @property
    def pieces(self) -> int:
        """By how much it differs; of what is posted, what was applied."""
        return self.posted if self.posted is not None else self.difference.pieces

    @property
    def value(self) -> Money:
        return Money(rules.value(self.pieces, self.difference.unit_cost), self.currency)

    @property
    def is_refused(self) -> bool:
        return self.promised is not None

    @property
    def too_few(self) -> bool:
        """Orders have been promised more than would be left: it cannot be posted as it is."""
        return self.posted is None and self.difference.pieces + self.now < self.allocated


@dataclass(frozen=True, slots=True)
class Result:
    """What a count found, as a whole: lines by outcome, and values at cost."""

    same: int
    differing: int
    uncounted: int
    refused: int
    wanting_second: int
    missing: Money
    surplus: Money

    @property
    def net(self) -> Money:
        return self.surplus - self.missing


def adjusted_since() -> sa.ScalarSelect[Any]:
    """What was put right by hand since a line was counted: that is known already, and no movement of goods.

    So is what somebody wrote off as lost. What else is written off was there when it was counted, and has gone since.
    """
    return (
        sa.select(sa.func.coalesce(sa.func.sum(InventoryLog.quantity), 0))
        .where(
            InventoryLog.variant_id == StockCountLine.variant_id,
            InventoryLog.location_id == StockCount.location_id,
            sa.or_(
                InventoryLog.kind == "ADJUSTMENT",
                sa.and_(InventoryLog.kind == "WRITE_OFF", InventoryLog.reason == "lost"),
            ),
            InventoryLog.at > StockCountLine.counted_at,
        )
        .correlate(StockCountLine, StockCount)
        .scalar_subquery()
    )


def _compared(count_id: int) -> sa.Subquery:
    """The counted lines with what was expected; of an open count, put right by what was corrected meanwhile."""
    expected = sa.case(
        (StockCount.ended_at.is_(None), StockCountLine.expected + adjusted_since()), else_=StockCountLine.expected
    )
    return (
        sa.select(
            StockCountLine.variant_id,
            StockCountLine.position,
            StockCountLine.counted,
            expected.label("expected"),
            StockCountLine.turns,
            StockCountLine.reason,
            StockCountLine.note,
            StockCountLine.posted,
            StockCountLine.promised,
            sa.func.coalesce(StockCountLine.unit_cost, Product.cost).label("unit_cost"),
            StockCount.currency,
            StockCount.location_id,
        )
        .join(StockCount, StockCount.id == StockCountLine.count_id)
        .join(Variant, Variant.id == StockCountLine.variant_id)
        .join(Product, Product.id == Variant.product_id)
        .where(StockCountLine.count_id == count_id, StockCountLine.counted.is_not(None))
        .subquery()
    )


def differences(count_id: int, *, after: int = 0, most: int | None = DIFFERENCES) -> tuple[list[Row], int | None]:
    """Lines that differ, in the sheet's order, and the position behind which the next ones are."""
    compared = _compared(count_id)
    differs = sa.or_(
        compared.c.counted != compared.c.expected, compared.c.posted.is_not(None), compared.c.promised.is_not(None)
    )
    statement = (
        sa.select(
            compared,
            Variant.sku,
            Variant.barcode,
            Product.name.label("product_name"),
            Product.name_bn,
            Variant.name.label("variant_name"),
            Product.unit,
            sa.func.coalesce(Stock.on_hand, 0).label("on_hand"),
            sa.func.coalesce(Stock.allocated, 0).label("allocated"),
        )
        .join(Variant, Variant.id == compared.c.variant_id)
        .join(Product, Product.id == Variant.product_id)
        .outerjoin(
            Stock, sa.and_(Stock.variant_id == compared.c.variant_id, Stock.location_id == compared.c.location_id)
        )
        .where(differs, compared.c.position > after)
        .order_by(compared.c.position)
    )
    if most is not None:
        statement = statement.limit(most + 1)
    found = [
        Row(
            Line(
                row.variant_id,
                row.position,
                row.sku,
                row.barcode,
                row.product_name,
                row.name_bn,
                row.variant_name,
                row.unit,
                row.counted,
            ),
            rules.Difference(row.variant_id, row.counted, int(row.expected), row.turns, row.unit_cost),
            row.currency,
            row.reason,
            row.note,
            row.posted,
            row.promised,
            row.on_hand,
            row.allocated,
        )
        for row in db.session.execute(statement)
    ]
    more = most is not None and len(found) > most
    return found[:most] if more else found, found[most - 1].line.position if more and most else None


def result(found: Seen) -> Result:
    """What the count found, as a whole."""
    rows, _more = differences(found.id, most=None)
    applied = [row for row in rows if not row.is_refused]
    zero = Decimal(0)
    missing = -sum((row.value.amount for row in applied if row.pieces < 0), zero)
    surplus = sum((row.value.amount for row in applied if row.pieces > 0), zero)
    return Result(
        same=found.counted - len(rows),
        differing=len(rows),
        uncounted=found.uncounted,
        refused=sum(row.is_refused for row in rows),
        wanting_second=sum(row.difference.wants_second for row in rows) if found.is_open else 0,
        missing=Money(missing, found.currency),
        surplus=Money(surplus, found.currency),
    )


def wanting_second(count_id: int) -> list[Line]:
    """Lines that differ so much that somebody should count them again, without any figure."""
    rows, _more = differences(count_id, most=None)
    return [
        Line(
            row.line.variant_id,
            row.line.position,
            row.line.sku,
            row.line.barcode,
            row.line.name,
            row.line.name_bn,
            row.line.variant_name,
            row.line.unit,
            None,
        )
        for row in rows
        if row.difference.wants_second
    ]


def standings(variant_ids: Collection[int], location_id: int) -> Mapping[int, rules.Standing]:
    """What a location has of these variants now."""
    rows = db.session.execute(
        sa.select(Stock.variant_id, Stock.on_hand, Stock.allocated).where(
            Stock.variant_id.in_(variant_ids), Stock.location_id == location_id
        )
    )
    return {row.variant_id: rules.Standing(row.on_hand, row.allocated) for row in rows}
