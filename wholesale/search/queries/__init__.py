"""Reads of search: goods by words and filters, counts of filters, suggestions, what nobody found."""

from __future__ import annotations

from wholesale.catalog.queries import Card
from wholesale.search.queries.all_sellers import Sellers, sellers
from wholesale.search.queries.counting import Facets, facets
from wholesale.search.queries.goods import MOST_RANKED, PAGE_SIZE, Found, find_sku, page
from wholesale.search.queries.log import Miss, misses, totals
from wholesale.search.queries.synonyms import synonym, synonyms
from wholesale.search.queries.words import Suggestions, suggestions, vocabulary

__all__ = [
    "MOST_RANKED",
    "PAGE_SIZE",
    "Card",
    "Facets",
    "Found",
    "Miss",
    "Sellers",
    "Suggestions",
    "facets",
    "find_sku",
    "misses",
    "page",
    "sellers",
    "suggestions",
    "synonym",
    "synonyms",
    "totals",
    "vocabulary",
]
