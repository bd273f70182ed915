"""What returns announce."""

from __future__ import annotations

from dataclasses import dataclass

from wholesale.kernel.events import Event


@dataclass(frozen=True)
class ReturnMoved(Event):
    """A return is in the state `after` now; `after` requested: the buyer has just asked."""

    return_id: int
    after: str


@dataclass(frozen=True)
class GoodsRefused(Event):
    """Nobody took an order at the door: all of it has come back."""

    order_id: int


@dataclass(frozen=True)
class AllowanceGiven(Event):
    """The price of a line was lowered after delivery (`credit_id`: the taking back)."""

    order_id: int
    credit_id: int
