"""Lists and favourites of the actor's business, with today's prices. A constant number of queries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from wholesale.cart import queries as cart
from wholesale.cart.quick.rules import Wanted
from wholesale.cart.rules import Cart
from wholesale.catalog import queries as catalog
from wholesale.catalog.models import Product
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import Money
from wholesale.order_lists.models import Favourite, OrderList, OrderListLine
from wholesale.order_lists.rules import PAGE, ListLine, Priced
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.pricing import queries as pricing
from wholesale.pricing.rules import Offer, change_percent

FAVOURITES_PAGE = 24


def visible_to(actor: Actor) -> sa.ColumnElement[bool]:
    """The condition that the actor sees a list: of their business, and shared or their own."""
    return sa.and_(
        OrderList.organization_id == actor.acting_organization,
        sa.or_(OrderList.user_id.is_(None), OrderList.user_id == actor.acting_user),
    )


@dataclass(frozen=True, slots=True)
class Named:
    """A list as an overview names it."""

    id: int
    name: str
    shared: bool
    lines: int
    changed_at: datetime


def lists(actor: Actor) -> list[Named]:
    """The lists that the actor sees, by name."""
    lines = (
        sa.select(sa.func.count()).where(OrderListLine.list_id == OrderList.id).correlate(OrderList).scalar_subquery()
    )
    rows = db.session.execute(
        sa.select(OrderList.id, OrderList.name, OrderList.user_id.is_(None), lines, OrderList.changed_at)
        .where(visible_to(actor))
        .order_by(sa.func.lower(OrderList.name), OrderList.id)
    )
    return [Named(*row) for row in rows]


def names(actor: Actor) -> sa.Select[Any]:
    """The lists that the actor can add to, as one value: [[id, name], …]. For statements that ask for more."""
    named = (
        sa.select(OrderList.id, OrderList.name)
        .where(visible_to(actor))
        .order_by(OrderList.changed_at.desc())
        .limit(20)
        .subquery()
    )
    return sa.select(sa.func.json_agg(sa.func.json_build_array(named.c.id, named.c.name)))


def favourite_count(actor: Actor) -> int:
    """How many products the business has marked."""
    found = sa.select(sa.func.count()).where(Favourite.organization_id == actor.acting_organization)
    return db.session.scalar(found) or 0


def is_favourite(actor: Actor, product_id: int) -> sa.Exists:
    """The condition that the actor's business has marked the product. For statements that ask for more."""
    return sa.exists().where(Favourite.organization_id == actor.acting_organization, Favourite.product_id == product_id)


def marked_by(actor: Actor) -> sa.Exists | None:
    """The condition that a product is the business's favourite, for statements of products; None: they have none."""
    if not (actor.is_buyer and actor.is_verified):
        return None
    return sa.exists().where(Favourite.organization_id == actor.acting_organization, Favourite.product_id == Product.id)


def found(actor: Actor, list_id: int, *, lock: bool = False) -> OrderList:
    """One list. Raises NotFoundError for another's as for none."""
    statement = sa.select(OrderList).where(OrderList.id == list_id, visible_to(actor))
    row = db.session.scalars(statement.with_for_update() if lock else statement).one_or_none()
    if row is None:
        raise NotFoundError
    return row


def wanted(actor: Actor, list_id: int) -> dict[int, Wanted]:
    """What stands on a list that the actor sees, by variant, in its order."""
    found(actor, list_id)
    return {
        row.variant_id: Wanted(
            row.variant_id, row.sku, row.name, row.name_bn, row.quantity, Money(row.seen_price, row.currency)
        )
        for row in db.session.execute(_lines(list_id))
    }


def _lines(list_id: int) -> sa.Select[Any]:
    rows = cart.goods(OrderListLine, OrderListLine.seen_price).where(OrderListLine.list_id == list_id)
    return rows.order_by(None).order_by(OrderListLine.position, OrderListLine.id)


def priced(actor: Actor, list_id: int) -> Priced:
    """All lines of a list that the actor sees, as they would be ordered now."""
    rows = db.session.execute(_lines(list_id)).all()
    as_cart: Cart = cart.priced(rows, pricing.buyer_of(actor))
    by_id = {line.item.line_id: ListLine(line, group.seller_name) for group in as_cart.groups for line in group.lines}
    return Priced(tuple(by_id[row.id] for row in rows), as_cart)


def page_of(priced: Priced, after: int | None) -> tuple[list[ListLine], int | None]:
    """The lines that follow the line `after`, and the last one's id when there are more."""
    ids = [each.line.item.line_id for each in priced.lines]
    begin = ids.index(after) + 1 if after in ids else 0
    shown = list(priced.lines[begin : begin + PAGE])
    return shown, (shown[-1].line.item.line_id if begin + PAGE < len(ids) else None)


@dataclass(frozen=True, slots=True)
class Marked:
    """A favourite with what it costs today, at its minimum order; no offer: it is not sold at the moment."""

    id: int
    product_id: int
    slug: str
    name: str
    name_bn: str | None
    unit: str
    seller_name: str
    thumb_key: str | None
    marked_at: datetime
    seen_price: Money
    offer: Offer | None

    @property
    def change(self) -> Decimal | None:
        """By how much per cent the price has changed since it was marked; None: not at all."""
        return change_percent(self.seen_price, self.offer.from_price) or None if self.offer else None


def favourites(actor: Actor, before: int | None = None) -> tuple[list[Marked], int | None]:
    """A page of the business's favourites, newest first, and the key at which the next one begins."""
    statement = (
        sa.select(
            Favourite.id,
            Favourite.product_id,
            Product.slug,
            Product.name,
            Product.name_bn,
            Product.unit,
            Organization.name.label("seller_name"),
            catalog.thumb().label("thumb_key"),
            Favourite.marked_at,
            Favourite.seen_price,
            Product.currency,
        )
        .join(Product, Product.id == Favourite.product_id)
        .join(Organization, Organization.id == Product.seller_id)
        .where(Favourite.organization_id == actor.acting_organization)
        .order_by(Favourite.id.desc())
        .limit(FAVOURITES_PAGE + 1)
    )
    if before is not None:
        statement = statement.where(Favourite.id < before)
    rows = db.session.execute(statement).all()
    more, rows = len(rows) > FAVOURITES_PAGE, rows[:FAVOURITES_PAGE]
    offers = pricing.offers_for(actor, [row.product_id for row in rows])
    marked = [
        Marked(
            id=row.id,
            product_id=row.product_id,
            slug=row.slug,
            name=row.name,
            name_bn=row.name_bn,
            unit=row.unit,
            seller_name=row.seller_name,
            thumb_key=row.thumb_key,
            marked_at=row.marked_at,
            seen_price=Money(row.seen_price, row.currency),
            offer=offers.get(row.product_id),
        )
        for row in rows
    ]
    return marked, (rows[-1].id if more else None)
