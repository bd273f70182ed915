"""Changes of the category tree."""

from __future__ import annotations

from wholesale.catalog.models import Category
from wholesale.catalog.queries.categories import TREE
from wholesale.platform import cache
from wholesale.platform.db import db


def add_category(
    *, slug: str, name: str, name_bn: str | None = None, parent_id: int | None = None, position: int = 0
) -> Category:
    category = Category(slug=slug, name=name, name_bn=name_bn, parent_id=parent_id, position=position)
    db.session.add(category)
    db.session.flush()
    cache.drop(TREE)
    return category
