"""More of the same, to see how the product bears a million: products made from the shipped ones, but not like them.

Brands, colours, sizes, sellers, origins, prices, minimum orders and stock differ, so that searches, filters and
orders have to tell them apart; which number becomes which product is always the same. They are copied into the
database by batches, each in a transaction of its own: what was interrupted goes on with the next load.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import product as combinations
from random import Random
from typing import Any, cast

import sqlalchemy as sa
from flask import current_app
from psycopg import Connection, sql
from psycopg.types.json import Jsonb
from sqlalchemy.dialects.postgresql import JSONB

from wholesale.catalog.actions import listings
from wholesale.catalog.models import Category, Listing, ListingWords, Picture, Product, Variant
from wholesale.catalog.rules import slugify
from wholesale.config import Settings
from wholesale.demo.history import Say
from wholesale.inventory.models import InventoryLog, Location, Stock
from wholesale.kernel import clock
from wholesale.organizations.models import Organization
from wholesale.platform.db import Base, db
from wholesale.platform.transaction import transaction
from wholesale.pricing.models import PriceTier

BATCH = 5_000
# From so many on, big indexes are built at the end: once over everything instead of a million times over a little.
MANY = 20_000
OPENING = "OPENING"
MARK = "-no-"  # before a copy's number at the end of its slug
# The tables whose other indexes wait, and what is analysed at the end. Not those by which a batch finds its own rows.
_LATE: tuple[type[Base], ...] = (Product, Listing, ListingWords)
_FILLED: tuple[type[Base], ...] = (Product, Variant, PriceTier, Picture, Stock, InventoryLog, Listing, ListingWords)

_Row = dict[str, Any]

# Made-up brands of three syllables: 14,280 words that a search has to tell apart, some seen often and most seldom.
_HEADS = "ba bel chan da del far gan har ila jam kar lum mal mon nar ola pad rup sha sur tan ura vel zam".split()  # noqa: SIM905 - reads as the list it is
_MIDDLES = "ba da di ga go ka ki la li lo ma mi mo na no pa ra ri ro sa shi ta ti va za".split()  # noqa: SIM905
_TAILS = "ban bo dal dev gir jan kor lek lon mart nak nol pur ran ria ros sen shi tek tex tia van vik zo".split()  # noqa: SIM905
BRANDS = tuple("".join(syllables).capitalize() for syllables in combinations(_HEADS, _MIDDLES, _TAILS))
# English and Bangla: colours, and what sellers call their lines.
_COLOURS = (
    ("", ""), ("Red", "লাল"), ("Blue", "নীল"), ("Green", "সবুজ"), ("Black", "কালো"), ("White", "সাদা"),
    ("Yellow", "হলুদ"), ("Golden", "সোনালি"), ("Purple", "বেগুনি"), ("Pink", "গোলাপি"), ("Brown", "বাদামি"),
    ("Grey", "ধূসর"), ("Orange", "কমলা"), ("Silver", "রুপালি"), ("Maroon", "মেরুন"), ("Turquoise", "ফিরোজা"),
)  # fmt: skip
_SIZES = ("", "", "Small", "Medium", "Large", "Jumbo", "Mini", "Family Pack", "Twin Pack", "Economy", "Deluxe", "Slim")
_LINES = "Classic Premium Royal Eco Festive Heritage Standard Export Popular Handmade Village Modern".split()  # noqa: SIM905
_COUNTRIES = (*["BD"] * 9, *["CN"] * 7, *["IN"] * 4, "VN", "TH", "TR", "PK", "ID", None)
_SOLD_OUT = 0.12
_CENT = Decimal("0.01")
_SPREAD = timedelta(days=400)


@dataclass(frozen=True)
class _Original:
    """A shipped product as it stands in the database, with its parts."""

    product: _Row
    category_bn: str
    variants: list[_Row]
    tiers: list[_Row]
    pictures: list[_Row]


@dataclass(frozen=True)
class _Plan:
    """What all batches are made of. `shelves`: (seller, location)."""

    originals: list[_Original]
    shelves: list[tuple[int, int]]
    founded: datetime
    user_id: int | None


def add(total: int, originals: Sequence[str], *, founded: datetime, user_id: int | None, say: Say) -> int:
    """Copy the products of these slugs until there are `total` copies; how many were made now.

    They are sold by those who sell the originals, and by whoever sells nothing yet.
    """
    with transaction():
        missing = sorted(set(range(1, total + 1)) - _numbers())
        plan = _Plan(_originals(originals), _shelves(originals), founded, user_id)
    if not missing:
        return 0
    batches = [missing[start : start + BATCH] for start in range(0, len(missing), BATCH)]
    late = len(missing) >= MANY
    app = cast("Any", current_app)._get_current_object()  # noqa: SLF001 - for the threads

    def work(numbers: Sequence[int]) -> int:
        with app.app_context(), transaction():
            _add_batch(numbers, plan)
        return len(numbers)

    began, made = time.monotonic(), 0
    # Two at once: while one is made up here, the other is worked into the database.
    with _indexes_late() if late else nullcontext(), ThreadPoolExecutor(2) as threads:
        for count in threads.map(work, batches):
            made += count
            rate = made / (time.monotonic() - began)
            left = (len(missing) - made) / rate / 60
            say(f"Copies: {made:,} of {len(missing):,}, {rate:,.0f} a second, about {left:.1f} min left …")
        if late:
            say("Copies: indexes …")
    if late:
        _analyse()
    say(f"Copies: done after {time.monotonic() - began:,.0f} s")
    return made


def _numbers() -> set[int]:
    """Those that are there: by the end of their slugs."""
    number = sa.func.substring(Product.slug, f"{MARK}([0-9]+)$")
    return {int(text) for text in db.session.scalars(sa.select(number).where(number.is_not(None)))}


# --- what is copied ---------------------------------------------------------------------------------------


def _originals(slugs: Sequence[str]) -> list[_Original]:
    products = _rows(Product, Product.slug.in_(slugs))
    ids = [row["id"] for row in products]
    parts: dict[type[Base], dict[int, list[_Row]]] = {}
    for part in (Variant, PriceTier, Picture):
        parts[part] = {each: [] for each in ids}
        for row in _rows(part, part.product_id.in_(ids)):
            parts[part][row["product_id"]].append(row)
    bangla = dict(db.session.execute(sa.select(Category.id, Category.name_bn)).all())
    return [
        _Original(
            row,
            bangla.get(row["category_id"]) or "",
            parts[Variant][row["id"]],
            sorted(parts[PriceTier][row["id"]], key=lambda tier: cast("int", tier["min_qty"])),
            parts[Picture][row["id"]],
        )
        for row in products
        if parts[PriceTier][row["id"]]
    ]


def _shelves(originals: Sequence[str]) -> list[tuple[int, int]]:
    """(seller, location) of verified sellers, each with its first location; not of the worked examples' seller."""
    others = sa.select(Product.seller_id).where(Product.slug.not_in(originals), ~Product.slug.contains(MARK))
    first = (
        sa.select(Location.organization_id, sa.func.min(Location.id))
        .join(Organization, Organization.id == Location.organization_id)
        .where(
            Organization.kind == "seller",
            Organization.verified_until.is_not(None),
            Organization.id.not_in(others),
        )
        .group_by(Location.organization_id)
        .order_by(Location.organization_id)
    )
    return [(int(seller), int(location)) for seller, location in db.session.execute(first)]


