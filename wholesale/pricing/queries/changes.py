"""Changes of many prices: the preview, set-based whatever the number of products, and what was confirmed before."""

# ruff: noqa: S608 - put together from the constants of this room

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from wholesale.catalog.models import Category, Product, Variant
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import MINOR_DIGITS, Money
from wholesale.platform.db import db
from wholesale.platform.outbox import unfinished
from wholesale.pricing import rules
from wholesale.pricing.events import ManyPricesConfirmed
from wholesale.pricing.models import DatedPrice, PriceChange
from wholesale.pricing.queries.ladders_sql import REGULAR, as_ladder
from wholesale.pricing.queries.offers import last_day, zone

PAGE_SIZE = 25
LIST_SIZE = 50

# `rules.changed_price` in SQL: multiplied, never divided, so that nothing is cut off.
_EXACT = "r.unit_price * (100 + CAST(:percent AS numeric)) * 0.01 * CAST(:inverse AS numeric)"
_NEW = f"(CASE WHEN :up THEN ceil({_EXACT}) ELSE round({_EXACT}) END * CAST(:step AS numeric))::numeric(18, 4)"
# result(product_id, ..., before, after, problem): every product with its changed ladder; `rules.problem` in SQL.
RESULT = f"""
    wanted AS (
        SELECT p.id, p.cost, p.currency FROM product p
        WHERE p.seller_id = :seller AND p.state <> 'archived'
          AND (CAST(:categories AS bigint[]) IS NULL OR p.category_id = ANY(:categories))
          AND (CAST(:product AS bigint) IS NULL OR p.id = :product)
          AND (CAST(:first AS bigint) IS NULL OR p.id BETWEEN :first AND :last)),
    {REGULAR},
    priced AS (SELECT r.product_id, r.min_qty, r.unit_price AS old, {_NEW} AS new FROM regular r),
    stepped AS (SELECT *, lag(new) OVER (PARTITION BY product_id ORDER BY min_qty) AS above FROM priced),
    result AS (
        SELECT s.product_id, {as_ladder("s.min_qty", "s.old")} AS before, {as_ladder("s.min_qty", "s.new")} AS after,
               CASE WHEN bool_or(round(s.new * s.min_qty, CASE WHEN w.currency = ANY(:whole) THEN 0 ELSE 2 END) <= 0)
                         THEN 'no_price'
                    WHEN bool_or(s.new >= s.above) THEN 'broken'
                    WHEN bool_and(s.new = s.old) THEN 'unchanged'
                    WHEN bool_or(s.new < w.cost) THEN 'below_cost' ELSE '' END AS problem
        FROM stepped s JOIN wanted w ON w.id = s.product_id GROUP BY s.product_id)"""
DONE = "problem NOT IN ('no_price', 'broken', 'unchanged')"
_DIGEST = "md5(coalesce(string_agg(product_id || before::text || after::text || problem, ',' ORDER BY product_id), ''))"
_TYPES = (sa.bindparam("categories", type_=sa.ARRAY(sa.BigInteger)), sa.bindparam("whole", type_=sa.ARRAY(sa.Text)))


def statement(sql: str) -> sa.TextClause:
    """SQL that begins `WITH {RESULT}`."""
    return sa.text(sql).bindparams(*_TYPES)


def facts(seller_id: int, change: rules.Change) -> dict[str, Any]:
    """The parameters of `RESULT`; with `first` and `last` it is of the products with ids in that range only."""
    step = Decimal(change.rounding)
    return {
        "seller": seller_id,
        "categories": None if change.category_ids is None else list(change.category_ids),
        "product": change.product_id,
        "first": None,
        "last": None,
        "percent": change.percent,
        "step": step,
        "inverse": 1 / step,
        "up": change.direction == "up",
        "whole": [currency for currency, digits in MINOR_DIGITS.items() if not digits],
        "now": clock.now(),
    }


def midnight(day: date) -> datetime:
    """The instant at which a day begins in the platform's zone."""
    return datetime.combine(day, time(), ZoneInfo(zone())).astimezone(clock.now().tzinfo)


def period(change: rules.Change) -> tuple[datetime, datetime | None]:
    """From when until when a change holds; from today means from now."""
    now = clock.now()
    begins = now if change.starts_on is None else max(now, midnight(change.starts_on))
    return begins, None if change.ends_on is None else midnight(change.ends_on + timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Affected:
    """A product of the preview: quantity, old and new price of each tier, and what is wrong, if anything."""

    product_id: int
    name: str
    name_bn: str | None
    sku: str
    tiers: tuple[tuple[int, Money, Money], ...]
    problem: str

    @property
    def is_left_out(self) -> bool:
        return self.problem in rules.LEFT_OUT

    @property
    def words(self) -> str:
        return rules.PROBLEMS.get(self.problem, "")


@dataclass(frozen=True, slots=True)
class Preview:
    """What a change would do. `digest` stands for every price of it, on this page and the others."""

    rows: tuple[Affected, ...]
    counts: dict[str, int]
    digest: str
    page: int

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def changed(self) -> int:
        return sum(number for problem, number in self.counts.items() if problem not in rules.LEFT_OUT)

    @property
    def left_out(self) -> dict[str, int]:
        return {name: number for name, number in self.counts.items() if name in rules.LEFT_OUT}

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE_SIZE))


def digest(seller_id: int, change: rules.Change) -> tuple[str, dict[str, int]]:
    """What stands for the whole change, and how many products have which problem."""
    row = db.session.execute(
        statement(f"""WITH {RESULT} SELECT {_DIGEST} AS prices,
            (SELECT jsonb_object_agg(c.problem, c.n) FROM (SELECT problem, count(*) AS n FROM result GROUP BY 1) c)
                AS counts
            FROM result"""),
        facts(seller_id, change),
    ).one()
    return change.digest(row.prices), row.counts or {}


