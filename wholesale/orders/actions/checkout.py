"""The checkout's steps, and what the cart costs with what was chosen in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.orm.util import identity_key

from wholesale.cart.rules import Cart
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.orders import queries, rules
from wholesale.orders.models import Checkout
from wholesale.organizations import queries as organizations
from wholesale.organizations.models import Address
from wholesale.platform import idempotency, kept
from wholesale.platform.db import Base, db


def begin_checkout(*, actor: Actor) -> Checkout:
    """The actor's checkout, begun now if there is none; its first address is chosen for them."""
    found = queries.checkout(actor)
    if found is None:
        _choose(actor)
        found = db.session.get_one(Checkout, (actor.acting_user, actor.acting_organization))
    return found


def choose_address(*, actor: Actor, address_id: int) -> None:
    """Deliver to an address of the actor's business. Raises NotFoundError for another's."""
    _choose(actor, address_id=organizations.address(actor, address_id).id)


def choose_delivery(*, actor: Actor, methods: Mapping[int, str]) -> None:
    """How each seller's goods come (seller's id → delivery or pick_up)."""
    _choose(actor, delivery={str(seller): method for seller, method in methods.items()})


def choose_payment(
    *,
    actor: Actor,
    method: str,
    buyer_reference: str,
    note: str,
    instructions: str = "",
    if_short: str = "ask",
    po_file: kept.Upload = None,
    drop_file: bool = False,
) -> None:
    """How the business pays; its own purchase order: number and file; and what sellers are to know and to do.

    A file that was given before stays unless there is a new one or it is dropped. Raises DomainError on
    `payment_method` for one that is not offered, on `po_file` for what is no document.
    """
    chosen: dict[str, Any] = {
        "payment_method": rules.way_to_pay(method).code,
        "buyer_reference": buyer_reference,
        "note": note,
        "instructions": instructions,
        "if_short": if_short,
    }
    if po_file is not None:
        file = kept.accept(po_file, field="po_file")
        chosen |= {"po_file_key": file.key, "po_file_name": file.name}
    elif drop_file:
        chosen |= {"po_file_key": None, "po_file_name": None}
    _choose(actor, **chosen)


def _choose(actor: Actor, **chosen: Any) -> None:
    """Keep what was chosen (the checkout's columns by name) in the actor's checkout, begun now if there is none."""
    whose = {"user": actor.acting_user, "business": actor.acting_organization, "fresh_key": idempotency.new_key()}
    db.session.execute(_keeping(tuple(chosen)), whose | {f"chosen_{name}": value for name, value in chosen.items()})
    known = db.session.identity_map.get(identity_key(Checkout, (actor.acting_user, actor.acting_organization)))
    if known is not None:
        db.session.expire(known)  # whoever looked at it before reads it anew


@cache
def _keeping(names: tuple[str, ...]) -> Insert:
    """The statement that begins a checkout with these columns, or changes them in the one that there is."""
    first = sa.select(sa.func.min(Address.id)).where(Address.organization_id == sa.bindparam("business"))
    chosen: dict[str, Any] = {name: sa.bindparam(f"chosen_{name}") for name in names}
    begun = {
        "user_id": sa.bindparam("user"),
        "organization_id": sa.bindparam("business"),
        "key": sa.bindparam("fresh_key"),
        "address_id": first.scalar_subquery(),
        "delivery": {},
        "buyer_reference": "",
        "note": "",
        "instructions": "",
        "if_short": "ask",
    }
    statement = insert(Base.metadata.tables[Checkout.__tablename__]).values(begun | chosen)
    if not names:
        return statement.on_conflict_do_nothing()  # a double click: the other one has begun it
    return statement.on_conflict_do_update(
        index_elements=["user_id", "organization_id"], set_={name: statement.excluded[name] for name in names}
    )


@dataclass(frozen=True, slots=True)
class Bill:
    """What a cart costs with the checkout's choices, in its one currency.

    `tax` comes on top of the goods; `taxes` of each line (by its id) is on top of it or in it.
    """

    goods: Money
    delivery: Money
    fees: Mapping[int, Money]
    methods: Mapping[int, str]
    tax: Money
    taxes: Mapping[int, Money]

    @property
    def total(self) -> Money:
        return self.goods + self.tax + self.delivery

    @property
    def as_seen(self) -> list[tuple[int, str, str]]:
        """What delivery costs from whom, for the digest of what a person agrees to."""
        return sorted((seller, str(fee), self.methods[seller]) for seller, fee in self.fees.items())


def bill(cart: Cart, delivery: Mapping[str, Any]) -> Bill:
    """What the review page shows and the order will cost; `delivery` maps a seller's id (as text) to a method.

    Raises DomainError for a cart of several currencies.
    """
    currency = cart.currency
    if currency is None:
        raise DomainError("Goods in different currencies are ordered one after the other. Split your cart.")
    methods = {group.seller_id: str(delivery.get(str(group.seller_id), "delivery")) for group in cart.groups}
    fees = {
        group.seller_id: group.fee if methods[group.seller_id] == "delivery" else Money.zero(currency)
        for group in cart.groups
    }
    goods = Money.total((group.goods_total for group in cart.groups), currency)
    return Bill(
        goods,
        Money.total(fees.values(), currency),
        fees,
        methods,
        Money.total((group.tax_total for group in cart.groups), currency),
        {line.item.line_id: line.tax for line in cart.lines if line.tax is not None},
    )


def agreed(cart: Cart, checkout: Checkout, cost: Bill | None = None) -> str:
    """The digest of what the review page shows; placing compares it, so that nothing changes silently.

    `cost`: the bill of both, if it is worked out already.
    """
    shown = cost or bill(cart, checkout.delivery)
    wishes = (
        checkout.buyer_reference,
        checkout.note,
        checkout.instructions,
        checkout.if_short,
        checkout.po_file_key,
    )
    return cart.digest(shown.as_seen, checkout.address_id, checkout.payment_method, wishes)


def seen(cart: Cart, cost: Bill, limit: Money | None) -> rules.Seen:
    """What the review page shows, to be compared with what holds when the order is placed. `limit`: the person's."""
    lines = {
        line.item.variant_id: rules.SeenLine(
            line.item.name + (f" ({line.item.variant_name})" if line.item.variant_name else ""),
            line.item.quantity,
            line.unit_price,
            line.total,
            line.problem,
        )
        for line in cart.lines
    }
    sellers = {
        group.seller_id: rules.SeenSeller(
            group.seller_name,
            cost.fees[group.seller_id],
            group.minimum_order if group.short_of_minimum is not None else None,
        )
        for group in cart.groups
    }
    return rules.Seen(lines, sellers, cost.tax, cost.total, limit)
