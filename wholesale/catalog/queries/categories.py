"""The category tree as buyers see it."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from wholesale.catalog.models import Category, Listing
from wholesale.catalog.rules import Node, tree
from wholesale.catalog.rules.categories import chain
from wholesale.organizations.models import Organization
from wholesale.organizations.queries import verified_now
from wholesale.organizations.queries.businesses import COUNTED
from wholesale.platform import cache
from wholesale.platform.db import db

TREE = "category-tree"  # under which platform.cache keeps it
COUNTS = COUNTED  # and what is counted of the goods of lists: dropped when any changes in more than its price


def categories() -> tuple[Node, ...]:
    """The category tree with how many active products each has: as it is, or was at most five minutes ago."""
    return _tree(cache.remember_text(TREE, "", cache.CATALOGUE, _read))


@lru_cache(maxsize=4)
def _tree(text: str) -> tuple[Node, ...]:
    rows, counted = json.loads(text)
    return tuple(tree(rows, dict(counted)))


def _read() -> tuple[list[list[Any]], list[list[int]]]:
    counts = (
        sa.select(Listing.category_id, sa.func.count())
        .join(Organization, Organization.id == Listing.seller_id)
        .where(verified_now())
        .group_by(Listing.category_id)
    )
    return rows_of_tree(), [list(row) for row in db.session.execute(counts)]


def chains() -> dict[int, tuple[int, ...]]:
    """Each category with itself and those above it, the nearest first."""
    parents = dict(db.session.execute(sa.select(Category.id, Category.parent_id)).all())
    return {category_id: chain(parents, category_id) for category_id in parents}


def below(category_id: int) -> sa.Select[tuple[int]]:
    """The ids of the category and of all below it, for a statement that asks for their goods."""
    tree = sa.select(Category.id).where(Category.id == category_id).cte("tree", recursive=True)
    tree = tree.union_all(sa.select(Category.id).where(Category.parent_id == tree.c.id))
    return sa.select(tree.c.id)


def rows_of_tree() -> list[list[Any]]:
    """What `rules.tree` needs of every category, in the order to show."""
    columns = (
        Category.id,
        Category.slug,
        Category.name,
        Category.name_bn,
        Category.parent_id,
        Category.picture_key,
    )
    return [list(row) for row in db.session.execute(sa.select(*columns).order_by(Category.position, Category.id))]