def preview(seller_id: int, change: rules.Change, page: int = 1) -> Preview:
    """One page of what the change would do, what is wrong first."""
    seen, counts = digest(seller_id, change)
    page = min(max(1, page), max(1, -(-sum(counts.values()) // PAGE_SIZE)))
    rows = db.session.execute(
        statement(f"""WITH {RESULT}
            SELECT r.*, p.name, p.name_bn, p.currency,
                   (SELECT v.sku FROM variant v WHERE v.product_id = p.id ORDER BY v.id LIMIT 1) AS sku
            FROM (SELECT * FROM result ORDER BY problem = '', problem, product_id LIMIT :size OFFSET :skipped) r
            JOIN product p ON p.id = r.product_id ORDER BY r.problem = '', r.problem, r.product_id"""),
        facts(seller_id, change) | {"size": PAGE_SIZE, "skipped": (page - 1) * PAGE_SIZE},
    )
    return Preview(tuple(map(_affected, rows)), counts, seen, page)


def _affected(row: Any) -> Affected:
    tiers = tuple(
        (quantity, Money(Decimal(old), row.currency), Money(Decimal(new), row.currency))
        for (quantity, old), (_same, new) in zip(row.before, row.after, strict=True)
    )
    return Affected(row.product_id, row.name, row.name_bn, row.sku or "", tiers, row.problem)


def ranges(seller_id: int, size: int) -> list[tuple[int, int]]:
    """The seller's products that are not archived, so many at a time: the first and the last id of each part."""
    ids = list(
        db.session.scalars(
            sa.select(Product.id)
            .where(Product.seller_id == seller_id, Product.state != "archived")
            .order_by(Product.id)
        )
    )
    return [(ids[start], ids[min(start + size, len(ids)) - 1]) for start in range(0, len(ids), size)]


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A change as the list of changes shows it; `until` is its last day.

    Its state beside those that are kept: "failed" when the work of one that waits was given up.
    """

    id: int
    percent: Decimal
    scope: str
    scope_bn: str | None
    products: int
    starts_at: datetime
    until: date | None
    state: str
    can_stop: bool
    made_at: datetime


def confirmed(actor: Actor, change_id: int | None = None) -> list[Confirmed]:
    """The newest changes of the actor's business, or the one."""
    still = sa.exists().where(DatedPrice.change_id == PriceChange.id, DatedPrice.ended_at.is_(None))
    rows = (
        sa.select(PriceChange, Category.name, Category.name_bn, Product.name, Product.name_bn, still)
        .outerjoin(Category, Category.id == PriceChange.category_id)
        .outerjoin(Product, Product.id == PriceChange.product_id)
        .where(PriceChange.seller_id == actor.acting_organization)
        .order_by(PriceChange.id.desc())
        .limit(LIST_SIZE)
    )
    if change_id is not None:
        rows = rows.where(PriceChange.id == change_id)
    found, now = db.session.execute(rows).all(), clock.now()
    given_up = dead_letters() if any(row[0].state == "waiting" for row in found) else {}
    return [
        Confirmed(
            change.id,
            change.change_percent,
            category or product or "",
            category_bn or product_bn,
            change.products,
            change.starts_at,
            None if change.ends_at is None else last_day(change.ends_at, zone()),
            "failed" if change.id in given_up else _state(change, now),
            change.state == "waiting"
            or (bool(open_) and change.state == "confirmed" and _state(change, now) != "done"),
            change.made_at,
        )
        for change, category, category_bn, product, product_bn, open_ in found
    ]


def one(actor: Actor, change_id: int) -> Confirmed:
    """A change of the actor's business. Raises NotFoundError."""
    found = confirmed(actor, change_id)
    if not found:
        raise NotFoundError
    return found[0]


def dead_letters() -> dict[int, int]:
    """Changes whose work was tried and given up → the letter that says so."""
    return {row.payload["change_id"]: row.id for row in unfinished(ManyPricesConfirmed) if row.dead_at is not None}


def _state(change: PriceChange, now: datetime) -> str:
    if change.state != "confirmed":
        return change.state
    if change.starts_at > now:
        return "scheduled"
    if change.ends_at is not None:
        return "running" if change.ends_at > now else "over"
    return "done"


def change_of(actor: Actor, change_id: int) -> PriceChange:
    """A change of the actor's business, locked. Raises NotFoundError."""
    found = db.session.scalars(
        sa.select(PriceChange)
        .where(PriceChange.id == change_id, PriceChange.seller_id == actor.acting_organization)
        .with_for_update()
    ).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def open_one(seller_id: int, digest: str) -> PriceChange | None:
    """The same change, confirmed before, that is still to be made, to begin or to end."""
    now = clock.now()
    return db.session.scalars(
        sa.select(PriceChange)
        .where(
            PriceChange.seller_id == seller_id,
            PriceChange.digest == digest,
            sa.or_(
                PriceChange.state == "waiting",
                sa.and_(
                    PriceChange.state == "confirmed", sa.or_(PriceChange.starts_at > now, PriceChange.ends_at > now)
                ),
            ),
        )
        .limit(1)
    ).one_or_none()


def product_by_sku(actor: Actor, sku: str) -> int | None:
    """The actor's product that has the SKU, in whatever case; None when there is none."""
    return db.session.scalar(
        sa.select(Variant.product_id)
        .where(Variant.seller_id == actor.acting_organization, sa.func.lower(Variant.sku) == sku.lower())
        .limit(1)
    )