def _columns(model: type[Base]) -> list[sa.Column[Any]]:
    return [cast("sa.Column[Any]", column) for column in model.__table__.columns if column.computed is None]


def _rows(model: type[Base], which: sa.ColumnElement[bool]) -> list[_Row]:
    """Whole rows, ready to be written again."""
    columns = _columns(model)
    kinds = [isinstance(column.type, JSONB) for column in columns]
    names = [column.name for column in columns]
    return [
        {
            name: Jsonb(value) if is_json and value is not None else value
            for name, is_json, value in zip(names, kinds, row, strict=True)
        }
        for row in db.session.execute(sa.select(*columns).where(which).order_by(*model.__table__.primary_key))
    ]


# --- how the copies differ --------------------------------------------------------------------------------


def _add_batch(numbers: Sequence[int], plan: _Plan) -> None:
    db.session.execute(sa.text("SET LOCAL synchronous_commit = off"))
    ids = _reserve(Product, len(numbers))
    rows = _batch(numbers, ids, plan)
    driver = cast("Connection[Any]", db.session.connection().connection.driver_connection)
    for model, of_it in rows.items():
        _copy(driver, model, of_it)
    listings.refresh(ids)


def _batch(numbers: Sequence[int], ids: Sequence[int], plan: _Plan) -> dict[type[Base], list[_Row]]:
    """The rows of each table. Each number is made by its own dice, so that it is the same in any batch."""
    made = [_Copy.of(Random(number), plan, number) for number in numbers]  # noqa: S311 - the same every time
    variant_ids = iter(_reserve(Variant, sum(len(copy.original.variants) for copy in made)))
    rows: dict[type[Base], list[_Row]] = {model: [] for model in _FILLED}
    now = clock.now()
    for product_id, copy in zip(ids, made, strict=True):
        base, chance, product = copy.original, copy.chance, copy.product
        seller_id, location_id = plan.shelves[int(len(plan.shelves) * chance.random() ** 2)]  # some sell much
        at = plan.founded + min(_SPREAD, now - plan.founded) * chance.random()
        rows[Product].append(product | {"id": product_id, "seller_id": seller_id, "created_at": at, "updated_at": at})
        rows[PriceTier] += [tier | {"product_id": product_id} for tier in copy.tiers]
        rows[Picture] += [picture | {"product_id": product_id} for picture in base.pictures]
        available = 0
        for position, variant in enumerate(base.variants):
            shelf = {"variant_id": next(variant_ids), "location_id": location_id}
            pieces = 0 if chance.random() < _SOLD_OUT else product["moq"] * chance.randint(1, 40)
            available += pieces
            sku = f"{product['brand'][:3].upper()}-{copy.number:07d}{f'-{position + 1}' if position else ''}"
            own = {"id": shelf["variant_id"], "product_id": product_id, "seller_id": seller_id, "sku": sku}
            rows[Variant].append(variant | own | {"barcode": None})
            rows[Stock].append(shelf | {"on_hand": pieces, "allocated": 0})
            change = {"kind": "PURCHASE", "quantity": pieces, "previous": 0, "new": pieces, "reference": OPENING}
            if pieces:
                rows[InventoryLog].append(shelf | change | {"user_id": plan.user_id, "at": at})
        # With price and stock from the start; `listings.refresh` adds the words.
        rows[Listing].append(
            {
                "product_id": product_id,
                "seller_id": seller_id,
                "category_id": product["category_id"],
                "moq": product["moq"],
                "country": product["country"],
                "sort_name": "",
                "attributes": [],
                "from_price": copy.tiers[0]["unit_price"],
                "best_price": copy.tiers[-1]["unit_price"],
                "in_stock": available >= product["moq"],
            }
        )
    return rows


