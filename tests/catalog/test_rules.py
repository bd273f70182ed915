"""The category tree and slugs."""

from __future__ import annotations

import pytest

from wholesale.catalog.rules import find, path_to, slugify, tree

ROWS = [
    (1, "grocery", "Grocery", "মুদি", None),
    (2, "fruit", "Fruit", None, 1),
    (3, "apples", "Apples", None, 2),
    (4, "bags", "Bags", None, None),
]


def test_counts_add_up_the_tree() -> None:
    grocery, bags = tree(ROWS, {2: 3, 3: 4, 4: 1})
    assert (grocery.count, bags.count) == (7, 1)
    assert grocery.ids == [1, 2, 3]


def test_find_and_path() -> None:
    roots = tree(ROWS, {})
    apples = find(roots, "apples")
    assert apples is not None
    assert apples.id == 3
    assert find(roots, "nothing") is None
    assert [node.slug for node in path_to(roots, 3)] == ["grocery", "fruit", "apples"]
    assert path_to(roots, 99) == []


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Jute Bag", "jute-bag"),
        ("  Crème brûlée! ", "creme-brulee"),
        ("চাল", ""),
        ("a" * 200, "a" * 80),
        ("50% off", "50-off"),
        ("চা ৫০০", "500"),
        ("a" * 79 + " b", "a" * 79),
    ],
)
def test_slugs(name: str, slug: str) -> None:
    assert slugify(name) == slug
