"""The list of stock: found, narrowed, paged by key, or whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from wholesale.catalog.models import Product, Variant
from wholesale.inventory import slots
from wholesale.inventory.models import Stock
from wholesale.inventory.queries.figures import in_transit
from wholesale.inventory.queries.whose import seller_of
from wholesale.inventory.rules import standing
from wholesale.kernel.actor import Actor
from wholesale.organizations.models import Organization
from wholesale.platform.db import db

PAGE = 25
MAX_QUERY = 100
_SHORTEST_BEGINNING = 3
_TOO_LONG = 19  # digits, for a key


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
