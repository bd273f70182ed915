"""Reads of addresses."""

from __future__ import annotations

import sqlalchemy as sa

from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.organizations.models import Address
from wholesale.platform.db import db


def addresses(actor: Actor) -> list[Address]:
    """The addresses of the actor's business, oldest first."""
    return list(
        db.session.scalars(
            sa.select(Address).where(Address.organization_id == actor.acting_organization).order_by(Address.id)
        )
    )


def address(actor: Actor, address_id: int) -> Address:
    """One address of the actor's business; not-yours looks like not-there."""
    found = db.session.scalars(
        sa.select(Address).where(Address.id == address_id, Address.organization_id == actor.acting_organization)
    ).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def first_address(organization_id: int) -> Address | None:
    """Where a business is, for its papers: the first address it gave."""
    return db.session.scalars(
        sa.select(Address).where(Address.organization_id == organization_id).order_by(Address.id).limit(1)
    ).one_or_none()
