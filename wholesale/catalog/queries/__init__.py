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
from wholesale.catalog.queries.categories import below, categories, chains
from wholesale.catalog.queries.detail import (
    Alike,
    Answer,
    ProductPage,
    VariantChoice,
    about,
    compared,
    details,
    product,
)
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
from wholesale.catalog.queries.products import Card

__all__ = [
    "Alike",
    "Answer",
    "Branch",
    "Card",
    "CategoryFile",
    "Media",
    "OwnPictures",
    "ProductPage",
    "VariantChoice",
    "about",
    "attribute",
    "attributes_by_category",
    "attributes_for",
    "below",
    "categories",
    "category_file",
    "category_names",
    "category_tree",
    "chains",
    "compared",
    "details",
    "late_pictures",
    "media",
    "own_picture",
    "own_pictures",
    "product",
    "thumb",
    "thumbs",
]
