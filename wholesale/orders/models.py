"""Checkout, purchase, order, lines, moves. Sums of children are guarded by triggers in migration 0001."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from wholesale.accounts.models import User
from wholesale.kernel import clock
from wholesale.orders.rules import STATES
from wholesale.platform.db import Amount, Base, Currency, Id, one_of

PAYMENT_METHODS = ("pay_on_delivery", "bank_transfer")
DELIVERY_METHODS = ("delivery", "pick_up")


class Checkout(Base):
    """What a person has chosen so far, kept so that reload, back button and another device go on with it.

    `delivery` maps a seller's id (as text) to a delivery method. `key` makes placing happen once: the review
    page carries it, and a new one is made when an order was placed.
    """

    __tablename__ = "checkout"

    user_id: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id", ondelete="CASCADE"), primary_key=True)
    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str]
    address_id: Mapped[int | None] = mapped_column(sa.ForeignKey("address.id", ondelete="SET NULL"), default=None)
    delivery: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    payment_method: Mapped[str | None] = mapped_column(default=None)
    buyer_reference: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")


class Purchase(Base):
    """What a business ordered at once; the parent of one order per seller, under one payment.

    `approved_by`: who let it pass above the limit of `user_id`, who asked for it. `on_behalf_reason`: why `user_id`,
    a platform admin, ordered it in the buyer's name; None: somebody of the business did.
    """

    __tablename__ = "purchase"
    __table_args__ = (
        one_of("payment_method", PAYMENT_METHODS),
        sa.CheckConstraint("total = goods_total + delivery_total", name="total"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    number: Mapped[str] = mapped_column(unique=True)
    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id"))
    payment_method: Mapped[str]
    goods_total: Mapped[Amount]
    delivery_total: Mapped[Amount]
    total: Mapped[Amount]
    currency: Mapped[Currency]
    buyer_reference: Mapped[str]
    note: Mapped[str]
    approved_by: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"), default=None)
    on_behalf_reason: Mapped[str | None] = mapped_column(default=None)
    placed_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    orders: Mapped[list[Order]] = relationship(init=False, order_by="Order.id", lazy="raise", viewonly=True)


class Order(Base):
    """One seller's part of a purchase. Names and addresses are copies of the day it was placed."""

    __tablename__ = "sales_order"
    __table_args__ = (
        one_of("state", STATES),
        one_of("delivery_method", DELIVERY_METHODS),
        sa.CheckConstraint("total = goods_total + delivery_fee", name="total"),
        sa.Index("ix_sales_order_seller", "seller_id", "state", "id"),
        sa.Index("ix_sales_order_buyer", "buyer_id", "id"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    number: Mapped[str] = mapped_column(unique=True)
    purchase_id: Mapped[int] = mapped_column(sa.ForeignKey("purchase.id"), index=True)
    buyer_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    buyer_name: Mapped[str]
    seller_name: Mapped[str]
    delivery_method: Mapped[str]
    address: Mapped[dict[str, Any]]
    goods_total: Mapped[Amount]
    delivery_fee: Mapped[Amount]
    total: Mapped[Amount]
    currency: Mapped[Currency]
    state: Mapped[str] = mapped_column(default="placed")
    placed_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    purchase: Mapped[Purchase] = relationship(init=False, lazy="raise", viewonly=True)
    lines: Mapped[list[OrderLine]] = relationship(init=False, order_by="OrderLine.position", lazy="raise")
    moves: Mapped[list[OrderMove]] = relationship(init=False, order_by="OrderMove.id", lazy="raise")


class OrderLine(Base):
    """A frozen line: what it was, which tier gave its price, and how its money is shared (amounts in the
    order's currency). `owner_recovers` is the cost of the goods, which goes back to whom they belonged
    (`goods_owner`); it and the three shares add up to `line_total`.
    """

    __tablename__ = "order_line"
    __table_args__ = (
        sa.UniqueConstraint("order_id", "position"),
        one_of("goods_owner", ("seller", "platform")),
        sa.CheckConstraint("quantity > 0", name="quantity"),
        sa.CheckConstraint(
            "line_total = platform_fee + platform_rest + seller_share + owner_recovers", name="split_adds_up"
        ),
    )

    id: Mapped[Id] = mapped_column(init=False)
    order_id: Mapped[int] = mapped_column(sa.ForeignKey("sales_order.id"))
    position: Mapped[int] = mapped_column(sa.Integer)
    variant_id: Mapped[int] = mapped_column(sa.ForeignKey("variant.id"), index=True)
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("product.id"), index=True)
    sku: Mapped[str]
    name: Mapped[str]
    name_bn: Mapped[str | None]
    unit: Mapped[str]
    quantity: Mapped[int] = mapped_column(sa.Integer)
    unit_price: Mapped[Amount]
    list_price: Mapped[Amount]
    tier_min_qty: Mapped[int] = mapped_column(sa.Integer)
    line_total: Mapped[Amount]
    unit_cost: Mapped[Amount]
    settlement: Mapped[str]
    platform_percent: Mapped[Decimal | None] = mapped_column(sa.Numeric(7, 4))
    seller_percent: Mapped[Decimal | None] = mapped_column(sa.Numeric(7, 4))
    commission_percent: Mapped[Decimal | None] = mapped_column(sa.Numeric(7, 4))
    platform_fee: Mapped[Amount]
    platform_rest: Mapped[Amount]
    seller_share: Mapped[Amount]
    owner_recovers: Mapped[Amount]
    goods_owner: Mapped[str]
    # Which rule gave the price: `pricing.rules.Source.note`; empty on lines from before it was kept.
    price_source: Mapped[str] = mapped_column(default="")


class OrderMove(Base):
    """A change of an order's state; these rows stay for good, so they hold no person's name.

    `who` is the business on whose side it was, or what did it when that was no person; the person is `user_id`.
    """

    __tablename__ = "order_move"

    id: Mapped[Id] = mapped_column(init=False)
    order_id: Mapped[int] = mapped_column(sa.ForeignKey("sales_order.id"), index=True)
    before: Mapped[str | None]
    after: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"))
    who: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    user: Mapped[User | None] = relationship(init=False, lazy="raise", viewonly=True)

    @property
    def by(self) -> str:
        """The person as they are called now, and their business."""
        return ", ".join(filter(None, (self.user.name if self.user else "", self.who)))
