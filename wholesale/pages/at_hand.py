"""What a business that buys comes back for: its last orders, its lists, its favourites. One query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from wholesale.kernel.actor import Actor
from wholesale.order_lists import queries as order_lists
from wholesale.order_lists.models import Favourite
from wholesale.orders.models import Order
from wholesale.platform.db import db

_ORDERS = 3
_LISTS = 4


@dataclass(frozen=True, slots=True)
class LastOrder:
    """An order as home names it."""

    number: str
    seller_name: str
    placed_at: datetime


@dataclass(frozen=True, slots=True)
class AtHand:
    """`lists`: id and name of those that were changed last. `has_favourites`: at least one product is marked."""

    orders: list[LastOrder]
    lists: list[tuple[int, str]]
    has_favourites: bool


def at_hand(actor: Actor) -> AtHand | None:
    """For members of a verified buyer; None for everybody else."""
    if not (actor.is_buyer and actor.is_verified):
        return None
    last = (
        sa.select(Order.number, Order.seller_name, Order.placed_at)
        .where(Order.buyer_id == actor.acting_organization, Order.state != "cancelled")
        .order_by(Order.id.desc())
        .limit(_ORDERS)
        .subquery()
    )
    as_one = sa.func.json_agg(sa.func.json_build_array(last.c.number, last.c.seller_name, last.c.placed_at))
    marked = sa.exists().where(Favourite.organization_id == actor.acting_organization)
    orders, lists, has_favourites = db.session.execute(
        sa.select(sa.select(as_one).scalar_subquery(), order_lists.names(actor).scalar_subquery(), marked)
    ).one()
    return AtHand(
        [LastOrder(number, seller, datetime.fromisoformat(at)) for number, seller, at in orders or ()],
        [(each[0], each[1]) for each in (lists or ())[:_LISTS]],
        has_favourites,
    )
