"""What the categories ask of their products."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from wholesale.catalog.models import Category, CategoryAttribute, Product
from wholesale.catalog.rules.attributes import Attribute, inherited
from wholesale.platform.db import db

_COLUMNS = (
    CategoryAttribute.id,
    CategoryAttribute.category_id,
    CategoryAttribute.name,
    CategoryAttribute.name_bn,
    CategoryAttribute.kind,
    CategoryAttribute.options,
    CategoryAttribute.unit,
    CategoryAttribute.options_bn,
)


def attributes_for(category_id: int) -> list[Attribute]:
    """What products of this category tell about themselves: its own and the inherited, the root's first."""
    above = (
        sa.select(Category.id, Category.parent_id, sa.literal(0).label("height"))
        .where(Category.id == category_id)
        .cte("above", recursive=True)
    )
    above = above.union_all(
        sa.select(Category.id, Category.parent_id, above.c.height + 1).where(Category.id == above.c.parent_id)
    )
    rows = db.session.execute(
        sa.select(*_COLUMNS)
        .join(above, above.c.id == CategoryAttribute.category_id)
        .order_by(above.c.height.desc(), CategoryAttribute.position, CategoryAttribute.id)
    )
    return [_attribute(row) for row in rows]


def attributes_by_category() -> dict[int, list[Attribute]]:
    """The same for every category at once, for whoever reads many products."""
    parents = dict(db.session.execute(sa.select(Category.id, Category.parent_id)).all())
    own: defaultdict[int, list[Attribute]] = defaultdict(list)
    rows = db.session.execute(sa.select(*_COLUMNS).order_by(CategoryAttribute.position, CategoryAttribute.id))
    for row in rows:
        own[row.category_id].append(_attribute(row))
    return {category_id: inherited(parents, own, category_id) for category_id in parents}


@dataclass(frozen=True, slots=True)
class Uses:
    """How many products have answered an attribute, and how many with which option."""

    products: int
    options: dict[str, int]


def uses_of(attribute: CategoryAttribute | Attribute) -> Uses:
    """Of products in every state."""
    key = str(attribute.id)
    answer = Product.attributes[key].astext
    rows = db.session.execute(
        sa.select(answer, sa.func.count()).where(Product.attributes.has_key(key)).group_by(answer)
    )
    answers = {text or "": number for text, number in rows}
    return Uses(sum(answers.values()), answers if attribute.kind == "choice" else {})


def uses_in(attribute_ids: Collection[int]) -> dict[int, int]:
    """How many products have answered each of these attributes, in one go."""
    if not attribute_ids:
        return {}
    keys = [str(each) for each in attribute_ids]
    answered = sa.func.jsonb_object_keys(Product.attributes).table_valued("key").render_derived(name="answered")
    rows = db.session.execute(
        sa.select(answered.c.key, sa.func.count())
        .select_from(Product)
        .join(answered, sa.true())
        .where(Product.attributes.has_any(sa.dialects.postgresql.array(keys)), answered.c.key.in_(keys))
        .group_by(answered.c.key)
    )
    return {int(key): number for key, number in rows}


def _attribute(row: sa.Row[int, int, str, str | None, str, list[str], str, list[str]]) -> Attribute:
    found_id, category_id, name, name_bn, kind, options, unit, options_bn = row
    return Attribute(found_id, category_id, name, name_bn, kind, tuple(options), unit, tuple(options_bn))
