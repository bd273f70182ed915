"""Goods on the way between two locations of their seller."""

from __future__ import annotations

from tests.factories import catalog
from wholesale.catalog.models import Product
from wholesale.inventory import actions as inventory
from wholesale.inventory import queries
from wholesale.inventory.models import Location
from wholesale.inventory.transfers import actions
from wholesale.inventory.transfers.models import Transfer
from wholesale.kernel.actor import SYSTEM
from wholesale.platform import idempotency


def second_location(seller_id: int, name: str = "Shop", district: str = "Chattogram") -> Location:
    """Another location of the seller, beside the first."""
    catalog.location_of(seller_id)
    there = {each.name: each for each in queries.locations(seller_id)}
    return there.get(name) or inventory.open_location(
        organization_id=seller_id, name=name, district=district, kind="shop"
    )


def on_the_way(product: Product, pieces: int = 7) -> Transfer:
    """So many pieces of the product's first variant, from its seller's first location to their shop."""
    return actions.send(
        actor=SYSTEM,
        from_location_id=catalog.location_of(product.seller_id).id,
        to_location_id=second_location(product.seller_id).id,
        pieces={catalog.variants_of(product)[0]: pieces},
        key=idempotency.new_key(),
    )
