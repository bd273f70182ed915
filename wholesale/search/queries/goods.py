"""A page of goods, by words and filters, in every order by key: page 1,000 costs what page 1 does."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from wholesale.catalog.models import Listing, ListingWords, Product, Variant
from wholesale.catalog.queries import Card
from wholesale.catalog.queries.pictures import thumb
from wholesale.catalog.rules.words import readable
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.search.queries import matching
from wholesale.search.queries.synonyms import equal_terms
from wholesale.search.queries.words import vocabulary
from wholesale.search.rules import filters as rules
from wholesale.search.rules.filters import BEST, CHEAPEST, DEAREST, NAME, SMALLEST, Cursor, Filters, read_cursor, where
from wholesale.search.rules.wanted import Wanted, typed, wanted

PAGE_SIZE = 24
# A word that stands in a hundred thousand products is ranked among so many of them: the work has a bound.
MOST_RANKED = 1_000
_MOST_WITH_CODE = 200
_WEIGHTS = [0.05, 0.2, 0.4, 1.0]  # description, category, brand and stems and sound, name and SKU
_CODE_FIRST = 10
_WHOLE_FIRST = 1  # more than any rank: "chal" is চাল before it is the beginning of a chalkboard


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a listing, the cursor at which the next one begins, and how the words were understood.

    `meant`: the words that were looked for instead of those typed. `some_only`: no product has all the words, these
    have some of them. `wanted` is what the words ask for, None without words.
    """

    cards: list[Card] = field(default_factory=list)
    next_cursor: str | None = None
    wanted: Wanted | None = None
    meant: str | None = None
    some_only: bool = False


def page(filters: Filters, category_ids: Collection[int] | None = None, after: str = "") -> Found:
    """The goods that pass the filters, behind the cursor `after`. A cursor that makes no sense begins anew."""
    cursor = read_cursor(after, filters.sort)
    if not filters.q:
        cards, following = _by_key(filters, category_ids, cursor, None)
        return Found(cards, following)
    words = typed(filters.q)
    if not words:  # of signs alone
        return Found()
    synonyms, known = equal_terms(), vocabulary()
    typed_ones = wanted(words, synonyms, known=known)
    found = _look(filters, category_ids, cursor, Found(), typed_ones)
    if found.cards or filters.as_typed:
        return found
    if cursor and _look(filters, category_ids, None, Found(), typed_ones).cards:
        return found  # it was found as typed, and the list ends here
    meant = known.corrected(words)
    if meant is not None:
        so_far = Found(meant=readable(" ".join(meant)))
        again = _look(filters, category_ids, cursor, so_far, wanted(meant, synonyms, known=known))
        if again.cards:
            return again
    if len(words) > 1:
        some = wanted(meant or words, synonyms, known=known, any_will_do=True)
        so_far = Found(meant=readable(" ".join(meant)) if meant else None, some_only=True)
        again = _look(filters, category_ids, cursor, so_far, some)
        if again.cards:
            return again
    return found


def _look(
    filters: Filters, category_ids: Collection[int] | None, cursor: Cursor | None, so_far: Found, asked: Wanted
) -> Found:
    find = _by_rank if filters.sort == BEST else _by_key
    cards, following = find(filters, category_ids, cursor, asked)
    return Found(cards, following, asked, so_far.meant, so_far.some_only)


def _card_columns() -> list[Any]:
    return [
        Product.id,
        Product.slug,
        Product.name,
        Product.name_bn,
        Product.unit,
        Product.moq,
        Product.order_multiple,
        Organization.name,
        thumb(),
    ]


def _cards(hits: sa.Subquery, sort: str, *order: Any) -> tuple[list[Card], str | None]:
    """The cards of the hits (`product_id`, `key`), of which one more than a page was asked for."""
    rows = db.session.execute(
        sa.select(*_card_columns(), hits.c.key.label("key"))
        .select_from(hits)
        .join(Product, Product.id == hits.c.product_id)
        .join(Organization, Organization.id == Product.seller_id)
        .order_by(*order)
    ).all()
    more = len(rows) > PAGE_SIZE
    rows = rows[:PAGE_SIZE]
    last = where(Cursor(sort, _written(rows[-1].key), rows[-1].id)) if more else None
    return [Card(*row[:9]) for row in rows], last


