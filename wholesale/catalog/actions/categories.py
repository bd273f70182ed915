"""Changes of the category tree."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from werkzeug.datastructures import FileStorage

from wholesale.audit import actions as audit
from wholesale.catalog.actions import listings
from wholesale.catalog.events import AT_ONCE, CategoryChanged, MoveBegan
from wholesale.catalog.models import Category, CategoryAttribute, Product
from wholesale.catalog.queries.categories import TREE
from wholesale.catalog.rules import pictures as pictures_rules
from wholesale.catalog.rules import slugify
from wholesale.catalog.rules.categories import check_slug, is_below
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.platform import cache, files
from wholesale.platform.db import db
from wholesale.platform.files import storage
from wholesale.platform.outbox import LONG_WORK, emit


def add_category(
    *, slug: str, name: str, name_bn: str | None = None, parent_id: int | None = None, position: int = 0
) -> Category:
    """A category as the demonstration and tests give it: what it says is not looked at again."""
    category = Category(slug=slug, name=name, name_bn=name_bn, parent_id=parent_id, position=position)
    db.session.add(category)
    db.session.flush()
    return category


def create_category(
    *,
    actor: Actor,
    name: str,
    name_bn: str = "",
    slug: str = "",
    parent_id: int | None = None,
    picture: FileStorage | None = None,
) -> Category:
    """A new category, last among its sisters. Raises DomainError on `name`, `slug`, `parent_id` or `picture`."""
    tree = _locked_tree()
    _check_parent(tree, None, parent_id)
    _check_name(tree, None, name, parent_id)
    sisters = [each.position for each in tree.values() if each.parent_id == parent_id]
    category = add_category(
        slug=_slug(tree, None, slug, name),
        name=name,
        name_bn=name_bn or None,
        parent_id=parent_id,
        position=max(sisters, default=-1) + 1,
    )
    if picture is not None:
        _set_picture(category, picture)
    cache.drop(TREE)
    _note(actor, "category.added", category, None, _facts(category, tree))
    return category


def change_category(
    *,
    actor: Actor,
    category_id: int,
    name: str,
    name_bn: str = "",
    slug: str = "",
    parent_id: int | None = None,
    picture: FileStorage | None = None,
    drop_picture: bool = False,
) -> Category:
    """Other names, another place in the tree, another picture. Raises DomainError like `create_category`."""
    tree = _locked_tree()
    category = _of(tree, category_id)
    _check_parent(tree, category, parent_id)
    _check_name(tree, category, name, parent_id)
    before = _facts(category, tree)
    category.slug = _slug(tree, category, slug, name)
    category.name, category.name_bn = name, name_bn or None
    if category.parent_id != parent_id:
        _check_attributes(tree, category, parent_id)
        sisters = [each.position for each in tree.values() if each.parent_id == parent_id]
        category.parent_id, category.position = parent_id, max(sisters, default=-1) + 1
    if picture is not None:
        _set_picture(category, picture)
    elif drop_picture:
        category.picture_key = category.picture_jpeg_key = None  # the files go in the night
    db.session.flush()
    after = _facts(category, tree)
    if before != after:
        _note(actor, "category.changed", category, before, after)
        _changed(category.id)
    return category


def move_category(*, actor: Actor, category_id: int, way: pictures_rules.Way) -> None:
    """Let it change places with the sister before or after it."""
    tree = _locked_tree()
    category = _of(tree, category_id)
    sisters = [
        each.id
        for each in sorted(tree.values(), key=lambda each: (each.position, each.id))
        if each.parent_id == category.parent_id
    ]
    ordered = pictures_rules.reordered(sisters, category.id, way)
    if ordered == sisters:
        return
    for position, each in enumerate(ordered):
        tree[each].position = position
    db.session.flush()
    cache.drop(TREE)
    _note(
        actor,
        "category.changed",
        category,
        {"place": sisters.index(category.id) + 1},
        {"place": ordered.index(category.id) + 1},
    )


def remove_category(*, actor: Actor, category_id: int) -> None:
    """Remove a category with nothing in it. Raises DomainError that says what is."""
    category = db.session.get(Category, category_id, with_for_update=True, populate_existing=True)
    if category is None:
        raise NotFoundError
    children = _counted(sa.select(Category.id).where(Category.parent_id == category_id))
    if children:
        raise DomainError("Categories below it: {number}. Move or remove them first.", field="removal", number=children)
    products = _counted(sa.select(Product.id).where(Product.category_id == category_id))
    if products:
        raise DomainError(
            "Products in it: {number}. Move them to another category first.", field="removal", number=products
        )
    try:
        with db.session.begin_nested():
            db.session.execute(sa.delete(CategoryAttribute).where(CategoryAttribute.category_id == category_id))
            db.session.delete(category)
    except IntegrityError as error:  # what rooms above keep about it, such as percentages with their history
        raise DomainError(
            "Other things name it, such as how revenue is shared, or a change of prices. Rename it or move it instead.",
            field="removal",
        ) from error
    cache.drop(TREE)
    _note(actor, "category.removed", category, {"name": category.name, "slug": category.slug}, None)


def move_products(*, actor: Actor, category_id: int, to_id: int) -> int:
    """Put all products of a category itself into another one; how many. Raises DomainError on `to_id`.

    Of very many the first are moved now and the others by a worker, so that nobody who saves one waits for all.
    Their answers to attributes that the other category does not have are kept, and shown again should they come back.
    """
    tree = _locked_tree()
    category, target = _of(tree, category_id), tree.get(to_id)
    if target is None or target is category:
        raise DomainError("Please choose one.", field="to_id")
    number = _counted(sa.select(Product.id).where(Product.category_id == category.id))
    if number:
        move_some_products(category_id=category.id, to_id=target.id)
        _note(
            actor,
            "category.products_moved",
            category,
            {"category": category.name},
            {"category": target.name, "products": number},
        )
    return number


def move_some_products(*, category_id: int, to_id: int) -> None:
    """Move the next products, and announce what is left. Nothing, when the other category is gone meanwhile."""
    if db.session.get(Category, to_id, with_for_update={"read": True, "key_share": True}) is None:
        return
    ids = list(
        db.session.scalars(
            sa.select(Product.id)
            .where(Product.category_id == category_id)
            .order_by(Product.id)
            .limit(AT_ONCE)
            .with_for_update(key_share=True)
        )
    )
    db.session.execute(
        sa.update(Product)
        .where(Product.id.in_(ids))
        .values(category_id=to_id, updated_at=clock.now(), version=Product.version + 1)
    )
    listings.refresh(ids)
    cache.drop(TREE)
    if len(ids) == AT_ONCE:
        emit(MoveBegan(category_id=category_id, to_id=to_id), priority=LONG_WORK)


def refresh_category(category_id: int, after: int = 0) -> None:
    """Write anew what lists know of the next products in the category and below it, and announce what is left.

    Some at once: sellers who save one of them wait for the rows that are being written.
    """
    below = sa.select(Category.id).where(Category.id == category_id).cte("below", recursive=True)
    below = below.union_all(sa.select(Category.id).where(Category.parent_id == below.c.id))
    ids = list(
        db.session.scalars(
            sa.select(Product.id)
            .where(Product.category_id.in_(sa.select(below.c.id)), Product.id > after, Product.state == "active")
            .order_by(Product.id)
            .limit(AT_ONCE)
        )
    )
    listings.refresh(ids)
    if len(ids) == AT_ONCE:
        emit(CategoryChanged(category_id=category_id, after=ids[-1]), priority=LONG_WORK)


def _changed(category_id: int) -> None:
    """Pages keep the tree for a while, lists the category's words: both are to be made anew."""
    cache.drop(TREE)
    emit(CategoryChanged(category_id=category_id))


