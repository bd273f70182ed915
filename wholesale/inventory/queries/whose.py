"""Whose stock an actor sees, and what of it: locations, variants, sellers."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from wholesale.catalog.models import Product, Variant
from wholesale.inventory.models import Location
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.organizations.models import Organization
from wholesale.platform.db import db


def seller_of(actor: Actor) -> int | None:
    """Whose stock the actor may see; None: everybody's."""
    return None if actor.is_staff else actor.acting_organization


def first_open(organization_id: Any) -> sa.Select[Any]:
    """The oldest location of a seller that is open: where goods are counted that nobody says a place of."""
    return sa.select(sa.func.min(Location.id)).where(
        Location.organization_id == organization_id, Location.closed_at.is_(None)
    )


def locations(organization_id: int, *, closed: bool = False) -> list[Location]:
    """The seller's locations, the oldest first; with the closed ones if asked."""
    statement = sa.select(Location).where(Location.organization_id == organization_id).order_by(Location.id)
    return list(db.session.scalars(statement if closed else statement.where(Location.closed_at.is_(None))))


def location(actor: Actor, location_id: int) -> Location:
    """One of the actor's locations. Raises NotFoundError."""
    found = db.session.get(Location, location_id)
    if found is None or seller_of(actor) not in (None, found.organization_id):
        raise NotFoundError
    return found


def own_variant(actor: Actor, variant_id: int) -> Variant:
    """One of the actor's variants. Raises NotFoundError."""
    found = db.session.get(Variant, variant_id)
    if found is None or seller_of(actor) not in (None, found.seller_id):
        raise NotFoundError
    return found


def product_of(variant: Variant) -> Product:
    return db.session.get_one(Product, variant.product_id)


def place(actor: Actor, location_id: int, variant_id: int) -> Location:
    """A location of the seller whose the variant is. Raises NotFoundError."""
    found, variant = location(actor, location_id), own_variant(actor, variant_id)
    if found.organization_id != variant.seller_id:
        raise NotFoundError
    return found


def sellers() -> list[tuple[int, str]]:
    """Sellers that have a location, by name, for the platform's staff to choose from."""
    having = sa.select(Location.organization_id).where(Location.organization_id == Organization.id)
    return [
        (row.id, row.name)
        for row in db.session.execute(
            sa.select(Organization.id, Organization.name).where(having.exists()).order_by(Organization.name).limit(500)
        )
    ]
