"""Changes of what categories ask of their products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

import sqlalchemy as sa

from wholesale.audit import actions as audit
from wholesale.catalog.actions import listings
from wholesale.catalog.events import AT_ONCE, AttributeRemoved, CategoryChanged
from wholesale.catalog.models import Category, CategoryAttribute, Product
from wholesale.catalog.queries.attributes import uses_of
from wholesale.catalog.rules.attributes import KINDS, read_options
from wholesale.catalog.rules.categories import is_below
from wholesale.catalog.rules.pictures import Way, reordered
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, DomainError, NotFoundError
from wholesale.platform.db import db
from wholesale.platform.outbox import LONG_WORK, emit


def add_attribute(
    *,
    actor: Actor,
    category_id: int,
    name: str,
    kind: str,
    name_bn: str = "",
    options: Sequence[str] = (),
    unit: str = "",
) -> CategoryAttribute:
    """One more question to the products of a category and below; an option may have its name in Bangla behind a `=`.

    Raises DomainError on the field that is wrong.
    """
    category = _category(category_id)
    _check(category, None, name, kind)
    named = read_options(kind, options)
    last = db.session.scalar(
        sa.select(sa.func.max(CategoryAttribute.position)).where(CategoryAttribute.category_id == category.id)
    )
    attribute = CategoryAttribute(
        category_id=category.id,
        name=name,
        kind=kind,
        name_bn=name_bn or None,
        options=[option for option, _bangla in named],
        options_bn=_in_bangla(named),
        unit=unit if kind == "number" else "",
        position=0 if last is None else last + 1,
    )
    db.session.add(attribute)
    db.session.flush()
    _note(actor, "attribute.added", category, None, _facts(attribute))
    return attribute


def change_attribute(
    *,
    actor: Actor,
    category_id: int,
    attribute_id: int,
    name: str,
    kind: str,
    name_bn: str = "",
    options: Sequence[str] = (),
    unit: str = "",
) -> CategoryAttribute:
    """What products have answered stays an answer: neither the kind nor an option in use can be taken away."""
    category = _category(category_id)
    attribute = _attribute(category, attribute_id)
    _check(category, attribute, name, kind)
    before = _facts(attribute)
    named = read_options(kind, options)
    wanted = [option for option, _bangla in named]
    uses = uses_of(attribute)
    if kind != attribute.kind and uses.products:
        raise DomainError(
            "Products have answered it ({number}), so that its kind stays. Add another attribute instead.",
            field="kind",
            number=uses.products,
        )
    for option, number in uses.options.items():
        if option not in wanted and kind == "choice":
            raise DomainError(
                "Products say “{option}” ({number}), so that it stays.", field="options", number=number, option=option
            )
    attribute.name, attribute.name_bn, attribute.kind = name, name_bn or None, kind
    attribute.options, attribute.options_bn = wanted, _in_bangla(named)
    attribute.unit = unit if kind == "number" else ""
    db.session.flush()
    if before != _facts(attribute):
        _note(actor, "attribute.changed", category, before, _facts(attribute))
        emit(CategoryChanged(category_id=category.id))
    return attribute


def _in_bangla(named: Sequence[tuple[str, str]]) -> list[str]:
    """In the options' order; nothing at all where none has a name."""
    return [bangla for _option, bangla in named] if any(bangla for _option, bangla in named) else []


def move_attribute(*, actor: Actor, category_id: int, attribute_id: int, way: Way) -> None:
    """Ask it earlier or later."""
    category = _category(category_id)
    attribute = _attribute(category, attribute_id)
    rows = {
        each.id: each
        for each in db.session.scalars(
            sa.select(CategoryAttribute)
            .where(CategoryAttribute.category_id == category.id)
            .order_by(CategoryAttribute.position, CategoryAttribute.id)
        )
    }
    before = list(rows)
    after = reordered(before, attribute.id, way)
    if after == before:
        return
    for position, each in enumerate(after):
        rows[each].position = position
    db.session.flush()
    places = ({"name": attribute.name, "place": order.index(attribute.id) + 1} for order in (before, after))
    _note(actor, "attribute.changed", category, *places)


