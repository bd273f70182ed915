"""Reads of the catalogue. It is public; prices are not here."""

from __future__ import annotations

from wholesale.catalog.queries.attributes import attributes_by_category, attributes_for
from wholesale.catalog.queries.categories import categories
from wholesale.catalog.queries.products import (
    MAX_QUERY,
    PAGE_SIZE,
    Card,
    Page,
    ProductPage,
    VariantChoice,
    page,
    picture_exists,
    product,
)

__all__ = [
    "MAX_QUERY",
    "PAGE_SIZE",
    "Card",
    "Page",
    "ProductPage",
    "VariantChoice",
    "attributes_by_category",
    "attributes_for",
    "categories",
    "page",
    "picture_exists",
    "product",
]
