"""What this room announces."""

from __future__ import annotations

from dataclasses import dataclass

from wholesale.kernel.events import Event


@dataclass(frozen=True)
class OrderPlaced(Event):
    """A seller's order exists, with its stock taken and its money posted."""

    order_id: int


@dataclass(frozen=True)
class OrderMoved(Event):
    """An order went from `before` to `after` (states of `rules.TRANSITIONS`)."""

    order_id: int
    before: str
    after: str


@dataclass(frozen=True)
class OrderCredited(Event):
    """A part of an order was taken back (`OrderCredit`): cancelled, returned, or allowed."""

    order_id: int
    credit_id: int
