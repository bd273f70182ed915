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
from wholesale.pricing.rules import Offer

MAX_LINES = 200


def put(*, actor: Actor, variant_id: int, quantity: int) -> None:
    """Let the cart hold exactly `quantity` of the variant.

    Raises DomainError on `quantity` when a product of one variant could not be ordered like that; over several
    variants only the cart as a whole can tell.
    """
    offer, held = _goods(actor, [variant_id])
    if len(offer.variants) == 1:
        offer.quote(quantity)
    _hold(actor, offer, held, {variant_id: quantity})


def put_many(*, actor: Actor, quantities: Mapping[int, int]) -> None:
    """Let the cart hold exactly so many of each variant (its id → pieces) of one product, all or none.

    Raises DomainError on `quantity` when they, with the product's other variants in the cart, could not be ordered
    like that; NotFoundError when they are not of one product.
    """
    if not quantities:
        raise DomainError("Enter how many you want.", field="quantity")
    offer, held = _goods(actor, quantities)
    offer.quote_mix(held | dict(quantities))
    _hold(actor, offer, held, quantities)


def _goods(actor: Actor, variant_ids: Collection[int]) -> tuple[Offer, dict[int, int]]:
    """The one product of these variants as it is offered to the actor, and what the cart holds of it, locked."""
    rows = db.session.execute(
        sa.select(Variant.product_id, Product.slug)
        .join(Product, Product.id == Variant.product_id)
        .where(Variant.id.in_(variant_ids), Product.state == "active", Variant.is_offered)
    ).all()
    if len(rows) != len(set(variant_ids)) or len(set(rows)) != 1:
        raise NotFoundError
    return pricing.offer(rows[0].slug, pricing.buyer_of(actor)), _quantities(actor, rows[0].product_id)


def _hold(actor: Actor, offer: Offer, held: Mapping[int, int], wanted: Mapping[int, int]) -> None:
    more = len(set(wanted) - set(held))
    if more and queries.count(actor) + more > MAX_LINES:
        raise DomainError("A cart holds at most {limit} lines.", field="quantity", limit=MAX_LINES)
    _write(actor, offer, {**held, **wanted})


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


def _write(actor: Actor, offer: Offer, quantities: Mapping[int, int]) -> None:
    """Upsert the lines of one product; all of them have now been seen at the price of the whole quantity."""
    together = sum(quantities.values())
    statement = insert(CartLine).values(
        [
            {
                "user_id": actor.acting_user,
                "organization_id": actor.acting_organization,
                "variant_id": variant_id,
                "quantity": quantity,
                "seen_price": offer.unit_price(together, variant_id).amount,
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
        sa.select(CartLine.variant_id, Variant.product_id)
        .join(Variant, Variant.id == CartLine.variant_id)
        .where(
            CartLine.id == line_id,
            CartLine.user_id == actor.acting_user,
            CartLine.organization_id == actor.acting_organization,
        )
    ).one_or_none()
    if row is None:
        raise NotFoundError
    offer = pricing.offers([row.product_id], pricing.buyer_of(actor)).get(row.product_id)
    if offer is None:
        raise DomainError("This is no longer sold. Remove it to go on.", field="quantity")
    _write(actor, offer, _quantities(actor, row.product_id) | {row.variant_id: quantity})


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
    whose = {"user": actor.acting_user, "business": actor.acting_organization}
    db.session.execute(_TAKE_OUT, {"ids": list(line_ids)} | whose)


_TAKE_OUT = sa.text(
    "DELETE FROM cart_line WHERE id = ANY(:ids) AND user_id = :user AND organization_id = :business"
).bindparams(sa.bindparam("ids", type_=sa.ARRAY(sa.BigInteger)))


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
