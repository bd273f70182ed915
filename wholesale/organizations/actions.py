"""Founding a business, and what changes about it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import date
from typing import cast

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects.postgresql import insert

from wholesale.accounts.models import User
from wholesale.audit import actions as audit
from wholesale.config import Settings
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor, OrganizationKind
from wholesale.kernel.errors import DomainError, ForbiddenError
from wholesale.organizations import rules
from wholesale.organizations.models import Address, BusinessPapers, Membership, Organization
from wholesale.platform.db import db

_NUMBERED_SLUGS = 5


def found_business(
    *,
    owner: User,
    kind: OrganizationKind,
    name: str,
    phone: str,
    email: str,
    trade_licence_no: str,
    tax_no: str,
    legal_name: str = "",
    currency: str | None = None,
) -> Organization:
    """A business, not verified yet, with `owner` as its owner.

    Raises DomainError on `trade_licence_no` or `tax_no`.
    """
    licence_no, tax = rules.normal_licence_no(trade_licence_no), rules.normal_tax_no(tax_no)
    values = {
        "kind": kind,
        "name": name.strip(),
        "legal_name": legal_name.strip() or name.strip(),
        "currency": currency or cast("Settings", current_app.extensions["settings"]).currency,
        "created_at": clock.now(),
    }
    made = next(found for slug in _slugs(name, kind) if (found := _insert(values, slug)) is not None)
    db.session.add_all(
        [
            BusinessPapers(organization_id=made.id, phone=phone, email=email, trade_licence_no=licence_no, tax_no=tax),
            Membership(organization_id=made.id, user_id=owner.id, role="owner"),
        ]
    )
    db.session.flush()
    return made


def _slugs(name: str, kind: str) -> Iterator[str]:
    """The name's own address, then numbered ones, then any."""
    plain = rules.slug(name, kind)
    yield plain
    yield from (f"{plain}-{number}" for number in range(2, _NUMBERED_SLUGS + 1))
    while True:
        yield f"{plain}-{secrets.token_hex(4)}"


def _insert(values: dict[str, object], slug: str) -> Organization | None:
    """None when the slug is taken: two businesses may bear one name, also at the same moment."""
    return db.session.scalars(
        insert(Organization)
        .values(**values, slug=slug)
        .on_conflict_do_nothing(index_elements=[Organization.slug])
        .returning(Organization)
    ).one_or_none()


def set_verified_until(*, organization_id: int, until: date, trade_licence_no: str, tax_no: str) -> None:
    """The business counts as verified up to and including `until`, by the papers with these numbers.

    Only `verification` calls this, in the transaction that approves.
    """
    db.session.execute(sa.update(Organization).where(Organization.id == organization_id).values(verified_until=until))
    db.session.execute(
        sa.update(BusinessPapers)
        .where(BusinessPapers.organization_id == organization_id)
        .values(trade_licence_no=trade_licence_no, tax_no=tax_no)
    )


def set_partner(*, actor: Actor, organization_id: int, accepted: bool, reason: str = "") -> bool:
    """Accept a seller as profit partner, or end that with a reason; whether that changed anything.

    Only `verification` calls this, and writes to the seller. Raises DomainError on `reason`.
    """
    if not actor.is_admin:
        raise ForbiddenError("Only the platform's admins accept profit partners.")
    business = db.session.get_one(Organization, organization_id, with_for_update=True, populate_existing=True)
    if business.kind != "seller":
        raise DomainError("Only a business that sells can be a profit partner.")
    if (business.partner_since is not None) == accepted:
        return False
    if not accepted and not reason.strip():
        raise DomainError("Say why, so that they know what to do.", field="reason")
    before, business.partner_since = business.partner_since, clock.now() if accepted else None
    audit.record(
        actor=actor,
        action="partner.accepted" if accepted else "partner.withdrawn",
        thing="organization",
        thing_id=organization_id,
        organization_id=organization_id,
        before={"partner_since": before},
        after={"partner_since": business.partner_since},
        reason=reason,
    )
    db.session.flush()
    return True


def add_address(*, actor: Actor, contact_name: str, phone: str, line: str, area: str, district: str) -> Address:
    """One more address of the actor's business, in Bangladesh. Raises DomainError on `district`."""
    if actor.role == "viewer":
        raise ForbiddenError("Your role in this business is to look. Ask its owner for more.")
    made = Address(
        organization_id=actor.acting_organization,
        contact_name=contact_name.strip(),
        phone=phone,
        line=line.strip(),
        area=area.strip(),
        district=rules.check_district(district),
    )
    db.session.add(made)
    db.session.flush()
    return made
