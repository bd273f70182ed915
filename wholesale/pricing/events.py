"""What has happened to prices."""

from __future__ import annotations

from dataclasses import dataclass

from wholesale.kernel.events import Event


@dataclass(frozen=True)
class ManyPricesChanged(Event):
    """More prices of a seller than lists are told of at once: of the products with ids in this range."""

    seller_id: int
    first_id: int
    last_id: int


@dataclass(frozen=True)
class ManyPricesConfirmed(Event):
    """A change of very many prices waits to be made. `categories` as "3,17", empty: none; days as in ISO, or empty."""

    change_id: int
    categories: str
    starts_on: str
    ends_on: str


@dataclass(frozen=True)
class ManyPricesDue(Event):
    """The dates of very many of a seller's prices have come."""

    seller_id: int