def _written(key: Any) -> str:
    return "" if key is None else f"{key:.6f}" if isinstance(key, float) else str(key)


# --- by rank ----------------------------------------------------------------------------------------------


def _by_rank(
    filters: Filters, category_ids: Collection[int] | None, cursor: Cursor | None, asked: Wanted
) -> tuple[list[Card], str | None]:
    conditions = [*matching.narrowed(filters, category_ids), matching.of_verified()]
    code = matching.code_query(asked)
    by_code = (
        sa.select(Listing.product_id, ListingWords.words)
        .join(ListingWords, ListingWords.product_id == Listing.product_id)
        .where(matching.said(code), *conditions)
        .limit(_MOST_WITH_CODE)
    )
    score: sa.ColumnElement[Any] = sa.literal(0.0)
    candidates = by_code.subquery("candidate")
    if asked.terms:
        words = matching.words_query(asked)

        def with_words(query: sa.ColumnElement[Any]) -> Any:
            return (
                sa.select(Listing.product_id, ListingWords.words)
                .join(ListingWords, ListingWords.product_id == Listing.product_id)
                .where(matching.said(query), *conditions)
                .limit(MOST_RANKED)
            )

        parts = [by_code, with_words(words)]
        whole = matching.words_query(asked.whole) if asked.is_open else None
        if whole is not None:
            parts.append(with_words(whole))
        candidates = sa.union_all(*(sa.select(part.subquery()) for part in parts)).subquery("candidate")
        weights = sa.cast(sa.literal(_WEIGHTS, ARRAY(sa.Float)), ARRAY(sa.REAL))
        score = sa.func.ts_rank(weights, candidates.c.words, words, 1)
        if whole is not None:
            score += sa.case((candidates.c.words.op("@@")(whole), _WHOLE_FIRST), else_=0)
    with_code = sa.case((candidates.c.words.op("@@")(code), _CODE_FIRST), else_=0)
    # Rounded and float8: it survives the way through the address and compares equal to itself.
    key = sa.cast(sa.func.round(sa.cast(score, sa.Numeric), 6) + with_code, sa.Double)
    ranked = sa.select(candidates.c.product_id, key.label("key")).distinct().subquery("ranked")
    hits = sa.select(ranked).order_by(ranked.c.key.desc(), ranked.c.product_id.desc()).limit(PAGE_SIZE + 1)
    rank = _float(cursor.key) if cursor else None
    if cursor and rank is not None:
        hits = hits.where(
            sa.tuple_(ranked.c.key, ranked.c.product_id)
            < sa.tuple_(sa.cast(rank, sa.Double), sa.cast(cursor.product_id, sa.BigInteger))
        )
    found = hits.subquery("hit")
    return _cards(found, filters.sort, found.c.key.desc(), found.c.product_id.desc())


# --- by a column ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Order:
    """A column to sort by, how its value is read from a cursor, and whether from the highest down."""

    column: Any
    read: Callable[[str], Any]
    down: bool = False
    may_be_null: bool = False


def _float(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,3}\.\d{1,9}", text, re.ASCII) else None


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else None


