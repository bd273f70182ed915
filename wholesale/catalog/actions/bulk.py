"""Many products at once, each kind of change in one statement: for files of a hundred thousand rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from wholesale.catalog.rules import slugify
from wholesale.kernel import clock
from wholesale.platform.db import db

# Columns that a file may write, with their types; those of a product that is there stay where the file is silent.
_COLUMNS = {
    "category_id": "bigint",
    "name": "text",
    "name_bn": "text",
    "description": "text",
    "unit": "text",
    "moq": "integer",
    "order_multiple": "integer",
    "cost": "numeric(18,4)",
    "lead_time_days": "integer",
    "reorder_level": "integer",
    "reorder_quantity": "integer",
    "brand": "text",
    "country": "char(2)",
    "state": "text",
    "attributes": "jsonb",
    "specifications": "jsonb",
}
_ABSENT: dict[str, Any] = {"attributes": {}, "specifications": []}
_NAMES = ", ".join(_COLUMNS)
_TYPED = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())

_CREATE = sa.text(
    f"""
    INSERT INTO product (seller_id, slug, currency, version, created_at, updated_at, {_NAMES})
    SELECT :seller_id, slug, :currency, 1, :now, :now, {_NAMES}
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given (place integer, slug text, {_TYPED})
    ORDER BY place
    RETURNING id, slug
    """  # noqa: S608 - put together from constants of this module
)
_SET = ", ".join(
    f"{name} = CASE WHEN given.said ? '{name}' THEN (given.said ->> '{name}')::{kind} ELSE product.{name} END"
    for name, kind in _COLUMNS.items()
)
_UPDATE = sa.text(
    f"""
    UPDATE product SET {_SET}, version = product.version + 1, updated_at = :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given (id bigint, said jsonb)
    WHERE product.id = given.id
    """  # noqa: S608 - put together from constants of this module
)
_CREATE_VARIANTS = sa.text(
    """
    INSERT INTO variant (product_id, seller_id, sku, name, barcode, surcharge, is_offered)
    SELECT product_id, :seller_id, sku, coalesce(name, ''), barcode, coalesce(surcharge, 0), coalesce(is_offered, true)
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
         AS given (place integer, product_id bigint, sku text, name text, barcode text, surcharge numeric(18,4),
                   is_offered boolean)
    ORDER BY place
    RETURNING id, sku
    """
)
_UPDATE_VARIANTS = sa.text(
    """
    UPDATE variant SET name = coalesce(given.name, variant.name),
                       barcode = CASE WHEN given.keeps_barcode THEN variant.barcode ELSE given.barcode END,
                       surcharge = coalesce(given.surcharge, variant.surcharge),
                       is_offered = coalesce(given.is_offered, variant.is_offered)
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
         AS given (id bigint, name text, barcode text, keeps_barcode boolean, surcharge numeric(18,4),
                   is_offered boolean)
    WHERE variant.id = given.id
    """
)


def create_products(*, seller_id: int, currency: str, products: Sequence[tuple[str, Mapping[str, Any]]]) -> list[int]:
    """New products from (SKU, columns), each with every column; their ids in the same order.

    Lists do not know them before `listings.refresh`.
    """
    if not products:
        return []
    slugs = free_slugs([(str(columns["name"]), sku) for sku, columns in products])
    rows = [
        {"place": place, "slug": slug} | {name: columns.get(name, _ABSENT.get(name)) for name in _COLUMNS}
        for place, (slug, (_sku, columns)) in enumerate(zip(slugs, products, strict=True))
    ]
    made = db.session.execute(
        _CREATE, {"seller_id": seller_id, "currency": currency, "now": clock.now(), "rows": _json(rows)}
    )
    ids: dict[str, int] = {slug: product_id for product_id, slug in made}
    return [ids[slug] for slug in slugs]


def update_products(products: Mapping[int, Mapping[str, Any]]) -> None:
    """Product's id → the columns that become something else (possibly none: what hangs on it has changed).

    Whoever has one of them on the screen meanwhile is told so.
    """
    if products:
        rows = [{"id": product_id, "said": columns} for product_id, columns in sorted(products.items())]
        db.session.execute(_UPDATE, {"now": clock.now(), "rows": _json(rows)})


def lock_products(product_ids: Iterable[int]) -> None:
    """Hold these products until the commit, in the order of their ids."""
    db.session.execute(
        sa.text("SELECT id FROM product WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE"),
        {"ids": sorted(set(product_ids))},
    ).all()


def create_variants(*, seller_id: int, variants: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """New variants from product_id, sku, and perhaps name, barcode, surcharge, is_offered; SKU → id."""
    if not variants:
        return {}
    rows = [{"place": place} | dict(variant) for place, variant in enumerate(variants)]
    made = db.session.execute(_CREATE_VARIANTS, {"seller_id": seller_id, "rows": _json(rows)})
    return {sku: variant_id for variant_id, sku in made}


def update_variants(variants: Sequence[Mapping[str, Any]]) -> None:
    """Variants by id with what becomes something else of name, barcode (None: none), surcharge and is_offered."""
    if variants:
        rows = [{**each, "keeps_barcode": "barcode" not in each} for each in variants]
        db.session.execute(_UPDATE_VARIANTS, {"rows": _json(rows)})


def free_slugs(wanted: Sequence[tuple[str, str]]) -> list[str]:
    """An address for each (name, SKU) that nobody has: of the name, else with the SKU, else with a number."""
    bases = [slugify(name) or slugify(sku) or "product" for name, sku in wanted]
    longer = [f"{base}-{slugify(sku)}"[:120].rstrip("-") for base, (_, sku) in zip(bases, wanted, strict=True)]
    taken = set(
        db.session.scalars(sa.text("SELECT slug FROM product WHERE slug = ANY(:slugs)"), {"slugs": [*bases, *longer]})
    )
    found = []
    for base, with_sku in zip(bases, longer, strict=True):
        slug = base if base not in taken else with_sku
        if slug in taken:
            slug = _numbered(with_sku, taken)
        taken.add(slug)
        found.append(slug)
    return found


def _numbered(base: str, taken: set[str]) -> str:
    """The first free number after it; asked for only when name and SKU are another product's already."""
    pattern = base.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%") + "-%"
    taken.update(db.session.scalars(sa.text("SELECT slug FROM product WHERE slug LIKE :pattern"), {"pattern": pattern}))
    number = 2
    while f"{base}-{number}" in taken:
        number += 1
    return f"{base}-{number}"


def _json(rows: Any) -> str:
    return json.dumps(rows, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"no column holds a {type(value).__name__}")
