"""The addresses of a business."""

from __future__ import annotations

import sqlalchemy as sa

from wholesale.audit import actions as audit
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ForbiddenError
from wholesale.organizations import queries, rules
from wholesale.organizations.models import Address, Organization
from wholesale.platform.db import db


def add_address(
    *,
    actor: Actor,
    contact_name: str,
    phone: str,
    line: str,
    area: str,
    district: str,
    country: str = rules.HOME_COUNTRY,
) -> Address:
    """One more address of the actor's business. Raises DomainError on `country`, `district` or `region`."""
    _check_role(actor)
    country, district = rules.check_place(country, district)
    made = Address(
        organization_id=actor.acting_organization,
        contact_name=contact_name.strip(),
        phone=phone,
        line=line.strip(),
        area=area.strip(),
        district=district,
        country=country,
    )
    db.session.add(made)
    db.session.flush()
    _locate(actor.acting_organization)
    if actor.on_behalf:  # their own people's are no matter for the log; what the platform does in their name is
        audit.record(
            actor=actor,
            action="address.added",
            thing="address",
            thing_id=made.id,
            organization_id=made.organization_id,
            after={"district": made.district},
        )
    return made


def change_address(
    *,
    actor: Actor,
    address_id: int,
    contact_name: str,
    phone: str,
    line: str,
    area: str,
    district: str,
    country: str = rules.HOME_COUNTRY,
) -> Address:
    """What was ordered keeps the address as it was: orders and invoices hold copies. Raises as `add_address` does."""
    _check_role(actor)
    country, district = rules.check_place(country, district)
    address = queries.address(actor, address_id)
    address.contact_name, address.phone = contact_name.strip(), phone
    address.line, address.area = line.strip(), area.strip()
    address.district, address.country = district, country
    db.session.flush()
    _locate(actor.acting_organization)
    return address


def remove_address(*, actor: Actor, address_id: int) -> None:
    """Checkouts that have chosen it ask again; orders keep their copy."""
    _check_role(actor)
    db.session.delete(queries.address(actor, address_id))
    db.session.flush()
    _locate(actor.acting_organization)


def _locate(organization_id: int) -> None:
    """A business is where its oldest address is; without any it stays where it was."""
    first = (
        sa.select(Address.country)
        .where(Address.organization_id == organization_id)
        .order_by(Address.id)
        .limit(1)
        .scalar_subquery()
    )
    db.session.execute(
        sa.update(Organization)
        .where(Organization.id == organization_id, Organization.country != first)
        .values(country=first)
    )


def _check_role(actor: Actor) -> None:
    if actor.role == "viewer":
        raise ForbiddenError("Your role in this business is to look. Ask its owner for more.")
