"""What this room announces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from wholesale.kernel.events import Event


@dataclass(frozen=True)
class _OfVariants(Event):
    """Something about an order's variants; their ids are written one behind the other, as an event is plain."""

    order_id: int
    variants: str

    @classmethod
    def of(cls, order_id: int, variant_ids: Iterable[int]) -> Self:
        return cls(order_id=order_id, variants=" ".join(str(each) for each in sorted(variant_ids)))

    @property
    def variant_ids(self) -> list[int]:
        return [int(each) for each in self.variants.split()]


@dataclass(frozen=True)
class PurchaseOrderChanged(_OfVariants):
    """What is on order of these variants has changed: raised, edited, sent, cancelled, closed short."""


@dataclass(frozen=True)
class GoodsReceived(_OfVariants):
    """A delivery of a purchase order came in."""


@dataclass(frozen=True)
class PurchaseOrderSent(Event):
    """An order has a new version for its supplier; its document is still to be made, and then to be sent."""

    document_id: int
