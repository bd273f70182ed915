"""Which rate holds for which goods; and all rates, for the platform's people."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.orm import aliased

from wholesale.accounts.models import User
from wholesale.catalog.models import Category
from wholesale.kernel import clock
from wholesale.kernel.errors import NotFoundError
from wholesale.platform.db import db
from wholesale.taxes.models import TaxRate
from wholesale.taxes.rules import Rate


def today() -> date:
    """The day whose rates hold now: the platform's."""
    return clock.today(str(current_app.extensions["settings"].time_zone))


def rate_sql(category: str, country: str, on: date) -> sa.ColumnClause[Any]:
    """The rate of a statement's row as JSON for `as_rate`: `category` and `country` name columns of that statement.

    The nearest category upwards that has a rate wins, then the rate for all goods. A part of the statement that asks
    for the goods, so that no page asks once more; where no rate is set at all, it costs nothing.
    """
    day = f"DATE '{on.isoformat()}'"
    return sa.literal_column(
        f"""(CASE WHEN EXISTS (SELECT FROM tax_rate) THEN (
            WITH RECURSIVE above AS (
                SELECT c.id, c.parent_id, 0 AS height FROM category c WHERE c.id = {category}
                UNION ALL
                SELECT c.id, c.parent_id, above.height + 1
                FROM category c JOIN above ON c.id = above.parent_id WHERE above.height < 50
            )
            SELECT json_build_array(t.name, t.kind, t.percent::text, t.included, t.reason)
            FROM tax_rate t LEFT JOIN above ON above.id = t.category_id
            WHERE t.country = {country} AND t.withdrawn_at IS NULL AND t.valid_from <= {day}
              AND (t.valid_until IS NULL OR t.valid_until >= {day})
              AND (t.category_id IS NULL OR above.id IS NOT NULL)
              AND NOT EXISTS (
                  SELECT FROM tax_rate later
                  WHERE later.country = t.country AND later.category_id IS NOT DISTINCT FROM t.category_id
                    AND later.withdrawn_at IS NULL AND later.valid_from > t.valid_from AND later.valid_from <= {day}
              )
            ORDER BY above.height NULLS LAST LIMIT 1
        ) END)""",  # noqa: S608 - names of columns and a day
        type_=sa.JSON,
    )


def as_rate(found: Any) -> Rate | None:
    """What `rate_sql` gave."""
    if found is None:
        return None
    name, kind, percent, included, reason = found
    return Rate(name, kind, Decimal(percent), included, reason)


def rates(category_ids: Collection[int], country: str, on: date | None = None) -> dict[int, Rate]:
    """The rate of each category's goods in that country on that day (today); those without any are left out."""
    if not category_ids:
        return {}
    wanted = sa.select(sa.func.unnest(sa.literal(sorted(category_ids), sa.ARRAY(sa.BigInteger))).label("id")).subquery(
        "wanted"
    )
    # Compared with its own letters: what is no country has no rate.
    letters = country if country.isascii() and country.isalpha() else ""
    rows = db.session.execute(
        sa.select(wanted.c.id, rate_sql("wanted.id", f"'{letters}'", on or today())).select_from(wanted)
    )
    found = {category_id: as_rate(value) for category_id, value in rows}
    return {category_id: rate for category_id, rate in found.items() if rate is not None}


@dataclass(frozen=True, slots=True)
class Entry:
    """A rate with its category's name, who set it, and the last day on which it holds (None: no end is known)."""

    rate: TaxRate
    category: Category | None
    set_by: str
    until: date | None

    def state(self, on: date) -> str:
        """withdrawn, coming, holds or over."""
        if self.rate.withdrawn_at is not None:
            return "withdrawn"
        if self.rate.valid_from > on:
            return "coming"
        return "holds" if self.until is None or self.until >= on else "over"


def entries() -> list[Entry]:
    """All rates there ever were, by country and scope, the newest of each scope first."""
    later = aliased(TaxRate)
    following = (
        sa.select(sa.func.min(later.valid_from))
        .where(
            later.country == TaxRate.country,
            later.category_id.is_not_distinct_from(TaxRate.category_id),
            later.withdrawn_at.is_(None),
            later.valid_from > TaxRate.valid_from,
        )
        .correlate(TaxRate)
        .scalar_subquery()
    )
    rows = db.session.execute(
        sa.select(TaxRate, Category, User.name, following)
        .outerjoin(Category, Category.id == TaxRate.category_id)
        .outerjoin(User, User.id == TaxRate.set_by)
        .order_by(
            TaxRate.country, Category.position.nulls_first(), Category.id, TaxRate.valid_from.desc(), TaxRate.id.desc()
        )
    )
    found = []
    for rate, category, who, begins in rows:
        ends = [day for day in (rate.valid_until, begins - timedelta(days=1) if begins else None) if day is not None]
        found.append(Entry(rate, category, who or "", min(ends, default=None)))
    return found


def rate(rate_id: int, *, lock: bool = False) -> TaxRate:
    """One rate. Raises NotFoundError."""
    found = db.session.get(TaxRate, rate_id, with_for_update=lock or None, populate_existing=lock)
    if found is None:
        raise NotFoundError
    return found
