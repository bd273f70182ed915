"""Runs, what is wrong with their rows, and the catalogue in the format of the upload."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import sqlalchemy as sa

from wholesale.catalog.models import Product
from wholesale.catalog.queries.attributes import attributes_by_category
from wholesale.catalog.rules import Attribute
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.kernel.words import N_
from wholesale.merchandising.imports import rules
from wholesale.merchandising.imports.models import (
    CatalogueExport,
    ImportCancellation,
    ImportProblem,
    ImportRun,
)
from wholesale.merchandising.imports.queries.names import Categories
from wholesale.merchandising.imports.queries.snapshots import products
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.platform.sheets import Cell, Sheet

Run: TypeAlias = ImportRun  # as views call it, which know no tables
Problem: TypeAlias = ImportProblem

PAGE_SIZE = 25
_RUNS_SHOWN = 20
_BATCH = 500
_PROBLEMS_AT_ONCE = 2000


# --- whose ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seller:
    """Whose catalogue it is."""

    id: int
    name: str
    currency: str


def sellers() -> list[Seller]:
    """Everybody whose catalogue an admin may work on."""
    rows = db.session.execute(
        sa.select(Organization.id, Organization.name, Organization.currency)
        .where(Organization.kind == "seller")
        .order_by(Organization.name)
    )
    return [Seller(*row) for row in rows]


def seller_for(actor: Actor, seller_id: int | None) -> Seller:
    """The actor's own business; staff name one. Raises NotFoundError for another's, DomainError when none is named."""
    if not actor.is_staff:
        if seller_id not in {None, actor.organization_id}:
            raise NotFoundError
        seller_id = actor.organization_id
    if seller_id is None:
        raise DomainError("Choose whose products these are.", field="seller")
    row = db.session.execute(
        sa.select(Organization.id, Organization.name, Organization.currency).where(
            Organization.id == seller_id, Organization.kind == "seller"
        )
    ).one_or_none()
    if row is None:
        raise NotFoundError
    return Seller(*row)


# --- runs -------------------------------------------------------------------------------------------------


def run(actor: Actor, run_id: int) -> ImportRun:
    """The run, for its seller's people and the platform's staff. Raises NotFoundError."""
    statement = sa.select(ImportRun).where(ImportRun.id == run_id)
    if not actor.is_staff:
        statement = statement.where(ImportRun.organization_id == actor.organization_id)
    found = db.session.scalars(statement).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def working(seller_id: int) -> bool:
    """Whether a file of the seller is being worked on."""
    busy = sa.select(ImportRun.id).where(ImportRun.organization_id == seller_id, ImportRun.state.in_(rules.WORKING))
    return db.session.scalar(busy.limit(1)) is not None


def is_cancelled(run_id: int) -> bool:
    """Whether somebody wants it to end."""
    return db.session.get(ImportCancellation, run_id, populate_existing=True) is not None


@dataclass(frozen=True, slots=True)
class Overview:
    """The seller's latest runs and exports; `seller` is None for staff who have not chosen one."""

    seller: Seller | None
    runs: list[ImportRun]
    exports: list[CatalogueExport]
    products: int


def overview(actor: Actor, seller_id: int | None) -> Overview:
    if actor.is_staff and seller_id is None:
        recent = db.session.scalars(sa.select(ImportRun).order_by(ImportRun.id.desc()).limit(_RUNS_SHOWN))
        return Overview(None, list(recent), [], 0)
    seller = seller_for(actor, seller_id)
    runs = sa.select(ImportRun).where(ImportRun.organization_id == seller.id).order_by(ImportRun.id.desc())
    exports = (
        sa.select(CatalogueExport)
        .where(CatalogueExport.organization_id == seller.id)
        .order_by(CatalogueExport.id.desc())
        .limit(1)
    )
    count = db.session.scalar(sa.select(sa.func.count()).where(Product.seller_id == seller.id))
    return Overview(
        seller, list(db.session.scalars(runs.limit(_RUNS_SHOWN))), list(db.session.scalars(exports)), count or 0
    )


# --- what is wrong ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Count:
    """How often a reason stands in a run, for each column; `field` is empty for rows as a whole."""

    reason: str
    field: str
    is_warning: bool
    problems: int


@dataclass(frozen=True, slots=True)
class Problems:
    """A page of what is wrong, with how often each reason stands there."""

    counts: list[Count]
    rows: list[ImportProblem]
    chosen: Count | None
    page: int
    pages: int
    total: int


_OF_FIELD = sa.func.coalesce(ImportProblem.field, sa.literal_column("''"))


