"""Changes of order lists and favourites. Each says what shall be, so that repeating it changes nothing."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from wholesale.cart import queries as cart
from wholesale.cart.quick import actions as quick
from wholesale.cart.quick.actions import Filled
from wholesale.catalog.models import Product, Variant
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.kernel.money import Money
from wholesale.order_lists import queries, rules
from wholesale.order_lists.models import Favourite, OrderList, OrderListLine
from wholesale.platform.db import db
from wholesale.pricing import queries as pricing


def create(*, actor: Actor, name: str, shared: bool) -> int:
    """A new, empty list; its id. Who acts for a business keeps nothing there for themselves: it is shared."""
    count = sa.select(sa.func.count()).where(OrderList.organization_id == actor.acting_organization)
    rules.check_lists(db.session.scalar(count) or 0)
    alone = not shared and not actor.on_behalf
    made = OrderList(
        organization_id=actor.acting_organization, user_id=actor.acting_user if alone else None, name=name.strip()
    )
    db.session.add(made)
    db.session.flush()
    return made.id


def rename(*, actor: Actor, list_id: int, name: str) -> None:
    """Raises NotFoundError for a list that the actor does not see, as every action here."""
    found = queries.found(actor, list_id, lock=True)
    found.name, found.changed_at = name.strip(), clock.now()
    db.session.flush()


def share(*, actor: Actor, list_id: int) -> None:
    """From now on everybody of the business sees it, and it is the business's."""
    queries.found(actor, list_id, lock=True).user_id = None
    db.session.flush()


def remove(*, actor: Actor, list_id: int) -> None:
    db.session.delete(queries.found(actor, list_id, lock=True))
    db.session.flush()


def forget(*, user_id: int, organization_id: int) -> None:
    """The lists that were this person's alone in this business are gone."""
    db.session.execute(
        sa.delete(OrderList).where(OrderList.user_id == user_id, OrderList.organization_id == organization_id)
    )


# --- lines ------------------------------------------------------------------------------------------------


def keep(*, actor: Actor, list_id: int, lines: Mapping[int, tuple[int, Money]]) -> None:
    """Let the list hold so many of each variant (its id → quantity and the unit price that was seen).

    What is new goes to the end. Raises DomainError when the list would be too long.
    """
    found = queries.found(actor, list_id, lock=True)
    there, last = db.session.execute(
        sa.select(sa.func.array_agg(OrderListLine.variant_id), sa.func.max(OrderListLine.position)).where(
            OrderListLine.list_id == list_id
        )
    ).one()
    rules.check_room(len({*(there or ()), *lines}))
    if lines:
        statement = insert(OrderListLine).values(
            [
                {
                    "list_id": list_id,
                    "variant_id": variant_id,
                    "quantity": quantity,
                    "seen_price": price.amount,
                    "position": (last or 0) + number,
                }
                for number, (variant_id, (quantity, price)) in enumerate(lines.items(), 1)
            ]
        )
        db.session.execute(
            statement.on_conflict_do_update(
                index_elements=["list_id", "variant_id"],
                set_={"quantity": statement.excluded.quantity, "seen_price": statement.excluded.seen_price},
            )
        )
    found.changed_at = clock.now()
    db.session.flush()


def add(*, actor: Actor, list_id: int | None, name: str, variant_id: int, quantity: int) -> int:
    """Put so many of a variant on a list, or on a new one called `name`; the list's id.

    Raises DomainError without a list and without a name, NotFoundError for goods that are not sold.
    """
    if list_id is None and not name.strip():
        raise DomainError("Choose a list, or give a new one a name.", field="name")
    product_id = db.session.scalar(
        sa.select(Variant.product_id)
        .join(Product, Product.id == Variant.product_id)
        .where(Variant.id == variant_id, Variant.is_offered, Product.state == "active")
    )
    offer = pricing.offers([product_id or 0], pricing.buyer_of(actor)).get(product_id or 0)
    if offer is None:
        raise NotFoundError
    chosen = create(actor=actor, name=name, shared=True) if list_id is None else list_id
    keep(actor=actor, list_id=chosen, lines={variant_id: (quantity, offer.unit_price(quantity, variant_id))})
    return chosen


def keep_cart(*, actor: Actor, name: str) -> int:
    """The actor's cart as a new list; its id. Raises DomainError for an empty cart."""
    lines = cart.contents(actor).lines
    if not lines:
        raise DomainError("Your cart is empty.", field="name")
    seen = {line.item.variant_id: (line.item.quantity, line.unit_price or line.item.seen_price) for line in lines}
    return keep_new(actor=actor, name=name, lines=seen)


def keep_new(*, actor: Actor, name: str, lines: Mapping[int, tuple[int, Money]]) -> int:
    """These lines (as in `keep`) as a new list of the business; its id."""
    list_id = create(actor=actor, name=name, shared=True)
    keep(actor=actor, list_id=list_id, lines=lines)
    return list_id


def set_quantities(*, actor: Actor, list_id: int, quantities: Mapping[int, int]) -> None:
    """Line's id → its new quantity; lines that are gone are passed over."""
    queries.found(actor, list_id, lock=True).changed_at = clock.now()
    for line_id, quantity in sorted(quantities.items()):
        db.session.execute(
            sa.update(OrderListLine)
            .where(OrderListLine.id == line_id, OrderListLine.list_id == list_id, OrderListLine.quantity != quantity)
            .values(quantity=quantity)
        )


def remove_line(*, actor: Actor, list_id: int, line_id: int) -> None:
    """Take a line off; one that is gone already is no error."""
    queries.found(actor, list_id, lock=True).changed_at = clock.now()
    db.session.execute(sa.delete(OrderListLine).where(OrderListLine.id == line_id, OrderListLine.list_id == list_id))


def move_line(*, actor: Actor, list_id: int, line_id: int, to: str) -> None:
    """Let a line go `up`, `down` or to the `top`. Raises NotFoundError when it is not on the list."""
    queries.found(actor, list_id, lock=True)
    rows = sa.select(OrderListLine).where(OrderListLine.list_id == list_id)
    lines = list(db.session.scalars(rows.order_by(OrderListLine.position, OrderListLine.id)))
    by_id = {line.id: line for line in lines}
    if line_id not in by_id or to not in {"up", "down", "top"}:
        raise NotFoundError
    for position, each in enumerate(rules.moved(list(by_id), line_id, to), 1):
        by_id[each].position = position
    db.session.flush()


def order(*, actor: Actor, list_id: int) -> Filled:
    """Put all of a list into the cart, as far as it can be ordered; what became of it."""
    wanted = queries.wanted(actor, list_id)
    return quick.fill(actor=actor, wanted={each: one.quantity for each, one in wanted.items()}, keep_more=True)


# --- favourites -------------------------------------------------------------------------------------------


def mark(*, actor: Actor, slug: str, marked: bool) -> None:
    """Let the product be a favourite of the actor's business, or not. Raises NotFoundError for one that is not sold."""
    if marked:
        offer = pricing.offer_for(actor, slug)
        statement = insert(Favourite).values(
            organization_id=actor.acting_organization,
            product_id=offer.product_id,
            seen_price=offer.from_price.amount,
            marked_at=clock.now(),
        )
        db.session.execute(statement.on_conflict_do_nothing(index_elements=["organization_id", "product_id"]))
        return
    product = sa.select(Product.id).where(Product.slug == slug).scalar_subquery()
    db.session.execute(
        sa.delete(Favourite).where(
            Favourite.organization_id == actor.acting_organization, Favourite.product_id == product
        )
    )