def remove_attribute(*, actor: Actor, category_id: int, attribute_id: int, seen: int = 0) -> int:
    """Remove it with what products have answered; how many had. `seen`: how many the person was told.

    Raises ConflictError when there are more by now than they were told.
    """
    category = _category(category_id)
    attribute = _attribute(category, attribute_id)
    used = uses_of(attribute).products
    if used > seen:
        raise ConflictError(
            "Products use this attribute by now ({number}). Look at it again before you remove it.", number=used
        )
    facts = _facts(attribute)
    db.session.delete(attribute)
    db.session.flush()
    forget_some_answers(attribute_id)
    _note(actor, "attribute.removed", category, facts | {"products": used}, None)
    return used


def forget_some_answers(attribute_id: int) -> None:
    """Take what the next products have answered to an attribute that is gone, and announce what is left."""
    key = str(attribute_id)
    ids = list(
        db.session.scalars(
            sa.select(Product.id)
            .where(Product.attributes.has_key(key))
            .order_by(Product.id)
            .limit(AT_ONCE)
            .with_for_update(key_share=True)
        )
    )
    db.session.execute(
        sa.update(Product)
        .where(Product.id.in_(ids))
        .values(
            attributes=sa.cast(Product.attributes, sa.dialects.postgresql.JSONB).op("-")(sa.cast(key, sa.Text)),
            version=Product.version + 1,
            updated_at=clock.now(),
        )
    )
    listings.refresh(ids)
    if len(ids) == AT_ONCE:
        emit(AttributeRemoved(attribute_id=attribute_id), priority=LONG_WORK)


def _category(category_id: int) -> Category:
    """Locked, so that two people do not add the same attribute at once."""
    category = db.session.get(Category, category_id, with_for_update={"key_share": True}, populate_existing=True)
    if category is None:
        raise NotFoundError
    return category


def _attribute(category: Category, attribute_id: int) -> CategoryAttribute:
    attribute = db.session.get(CategoryAttribute, attribute_id, with_for_update=True, populate_existing=True)
    if attribute is None or attribute.category_id != category.id:
        raise NotFoundError
    return attribute


def _check(category: Category, attribute: CategoryAttribute | None, name: str, kind: str) -> None:
    """Raise DomainError unless nobody above or below asks the same already."""
    if kind not in KINDS:
        raise DomainError("Please choose one.", field="kind")
    parents = dict(db.session.execute(sa.select(Category.id, Category.parent_id)).all())
    rows = db.session.execute(
        sa.select(CategoryAttribute.id, CategoryAttribute.category_id, Category.name)
        .join(Category, Category.id == CategoryAttribute.category_id)
        .where(sa.func.lower(CategoryAttribute.name) == name.lower())
    )
    for row in rows:
        if attribute is not None and row.id == attribute.id:
            continue
        if is_below(parents, category.id, row.category_id) or is_below(parents, row.category_id, category.id):
            raise DomainError("“{category}” asks for this already.", field="name", category=row.name)


def _facts(attribute: CategoryAttribute) -> dict[str, object]:
    return {
        "name": attribute.name,
        "name_in_bangla": attribute.name_bn or "",
        "kind": attribute.kind,
        "options": [
            f"{option} = {bangla}" if bangla else option
            for option, bangla in zip_longest(attribute.options, attribute.options_bn)
        ],
        "unit": attribute.unit,
    }


def _note(
    actor: Actor,
    action: str,
    category: Category,
    before: Mapping[str, object] | None,
    after: Mapping[str, object] | None,
) -> None:
    audit.record(actor=actor, action=action, thing="category", thing_id=category.slug, before=before, after=after)
