"""Changes of the cart. Each says what the cart shall be, so that repeating it changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from wholesale.cart import queries
from wholesale.cart.models import CartLine
from wholesale.catalog.models import Product, Variant
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.platform.db import db
from wholesale.pricing import queries as pricing
from wholesale.pricing.rules import quote

MAX_LINES = 200


def put(*, actor: Actor, variant_id: int, quantity: int) -> None:
    """Let the cart hold exactly `quantity` of the variant.

    Raises DomainError on `quantity` when a product of one variant could not be ordered like that; over several
    variants only the cart as a whole can tell.
    """
    row = db.session.execute(
        sa.select(Variant.product_id, Product.slug)
        .join(Product, Product.id == Variant.product_id)
        .where(Variant.id == variant_id, Product.state == "active")
    ).one_or_none()
    if row is None:
        raise NotFoundError
    offer = pricing.offer(row.slug)
    siblings = _quantities(actor, row.product_id)
    variants = db.session.scalar(
        sa.select(sa.func.count()).select_from(Variant).where(Variant.product_id == row.product_id)
    )
    if variants == 1:
        offer.quote(quantity)
    if variant_id not in siblings and queries.count(actor) >= MAX_LINES:
        raise DomainError("A cart holds at most {limit} lines.", field="quantity", limit=MAX_LINES)
    siblings[variant_id] = quantity
    tiers = offer.ladder
    price = quote(tiers, max(sum(siblings.values()), tiers[0].min_qty)).unit_price.amount
    _write(actor, siblings, price)


def _quantities(actor: Actor, product_id: int) -> dict[int, int]:
    """What the cart holds of a product, by variant, locked."""
    rows = db.session.execute(
        sa.select(CartLine.variant_id, CartLine.quantity)
        .join(Variant, Variant.id == CartLine.variant_id)
        .where(
            CartLine.user_id == actor.acting_user,
            CartLine.organization_id == actor.acting_organization,
            Variant.product_id == product_id,
        )
        .order_by(CartLine.id)
        .with_for_update(of=CartLine)
    )
    return dict(rows.all())


def _write(actor: Actor, quantities: dict[int, int], seen_price: Decimal) -> None:
    """Upsert the lines of one product; all of them have now been seen at this unit price."""
    statement = insert(CartLine).values(
        [
            {
                "user_id": actor.acting_user,
                "organization_id": actor.acting_organization,
                "variant_id": variant_id,
                "quantity": quantity,
                "seen_price": seen_price,
                "added_at": clock.now(),
            }
            for variant_id, quantity in quantities.items()
        ]
    )
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=["user_id", "organization_id", "variant_id"],
            set_={"quantity": statement.excluded.quantity, "seen_price": statement.excluded.seen_price},
        )
    )


def set_quantity(*, actor: Actor, line_id: int, quantity: int) -> None:
    """Change a line's quantity; what is then wrong with it the cart says. Raises NotFoundError for others' lines."""
    row = db.session.execute(
        sa.select(CartLine.variant_id, Variant.product_id, Product.slug)
        .join(Variant, Variant.id == CartLine.variant_id)
        .join(Product, Product.id == Variant.product_id)
        .where(
            CartLine.id == line_id,
            CartLine.user_id == actor.acting_user,
            CartLine.organization_id == actor.acting_organization,
        )
    ).one_or_none()
    if row is None:
        raise NotFoundError
    offer = pricing.offers([row.product_id]).get(row.product_id)
    if offer is None:
        raise DomainError("This is no longer sold. Remove it to go on.", field="quantity")
    quantities = _quantities(actor, row.product_id) | {row.variant_id: quantity}
    tiers = offer.ladder
    price = quote(tiers, max(sum(quantities.values()), tiers[0].min_qty)).unit_price.amount
    _write(actor, quantities, price)


def remove(*, actor: Actor, line_id: int) -> None:
    """Take a line out; one that is not there (any more) is no error."""
    db.session.execute(
        sa.delete(CartLine).where(
            CartLine.id == line_id,
            CartLine.user_id == actor.acting_user,
            CartLine.organization_id == actor.acting_organization,
        )
    )


def take_out(*, actor: Actor, line_ids: Collection[int]) -> None:
    """These lines have been ordered; what was put in meanwhile stays."""
    db.session.execute(
        sa.delete(CartLine).where(
            CartLine.id.in_(line_ids),
            CartLine.user_id == actor.acting_user,
            CartLine.organization_id == actor.acting_organization,
        )
    )


def put_back(*, user_id: int, organization_id: int, lines: Mapping[int, tuple[int, Decimal]]) -> None:
    """What was taken out and is not ordered returns (variant's id → quantity and seen price), beside what is there."""
    statement = insert(CartLine).values(
        [
            {
                "user_id": user_id,
                "organization_id": organization_id,
                "variant_id": variant_id,
                "quantity": quantity,
                "seen_price": price,
                "added_at": clock.now(),
            }
            for variant_id, (quantity, price) in sorted(lines.items())
        ]
    )
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=["user_id", "organization_id", "variant_id"],
            set_={"quantity": CartLine.quantity + statement.excluded.quantity},
        )
    )


def accept_prices(*, actor: Actor, prices: Mapping[int, Decimal]) -> None:
    """The person has seen today's unit prices (line's id → price) and goes on with them."""
    for line_id, price in prices.items():
        db.session.execute(
            sa.update(CartLine)
            .where(CartLine.id == line_id, CartLine.user_id == actor.acting_user)
            .values(seen_price=price)
        )


def empty(*, user_id: int, organization_id: int) -> None:
    """A person who left a business has no cart there."""
    db.session.execute(
        sa.delete(CartLine).where(CartLine.user_id == user_id, CartLine.organization_id == organization_id)
    )
