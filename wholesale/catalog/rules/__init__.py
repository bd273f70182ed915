"""What the catalogue decides. Pure."""

from __future__ import annotations

from wholesale.catalog.rules.categories import Node, find, path_to, slugify, tree

__all__ = ["Node", "find", "path_to", "slugify", "tree"]
