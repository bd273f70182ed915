"""Changes of the catalogue."""

from __future__ import annotations

from wholesale.catalog.actions.attributes import (
    add_attribute,
    change_attribute,
    forget_some_answers,
    move_attribute,
    remove_attribute,
)
from wholesale.catalog.actions.categories import (
    add_category,
    change_category,
    create_category,
    move_category,
    move_products,
    move_some_products,
    refresh_category,
    remove_category,
)
from wholesale.catalog.actions.pictures import (
    LARGE,
    THUMB,
    WHOLE,
    Taken,
    add_picture,
    copy_pictures,
    describe_picture,
    make_sizes,
    move_picture,
    remove_picture,
    retry_picture,
    upload_pictures,
)
from wholesale.catalog.actions.products import add_product

__all__ = [
    "LARGE",
    "THUMB",
    "WHOLE",
    "Taken",
    "add_attribute",
    "add_category",
    "add_picture",
    "add_product",
    "change_attribute",
    "change_category",
    "copy_pictures",
    "create_category",
    "describe_picture",
    "forget_some_answers",
    "make_sizes",
    "move_attribute",
    "move_category",
    "move_picture",
    "move_products",
    "move_some_products",
    "refresh_category",
    "remove_attribute",
    "remove_category",
    "remove_picture",
    "retry_picture",
    "upload_pictures",
]
