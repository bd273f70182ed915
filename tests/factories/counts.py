"""Stock takes."""

from __future__ import annotations

from collections.abc import Mapping

from tests.factories import catalog
from wholesale.catalog.models import Product
from wholesale.inventory.counts import actions
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.platform import idempotency


def begun(product: Product, *, actor: Actor = SYSTEM) -> int:
    """A count of everything in the first location of the product's seller; its id."""
    return actions.begin(
        actor=actor,
        location_id=catalog.location_of(product.seller_id).id,
        scope="all",
        key=idempotency.new_key(),
    )


def counted(count_id: int, counts: Mapping[int, int | None], *, actor: Actor = SYSTEM) -> None:
    """So many were counted, and counting is over."""
    actions.note_counts(actor=actor, count_id=count_id, counts=counts)
    actions.finish(actor=actor, count_id=count_id)
