"""What rooms above tell the pages of stock. Each says it here once, where it is imported; the pages ask whoever has."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

# Variants' ids → pieces that suppliers have been asked for and have not brought yet.
OnOrder = Callable[[Collection[int]], Mapping[int, int]]
# A seller's id and references of the log → where each leads: an endpoint and its values.
Links = Callable[[int, Collection[str]], Mapping[str, tuple[str, dict[str, Any]]]]


_ORDER = re.compile(r"ORD-\d{4}-\d{6,}", re.ASCII)


@dataclass
class _Told:
    on_order: OnOrder | None = None
    links: list[Links] = field(default_factory=list)


_told = _Told()


def tells_on_order(function: OnOrder) -> OnOrder:
    _told.on_order = function
    return function


def tells_links(function: Links) -> Links:
    _told.links.append(function)
    return function


def on_order(variant_ids: Collection[int]) -> Mapping[int, int] | None:
    """What is on order of these; None where nobody buys anything."""
    return None if _told.on_order is None else _told.on_order(variant_ids)


def links(seller_id: int, references: Collection[str]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Where these references lead, as far as anybody knows."""
    # Numbers of orders are the same for everybody; their page is named by its address.
    found = {each: ("orders.order", {"number": each}) for each in references if _ORDER.fullmatch(each)}
    if references:
        for ask in _told.links:
            found |= ask(seller_id, references)
    return found
