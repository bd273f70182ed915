"""Reorder points: the level of what has none of its own, from its forecast and its supplier's lead time."""

from __future__ import annotations

from collections.abc import Callable, Collection

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from wholesale.audit import actions as audit
from wholesale.catalog.actions import products as catalog
from wholesale.catalog.models import Product, Variant
from wholesale.forecasts import queries as forecasts
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.merchandising.actions.rights import owner
from wholesale.platform.db import db
from wholesale.replenishment import queries
from wholesale.replenishment.models import ReorderPoint

_AT_ONCE = 1000
Progress = Callable[[int, int], None]


def renew_points(*, progress: Progress | None = None) -> int:
    """Work out the reorder points of everything on sale that has no level of its own; how many there are."""
    wanted = (
        sa.select(Variant.id)
        .join(Product, Product.id == Variant.product_id)
        .where(Variant.is_offered, Product.state == "active", Product.reorder_level.is_(None))
        .order_by(Variant.id)
    )
    ids = list(db.session.scalars(wanted))
    kept = 0
    for start in range(0, len(ids), _AT_ONCE):
        kept += _renew(ids[start : start + _AT_ONCE])
        if progress:
            progress(min(start + _AT_ONCE, len(ids)), len(ids))
    db.session.execute(sa.delete(ReorderPoint).where(ReorderPoint.variant_id.not_in(wanted.order_by(None))))
    return kept


def _renew(variant_ids: Collection[int]) -> int:
    outlooks = forecasts.outlooks(variant_ids)
    terms = queries.terms(outlooks)
    sellers = dict(db.session.execute(sa.select(Variant.id, Variant.seller_id).where(Variant.id.in_(outlooks))).all())
    rows = [
        {
            "variant_id": variant_id,
            "seller_id": sellers[variant_id],
            "level": outlook.level(terms[variant_id].longest, outlook.service),
            "made_at": clock.now(),
        }
        for variant_id, outlook in outlooks.items()
    ]
    if rows:
        made = insert(ReorderPoint)
        new = {name: made.excluded[name] for name in ("level", "made_at")}
        db.session.execute(made.on_conflict_do_update(index_elements=[ReorderPoint.variant_id], set_=new), rows)
    gone = set(variant_ids) - set(outlooks)
    db.session.execute(sa.delete(ReorderPoint).where(ReorderPoint.variant_id.in_(gone)))
    return len(rows)


def take_level(*, actor: Actor, product_id: int, level: int) -> Product:
    """Let a product have a reorder level, with one tap; where it has one already, nothing changes.

    Its alerts follow with the next look. Raises NotFoundError for somebody else's.
    """
    product = catalog.locked(product_id, seller_id=owner(actor))
    if product.reorder_level is not None:
        return product
    product.reorder_level = level
    catalog.touch(product)
    audit.record(
        actor=actor,
        action="product.changed",
        thing="product",
        thing_id=product.id,
        organization_id=product.seller_id,
        before={"reorder_level": ""},
        after={"reorder_level": str(level)},
    )
    return product
