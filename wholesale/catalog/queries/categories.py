"""The category tree as buyers see it."""

from __future__ import annotations

import sqlalchemy as sa

from wholesale.catalog.models import Category, Product
from wholesale.catalog.rules import Node, tree
from wholesale.organizations.models import Organization
from wholesale.organizations.queries import verified_now
from wholesale.platform.db import db


def categories() -> list[Node]:
    """The category tree with how many active products each has."""
    counts = (
        sa.select(Product.category_id, sa.func.count())
        .join(Organization, Organization.id == Product.seller_id)
        .where(Product.state == "active", verified_now())
    )
    counted: dict[int, int] = dict(db.session.execute(counts.group_by(Product.category_id)).all())
    rows = db.session.execute(
        sa.select(Category.id, Category.slug, Category.name, Category.name_bn, Category.parent_id).order_by(
            Category.position, Category.id
        )
    )
    return tree((tuple(row) for row in rows), counted)  # type: ignore[misc]  # the columns selected above
