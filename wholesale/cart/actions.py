"""Changes of the cart. Each says what the cart shall be, so that repeating it changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from wholesale.cart.models import CartLine
from wholesale.catalog.models import Variant
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.platform.db import db
from wholesale.platform.statements import Kept, kept
from wholesale.pricing import queries as pricing
from wholesale.pricing.rules import Offer

MAX_LINES = 200


def put(*, actor: Actor, variant_id: int, quantity: int) -> None:
    """Let the cart hold exactly `quantity` of the variant.

    Raises DomainError on `quantity` when a product of one variant could not be ordered like that; over several
    variants only the cart as a whole can tell.
    """
    offer = pricing.offer_of_variants([variant_id], pricing.buyer_of(actor))
    if len(offer.variants) == 1:
        offer.quote(quantity)
    _hold(actor, offer, _quantities(actor, offer.product_id), {variant_id: quantity})


def put_many(*, actor: Actor, quantities: Mapping[int, int]) -> None:
    """Let the cart hold exactly so many of each variant (its id → pieces) of one product, all or none.

    Raises DomainError on `quantity` when they, with the product's other variants in the cart, could not be ordered
    like that; NotFoundError when they are not of one product.
    """
    if not quantities:
        raise DomainError("Enter how many you want.", field="quantity")
    offer = pricing.offer_of_variants(quantities, pricing.buyer_of(actor))
    held = _quantities(actor, offer.product_id)
    offer.quote_mix(held | dict(quantities))
    _hold(actor, offer, held, quantities)


def _quantities(actor: Actor, product_id: int) -> dict[int, int]:
    """What the cart holds of a product, by variant, locked."""
    rows = _of_product().rows(user=actor.acting_user, business=actor.acting_organization, product=product_id)
    return {row.variant_id: row.quantity for row in rows}


@kept
def _of_product() -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(CartLine.variant_id, CartLine.quantity)
        .join(Variant, Variant.id == CartLine.variant_id)
        .where(
            CartLine.user_id == sa.bindparam("user"),
            CartLine.organization_id == sa.bindparam("business"),
            Variant.product_id == sa.bindparam("product"),
        )
        .order_by(CartLine.id)
        .with_for_update(of=CartLine)
    )


def _hold(actor: Actor, offer: Offer, held: Mapping[int, int], wanted: Mapping[int, int]) -> None:
    """Write the lines of one product; all of them have now been seen at the price of the whole quantity.

    Raises DomainError, and writes nothing, when the cart would have more than MAX_LINES.
    """
    lines = {**held, **wanted}
    together = sum(lines.values())
    written = _WRITE.run(
        user=actor.acting_user,
        business=actor.acting_organization,
        variants=list(lines),
        quantities=list(lines.values()),
        prices=[offer.unit_price(together, variant_id).amount for variant_id in lines],
        now=clock.now(),
        more=len(set(wanted) - set(held)),
        most=MAX_LINES,
    )
    if not written:
        raise DomainError("A cart holds at most {limit} lines.", field="quantity", limit=MAX_LINES)


_WRITE = Kept(
    sa.text(
        """
        INSERT INTO cart_line (user_id, organization_id, variant_id, quantity, seen_price, added_at)
        SELECT :user, :business, variant_id, quantity, seen_price, :now
        FROM unnest(:variants, :quantities, :prices) WITH ORDINALITY AS line (variant_id, quantity, seen_price, place)
        WHERE :more = 0
           OR :most >= :more + (SELECT count(*) FROM cart_line WHERE user_id = :user AND organization_id = :business)
        ORDER BY place
        ON CONFLICT (user_id, organization_id, variant_id)
        DO UPDATE SET quantity = excluded.quantity, seen_price = excluded.seen_price
        """
    ).bindparams(
        sa.bindparam("user", type_=sa.BigInteger),
        sa.bindparam("business", type_=sa.BigInteger),
        sa.bindparam("variants", type_=sa.ARRAY(sa.BigInteger)),
        sa.bindparam("quantities", type_=sa.ARRAY(sa.Integer)),
        sa.bindparam("prices", type_=sa.ARRAY(sa.Numeric(18, 4))),
        sa.bindparam("now", type_=sa.DateTime(timezone=True)),
        sa.bindparam("more", type_=sa.Integer),
        sa.bindparam("most", type_=sa.Integer),
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
    _hold(actor, offer, _quantities(actor, row.product_id), {row.variant_id: quantity})


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
    _TAKE_OUT.run(ids=list(line_ids), user=actor.acting_user, business=actor.acting_organization)


_TAKE_OUT = Kept(
    sa.text(
        "DELETE FROM cart_line WHERE id = ANY(:ids) AND user_id = :user AND organization_id = :business"
    ).bindparams(sa.bindparam("ids", type_=sa.ARRAY(sa.BigInteger)))
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
