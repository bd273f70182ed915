"""Founding a business, and what changes about it as a whole."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import date
from typing import Any, cast

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects.postgresql import insert

from wholesale.accounts.models import User
from wholesale.audit import actions as audit
from wholesale.audit.rules import masked
from wholesale.config import Settings
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor, OrganizationKind
from wholesale.kernel.errors import DomainError, ForbiddenError
from wholesale.organizations import rules
from wholesale.organizations.actions import switching
from wholesale.organizations.models import BusinessPapers, Membership, Organization
from wholesale.organizations.queries.businesses import COUNTED
from wholesale.platform import cache, idempotency
from wholesale.platform.db import db
from wholesale.platform.transaction import as_platform

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

    Raises DomainError on `business_name`, `legal_name`, `trade_licence_no` or `tax_no`.
    """
    name = rules.check_name(name)
    if legal_name.strip():
        legal_name = rules.check_name(legal_name, field="legal_name", longest=rules.LONGEST_LEGAL_NAME)
    licence_no, tax = rules.normal_licence_no(trade_licence_no), rules.normal_tax_no(tax_no)
    values = {
        "kind": kind,
        "name": name,
        "legal_name": legal_name.strip() or name,
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
    audit.record(
        actor=Actor(user_id=owner.id),
        action="business.founded",
        thing="business",
        thing_id=made.id,
        organization_id=made.id,
        after={"kind": kind, "trade_licence_no": licence_no, "tax_no": tax},
    )
    return made


def found_once(*, actor: Actor, key: str, **facts: Any) -> int:
    """One more business of somebody who has an account, and they act for it from now on; its id.

    By a form that may arrive twice (`key`); `facts` as `found_business` takes them. Must come first in its
    transaction. Raises DomainError as that does.
    """
    if actor.on_behalf:
        raise ForbiddenError("You act for a business of others. End that first.")
    if actor.businesses >= rules.MOST_BUSINESSES:
        raise DomainError("You belong to {count} businesses. That is the most.", count=actor.businesses)

    def found() -> dict[str, Any]:
        with as_platform():  # nobody acts for it yet, so its rows are not the actor's
            made = found_business(owner=db.session.get_one(User, actor.acting_user), **facts)
        return {"organization_id": made.id}

    scope = f"found-business:{actor.acting_user}"
    organization_id = int(idempotency.once(scope, key or idempotency.new_key(), facts, found)["organization_id"])
    switching.act_for(actor=actor, organization_id=organization_id)
    return organization_id


def change_business(*, actor: Actor, name: str, phone: str, email: str, language: str | None) -> None:
    """What the owner may change without new papers. Raises DomainError on `business_name`."""
    if not actor.is_owner:
        raise ForbiddenError("Only an owner changes the business.")
    own, new_name = actor.acting_organization, rules.check_name(name)
    business = db.session.get_one(Organization, own, with_for_update={"key_share": True}, populate_existing=True)
    papers = db.session.get_one(BusinessPapers, own, with_for_update=True, populate_existing=True)
    before = _as_noted(business, papers)
    if new_name != business.name:
        business.name, business.skeleton = new_name, rules.skeleton(new_name)
        cache.drop(COUNTED)
    business.language = language
    papers.phone, papers.email = phone, email
    after = _as_noted(business, papers)
    if after != before:
        audit.record(
            actor=actor,
            action="business.changed",
            thing="business",
            thing_id=own,
            organization_id=own,
            before=before,
            after=after,
        )


def _as_noted(business: Organization, papers: BusinessPapers) -> dict[str, str | None]:
    return {
        "name": business.name,
        "phone": masked(papers.phone),
        "email": masked(papers.email),
        "language": business.language,
    }


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
    cache.drop(COUNTED)
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
