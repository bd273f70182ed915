"""What the pages of stock, locations and transfers share."""

from __future__ import annotations

from wholesale.platform.access import MANAGES_PRODUCTS, actor

_MAX_DIGITS = 18  # fits a bigint


def whole_number(text: str | None) -> int | None:
    """A key from an address; nonsense is none."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None


def may_change() -> bool:
    """Whether the actor changes stock, or only looks at it."""
    return MANAGES_PRODUCTS.allows(actor())