def _locked_tree() -> dict[int, Category]:
    """All categories, locked: of two people who move two of them at once, the second sees what the first has done.

    So no ring can arise. Products may still be put into them meanwhile.
    """
    rows = sa.select(Category).order_by(Category.id).with_for_update(key_share=True)
    return {each.id: each for each in db.session.scalars(rows.execution_options(populate_existing=True))}


def _of(tree: Mapping[int, Category], category_id: int) -> Category:
    if category_id not in tree:
        raise NotFoundError
    return tree[category_id]


def _check_parent(tree: Mapping[int, Category], category: Category | None, parent_id: int | None) -> None:
    if parent_id is None:
        return
    if parent_id not in tree:
        raise DomainError("Please choose one.", field="parent_id")
    if category is not None and is_below({each.id: each.parent_id for each in tree.values()}, parent_id, category.id):
        raise DomainError("A category cannot stand below itself.", field="parent_id")


def _check_name(tree: Mapping[int, Category], category: Category | None, name: str, parent_id: int | None) -> None:
    for each in tree.values():
        if each is not category and each.parent_id == parent_id and each.name.casefold() == name.casefold():
            raise DomainError("There is a category of this name here already.", field="name")


def _check_attributes(tree: Mapping[int, Category], category: Category, parent_id: int | None) -> None:
    """No product may be asked the same twice, by the category and by one above it."""
    parents = {each.id: each.parent_id for each in tree.values()}
    rows = db.session.execute(sa.select(CategoryAttribute.category_id, CategoryAttribute.name)).all()
    above = {name.casefold() for of, name in rows if parent_id is not None and is_below(parents, parent_id, of)}
    for of, name in rows:
        if name.casefold() in above and is_below(parents, of, category.id):
            raise DomainError(
                "Both it and a category above it would ask for “{attribute}”. Remove one of the two first.",
                field="parent_id",
                attribute=name,
            )


def _slug(tree: Mapping[int, Category], category: Category | None, typed: str, name: str) -> str:
    """What was typed; else one made from the name that nobody has. Raises DomainError on `slug`."""
    taken = {each.slug for each in tree.values() if each is not category}
    if typed:
        slug = check_slug(typed)
        if slug in taken:
            raise DomainError("Another category has this address already.", field="slug")
        return slug
    base = slugify(name) or "category"
    slug, number = base, 2
    while slug in taken:
        slug, number = f"{base}-{number}", number + 1
    return slug


def _set_picture(category: Category, picture: FileStorage) -> None:
    """A small square one. The files of the one before go in the night."""
    made = files.accept_thumbnail(picture, field="picture")
    category.picture_key = storage().put(made.webp, "image/webp").key
    category.picture_jpeg_key = storage().put(made.jpeg, "image/jpeg").key


def _counted(rows: sa.Select[int]) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(rows.subquery())) or 0


def _facts(category: Category, tree: Mapping[int, Category]) -> dict[str, object]:
    parent = tree.get(category.parent_id) if category.parent_id is not None else None
    return {
        "name": category.name,
        "name_in_bangla": category.name_bn or "",
        "address": category.slug,
        "below": parent.name if parent else "",
        "picture": category.picture_key or "",
    }


def _note(
    actor: Actor,
    action: str,
    category: Category,
    before: Mapping[str, object] | None,
    after: Mapping[str, object] | None,
) -> None:
    audit.record(actor=actor, action=action, thing="category", thing_id=category.slug, before=before, after=after)
