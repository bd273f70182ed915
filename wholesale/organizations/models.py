"""Businesses, memberships, addresses, seller terms."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.organizations import rules
from wholesale.platform.db import Amount, Base, Currency, Id, one_of


def _skeleton(context: Any) -> str:
    """Of the name that is being written in the same row."""
    row: Mapping[str, Any] = context.get_current_parameters()
    return rules.skeleton(row["name"])


class Organization(Base):
    """A business as everybody may know it.

    `skeleton` is what the eye keeps of its name (see `rules.skeleton`). `partner_since`: a seller that the platform
    accepted as profit partner. `language`: of letters to the business itself. `confirms_at_once`: a seller whose
    orders are confirmed when they are placed, since their goods are set aside. `country`: where the oldest of its
    addresses is; a seller's says whose taxes are on what it sells.
    """

    __tablename__ = "organization"
    __table_args__ = (one_of("kind", ("buyer", "seller")),)

    id: Mapped[Id] = mapped_column(init=False)
    kind: Mapped[str]
    name: Mapped[str]
    legal_name: Mapped[str]
    slug: Mapped[str] = mapped_column(unique=True)
    currency: Mapped[Currency]
    skeleton: Mapped[str] = mapped_column(init=False, insert_default=_skeleton, server_default="", index=True)
    language: Mapped[str | None] = mapped_column(default=None)
    verified_until: Mapped[date | None] = mapped_column(default=None)
    partner_since: Mapped[datetime | None] = mapped_column(default=None)
    confirms_at_once: Mapped[bool] = mapped_column(default=False)
    country: Mapped[str] = mapped_column(sa.CHAR(2), default=rules.HOME_COUNTRY)
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class BusinessPapers(Base):
    """What only the business, those it trades with, and the platform may know of it."""

    __tablename__ = "business_papers"

    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id", ondelete="CASCADE"), primary_key=True)
    phone: Mapped[str]
    email: Mapped[str]
    trade_licence_no: Mapped[str] = mapped_column(index=True)
    tax_no: Mapped[str] = mapped_column(index=True)


class Membership(Base):
    """A person's role in a business. `spending_limit`: what one purchase may cost without asking; None: anything."""

    __tablename__ = "membership"
    __table_args__ = (
        one_of("role", ("owner", "admin", "member", "viewer")),
        sa.CheckConstraint("spending_limit >= 0", name="spending_limit"),
    )

    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id", ondelete="CASCADE"), primary_key=True, index=True)
    role: Mapped[str]
    spending_limit: Mapped[Decimal | None] = mapped_column(sa.Numeric(18, 4), default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class Invitation(Base):
    """Somebody asked by e-mail to join a business, by a link that is good once and for a while."""

    __tablename__ = "invitation"
    __table_args__ = (
        one_of("role", ("admin", "member", "viewer")),
        sa.CheckConstraint("spending_limit >= 0", name="spending_limit"),
        sa.CheckConstraint("email = lower(email)", name="email_lower"),
        # One open invitation per address: inviting again sends a new link and ends the old one.
        sa.Index(
            "uq_invitation_open",
            "organization_id",
            "email",
            unique=True,
            postgresql_where=sa.text("accepted_at IS NULL AND withdrawn_at IS NULL"),
        ),
    )

    id: Mapped[Id] = mapped_column(init=False)
    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id", ondelete="CASCADE"), index=True)
    email: Mapped[str]
    role: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary, unique=True, repr=False)
    invited_by: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id"))
    expires_at: Mapped[datetime]
    spending_limit: Mapped[Decimal | None] = mapped_column(sa.Numeric(18, 4), default=None)
    accepted_at: Mapped[datetime | None] = mapped_column(default=None)
    accepted_by: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"), default=None)
    withdrawn_at: Mapped[datetime | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class Address(Base):
    """Where a business receives or keeps goods. `district` is a name from data/bd_districts.csv in Bangladesh."""

    __tablename__ = "address"

    id: Mapped[Id] = mapped_column(init=False)
    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id", ondelete="CASCADE"), index=True)
    contact_name: Mapped[str]
    phone: Mapped[str]
    line: Mapped[str]
    area: Mapped[str]
    district: Mapped[str]
    country: Mapped[str] = mapped_column(sa.CHAR(2), default="BD")
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class SellerTerms(Base):
    """What a seller asks per order, in the seller's currency."""

    __tablename__ = "seller_terms"
    __table_args__ = (
        sa.CheckConstraint("delivery_fee >= 0", name="delivery_fee"),
        sa.CheckConstraint("minimum_order >= 0", name="minimum_order"),
    )

    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id", ondelete="CASCADE"), primary_key=True)
    delivery_fee: Mapped[Amount] = mapped_column(default=Decimal(0))
    free_delivery_from: Mapped[Decimal | None] = mapped_column(sa.Numeric(18, 4), default=None)
    minimum_order: Mapped[Amount] = mapped_column(default=Decimal(0))
