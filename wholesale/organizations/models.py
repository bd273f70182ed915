"""Businesses, memberships, addresses, seller terms."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.platform.db import Amount, Base, Currency, Id, one_of


class Organization(Base):
    """A business, with the numbers that its papers carry."""

    __tablename__ = "organization"
    __table_args__ = (one_of("kind", ("buyer", "seller")),)

    id: Mapped[Id] = mapped_column(init=False)
    kind: Mapped[str]
    name: Mapped[str]
    legal_name: Mapped[str]
    slug: Mapped[str] = mapped_column(unique=True)
    phone: Mapped[str]
    email: Mapped[str]
    trade_licence_no: Mapped[str]
    tax_no: Mapped[str]
    currency: Mapped[Currency]
    verified_until: Mapped[date | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class Membership(Base):
    """A person's role in a business."""

    __tablename__ = "membership"
    __table_args__ = (one_of("role", ("owner", "admin", "member", "viewer")),)

    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id", ondelete="CASCADE"), primary_key=True, index=True)
    role: Mapped[str]
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
