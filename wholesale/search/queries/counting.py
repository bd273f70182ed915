"""How many goods each further choice of a filter would leave."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects.postgresql import ARRAY

from wholesale.catalog.models import Listing, ListingWords
from wholesale.catalog.queries.categories import COUNTS
from wholesale.kernel import clock
from wholesale.organizations.models import Organization
from wholesale.organizations.queries import verified_now
from wholesale.platform import cache
from wholesale.platform.db import db
from wholesale.search.queries import matching
from wholesale.search.rules.filters import NEWEST, Filters
from wholesale.search.rules.wanted import Wanted

# So many rows are counted and no more; beyond, a count is "at least".
MOST_COUNTED = 1_000
# Goods with the words, before they are filtered: of a word that stands in a hundred thousand, these are looked at.
MOST_WITH_WORDS = 4_000
_MOST_SELLERS = 12
_MOST_ANSWERS = 60


@dataclass(frozen=True, slots=True)
class Facets:
    """Choice → how many goods it would show with all other filters as they are.

    `at_least`: there are more than were counted. `sellers` are (id, name, count), `attributes` by "<id>=<value>".
    `more_sellers`: there may be others. `other_countries`: those of very many goods of which none was counted.
    `cut` are the filters, as the address names them, of which more goods than were counted would pass all others.
    """

    total: int = 0
    at_least: bool = False
    categories: dict[int, int] = field(default_factory=dict)
    sellers: list[tuple[int, str, int]] = field(default_factory=list)
    more_sellers: bool = False
    countries: dict[str, int] = field(default_factory=dict)
    other_countries: tuple[str, ...] = ()
    in_stock: int = 0
    attributes: dict[str, int] = field(default_factory=dict)
    cut: frozenset[str] = frozenset()

    def __hash__(self) -> int:
        """Quick, of the numbers that differ most."""
        return hash((self.total, self.in_stock, len(self.sellers), len(self.attributes)))

    def under(self, category_ids: Collection[int]) -> int:
        """How many goods are in these categories."""
        return sum(self.categories.get(category_id, 0) for category_id in category_ids)


# As the address names a filter → as `matching.narrowed` does.
_FILTERS = {"category": "category", "seller": "sellers", "country": "countries", "stock": "in_stock"}


def facets(
    filters: Filters,
    category_ids: Collection[int] | None,
    asked: Wanted | None,
    *,
    among: Collection[int] | None = None,
) -> Facets:
    """Counts for every filter that lists its values: each under all the others, so that a choice never ends in nothing.

    What passes all filters is counted once; a filter that is set has goods of its own to count, those that pass all
    others, so that each has the whole bound for itself.

    Prices narrow the counts only of those whose filters hold prices: nobody learns a price from a number.

    `among`: the goods that the ranking has found for the same words. Without filters they are counted, so that very
    many goods need not be looked through once more.

    Without words and prices they are kept until a listed product or what is there of it changes, five minutes at most.
    """
    if asked is not None or filters.min_price is not None or filters.max_price is not None:
        return _counted(filters, category_ids, asked, among=among)
    today = clock.today(current_app.extensions["settings"].time_zone)  # a licence may have ended at midnight
    key = repr((today, replace(filters, sort=NEWEST), category_ids))
    return _of_text(cache.remember_text(COUNTS, key, cache.CATALOGUE, lambda: _plain(filters, category_ids)))


def _plain(filters: Filters, category_ids: Collection[int] | None) -> dict[str, Any]:
    """The counts as JSON can hold them."""
    counted = asdict(_counted(filters, category_ids, None))
    return counted | {"categories": list(counted["categories"].items()), "cut": sorted(counted["cut"])}


@lru_cache(maxsize=256)
def _of_text(text: str) -> Facets:
    told = json.loads(text)
    told |= {
        "categories": dict(told["categories"]),
        "sellers": [tuple(each) for each in told["sellers"]],
        "other_countries": tuple(told["other_countries"]),
        "cut": frozenset(told["cut"]),
    }
    return Facets(**told)


def _counted(
    filters: Filters,
    category_ids: Collection[int] | None,
    asked: Wanted | None,
    *,
    among: Collection[int] | None = None,
) -> Facets:
    among = None if filters.is_narrowed or category_ids is not None else among
    with_words = None if asked is None or among is not None else _with_words(asked)
    columns = {
        "category": Listing.category_id,
        "seller": Listing.seller_id,
        "country": Listing.country,
        "stock": Listing.in_stock,
        "answers": Listing.attributes,
    }

    def goods(name: str, *kept: str, other_than: str = "") -> sa.CTE:
        """The goods that pass all filters, or all but one: so many as are counted, and one more."""
        conditions = matching.narrowed(filters, category_ids, other_than={other_than})
        rows = sa.select(*(columns[column].label(column) for column in kept))
        if with_words is not None:
            rows = rows.join(with_words, with_words.c.product_id == Listing.product_id)
        return (
            rows.where(*conditions, *_of(among), matching.of_verified())
            .limit(MOST_COUNTED + 1)
            .cte(name)
            .prefix_with("MATERIALIZED", dialect="postgresql")
        )

    def number(kind: str, rows: sa.CTE, *where: Any) -> Any:
        nothing = sa.cast(sa.null(), sa.Text).label("value")
        label = sa.literal(kind).label("kind")
        return sa.select(label, nothing, sa.func.count().label("n")).select_from(rows).where(*where)

    def counted(kind: str, rows: sa.CTE) -> Any:
        value = rows.c[kind]
        label = sa.literal(kind).label("kind")
        return (
            sa.select(label, sa.cast(value, sa.Text).label("value"), sa.func.count().label("n"))
            .where(value.is_not(None))
            .group_by(value)
        )

    def answers(kind: str, rows: sa.CTE, beginning: str = "") -> Any:
        given = sa.select(sa.func.unnest(rows.c.answers).label("answer")).subquery()
        how_many = sa.func.count()
        return (
            sa.select(sa.literal(kind).label("kind"), given.c.answer.label("value"), how_many.label("n"))
            .where(*([given.c.answer.startswith(beginning)] if beginning else []))
            .group_by(given.c.answer)
            .order_by(how_many.desc(), given.c.answer)
            .limit(_MOST_ANSWERS)
        )

    def values(name: str, rows: sa.CTE) -> Any:
        return number("stock", rows, rows.c.stock) if name == "stock" else counted(name, rows)

    chosen = {
        "category": category_ids is not None,
        "seller": bool(filters.sellers),
        "country": bool(filters.countries),
        "stock": filters.in_stock,
    }
    is_full = among is not None and len(among) >= MOST_COUNTED  # there may be more that were not ranked
    base = goods("base", *columns)
    parts = [number("size", base), answers("answer", base)]
    if with_words is not None:
        # Only where it is asked for: PostgreSQL stops looking for goods with the words when enough have passed.
        size = sa.select(sa.func.count()).select_from(base).scalar_subquery()
        parts.append(number("words", with_words, size <= MOST_COUNTED))
    rows_of: dict[str, sa.CTE] = {}
    for name, is_set in chosen.items():
        rows_of[name] = rows = goods(f"but_{name}", name, other_than=_FILTERS[name]) if is_set else base
        parts += [values(name, rows), *([number(f"size_{name}", rows)] if is_set else [])]
    for key, _ in filters.attributes:
        name = f"a{key}"
        rows = goods(f"but_{name}", "answers", other_than=name)
        # What else the attributes that are chosen by could say.
        parts += [answers(name, rows, f"{key}="), number(f"size_{name}", rows)]
    # A seller who is chosen is named even where nothing of theirs passes, so that the choice can be taken back.
    nothing = sa.cast(sa.literal(0), sa.BigInteger).label("n")
    parts += [
        sa.select(sa.literal("seller").label("kind"), sa.cast(sa.literal(str(seller)), sa.Text).label("value"), nothing)
        for seller in filters.sellers
    ]
    parts.append(_every_country(rows_of["country"], with_words, is_full=is_full))
    every = sa.union_all(*(sa.select(part.subquery()) for part in parts)).subquery("counted")
    kind, value, products = every.c
    is_named = sa.and_(
        kind == "seller",
        sa.cast(Organization.id, sa.Text) == value,
        Organization.kind == "seller",
        verified_now(),
    )
    names = sa.outerjoin(every, Organization, is_named)
    rows_found = db.session.execute(sa.select(kind, value, products, Organization.name).select_from(names)).all()
    return _read(rows_found, filters, is_full=is_full)


def _of(among: Collection[int] | None) -> list[sa.ColumnElement[bool]]:
    return [] if among is None else [Listing.product_id == sa.any_(sa.literal(list(among), ARRAY(sa.BigInteger)))]


def _every_country(counted: sa.CTE, with_words: sa.CTE | None, *, is_full: bool) -> Any:
    """All countries that goods come from, if not all goods are counted: from one to the next in the index."""
    nothing = sa.cast(sa.literal(0), sa.BigInteger).label("n")
    size = sa.select(sa.func.count()).select_from(counted).scalar_subquery()
    is_part: sa.ColumnElement[bool] = sa.or_(size > MOST_COUNTED, sa.literal(is_full))
    if with_words is not None:
        there = sa.select(sa.func.count()).select_from(with_words).scalar_subquery()
        is_part = sa.or_(is_part, there > MOST_WITH_WORDS)
    first = sa.select(Listing.country.label("code")).where(Listing.country.is_not(None), is_part)
    step = first.order_by(Listing.country).limit(1).subquery("first_country")
    codes = sa.select(step.c.code).cte("countries", recursive=True)
    following = (
        sa.select(Listing.country)
        .where(Listing.country > codes.c.code)
        .order_by(Listing.country)
        .limit(1)
        .correlate(codes)
        .scalar_subquery()
    )
    codes = codes.union_all(sa.select(following).where(codes.c.code.is_not(None)))
    return sa.select(
        sa.literal("everywhere").label("kind"), sa.cast(codes.c.code, sa.Text).label("value"), nothing
    ).where(codes.c.code.is_not(None))


def _with_words(asked: Wanted) -> sa.CTE:
    """The goods with the words, found once for all counts: as many as are looked at, and one more."""
    return (
        sa.select(ListingWords.product_id)
        .where(matching.said(matching.query(asked)))
        .limit(MOST_WITH_WORDS + 1)
        .cte("with_words")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )


def _read(rows: Any, filters: Filters, *, is_full: bool) -> Facets:
    of: dict[str, list[Any]] = {}
    for row in rows:
        of.setdefault(row[0], []).append(row)

    def single(kind: str) -> int:
        return int(of[kind][0][2])

    number_of: dict[tuple[int, str], int] = {}
    for row in of.get("seller", ()):
        if row[3] is not None:  # no seller, or none who may sell
            number_of[int(row[1]), row[3]] = number_of.get((int(row[1]), row[3]), 0) + int(row[2])
    sellers = sorted(((*who, count) for who, count in number_of.items()), key=lambda s: (-s[2], s[1]))
    chosen = [each for each in sellers if each[0] in filters.sellers]
    others = [each for each in sellers if each[0] not in filters.sellers]
    answers = {row[1]: int(row[2]) for row in of.get("answer", ())}
    for attribute, _ in filters.attributes:
        prefix = f"{attribute}="
        answers = {answer: number for answer, number in answers.items() if not answer.startswith(prefix)}
        answers |= {row[1]: int(row[2]) for row in of.get(f"a{attribute}", ())}
    # Of a word with more goods than were looked at no number is all there is.
    is_part = "words" in of and single("words") > MOST_WITH_WORDS
    at_least = is_part or is_full or single("size") > MOST_COUNTED
    names = [*_FILTERS, *(f"a{attribute}" for attribute, _ in filters.attributes)]
    countries = {row[1]: int(row[2]) for row in sorted(of.get("country", ()), key=lambda row: (-row[2], row[1]))}
    cut = frozenset(
        name
        for name in names
        if is_part or (single(f"size_{name}") > MOST_COUNTED if f"size_{name}" in of else at_least)
    )
    named = (chosen + others)[: max(_MOST_SELLERS, len(chosen))]
    return Facets(
        total=min(single("size"), MOST_COUNTED),
        at_least=at_least,
        categories={int(row[1]): int(row[2]) for row in of.get("category", ())},
        sellers=named,
        more_sellers=len(named) < len(sellers) or "seller" in cut,
        countries=countries,
        other_countries=tuple(row[1] for row in of.get("everywhere", ()) if row[1] not in countries),
        in_stock=single("stock"),
        attributes=answers,
        cut=cut,
    )