def problems(run_id: int, *, reason: str = "", field: str = "", page: int = 1) -> Problems:
    """All of them, or those of one reason in one column."""
    counted = db.session.execute(
        sa.select(ImportProblem.reason, _OF_FIELD, ImportProblem.is_warning, sa.func.count())
        .where(ImportProblem.run_id == run_id)
        .group_by(ImportProblem.reason, _OF_FIELD, ImportProblem.is_warning)
        .order_by(ImportProblem.is_warning, sa.func.count().desc(), ImportProblem.reason, _OF_FIELD)
    )
    counts = [Count(*row) for row in counted]
    chosen = next((count for count in counts if (count.reason, count.field) == (reason, field)), None)
    total = chosen.problems if chosen else sum(count.problems for count in counts)
    pages = max(1, -(-total // PAGE_SIZE))
    page = min(max(page, 1), pages)
    statement = sa.select(ImportProblem).where(ImportProblem.run_id == run_id)
    if chosen:
        statement = statement.where(
            ImportProblem.reason == chosen.reason,
            _OF_FIELD == chosen.field,  # noqa: SIM300 - a column
            ImportProblem.is_warning == chosen.is_warning,
        )
    rows = db.session.scalars(
        statement.order_by(ImportProblem.is_warning, ImportProblem.row_no, ImportProblem.id)
        .offset((page - 1) * PAGE_SIZE)
        .limit(PAGE_SIZE)
    )
    return Problems(counts, list(rows), chosen, page, pages, total)


def all_problems(run_id: int) -> Iterator[ImportProblem]:
    """Everything that is wrong, in the order of the file."""
    after = (0, 0)
    while True:
        rows = db.session.scalars(
            sa.select(ImportProblem)
            .where(
                ImportProblem.run_id == run_id,
                sa.tuple_(ImportProblem.row_no, ImportProblem.id) > sa.tuple_(*map(sa.literal, after)),
            )
            .order_by(ImportProblem.row_no, ImportProblem.id)
            .limit(_PROBLEMS_AT_ONCE)
        ).all()
        if not rows:
            return
        yield from rows
        after = (rows[-1].row_no, rows[-1].id)
        db.session.expunge_all()


# --- exports ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReadyExport:
    """A workbook that can be downloaded."""

    id: int
    file_key: str
    asked_at: datetime


def export(actor: Actor, export_id: int) -> ReadyExport:
    """The workbook, for its seller's people and the platform's staff. Raises NotFoundError, also before it is made."""
    statement = sa.select(CatalogueExport.id, CatalogueExport.file_key, CatalogueExport.asked_at).where(
        CatalogueExport.id == export_id, CatalogueExport.file_key.is_not(None)
    )
    if not actor.is_staff:
        statement = statement.where(CatalogueExport.organization_id == actor.organization_id)
    row = db.session.execute(statement).one_or_none()
    if row is None:
        raise NotFoundError
    return ReadyExport(row.id, row.file_key or "", row.asked_at)


def export_being_made(seller_id: int) -> int | None:
    return db.session.scalar(
        sa.select(CatalogueExport.id)
        .where(CatalogueExport.organization_id == seller_id, CatalogueExport.ready_at.is_(None))
        .limit(1)
    )


HEAD = tuple(field.heading for field in rules.FIELDS)
_CODES = frozenset(index for index, field in enumerate(rules.FIELDS) if field.kind == "code")
_WIDE = {"name", "name_bn", "description", "category", "specifications", "attributes"}
_WIDTHS = tuple(34 if field.name in _WIDE else 14 for field in rules.FIELDS)
CLEARS = N_("A cell that holds a single - and nothing else empties what is optional; an empty cell leaves it as it is.")


def catalogue_rows(seller_id: int) -> Iterator[list[Cell]]:
    """A row for each variant, product by product; the first of a product's SKUs is its key."""
    paths, asked = Categories().paths, attributes_by_category()
    after = 0
    while True:
        ids = db.session.scalars(
            sa.select(Product.id)
            .where(Product.seller_id == seller_id, Product.id > after)
            .order_by(Product.id)
            .limit(_BATCH)
        ).all()
        if not ids:
            return
        after = ids[-1]
        for product in products(seller_id, set(ids)).values():
            yield from _rows_of(product, paths, asked[product.category])


def _rows_of(product: rules.Product, paths: dict[int, str], asked: Sequence[Attribute]) -> Iterator[list[Cell]]:
    shared: dict[str, Cell] = {
        **product.plain,
        "category": paths[product.category],
        "moq": product.moq,
        "order_multiple": product.order_multiple,
        "cost": product.cost,
        "specifications": rules.written_pairs(product.specifications),
        "attributes": rules.written_pairs(
            (each.name, product.attributes[str(each.id)]) for each in asked if str(each.id) in product.attributes
        ),
    }
    for index, (quantity, price) in enumerate(product.tiers[: rules.MAX_TIERS]):
        if index:
            shared[f"from{index + 1}"], shared[f"price{index + 1}"] = quantity, price
        else:
            shared["price"] = price
    key = product.variants[0].sku if len(product.variants) > 1 else None
    for variant in product.variants:
        own: dict[str, Cell] = {
            "sku": variant.sku,
            "product_key": key,
            "variant": variant.name,
            "barcode": variant.barcode,
            "surcharge": variant.surcharge or None,
            "stock": variant.on_hand,
            "offered": "yes" if variant.is_offered else "no",
        }
        yield [(own if field.name in own else shared).get(field.name) for field in rules.FIELDS]


def catalogue_sheet(seller_id: int) -> tuple[Sheet, Callable[[], int]]:
    """The catalogue as a sheet; the function tells, once it is written, how many rows it has."""
    count = [0]

    def counted() -> Iterator[list[Cell]]:
        for row in catalogue_rows(seller_id):
            count[0] += 1
            yield row

    return Sheet("Products", HEAD, counted(), _WIDTHS, _CODES), lambda: count[0]


def template_rows() -> list[list[Cell]]:
    """The example that stands in the template: the worked one of the specification."""
    return [[field.example or None for field in rules.FIELDS]]


def template_sheet() -> Sheet:
    numbers = {"whole", "count", "amount", "cost"}
    row: list[Cell] = [
        int(field.example) if field.kind in numbers and field.example else field.example or None
        for field in rules.FIELDS
    ]
    return Sheet("Products", HEAD, [row], _WIDTHS, _CODES)


def notes_sheet(translate: Callable[[str], str] = str) -> Sheet:
    """What each column means, on a second sheet."""
    needed = {"sku": "always", "name": "for new products", "category": "for new products", "price": "for new products"}
    rows: list[list[Cell]] = [
        [field.heading, translate(field.meaning), needed.get(field.name, "")] for field in rules.FIELDS
    ]
    rows.append(["-", translate(CLEARS), ""])
    return Sheet("Notes", ["Column", "Meaning", "Needed"], rows, (30, 90, 20))