@dataclass(frozen=True)
class _Copy:
    """What copy `number` is, and the dice that decide the rest of it."""

    number: int
    chance: Random
    original: _Original
    product: _Row
    tiers: list[_Row]

    @classmethod
    def of(cls, chance: Random, plan: _Plan, number: int) -> _Copy:
        original = chance.choice(plan.originals)
        tiers, moq = _tiers(chance, original)
        return cls(number, chance, original, _product(chance, original, number) | {"moq": moq}, tiers)


def _product(chance: Random, original: _Original, number: int) -> _Row:
    """Name, origin and cost of copy `number`."""
    base = original.product
    brand = BRANDS[int(len(BRANDS) * chance.random() ** 3)]  # a few brands are everywhere
    colour, colour_bn = chance.choice(_COLOURS)
    line, size = chance.choice(_LINES), chance.choice(_SIZES)
    name = " ".join(word for word in (brand, line, colour, base["name"], size) if word)
    bangla = base["name_bn"] or (original.category_bn if chance.random() < 0.5 else "")  # noqa: PLR2004 - every other
    return base | {
        "name": name,
        "name_bn": f"{colour_bn} {bangla}".strip() or None,
        "brand": brand,
        "slug": f"{slugify(name)}{MARK}{number}",
        "country": chance.choice(_COUNTRIES),
        # Only how it is sold: the rest tells of orders that the original had.
        "description": f"{line} quality by {brand}. {base['description'].partition('. ')[0]}.",
        "lead_time_days": chance.randint(1, 21),
        "version": 1,
    }


