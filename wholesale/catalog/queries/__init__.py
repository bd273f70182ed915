"""Reads of the catalogue. It is public; prices are not here."""

from __future__ import annotations

from wholesale.catalog.queries.admin import (
    Branch,
    CategoryFile,
    attribute,
    category_file,
    category_names,
    category_tree,
)
from wholesale.catalog.queries.attributes import attributes_by_category, attributes_for
from wholesale.catalog.queries.categories import categories
from wholesale.catalog.queries.pictures import (
    Media,
    OwnPictures,
    late_pictures,
    media,
    own_picture,
    own_pictures,
    thumb,
    thumbs,
)
from wholesale.catalog.queries.products import (
    MAX_QUERY,
    PAGE_SIZE,
    Card,
    Page,
    ProductPage,
    VariantChoice,
    page,
    product,
)

__all__ = [
    "MAX_QUERY",
    "PAGE_SIZE",
    "Branch",
    "Card",
    "CategoryFile",
    "Media",
    "OwnPictures",
    "Page",
    "ProductPage",
    "VariantChoice",
    "attribute",
    "attributes_by_category",
    "attributes_for",
    "categories",
    "category_file",
    "category_names",
    "category_tree",
    "late_pictures",
    "media",
    "own_picture",
    "own_pictures",
    "page",
    "product",
    "thumb",
    "thumbs",
]
