"""Who keeps a delivered order from being completed: rooms that still settle something about it say so here."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

Keeper = Callable[[Collection[int]], Collection[int]]
K = TypeVar("K", bound=Keeper)

_KEEPERS: list[Keeper] = []


def kept_open_by(keeper: K) -> K:
    """Let `keeper` say which of some orders (by id) are not to be completed yet, such as those with an open return."""
    if keeper not in _KEEPERS:
        _KEEPERS.append(keeper)
    return keeper


def kept_open(order_ids: Collection[int]) -> set[int]:
    """Those of these orders about which something is still going on."""
    return {order_id for keeper in _KEEPERS for order_id in keeper(order_ids)}


def is_kept_open(order_id: int) -> bool:
    """Whether something is still going on about an order."""
    return order_id in kept_open([order_id])
