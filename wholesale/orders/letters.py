"""Letters about an order to one of its two sides."""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy as sa

from wholesale.accounts.models import User
from wholesale.orders.models import Order, Purchase
from wholesale.organizations.models import Membership
from wholesale.platform import mail
from wholesale.platform.db import db

Side = Literal["buyer", "seller"]
BUYER: Side = "buyer"
SELLER: Side = "seller"


def tell(order: Order, side: Side, template: str, *, key: str, **values: Any) -> None:
    """Write to a side of an order, for handlers and jobs, which see every business's people.

    The buyer's letter goes to whoever ordered, as long as they belong to the business; else, and at the seller's, to
    its owners and admins. `key` says what is told, once for each person.
    """
    organization_id, name = (
        (order.buyer_id, order.buyer_name) if side == "buyer" else (order.seller_id, order.seller_name)
    )
    for person in _readers(order, side, organization_id):
        mail.send(
            key=f"{template}:{key}:{person.id}",
            to=person.email,
            template=template,
            language=person.language,
            name=person.name,
            business=name,
            other=order.seller_name if side == "buyer" else order.buyer_name,
            number=order.number,
            **values,
        )


def _readers(order: Order, side: Side, organization_id: int) -> list[User]:
    people = (
        sa.select(User)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.organization_id == organization_id)
        .order_by(Membership.created_at, User.id)
    )
    if side == "buyer":
        ordered_by = sa.select(Purchase.user_id).where(Purchase.id == order.purchase_id).scalar_subquery()
        found = list(db.session.scalars(people.where(User.id == ordered_by, Membership.role != "viewer")))
        if found:
            return found
    return list(db.session.scalars(people.where(Membership.role.in_(("owner", "admin")))))
