"""What the catalogue decides. Pure."""

from __future__ import annotations

from wholesale.catalog.rules.attributes import (
    Attribute,
    attribute_problems,
    check_attributes,
    check_options,
    read_attribute,
)
from wholesale.catalog.rules.categories import Node, find, path_to, slugify, tree

__all__ = [
    "Attribute",
    "Node",
    "attribute_problems",
    "check_attributes",
    "check_options",
    "find",
    "path_to",
    "read_attribute",
    "slugify",
    "tree",
]
