"""Conditions on the rows of lists: the words that were looked for, the filters that were chosen."""

from __future__ import annotations

from collections.abc import Collection
from functools import reduce
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY

from wholesale.catalog.models import Listing, ListingWords
from wholesale.organizations.models import Organization
from wholesale.organizations.queries import verified_now
from wholesale.search.rules.filters import Filters
from wholesale.search.rules.wanted import Term, Wanted


def of_verified() -> sa.ColumnElement[bool]:
    """Only goods of sellers whose licence holds are shown."""
    return Listing.seller_id.in_(sa.select(Organization.id).where(verified_now(), Organization.kind == "seller"))


def code_query(wanted: Wanted) -> sa.ColumnElement[Any]:
    return sa.cast(sa.literal(wanted.code), TSQUERY)


def words_query(wanted: Wanted) -> sa.ColumnElement[Any]:
    """All of the terms, or some of them, as a tsquery."""
    join = sa.func.tsquery_or if wanted.any_will_do else sa.func.tsquery_and
    return reduce(join, (_term(term) for term in wanted.terms))


def _term(term: Term) -> sa.ColumnElement[Any]:
    query: sa.ColumnElement[Any] = sa.cast(sa.literal(term.exact), TSQUERY)
    for word in term.stems:
        query = sa.func.tsquery_or(query, sa.func.plainto_tsquery(sa.text("'english'"), word))
    return query


def query(wanted: Wanted) -> sa.ColumnElement[Any]:
    """The code or the words."""
    code = code_query(wanted)
    return sa.func.tsquery_or(code, words_query(wanted)) if wanted.terms else code


def matches(wanted: Wanted) -> sa.ColumnElement[bool]:
    return Listing.product_id.in_(sa.select(ListingWords.product_id).where(said(query(wanted))))


def said(query: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Of a statement that has joined the words."""
    return ListingWords.words.op("@@")(query)


def narrowed(
    filters: Filters, category_ids: Collection[int] | None, *, other_than: Collection[str] = ()
) -> list[sa.ColumnElement[bool]]:
    """The conditions of all filters but those named; `category_ids` is the chosen category with all below it."""
    conditions: dict[str, Any] = {}
    if category_ids is not None:
        conditions["category"] = Listing.category_id.in_(category_ids)
    if filters.sellers:
        conditions["sellers"] = Listing.seller_id.in_(filters.sellers)
    if filters.countries:
        conditions["countries"] = Listing.country.in_(filters.countries)
    if filters.in_stock:
        conditions["in_stock"] = Listing.in_stock
    if filters.max_moq is not None:
        conditions["max_moq"] = Listing.moq <= filters.max_moq
    if filters.min_price is not None:
        conditions["min_price"] = Listing.from_price >= filters.min_price
    if filters.max_price is not None:
        conditions["max_price"] = Listing.from_price <= filters.max_price
    for attribute, answers in filters.attributes:
        # One of an attribute's answers will do, but every attribute must have one.
        conditions[f"a{attribute}"] = Listing.attributes.op("&&")(
            sa.literal([f"{attribute}={answer}" for answer in answers], ARRAY(sa.Text))
        )
    return [condition for name, condition in conditions.items() if name not in other_than]