def _amount(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() and 0 <= value < Decimal(10) ** 14 else None


_ORDERS = {
    rules.NEWEST: _Order(sa.type_coerce(Listing.product_id, sa.BigInteger), _whole, down=True),
    CHEAPEST: _Order(Listing.from_price, _amount, may_be_null=True),
    DEAREST: _Order(Listing.from_price, _amount, down=True, may_be_null=True),
    SMALLEST: _Order(Listing.moq, _whole),
    NAME: _Order(Listing.sort_name, str),
}


def _by_key(
    filters: Filters, category_ids: Collection[int] | None, cursor: Cursor | None, asked: Wanted | None
) -> tuple[list[Card], str | None]:
    order = _ORDERS[filters.sort]
    conditions = [*matching.narrowed(filters, category_ids), matching.of_verified()]
    if asked is not None:
        conditions.append(matching.matches(asked))

    def ordered(*more: sa.ColumnElement[bool], keyed: bool = True) -> sa.Select[Any]:
        column = order.column if keyed else sa.cast(sa.null(), order.column.type)
        statement = sa.select(Listing.product_id, column.label("key"))
        by = [order.column, Listing.product_id] if keyed and filters.sort != rules.NEWEST else [Listing.product_id]
        statement = statement.where(*conditions, *more)
        return statement.order_by(*(each.desc() if order.down else each for each in by)).limit(PAGE_SIZE + 1)

    behind_id: sa.ColumnElement[bool] | None = None
    if cursor:
        product_id = sa.cast(cursor.product_id, sa.BigInteger)
        behind_id = Listing.product_id < product_id if order.down else Listing.product_id > product_id
    begins = order.read(cursor.key) if cursor and filters.sort != rules.NEWEST and cursor.key else None
    if filters.sort == rules.NEWEST:
        hits = ordered(*([] if behind_id is None else [behind_id])).subquery("hit")
    else:
        keyed: list[sa.ColumnElement[bool]] = []
        if cursor and begins is not None:
            here = sa.tuple_(order.column, Listing.product_id)
            there = sa.tuple_(sa.literal(begins, order.column.type), sa.cast(cursor.product_id, sa.BigInteger))
            keyed.append(here < there if order.down else here > there)
        hits = ordered(*keyed).subquery("hit")
        if order.may_be_null:
            # What has no price follows, in the order of the ids.
            priced = ordered(order.column.is_not(None), *keyed)
            unpriced = ordered(
                order.column.is_(None),
                *([behind_id] if cursor and begins is None and behind_id is not None else []),
                keyed=False,
            )
            parts = [unpriced] if cursor and begins is None else [priced, unpriced]
            hits = sa.union_all(*(sa.select(part.subquery()) for part in parts)).subquery("hit")
    return _cards(*_shown(hits, filters.sort, order))


def _shown(hits: sa.Subquery, sort: str, order: _Order) -> tuple[Any, ...]:
    by: list[Any] = [hits.c.key.is_(None), hits.c.key, hits.c.product_id]
    if order.down:
        by[1:] = [each.desc() for each in by[1:]]
    first = sa.select(hits).order_by(*by).limit(PAGE_SIZE + 1).subquery("shown")
    outer: list[Any] = [first.c.key.is_(None), first.c.key, first.c.product_id]
    if order.down:
        outer[1:] = [each.desc() for each in outer[1:]]
    return first, sort, *outer


def find_sku(code: str, *, seller_id: int | None = None) -> int | None:
    """The offered variant with this SKU or barcode, however it is written; None for none and for more than one."""
    asked = wanted(typed(code), {})
    if asked.is_empty:
        return None
    rows = db.session.scalars(
        sa.select(Variant.id)
        .join(Listing, Listing.product_id == Variant.product_id)
        .join(ListingWords, ListingWords.product_id == Variant.product_id)
        .where(
            matching.said(matching.code_query(asked)),
            matching.of_verified(),
            Variant.is_offered,
            sa.or_(
                _bare(Variant.sku) == _bare(sa.literal(code[:200])),
                _bare(Variant.barcode) == _bare(sa.literal(code[:200])),
            ),
            *([] if seller_id is None else [Listing.seller_id == seller_id]),
        )
        .limit(2)
    ).all()
    return rows[0] if len(rows) == 1 else None


def _bare(text: Any) -> sa.ColumnElement[str]:
    return sa.func.regexp_replace(sa.func.lower(text), "[^[:alnum:]]", "", "g")
