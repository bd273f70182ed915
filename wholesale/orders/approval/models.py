"""Requests, their lines, and what became of them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from wholesale.kernel import clock
from wholesale.orders.approval.rules import STATES
from wholesale.orders.models import IF_SHORT, IS_METHOD
from wholesale.platform.db import Amount, Base, Currency, Id, one_of


class ApprovalRequest(Base):
    """A cart above its owner's limit, as it was agreed: totals, address and choices of the day it was asked for.

    `delivery` maps a seller's id (as text) to a delivery method, `fees` to what that costs. `spending_limit` is the one
    it was above. While it waits its prices hold and its pieces are set aside (`rules.hold`).
    """

    __tablename__ = "approval_request"
    __table_args__ = (
        one_of("state", STATES),
        sa.CheckConstraint(IS_METHOD, name="payment_method"),
        one_of("if_short", IF_SHORT),
        sa.CheckConstraint("total = goods_total + tax_total + delivery_total", name="total"),
        sa.CheckConstraint("(state = 'approved') = (purchase_id IS NOT NULL)", name="purchase"),
        sa.Index("ix_approval_request_organization_id", "organization_id", "state", "id"),
        sa.Index("ix_approval_request_waiting", "expires_at", postgresql_where=sa.text("state = 'waiting'")),
    )

    id: Mapped[Id] = mapped_column(init=False)
    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id"), index=True)
    delivery: Mapped[dict[str, Any]]
    address: Mapped[dict[str, Any]]
    payment_method: Mapped[str]
    buyer_reference: Mapped[str]
    note: Mapped[str]
    goods_total: Mapped[Amount]
    delivery_total: Mapped[Amount]
    total: Mapped[Amount]
    currency: Mapped[Currency]
    spending_limit: Mapped[Amount]
    limit_currency: Mapped[Currency]
    expires_at: Mapped[datetime]
    tax_total: Mapped[Amount] = mapped_column(default=Decimal(0))
    instructions: Mapped[str] = mapped_column(default="")
    if_short: Mapped[str] = mapped_column(default="ask")
    po_file_key: Mapped[str | None] = mapped_column(default=None)
    po_file_name: Mapped[str | None] = mapped_column(default=None)
    fees: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    asked_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    state: Mapped[str] = mapped_column(default="waiting")
    purchase_id: Mapped[int | None] = mapped_column(sa.ForeignKey("purchase.id"), unique=True, default=None)
    lines: Mapped[list[ApprovalLine]] = relationship(
        init=False, order_by="ApprovalLine.position", lazy="raise", viewonly=True
    )
    moves: Mapped[list[ApprovalMove]] = relationship(
        init=False, order_by="ApprovalMove.id", lazy="raise", viewonly=True
    )


class ApprovalLine(Base):
    """A line as it was asked for, with the quote that holds. `refusal`: why an approver took it out; None: it is to be
    ordered. `list_price` None: from before quotes were kept.
    """

    __tablename__ = "approval_line"
    __table_args__ = (
        sa.UniqueConstraint("request_id", "position"),
        sa.CheckConstraint("quantity > 0", name="quantity"),
        sa.CheckConstraint("(refusal IS NULL) = (refused_by IS NULL)", name="refusal"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    request_id: Mapped[int] = mapped_column(sa.ForeignKey("approval_request.id"))
    position: Mapped[int] = mapped_column(sa.Integer)
    variant_id: Mapped[int] = mapped_column(sa.ForeignKey("variant.id"), index=True)
    seller_name: Mapped[str]
    sku: Mapped[str]
    name: Mapped[str]
    name_bn: Mapped[str | None]
    variant_name: Mapped[str]
    quantity: Mapped[int] = mapped_column(sa.Integer)
    unit_price: Mapped[Amount]
    line_total: Mapped[Amount]
    list_price: Mapped[Decimal | None] = mapped_column(sa.Numeric(18, 4), default=None)
    tier_min_qty: Mapped[int | None] = mapped_column(sa.Integer, default=None)
    price_source: Mapped[str] = mapped_column(default="")
    refusal: Mapped[str | None] = mapped_column(default=None)
    refused_by: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"), default=None)
    refused_at: Mapped[datetime | None] = mapped_column(default=None)


class ApprovalMove(Base):
    """A change of a request's state. `user_id` None: its time was over."""

    __tablename__ = "approval_move"

    id: Mapped[Id] = mapped_column(init=False)
    request_id: Mapped[int] = mapped_column(sa.ForeignKey("approval_request.id"), index=True)
    before: Mapped[str | None]
    after: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"))
    reason: Mapped[str]
    at: Mapped[datetime] = mapped_column(default_factory=clock.now)
