"""Businesses and addresses, for tests."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from wholesale.accounts.models import User
from wholesale.accounts.rules import token_digest
from wholesale.kernel import clock
from wholesale.organizations.models import Address, BusinessPapers, Invitation, Membership, Organization, SellerTerms
from wholesale.platform.db import db


def business(
    name: str,
    *,
    kind: str = "buyer",
    verified: bool = True,
    members: dict[User, str] | None = None,
    delivery_fee: str = "0",
    free_delivery_from: str | None = None,
    minimum_order: str = "0",
    currency: str = "BDT",
) -> Organization:
    made = Organization(
        kind=kind,
        name=name,
        legal_name=f"{name} Limited",
        slug=name.lower().replace(" ", "-"),
        currency=currency,
        partner_since=clock.now() if verified and kind == "seller" else None,
        verified_until=clock.today("Asia/Dhaka") + timedelta(days=200) if verified else None,
    )
    db.session.add(made)
    db.session.flush()
    db.session.add(
        BusinessPapers(
            organization_id=made.id,
            phone="+8801812345678",
            email=f"{name.split(maxsplit=1)[0].lower()}@business.example",
            trade_licence_no=f"TL-{name.upper().replace(' ', '-')}",
            tax_no="1234567890123",
        )
    )
    join(made, members or {})
    if kind == "seller":
        db.session.add(
            SellerTerms(
                organization_id=made.id,
                delivery_fee=Decimal(delivery_fee),
                free_delivery_from=None if free_delivery_from is None else Decimal(free_delivery_from),
                minimum_order=Decimal(minimum_order),
            )
        )
    db.session.flush()
    return made


def join(business: Organization, members: dict[User, str], *, spending_limit: str | None = None) -> None:
    limit = None if spending_limit is None else Decimal(spending_limit)
    for person, role in members.items():
        db.session.add(Membership(organization_id=business.id, user_id=person.id, role=role, spending_limit=limit))
    db.session.flush()


def invitation(
    to: Organization, by: User, *, email: str = "invited@test.example", role: str = "member", token: str = "invited"
) -> Invitation:
    """An open invitation whose link has this token."""
    made = Invitation(
        organization_id=to.id,
        email=email,
        role=role,
        token_hash=token_digest(token),
        invited_by=by.id,
        expires_at=clock.now() + timedelta(days=7),
    )
    db.session.add(made)
    db.session.flush()
    return made


def address(of: Organization, *, district: str = "Dhaka") -> Address:
    made = Address(
        organization_id=of.id,
        contact_name="Amina Begum",
        phone="+8801712345678",
        line="12 Bazar Road",
        area="Mirpur",
        district=district,
    )
    db.session.add(made)
    db.session.flush()
    return made


def papers(of: Organization) -> BusinessPapers:
    return db.session.get_one(BusinessPapers, of.id, populate_existing=True)
