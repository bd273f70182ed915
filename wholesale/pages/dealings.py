"""What the business that asks has to do with a product: bought before, favourite, on which lists. One query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa

from wholesale.kernel.actor import Actor
from wholesale.kernel.money import Money
from wholesale.order_lists import queries as order_lists
from wholesale.orders import queries as orders
from wholesale.platform.db import db
from wholesale.pricing.rules import Offer, change_percent


@dataclass(frozen=True, slots=True)
class Bought:
    """The last time that the business bought the product: so many, at this unit price, on that day; and since then.

    `now` is what one costs today at that quantity; None when that cannot be told.
    """

    pieces: int
    price: Money
    at: datetime
    now: Money | None

    @property
    def change(self) -> Decimal | None:
        """By how much per cent the price has changed since, half up to 0.1."""
        return None if self.now is None else change_percent(self.price, self.now)


@dataclass(frozen=True, slots=True)
class Dealings:
    """`lists`: id and name of those that it can be put on."""

    is_favourite: bool
    lists: list[tuple[int, str]]
    bought: Bought | None


def dealings(actor: Actor, offer: Offer) -> Dealings | None:
    """For members of a verified buyer; None for everybody else."""
    if not (actor.is_buyer and actor.is_verified):
        return None
    row = db.session.execute(
        sa.select(
            order_lists.is_favourite(actor, offer.product_id),
            order_lists.names(actor).scalar_subquery(),
            orders.last_bought(actor, offer.product_id).scalar_subquery(),
        )
    ).one()
    is_favourite, lists, last = row
    return Dealings(is_favourite, [(each[0], each[1]) for each in lists or ()], _bought(last, offer) if last else None)


def _bought(last: list[str | int], offer: Offer) -> Bought:
    variant_id, pieces, price, currency, at = last
    paid = Money(Decimal(price), str(currency))
    now = offer.price_of(int(pieces), int(variant_id)) if offer.currency == paid.currency else None
    return Bought(int(pieces), paid, datetime.fromisoformat(str(at)), now)