def _tiers(chance: Random, original: _Original) -> tuple[list[_Row], int]:
    """Its ladder at another level of price and quantity, and its minimum order."""
    base = original.product
    factor = Decimal(chance.randint(55, 260)) / 100
    scale = chance.choice((1, 1, 1, 2, 3, 5, 10))
    ladder: list[_Row] = []
    for tier in original.tiers:
        price = max(_CENT, (tier["unit_price"] * factor).quantize(_CENT))
        if not ladder or price < ladder[-1]["unit_price"]:
            ladder.append(tier | {"min_qty": tier["min_qty"] * scale, "unit_price": price})
    return ladder, base["moq"] * scale


# --- how they get into the database -----------------------------------------------------------------------


def _reserve(model: type[Base], count: int) -> list[int]:
    """So many ids that nobody else gets."""
    sequence = sa.func.pg_get_serial_sequence(model.__tablename__, "id")
    numbers = sa.func.generate_series(1, count)
    return list(db.session.scalars(sa.select(sa.func.nextval(sa.cast(sequence, sa.Text))).select_from(numbers)))


def _copy(driver: Connection[Any], model: type[Base], rows: Sequence[_Row]) -> None:
    if not rows:
        return
    given = [column.name for column in _columns(model) if column.identity is None or model in {Product, Variant}]
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(model.__tablename__), sql.SQL(", ").join(map(sql.Identifier, given))
    )
    # What a copy does not say is as it is in any new row.
    plain = {
        column.name: column.default.arg  # type: ignore[attr-defined]  # one that is scalar has it
        for column in _columns(model)
        if column.default is not None and column.default.is_scalar
    }
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row([row[name] if name in row else plain[name] for name in given])


@contextmanager
def _indexes_late() -> Iterator[None]:
    """Without the big indexes, which are there again whatever happens. Only the owner of the tables can do this."""
    late = [index for model in _LATE for index in cast("sa.Table", model.__table__).indexes if not index.unique]
    with _owner() as owner:
        for index in late:
            index.drop(owner, checkfirst=True)
    try:
        yield
    finally:
        with _owner() as owner:
            for index in late:
                index.create(owner, checkfirst=True)


def _analyse() -> None:
    """Let the planner know how many there are, and index-only scans that everybody may see them."""
    tables = ", ".join(model.__tablename__ for model in _FILLED)
    with _owner() as owner:
        owner.execute(sa.text(f"VACUUM (ANALYZE) {tables}"))


@contextmanager
def _owner() -> Iterator[sa.Connection]:
    settings = cast("Settings", current_app.extensions["settings"])
    engine = sa.create_engine(settings.database_owner_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text("SET maintenance_work_mem = '512MB'"))
        connection.execute(sa.text("SET lock_timeout = '30s'"))  # whoever reads a table keeps its indexes
        yield connection
