"""A run's rows by product, and the products as they are now; both a thousand at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from wholesale.inventory.queries import first_open
from wholesale.merchandising.imports import rules
from wholesale.merchandising.imports.models import ImportRun
from wholesale.platform.db import db
from wholesale.pricing.queries import regular_ladders


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one product; `seen`: its fingerprint when it was checked; `outcomes` by row."""

    anchor: int
    product_id: int | None
    items: list[rules.Item]
    seen: str | None
    outcomes: dict[int, str]


_ROWS = sa.text(
    """
    SELECT anchor, row_no, product_id, said, broken, seen, outcome FROM import_item
    WHERE run_id = :run_id AND anchor > :position ORDER BY run_id, anchor, row_no LIMIT :most
    """
)
_WHOLE = sa.text(
    """
    SELECT anchor, row_no, product_id, said, broken, seen, outcome FROM import_item
    WHERE run_id = :run_id AND anchor = :anchor ORDER BY run_id, anchor, row_no
    """
)


def groups_after(run: ImportRun, position: int, most: int, *, working: bool = False) -> list[Group]:
    """The next products of a run, about so many rows of them; with `working` only those that change something."""
    while True:
        rows = db.session.execute(_ROWS, {"run_id": run.id, "position": position, "most": most + 1}).all()
        found = [_group(anchor, list(members)) for anchor, members in groupby(rows, key=lambda row: row.anchor)]
        if len(rows) > most:
            last = found.pop()  # there may be more of it
            if not found:
                rows = db.session.execute(_WHOLE, {"run_id": run.id, "anchor": last.anchor}).all()
                found = [_group(last.anchor, list(rows))]
        if not found or not working:
            return found
        changing = [group for group in found if not {"created", "updated"}.isdisjoint(group.outcomes.values())]
        if changing:
            return changing
        position = found[-1].anchor


def _group(anchor: int, rows: Sequence[Any]) -> Group:
    return Group(
        anchor,
        rows[0].product_id,
        [rules.Item(row.row_no, row.said, row.broken) for row in rows],
        rows[0].seen,
        {row.row_no: row.outcome for row in rows},
    )


# The variants of all of them at once, and their stock by the variant: of tables that PostgreSQL has not counted since
# the last file it takes any index to be quick, and would look through a whole place for each product.
_PRODUCTS = sa.text(
    """
    WITH variants AS MATERIALIZED (
        SELECT v.product_id,
               json_agg(json_build_array(v.id, v.sku, v.name, v.barcode, v.surcharge::text, coalesce(s.on_hand, 0),
                                         coalesce(s.allocated, 0), v.is_offered) ORDER BY v.id) AS list
        FROM variant v LEFT JOIN stock s ON s.variant_id = v.id AND s.location_id + 0 = :location_id
        WHERE v.product_id = ANY(:ids) GROUP BY v.product_id
    )
    SELECT p.id, p.category_id, p.moq, p.order_multiple, p.cost, p.currency, p.name, p.name_bn, p.description, p.brand,
           p.country, p.unit, p.state, p.lead_time_days, p.reorder_level, p.reorder_quantity, p.slug,
           p.specifications, p.attributes,
           variants.list AS variants
    FROM product p LEFT JOIN variants ON variants.product_id = p.id
    WHERE p.seller_id = :seller_id AND p.id = ANY(:ids)
    ORDER BY p.id
    """
)
_PLAIN = ("name", "name_bn", "description", "brand", "country", "unit", "state", "lead_time_days", "reorder_level",
          "reorder_quantity")  # fmt: skip


def place(seller_id: int) -> int | None:
    """Where a file counts the seller's goods: the first of their places that are open."""
    found: int | None = db.session.scalar(first_open(seller_id))
    return found


def products(seller_id: int, ids: Collection[int | None]) -> dict[int, rules.Product]:
    """The seller's products of these ids as they are now."""
    if not ids:
        return {}
    rows = db.session.execute(
        _PRODUCTS, {"seller_id": seller_id, "location_id": place(seller_id), "ids": sorted(i for i in ids if i)}
    )
    ladders = regular_ladders([product_id for product_id in ids if product_id])
    return {row.id: _product(row, ladders[row.id]) for row in rows}


def _product(row: sa.Row[tuple[object, ...]], ladder: Sequence[tuple[int, Decimal]]) -> rules.Product:
    return rules.Product(
        id=row.id,
        category=row.category_id,
        moq=row.moq,
        order_multiple=row.order_multiple,
        cost=row.cost,
        currency=row.currency,
        tiers=tuple(ladder),
        variants=tuple(
            rules.Variant(id_, sku, name, barcode, Decimal(surcharge), *further)
            for id_, sku, name, barcode, surcharge, *further in row.variants or ()
        ),
        plain={name: getattr(row, name) for name in _PLAIN},
        specifications=row.specifications,
        attributes=row.attributes,
    )


def variant_ids_of(seller_id: int, skus: Iterable[str]) -> dict[str, int]:
    """Those of these article numbers that the seller has in capitals or not, with their variants' ids."""
    wanted = sorted(skus)
    if not wanted:
        return {}
    told = {"seller_id": seller_id, "lowered": sorted({sku.lower() for sku in wanted})}
    rows = db.session.execute(_IDS, told).all()
    there = {row.lowered: row.id for row in rows} | {row.sku: row.id for row in rows}  # as it is written, if that is
    return {sku: found for sku in wanted if (found := there.get(sku) or there.get(sku.lower()))}


_IDS = sa.text(
    """
    SELECT sku, lower(sku) AS lowered, id FROM variant
    WHERE seller_id = :seller_id AND lower(sku) = ANY(CAST(:lowered AS text[])) ORDER BY id DESC
    """
)
