"""A page of goods, by words and filters, in every order by key: page 1,000 costs what page 1 does."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from wholesale.catalog.models import Listing, ListingWords, Product, Variant
from wholesale.catalog.queries import Card
from wholesale.catalog.queries.pictures import thumb
from wholesale.catalog.rules.words import readable
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.search.queries import cursors, matching
from wholesale.search.queries.synonyms import equal_terms
from wholesale.search.queries.words import vocabulary
from wholesale.search.rules import filters as rules
from wholesale.search.rules.filters import BEST, CHEAPEST, DEAREST, NAME, SMALLEST, Cursor, Filters
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
    """A page of a listing, the cursors of its neighbours, and how the words were understood.

    `next_cursor` is for `after`, `previous_cursor` for `before`; None where the list ends. `place` are the parameters
    that lead to this page, none for the first. `marked`: of which products the mark that was asked for holds.
    `meant`: the words that were looked for instead of those typed. `some_only`: no product has all the words, these
    have some of them. `wanted` is what the words ask for, None without words. `among` are all the goods that were
    ranked for it, of which this is a page; None where nothing was ranked.
    """

    cards: list[Card] = field(default_factory=list)
    next_cursor: str | None = None
    previous_cursor: str | None = None
    place: dict[str, str] = field(default_factory=dict)
    marked: frozenset[int] = frozenset()
    wanted: Wanted | None = None
    meant: str | None = None
    some_only: bool = False
    among: tuple[int, ...] | None = None

    @property
    def first(self) -> bool:
        """The list begins here."""
        return not self.place


@dataclass(frozen=True, slots=True)
class _Place:
    """The page behind this product in the order of the listing, or with `back` the page before it; `key` None: no key.

    `text` is the cursor that said so.
    """

    product_id: int
    key: Any
    back: bool
    text: str


def page(
    filters: Filters,
    category_ids: Collection[int] | None = None,
    after: str = "",
    before: str = "",
    *,
    mark: sa.ColumnElement[bool] | None = None,
) -> Found:
    """The goods that pass the filters, behind the cursor `after` or before `before`; nonsense begins anew.

    `mark` is a condition on products that is answered for each of the page in the same query.
    """
    look = partial(_look, filters, category_ids, mark=sa.false() if mark is None else mark)
    place = _place(after, filters.sort) or _place(before, filters.sort, back=True)
    if not filters.q:
        return look(place, Found(), None)
    words = typed(filters.q)
    if not words:  # of signs alone
        return Found()
    synonyms, known = equal_terms(), vocabulary()
    typed_ones = wanted(words, synonyms, known=known)
    found = look(place, Found(), typed_ones)
    if found.cards or filters.as_typed:
        return found
    if place and look(None, Found(), typed_ones).cards:
        return found  # it was found as typed, and the list ends here
    meant = known.corrected(words)
    if meant is not None:
        so_far = Found(meant=readable(" ".join(meant)))
        again = look(place, so_far, wanted(meant, synonyms, known=known))
        if again.cards:
            return again
    if len(words) > 1:
        some = wanted(meant or words, synonyms, known=known, any_will_do=True)
        so_far = Found(meant=readable(" ".join(meant)) if meant else None, some_only=True)
        again = look(place, so_far, some)
        if again.cards:
            return again
    return found


def _place(text: str, sort: str, *, back: bool = False) -> _Place | None:
    cursor = cursors.read(text, sort)
    if cursor is None:
        return None
    order = _ORDERS.get(sort)
    key = _float(cursor.key) if order is None else order.read(cursor.key)
    if key is None and sort != rules.NEWEST and not (order and order.may_be_null and not cursor.key):
        return None
    return _Place(cursor.product_id, key, back, text)


def _look(
    filters: Filters,
    category_ids: Collection[int] | None,
    place: _Place | None,
    so_far: Found,
    asked: Wanted | None,
    *,
    mark: sa.ColumnElement[bool],
) -> Found:
    hits = (
        _by_rank(filters, category_ids, place, asked)
        if asked is not None and filters.sort == BEST
        else _by_key(filters, category_ids, place, asked)
    )
    back = place is not None and place.back
    rows, more = _rows(hits, mark)
    cards = [Card(*row[:9]) for row in rows]
    if back and len(cards) < PAGE_SIZE:  # less than a page is left before it: that is the first one, in full
        return _look(filters, category_ids, None, so_far, asked, mark=mark)

    def here(at: int) -> str:
        return cursors.written(Cursor(filters.sort, _written(rows[at].key), rows[at].id))

    first = place is None or (back and not more)
    return replace(
        so_far,
        cards=cards,
        next_cursor=here(-1) if cards and (more or back) else None,
        previous_cursor=here(0) if cards and not first else None,
        place={} if first or place is None else {"before" if back else "after": place.text},
        marked=frozenset(row.id for row in rows if row.marked),
        wanted=asked,
        among=next((tuple(row.among) for row in rows if row.among), None),
    )


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


@dataclass(frozen=True, slots=True)
class _Hits:
    """The goods of a page (`product_id`, `key`), one more than fit on it, and how they are sorted.

    `turned`: they stand in the opposite order, the last of the page first. `among`: the ids of all that were ranked.
    """

    rows: sa.Subquery
    order: tuple[Any, ...]
    turned: bool
    among: sa.ColumnElement[Any] | None = None


def _rows(hits: _Hits, mark: sa.ColumnElement[bool]) -> tuple[list[Any], bool]:
    """What cards are made of with `key` and `marked`, in the order of the list; and whether there is more to read.

    One of the rows has `among`: a thousand ids, which need not be sent 25 times.
    """
    among: sa.ColumnElement[Any] = sa.null()
    if hits.among is not None:
        among = sa.case((sa.func.row_number().over(order_by=hits.order) == 1, hits.among))
    rows = db.session.execute(
        sa.select(*_card_columns(), hits.rows.c.key.label("key"), mark.label("marked"), among.label("among"))
        .select_from(hits.rows)
        .join(Product, Product.id == hits.rows.c.product_id)
        .join(Organization, Organization.id == Product.seller_id)
        .order_by(*hits.order)
    ).all()
    shown = list(rows[:PAGE_SIZE])
    if hits.turned:
        shown.reverse()
    return shown, len(rows) > PAGE_SIZE


def _written(key: Any) -> str:
    return "" if key is None else f"{key:.6f}" if isinstance(key, float) else str(key)


# --- by rank ----------------------------------------------------------------------------------------------


def _by_rank(filters: Filters, category_ids: Collection[int] | None, place: _Place | None, asked: Wanted) -> _Hits:
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
    ranked = (
        sa.select(candidates.c.product_id, key.label("key"))
        .distinct()
        .cte("ranked")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    back = place is not None and place.back
    by = [ranked.c.key, ranked.c.product_id]
    hits = sa.select(ranked).order_by(*(each if back else each.desc() for each in by)).limit(PAGE_SIZE + 1)
    if place:
        here = sa.tuple_(*by)
        there = sa.tuple_(sa.cast(place.key, sa.Double), sa.cast(place.product_id, sa.BigInteger))
        hits = hits.where(here > there if back else here < there)
    found = hits.subquery("hit")
    order = (each if back else each.desc() for each in (found.c.key, found.c.product_id))
    among = sa.select(sa.func.array_agg(ranked.c.product_id)).scalar_subquery()
    return _Hits(found, tuple(order), back, among)


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
    filters: Filters, category_ids: Collection[int] | None, place: _Place | None, asked: Wanted | None
) -> _Hits:
    order = _ORDERS[filters.sort]
    back = place is not None and place.back
    down = order.down != back
    conditions = [*matching.narrowed(filters, category_ids), matching.of_verified()]
    if asked is not None:
        conditions.append(matching.matches(asked))

    def ordered(*more: sa.ColumnElement[bool], keyed: bool = True) -> sa.Select[Any]:
        column = order.column if keyed else sa.cast(sa.null(), order.column.type)
        statement = sa.select(Listing.product_id, column.label("key"))
        by = [order.column, Listing.product_id] if keyed and filters.sort != rules.NEWEST else [Listing.product_id]
        statement = statement.where(*conditions, *more)
        return statement.order_by(*(each.desc() if down else each for each in by)).limit(PAGE_SIZE + 1)

    beyond: list[sa.ColumnElement[bool]] = []
    if place:
        product_id = sa.cast(place.product_id, sa.BigInteger)
        here, there = sa.tuple_(Listing.product_id), sa.tuple_(product_id)
        if place.key is not None and filters.sort != rules.NEWEST:
            here = sa.tuple_(order.column, Listing.product_id)
            there = sa.tuple_(sa.literal(place.key, order.column.type), product_id)
        beyond = [here < there if down else here > there]
    if not order.may_be_null:
        return _sorted(ordered(*beyond).subquery("hit"), down=down, back=back)
    # What has no price follows, in the order of the ids; read backwards, it comes first.
    is_unpriced = place is not None and place.key is None
    priced = ordered(order.column.is_not(None), *([] if is_unpriced else beyond))
    unpriced = ordered(order.column.is_(None), *(beyond if is_unpriced else []), keyed=False)
    parts = [priced, unpriced]
    if place:
        # Behind what has no price nothing has one, and before what has one everything has.
        passed = is_unpriced != back
        parts = ([unpriced] if is_unpriced else [priced]) if passed else parts
    hits = sa.union_all(*(sa.select(part.subquery()) for part in parts)).subquery("hit")
    return _sorted(hits, down=down, back=back)


def _sorted(hits: sa.Subquery, *, down: bool, back: bool) -> _Hits:
    def by(rows: sa.Subquery) -> tuple[Any, ...]:
        lacking = rows.c.key.is_(None)
        keys = (rows.c.key.desc(), rows.c.product_id.desc()) if down else (rows.c.key, rows.c.product_id)
        return (lacking.desc() if back else lacking, *keys)

    first = sa.select(hits).order_by(*by(hits)).limit(PAGE_SIZE + 1).subquery("shown")
    return _Hits(first, by(first), back)


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
