"""The category tree as the platform's admins edit it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import sqlalchemy as sa

from wholesale.catalog.models import Category, CategoryAttribute, Product
from wholesale.catalog.queries.attributes import attributes_for, uses_in
from wholesale.catalog.queries.categories import rows_of_tree
from wholesale.catalog.rules import Attribute, Node, tree
from wholesale.kernel.errors import NotFoundError
from wholesale.platform.db import db


@dataclass(frozen=True, slots=True)
class Branch:
    """A category in the tree; `products` and `products_below` count drafts and archived ones too."""

    category: Category
    children: list[Branch]
    products: int
    products_below: int
    attributes: int


def category_tree() -> list[Branch]:
    """The roots, each with what is below it, in the order to show."""
    of: defaultdict[int | None, list[Category]] = defaultdict(list)
    for category in db.session.scalars(sa.select(Category).order_by(Category.position, Category.id)):
        of[category.parent_id].append(category)
    products, attributes = _counts(Product.category_id), _counts(CategoryAttribute.category_id)

    def branch(category: Category) -> Branch:
        children = [branch(each) for each in of[category.id]]
        below = sum(child.products + child.products_below for child in children)
        return Branch(category, children, products.get(category.id, 0), below, attributes.get(category.id, 0))

    return [branch(root) for root in of[None]]


def category_names() -> list[tuple[int, str]]:
    """(id, name with those above it) of every category, as the tree stands."""
    named: list[tuple[int, str]] = []

    def walk(branches: list[Node], above: str) -> None:
        for each in branches:
            named.append((each.id, above + each.name))
            walk(each.children, f"{above}{each.name} › ")

    walk(tree(rows_of_tree(), {}), "")
    return named


def _counts(column: sa.orm.InstrumentedAttribute[int]) -> dict[int, int]:
    return dict(db.session.execute(sa.select(column, sa.func.count()).group_by(column)).all())


@dataclass(frozen=True, slots=True)
class CategoryFile:
    """A category with what its products are asked and how many have answered."""

    category: Category
    path: list[Category]
    own: list[tuple[Attribute, int]]
    inherited: list[tuple[Attribute, str]]
    products: int
    children: int


def category_file(category_id: int) -> CategoryFile:
    """Raises NotFoundError."""
    known = {each.id: each for each in db.session.scalars(sa.select(Category))}
    if category_id not in known:
        raise NotFoundError
    path = [known[category_id]]
    while (above := path[0].parent_id) is not None:
        path.insert(0, known[above])
    asked = attributes_for(category_id)
    uses = uses_in([each.id for each in asked if each.category_id == category_id])
    return CategoryFile(
        category=known[category_id],
        path=path,
        own=[(each, uses.get(each.id, 0)) for each in asked if each.category_id == category_id],
        inherited=[(each, known[each.category_id].name) for each in asked if each.category_id != category_id],
        products=_counts_of(Product.category_id, category_id),
        children=sum(each.parent_id == category_id for each in known.values()),
    )


def _counts_of(column: sa.orm.InstrumentedAttribute[int], category_id: int) -> int:
    return db.session.scalar(sa.select(sa.func.count()).where(column == category_id)) or 0


def attribute(category_id: int, attribute_id: int) -> CategoryAttribute:
    """Raises NotFoundError."""
    found = db.session.get(CategoryAttribute, attribute_id)
    if found is None or found.category_id != category_id:
        raise NotFoundError
    return found
