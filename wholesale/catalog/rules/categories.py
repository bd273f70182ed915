"""The category tree and slugs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wholesale.kernel.errors import DomainError
from wholesale.organizations.rules import slug

_LONGEST_SLUG = 80


@dataclass(slots=True)
class Node:
    """A category with what is below it; `count` is the active products in it and below."""

    id: int
    slug: str
    name: str
    name_bn: str | None
    parent_id: int | None
    picture_key: str | None = None
    count: int = 0
    children: list[Node] = field(default_factory=list)

    def __hash__(self) -> int:
        """Nothing of it changes once its tree is made."""
        return hash(self.id)

    @property
    def ids(self) -> list[int]:
        """This category and all below it."""
        return [self.id, *(below for child in self.children for below in child.ids)]


def tree(rows: Iterable[Sequence[Any]], counts: Mapping[int, int]) -> list[Node]:
    """The roots, each with its children, from (id, slug, name, name_bn, parent's id, picture) in the order to show."""
    nodes = {}
    for row in rows:
        node = nodes[row[0]] = Node(*row)
        node.count = counts.get(node.id, 0)
    roots = []
    for node in nodes.values():
        if node.parent_id is None:
            roots.append(node)
        else:
            nodes[node.parent_id].children.append(node)
    for root in roots:
        _add_up(root)
    return roots


def _add_up(node: Node) -> int:
    node.count += sum(_add_up(child) for child in node.children)
    return node.count


def find(roots: Iterable[Node], slug: str) -> Node | None:
    """The category of that slug, anywhere in the tree."""
    for node in roots:
        found = node if node.slug == slug else find(node.children, slug)
        if found is not None:
            return found
    return None


def path_to(roots: Iterable[Node], category_id: int) -> list[Node]:
    """The categories from the root down to the one of that id; empty when there is none."""
    for node in roots:
        if node.id == category_id:
            return [node]
        below = path_to(node.children, category_id)
        if below:
            return [node, *below]
    return []


def slugify(name: str) -> str:
    """A readable part of an address, as businesses have it; empty without Latin letters and digits."""
    return slug(name, "", longest=_LONGEST_SLUG)


def check_slug(typed: str) -> str:
    """A category's part of an address, as it was typed. Raises DomainError on `slug`."""
    part = typed.strip().lower()
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", part) or len(part) > _LONGEST_SLUG:
        raise DomainError("Use small Latin letters, digits and hyphens, such as kitchen-tools.", field="slug")
    return part


def chain(parents: Mapping[int, int | None], category_id: int) -> tuple[int, ...]:
    """The category and those above it, the nearest first; `parents` are all categories' parents."""
    found: list[int] = []
    at: int | None = category_id
    while at is not None and at not in found:  # a ring would have no end
        found.append(at)
        at = parents.get(at)
    return tuple(found)


def is_below(parents: Mapping[int, int | None], category_id: int, ancestor_id: int) -> bool:
    """Whether a category is `ancestor_id` or stands anywhere below it; `parents` are all categories' parents."""
    return ancestor_id in chain(parents, category_id)
