"""What this room announces."""

from __future__ import annotations

from dataclasses import dataclass

from wholesale.kernel.events import Event

AT_ONCE = 2_000  # products that one event writes: their sellers want to save them meanwhile


@dataclass(frozen=True)
class PictureUploaded(Event):
    """A photograph is kept as it came; its sizes are still to be made."""

    picture_id: int


@dataclass(frozen=True)
class CategoryChanged(Event):
    """A category has another name, place or attributes: the rows that lists read of its products are out of date."""

    category_id: int
    after: int = 0
    """Of these up to this id are right again already."""


@dataclass(frozen=True)
class MoveBegan(Event):
    """The products of a category go into another one, some at a time."""

    category_id: int
    to_id: int


@dataclass(frozen=True)
class AttributeRemoved(Event):
    """An attribute is gone; what products have answered goes some at a time."""

    attribute_id: int
