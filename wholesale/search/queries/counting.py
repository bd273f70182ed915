"""How many goods each further choice of a filter would leave."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from wholesale.catalog.models import Listing
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.search.queries import matching
from wholesale.search.rules.filters import Filters
from wholesale.search.rules.wanted import Wanted

# So many rows are counted and no more; beyond, a count is "at least".
MOST_COUNTED = 10_000
_MOST_SELLERS = 12
_MOST_ANSWERS = 60


@dataclass(frozen=True, slots=True)
class Facets:
    """Choice → how many goods it would show with all other filters as they are.

    `at_least`: there are more than were counted. `sellers` are (id, name, count), `attributes` by "<id>=<value>".
    """

    total: int = 0
    at_least: bool = False
    categories: dict[int, int] = field(default_factory=dict)
    sellers: list[tuple[int, str, int]] = field(default_factory=list)
    countries: dict[str, int] = field(default_factory=dict)
    in_stock: int = 0
    attributes: dict[str, int] = field(default_factory=dict)

    def under(self, category_ids: Collection[int]) -> int:
        """How many goods are in these categories."""
        return sum(self.categories.get(category_id, 0) for category_id in category_ids)


def facets(filters: Filters, category_ids: Collection[int] | None, asked: Wanted | None) -> Facets:
    """Counts for every filter that lists its values: each under all the others, so that a choice never ends in nothing.

    Prices narrow the counts only of those whose filters hold prices: nobody learns a price from a number.
    """
    facet_names = {"category", "sellers", "countries", "in_stock", *(f"a{key}" for key, _ in filters.attributes)}
    fixed = matching.narrowed(filters, category_ids, other_than=facet_names)
    if asked is not None:
        fixed.append(matching.matches(asked))
    free = {name: _only(filters, category_ids, name) for name in facet_names}
    base = (
        sa.select(
            Listing.category_id,
            Listing.seller_id,
            Listing.country,
            Listing.in_stock,
            Listing.attributes,
            *(condition.label(f"ok_{name}") for name, condition in free.items()),
        )
        .where(*fixed, matching.of_verified())
        .limit(MOST_COUNTED + 1)
        .cte("base")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )

    def passing(rows: sa.CTE, *other_than: str) -> sa.ColumnElement[bool]:
        return sa.and_(sa.true(), *(rows.c[f"ok_{name}"] for name in free if name not in other_than))

    def counted(kind: str, value: Any, *where: sa.ColumnElement[bool]) -> Any:
        return (
            sa.select(
                sa.literal(kind).label("kind"), sa.cast(value, sa.Text).label("value"), sa.func.count().label("n")
            )
            .select_from(base)
            .where(*where)
            .group_by(value)
        )

    given = sa.select(base, sa.func.unnest(base.c.attributes).label("answer")).cte("given")

    def answers(kind: str, *where: sa.ColumnElement[bool]) -> Any:
        number = sa.func.count()
        return (
            sa.select(sa.literal(kind).label("kind"), given.c.answer.label("value"), number.label("n"))
            .where(*where)
            .group_by(given.c.answer)
            .order_by(number.desc(), given.c.answer)
            .limit(_MOST_ANSWERS)
        )

    def number(kind: str, *where: sa.ColumnElement[bool]) -> Any:
        nothing = sa.cast(sa.null(), sa.Text).label("value")
        return (
            sa.select(sa.literal(kind).label("kind"), nothing, sa.func.count().label("n"))
            .select_from(base)
            .where(*where)
        )

    parts = [
        number("size"),
        number("total", passing(base)),
        number("stock", passing(base, "in_stock"), base.c.in_stock),
        counted("category", base.c.category_id, passing(base, "category")),
        counted("seller", base.c.seller_id, passing(base, "sellers")),
        counted("country", base.c.country, passing(base, "countries"), base.c.country.is_not(None)),
        answers("answer", passing(given)),
        # What else the attributes that are chosen by could say.
        *(
            answers(f"a{key}", passing(given, f"a{key}"), given.c.answer.startswith(f"{key}="))
            for key, _ in filters.attributes
        ),
    ]
    every = sa.union_all(*(sa.select(part.subquery()) for part in parts)).subquery("counted")
    kind, value, products = every.c
    names = sa.outerjoin(every, Organization, sa.and_(kind == "seller", sa.cast(Organization.id, sa.Text) == value))
    rows = db.session.execute(sa.select(kind, value, products, Organization.name).select_from(names)).all()
    return _read(rows, filters)


def _only(filters: Filters, category_ids: Collection[int] | None, name: str) -> sa.ColumnElement[bool]:
    """The condition of one filter alone; true where it is not set. A country that is unknown passes no choice."""
    others = {"category", "sellers", "countries", "in_stock", "max_moq", "min_price", "max_price"}
    others |= {f"a{key}" for key, _ in filters.attributes}
    conditions = matching.narrowed(filters, category_ids, other_than=others - {name})
    return sa.func.coalesce(sa.and_(*conditions), sa.false()) if conditions else sa.true()


def _read(rows: Any, filters: Filters) -> Facets:
    of: dict[str, list[Any]] = {}
    for row in rows:
        of.setdefault(row[0], []).append(row)

    def single(kind: str) -> int:
        return int(of[kind][0][2])

    sellers = sorted(((int(row[1]), row[3], int(row[2])) for row in of.get("seller", ())), key=lambda s: (-s[2], s[1]))
    chosen = [each for each in sellers if each[0] in filters.sellers]
    others = [each for each in sellers if each[0] not in filters.sellers]
    answers = {row[1]: int(row[2]) for row in of.get("answer", ())}
    for attribute, _ in filters.attributes:
        answers |= {row[1]: int(row[2]) for row in of.get(f"a{attribute}", ())}
    at_least = single("size") > MOST_COUNTED
    return Facets(
        total=min(single("total"), MOST_COUNTED) if at_least else single("total"),
        at_least=at_least,
        categories={int(row[1]): int(row[2]) for row in of.get("category", ())},
        sellers=(chosen + others)[: max(_MOST_SELLERS, len(chosen))],
        countries={row[1]: int(row[2]) for row in of.get("country", ())},
        in_stock=single("stock"),
        attributes=answers,
    )
