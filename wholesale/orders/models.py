"""Checkout, purchase, order, lines, moves. Sums of children are guarded by triggers in migration 0001."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from wholesale.accounts.models import User
from wholesale.kernel import clock
from wholesale.kernel.money import Money
from wholesale.orders.rules import STATES
from wholesale.platform.db import Amount, Base, Currency, Id, Percent, one_of
from wholesale.taxes.rules import Due, Rate, by_rate

# Which methods there are says the registry (rules.ways_to_pay); the tables ask for the form of a code only.
IS_METHOD = "payment_method ~ '^[a-z][a-z0-9_]*$'"
DELIVERY_METHODS = ("delivery", "pick_up")
# What is to become of what cannot be delivered as ordered: the buyer is asked, takes what there is, waits for the rest,
# or wants nothing of that seller's order then.
IF_SHORT = ("ask", "take_less", "back_order", "cancel")
CREDIT_KINDS = ("cancelled", "returned", "refused", "allowance")


class Checkout(Base):
    """What a person has chosen so far, kept so that reload, back button and another device go on with it.

    `delivery` maps a seller's id (as text) to a delivery method. `key` makes placing happen once: the review
    page carries it, and a new one is made when an order was placed.
    """

    __tablename__ = "checkout"
    __table_args__ = (one_of("if_short", IF_SHORT),)

    user_id: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id", ondelete="CASCADE"), primary_key=True)
    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str]
    address_id: Mapped[int | None] = mapped_column(sa.ForeignKey("address.id", ondelete="SET NULL"), default=None)
    delivery: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    payment_method: Mapped[str | None] = mapped_column(default=None)
    buyer_reference: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")
    instructions: Mapped[str] = mapped_column(default="")
    if_short: Mapped[str] = mapped_column(default="ask")
    po_file_key: Mapped[str | None] = mapped_column(default=None)
    po_file_name: Mapped[str | None] = mapped_column(default=None)


class Purchase(Base):
    """What a business ordered at once; the parent of one order per seller, under one payment.

    `approved_by`: who let it pass above the limit of `user_id`, who asked for it. `on_behalf_reason`: why `user_id`,
    a platform admin, ordered it in the buyer's name; None: somebody of the business did. `tax_total` is the tax that
    comes on top of the goods. `instructions` are for whoever delivers; `po_file_key` is the buyer's own purchase order.
    """

    __tablename__ = "purchase"
    __table_args__ = (
        sa.CheckConstraint(IS_METHOD, name="payment_method"),
        one_of("if_short", IF_SHORT),
        sa.CheckConstraint("total = goods_total + tax_total + delivery_total", name="total"),
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
    tax_total: Mapped[Amount] = mapped_column(default=Decimal(0))
    instructions: Mapped[str] = mapped_column(default="")
    if_short: Mapped[str] = mapped_column(default="ask")
    po_file_key: Mapped[str | None] = mapped_column(default=None)
    po_file_name: Mapped[str | None] = mapped_column(default=None)
    placed_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    orders: Mapped[list[Order]] = relationship(init=False, order_by="Order.id", lazy="raise", viewonly=True)


class Order(Base):
    """One seller's part of a purchase. Names and addresses are copies of the day it was placed.

    `total` is what was ordered; of it `credited` has been taken back by now (cancelled, returned, allowed), so that
    `due` is what it costs. `delivery_credited` is the part of that which was the delivery's.
    """

    __tablename__ = "sales_order"
    __table_args__ = (
        one_of("state", STATES),
        one_of("delivery_method", DELIVERY_METHODS),
        sa.CheckConstraint("total = goods_total + tax_total + delivery_fee", name="total"),
        sa.CheckConstraint("credited BETWEEN 0 AND total", name="credited"),
        sa.CheckConstraint("delivery_credited BETWEEN 0 AND delivery_fee", name="delivery_credited"),
        sa.Index("ix_sales_order_seller", "seller_id", "state", "id"),
        sa.Index("ix_sales_order_confirmed_at", "confirmed_at"),
        sa.Index("ix_sales_order_buyer", "buyer_id", "id"),
        sa.Index("ix_sales_order_placed_at", "placed_at", postgresql_using="brin"),
        sa.Index("ix_sales_order_credited", "purchase_id", postgresql_where=sa.text("credited > 0")),
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
    tax_total: Mapped[Amount] = mapped_column(default=Decimal(0))
    credited: Mapped[Amount] = mapped_column(default=Decimal(0))
    delivery_credited: Mapped[Amount] = mapped_column(default=Decimal(0))
    state: Mapped[str] = mapped_column(default="placed")
    placed_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    confirmed_at: Mapped[datetime | None] = mapped_column(default=None)
    shipped_at: Mapped[datetime | None] = mapped_column(default=None)
    delivered_at: Mapped[datetime | None] = mapped_column(default=None)
    purchase: Mapped[Purchase] = relationship(init=False, lazy="raise", viewonly=True)
    lines: Mapped[list[OrderLine]] = relationship(init=False, order_by="OrderLine.position", lazy="raise")
    moves: Mapped[list[OrderMove]] = relationship(init=False, order_by="OrderMove.id", lazy="raise")

    @property
    def taxes(self) -> list[Due]:
        """What its lines have of each rate, as they were ordered."""
        return by_rate(
            (line.rate, Money(line.line_total, self.currency), Money(line.tax_amount, self.currency))
            for line in self.lines
        )

    @property
    def due(self) -> Decimal:
        """What it costs after all that was taken back."""
        return self.total - self.credited


class OrderLine(Base):
    """A frozen line: what it was, which tier gave its price, and how its money is shared (amounts in the
    order's currency). `owner_recovers` is the cost of the goods, which goes back to whom they belonged
    (`goods_owner`); it and the three shares add up to `line_total` without its tax. The tax is in `line_total`
    (`tax_included`) or comes on top of it. `replaces_id`: the line in whose place the buyer accepted this one.
    What becomes of its pieces stands in `LineProgress`.
    """

    __tablename__ = "order_line"
    __table_args__ = (
        sa.UniqueConstraint("order_id", "position"),
        one_of("goods_owner", ("seller", "platform")),
        sa.CheckConstraint("quantity > 0", name="quantity"),
        sa.CheckConstraint(
            "line_total - CASE WHEN tax_included THEN tax_amount ELSE 0 END"
            " = platform_fee + platform_rest + seller_share + owner_recovers",
            name="split_adds_up",
        ),
        sa.CheckConstraint("tax_percent >= 0 AND tax_amount >= 0", name="tax"),
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
    tax_name: Mapped[str] = mapped_column(default="")
    tax_percent: Mapped[Percent] = mapped_column(default=Decimal(0))
    tax_amount: Mapped[Amount] = mapped_column(default=Decimal(0))
    tax_included: Mapped[bool] = mapped_column(default=False)
    # standard, zero, exempt (and why), or empty: no rate held.
    tax_kind: Mapped[str] = mapped_column(default="")
    tax_reason: Mapped[str] = mapped_column(default="")
    # Which level's settlement rule was used (product, seller, category, platform) and its row; empty on older lines.
    settlement_source: Mapped[str] = mapped_column(default="")
    replaces_id: Mapped[int | None] = mapped_column(sa.ForeignKey("order_line.id"), default=None)
    progress: Mapped[LineProgress] = relationship(init=False, lazy="raise")

    @property
    def rate(self) -> Rate | None:
        """The tax that was on it when it was placed; None: none held."""
        if not self.tax_name:
            return None
        return Rate(self.tax_name, self.tax_kind, self.tax_percent, self.tax_included, self.tax_reason)


class LineProgress(Base):
    """What has become of a line's pieces and money; changed only while its order is locked.

    `quantity` and `line_total` repeat the frozen line, so that PostgreSQL can keep the bounds: nothing is cancelled,
    shipped or returned twice, and nothing taken back beyond what it cost. `ready_on`: a back-order, expected then.
    """

    __tablename__ = "line_progress"
    __table_args__ = (
        sa.CheckConstraint("cancelled >= 0 AND shipped >= 0 AND cancelled + shipped <= quantity", name="pieces"),
        sa.CheckConstraint("returned BETWEEN 0 AND shipped", name="returned"),
        sa.CheckConstraint("credited BETWEEN 0 AND line_total", name="credited"),
    )

    line_id: Mapped[int] = mapped_column(sa.ForeignKey("order_line.id"), primary_key=True)
    order_id: Mapped[int] = mapped_column(sa.ForeignKey("sales_order.id"), index=True)
    quantity: Mapped[int] = mapped_column(sa.Integer)
    line_total: Mapped[Amount]
    cancelled: Mapped[int] = mapped_column(sa.Integer, default=0)
    shipped: Mapped[int] = mapped_column(sa.Integer, default=0)
    returned: Mapped[int] = mapped_column(sa.Integer, default=0)
    credited: Mapped[Amount] = mapped_column(default=Decimal(0))
    ready_on: Mapped[date | None] = mapped_column(default=None)

    @property
    def kept(self) -> int:
        """Pieces that are still wanted, shipped or not."""
        return self.quantity - self.cancelled - self.returned

    @property
    def open(self) -> int:
        """Pieces that are still to be shipped."""
        return self.quantity - self.cancelled - self.shipped


class OrderCredit(Base):
    """Taking back a part of an order, once: pieces cancelled or returned, an amount allowed. Append-only.

    `sequence` counts within the order; `total` is what the buyer owes less, delivery included. Each has one journal
    (`rules.credit_key`) and, once the order is invoiced, a credit note.
    """

    __tablename__ = "order_credit"
    __table_args__ = (
        one_of("kind", CREDIT_KINDS),
        sa.UniqueConstraint("order_id", "sequence"),
        sa.CheckConstraint("delivery BETWEEN 0 AND total", name="total"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    order_id: Mapped[int] = mapped_column(sa.ForeignKey("sales_order.id"))
    sequence: Mapped[int] = mapped_column(sa.Integer)
    kind: Mapped[str]
    reason: Mapped[str]
    delivery: Mapped[Amount]
    total: Mapped[Amount]
    currency: Mapped[Currency]
    earned: Mapped[bool]
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"))
    at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    lines: Mapped[list[OrderCreditLine]] = relationship(init=False, order_by="OrderCreditLine.line_id", lazy="raise")


class OrderCreditLine(Base):
    """What a credit takes back of one line: `quantity` pieces (0 for an allowance) and their money."""

    __tablename__ = "order_credit_line"
    __table_args__ = (
        sa.CheckConstraint("quantity >= 0", name="quantity"),
        sa.CheckConstraint(
            "goods - CASE WHEN tax_included THEN tax ELSE 0 END"
            " = platform_fee + platform_rest + seller_share + owner_recovers",
            name="split_adds_up",
        ),
    )

    credit_id: Mapped[int] = mapped_column(sa.ForeignKey("order_credit.id"), primary_key=True)
    line_id: Mapped[int] = mapped_column(sa.ForeignKey("order_line.id"), primary_key=True, index=True)
    quantity: Mapped[int] = mapped_column(sa.Integer)
    goods: Mapped[Amount]
    tax: Mapped[Amount]
    tax_included: Mapped[bool]
    platform_fee: Mapped[Amount]
    platform_rest: Mapped[Amount]
    seller_share: Mapped[Amount]
    owner_recovers: Mapped[Amount]


class Shipment(Base):
    """Goods of an order that left together. `number` is the order's with a count: ORD-2026-000017-1."""

    __tablename__ = "shipment"
    __table_args__ = (sa.UniqueConstraint("order_id", "sequence"),)

    id: Mapped[Id] = mapped_column(init=False)
    order_id: Mapped[int] = mapped_column(sa.ForeignKey("sales_order.id"))
    sequence: Mapped[int] = mapped_column(sa.Integer)
    number: Mapped[str] = mapped_column(unique=True)
    carrier: Mapped[str]
    tracking: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"))
    shipped_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    delivered_at: Mapped[datetime | None] = mapped_column(default=None)
    lines: Mapped[list[ShipmentLine]] = relationship(init=False, order_by="ShipmentLine.line_id", lazy="raise")


class ShipmentLine(Base):
    """How many pieces of a line a shipment holds."""

    __tablename__ = "shipment_line"
    __table_args__ = (sa.CheckConstraint("quantity > 0", name="quantity"),)

    shipment_id: Mapped[int] = mapped_column(sa.ForeignKey("shipment.id"), primary_key=True)
    line_id: Mapped[int] = mapped_column(sa.ForeignKey("order_line.id"), primary_key=True, index=True)
    quantity: Mapped[int] = mapped_column(sa.Integer)


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
