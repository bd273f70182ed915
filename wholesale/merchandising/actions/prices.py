"""Prices that are changed in the list."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from wholesale.audit import actions as audit
from wholesale.catalog.actions import products as catalog
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError
from wholesale.kernel.money import Money
from wholesale.merchandising import queries, rules
from wholesale.merchandising.actions.rights import owner
from wholesale.pricing import actions as pricing


def set_prices(*, actor: Actor, product_id: int, tiers: Sequence[rules.Step], seen: str) -> None:
    """Give each tier its new price; `seen` is `rules.written_tiers` of what the page had said.

    Raises ConflictError when somebody else has changed the prices since, DomainError beside the row that is wrong.
    """
    product = catalog.locked(product_id, seller_id=owner(actor))
    kept = queries.whole(product).tiers
    was, becomes = rules.written_tiers(kept), rules.written_tiers(tiers)
    if was not in (seen, becomes):
        raise ConflictError("Somebody has changed these prices since you looked. Nothing was saved.")
    for problem in rules.tier_problems(
        tiers, moq=product.moq, multiple=product.order_multiple, currency=product.currency
    ):
        raise problem
    if was == becomes:
        return
    pricing.set_tiers(
        product=product, tiers=[(quantity, Money(price, product.currency)) for quantity, price in tiers], actor=actor
    )
    catalog.touch(product)
    audit.record(
        actor=actor,
        action="product.prices_set",
        thing="product",
        thing_id=product.id,
        organization_id=product.seller_id,
        before={"tiers": was},
        after={"tiers": becomes},
    )


def set_cost(*, actor: Actor, product_id: int, cost: Decimal, seen: Decimal, reason: str) -> None:
    """Let a unit cost its owner that much from now on; `seen`: what the page had said, `reason`: where it comes from.

    Raises ConflictError when somebody else has changed the cost since.
    """
    product = catalog.locked(product_id, seller_id=owner(actor))
    was = product.cost
    if was not in (seen, cost):
        raise ConflictError("Somebody has changed this product's cost since you looked. Nothing was saved.")
    if was == cost:
        return
    product.cost = cost
    catalog.touch(product)
    audit.record(
        actor=actor,
        action="product.changed",
        thing="product",
        thing_id=product.id,
        organization_id=product.seller_id,
        before={"cost": was},
        after={"cost": cost},
        reason=reason,
    )
