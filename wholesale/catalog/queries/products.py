"""Products as lists show them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Card:
    """A product as a list shows it."""

    product_id: int
    slug: str
    name: str
    name_bn: str | None
    unit: str
    moq: int
    multiple: int
    seller_name: str
    thumb_key: str | None
