"""What was counted on the shelf."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from wholesale.audit import actions as audit
from wholesale.catalog.actions import products as catalog
from wholesale.catalog.models import Product, Variant
from wholesale.inventory import actions as inventory
from wholesale.inventory.errors import BelowAllocatedError
from wholesale.inventory.models import Location
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, DomainError
from wholesale.merchandising import queries
from wholesale.merchandising.actions.rights import owner
from wholesale.organizations.models import Address
from wholesale.platform.db import db


def set_stock(*, actor: Actor, product_id: int, counts: Mapping[str, int], seen: Mapping[str, int]) -> None:
    """SKU → pieces that were counted, and what the page had said of them.

    What was not typed anew is left alone, whatever orders have taken meanwhile. Raises ConflictError when a count was
    made against a figure that is no longer true, DomainError when orders have been promised more.
    """
    product = catalog.locked(product_id, seller_id=owner(actor))
    now = queries.whole(product).stock
    typed = {sku: pieces for sku, pieces in counts.items() if sku in now and pieces != seen.get(sku)}
    if any(now[sku] != seen.get(sku) for sku in typed):
        raise ConflictError("The stock has changed since you looked. Nothing was saved: look at it once more.")
    if not typed:
        return
    count(actor=actor, product=product, counts=typed, reference=f"COUNT {product.id}")
    audit.record(
        actor=actor,
        action="product.stock_counted",
        thing="product",
        thing_id=product.id,
        organization_id=product.seller_id,
        before={f"stock {sku}": now[sku] for sku in typed},
        after={f"stock {sku}": pieces for sku, pieces in typed.items()},
    )


def count(*, actor: Actor, product: Product, counts: Mapping[str, int], reference: str) -> None:
    """Let the seller's first location have these pieces (by SKU). Raises DomainError on `variants-<row>-stock`."""
    if not counts:
        return
    ids = dict(
        db.session.execute(
            sa.select(Variant.sku, Variant.id).where(Variant.product_id == product.id).order_by(Variant.id)
        ).all()
    )
    counted = {ids[sku]: pieces for sku, pieces in counts.items() if sku in ids}
    if not any(counted.values()) and not _has_location(product.seller_id):
        return  # nothing is nowhere: no warehouse needs to be opened for it
    try:
        inventory.set_on_hand(
            actor=actor, location_id=_location(product.seller_id), counts=counted, reference=reference
        )
    except BelowAllocatedError as error:
        skus = {variant_id: sku for sku, variant_id in ids.items()}
        first = min(error.promised)
        raise DomainError(error.message, field=f"stock {skus[first]}", promised=error.promised[first]) from error


def _has_location(seller_id: int) -> bool:
    return bool(
        db.session.scalar(
            sa.select(sa.exists().where(Location.organization_id == seller_id, Location.closed_at.is_(None)))
        )
    )


def _location(seller_id: int) -> int:
    """Where the seller counts."""
    district = db.session.scalar(
        sa.select(Address.district).where(Address.organization_id == seller_id).order_by(Address.id).limit(1)
    )
    return inventory.first_location(organization_id=seller_id, district=district or "")
