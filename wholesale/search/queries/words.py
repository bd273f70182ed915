"""The vocabulary in memory, and what is suggested while somebody types."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects.postgresql import TSQUERY

from wholesale.catalog import queries as catalog
from wholesale.catalog.models import Listing, ListingWords, Product
from wholesale.catalog.rules import Node
from wholesale.catalog.rules.words import plain, readable
from wholesale.platform.db import db
from wholesale.search.models import Vocabulary as Stored
from wholesale.search.queries import matching
from wholesale.search.queries.synonyms import equal_terms
from wholesale.search.rules.spelling import Vocabulary
from wholesale.search.rules.wanted import typed, wanted

_TRUSTED_SECONDS = 10.0  # so long a process does not ask whether its words are still the newest
_MOST_GOODS = 5
_MOST_CATEGORIES = 3
_MOST_WORDS = 4
_MOST_LOOKED_AT = 100
_SHORTEST = 2
_LONGEST_NAME = 60


@dataclass
class _Kept:
    version: str = ""
    words: Vocabulary = field(default_factory=lambda: Vocabulary(()))
    asked_at: float = float("-inf")


_lock = Lock()


def vocabulary() -> Vocabulary:
    """The catalogue's words, kept in memory and read anew when the job has made others."""
    kept: _Kept = current_app.extensions.setdefault("search_vocabulary", _Kept())
    if time.monotonic() - kept.asked_at < _TRUSTED_SECONDS:
        return kept.words
    with _lock:
        version = db.session.scalar(sa.select(Stored.version)) or ""
        if version != kept.version:
            stored = db.session.scalar(sa.select(Stored.words)) or ""
            kept.words = Vocabulary(_row(line) for line in stored.split("\n") if line)
            kept.version = version
        kept.asked_at = time.monotonic()
    return kept.words


def _row(line: str) -> tuple[str, int, str]:
    word, count, key = line.split("\t")
    return word, int(count), key


def forget_vocabulary() -> None:
    """Let this process read it anew at the next search."""
    current_app.extensions.pop("search_vocabulary", None)


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What may be meant by the beginning of a search: whole queries, categories, goods (slug, name, Bangla name)."""

    q: str
    words: list[str] = field(default_factory=list)
    categories: list[Node] = field(default_factory=list)
    goods: list[Any] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.words or self.categories or self.goods)


def suggestions(q: str) -> Suggestions:
    """The same for everybody: goods and words, never a price."""
    words = typed(q)
    if not words or len("".join(words)) < _SHORTEST:
        return Suggestions(q)
    known = vocabulary()
    *before, last = words
    endings = known.beginning(last, _MOST_WORDS)
    if not endings:
        meant = known.meant_by(last)
        endings = [meant] if meant else []
    completed = [readable(" ".join([*before, ending])) for ending in endings]
    return Suggestions(
        q,
        [text for text in completed if text != readable(" ".join(words))],
        _categories(words),
        _goods(before, endings or [last]),
    )


def _goods(before: list[str], endings: list[str]) -> list[Any]:
    """Goods with all the words. The last is one of a few whole words: all that begin like it may be half the index."""
    synonyms = equal_terms()
    last = " | ".join(f"({term.exact})" for ending in endings for term in wanted([ending], synonyms).terms)
    last = last.replace(":*", "")
    query: sa.ColumnElement[Any] = sa.cast(sa.literal(last), TSQUERY)
    if before:
        asked = wanted([*before, endings[0]], synonyms)
        head = wanted(before, synonyms)
        if len(head.terms) < len(asked.terms):
            query = sa.func.tsquery_and(query, sa.cast(sa.literal(_all(head)), TSQUERY))
    code = wanted([*before, endings[0]], {}).code
    query = sa.func.tsquery_or(query, sa.cast(sa.literal(code), TSQUERY))
    few = (
        sa.select(Listing.product_id, ListingWords.words)
        .join(ListingWords, ListingWords.product_id == Listing.product_id)
        .where(matching.said(query), matching.of_verified())
        .limit(_MOST_LOOKED_AT)
        .subquery()
    )
    best = (
        sa.select(few.c.product_id)
        .order_by(sa.func.ts_rank(few.c.words, query, 1).desc(), few.c.product_id)
        .limit(_MOST_GOODS)
        .subquery()
    )
    rows = db.session.execute(
        sa.select(Product.slug, Product.name, Product.name_bn).join(best, best.c.product_id == Product.id)
    )
    return list(rows)


def _all(asked: Any) -> str:
    return " & ".join(f"({term.exact.replace(':*', '')})" for term in asked.terms)


def _categories(words: list[str]) -> list[Node]:
    """Categories whose name has a word that begins like the last one, and all words before it."""
    found: list[Node] = []
    waiting = list(catalog.categories())
    while waiting and len(found) < _MOST_CATEGORIES:
        node = waiting.pop(0)
        waiting += node.children
        names = plain(f"{node.name} {node.name_bn or ''}").split()
        if any(name.startswith(words[-1]) for name in names) and all(word in names for word in words[:-1]):
            found.append(node)
    return found
