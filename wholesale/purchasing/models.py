"""Suppliers and what they sell; purchase orders, their documents, deliveries, and the costs these offer."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from wholesale.kernel import clock
from wholesale.platform.db import Amount, Base, Currency, Id, one_of
from wholesale.purchasing.rules import STATES, Progress


class Supplier(Base):
    """From whom a seller buys. Lead times are days; `payment_terms` the supplier's words.

    One that is not `is_named` was made by a first order in one click, and waits for its name.
    """

    __tablename__ = "supplier"
    __table_args__ = (
        sa.CheckConstraint("lead_min >= 0 AND lead_max >= lead_min", name="lead_time"),
        sa.Index(
            "uq_supplier_name",
            "seller_id",
            sa.text("lower(name)"),
            unique=True,
            postgresql_where=sa.text("closed_at IS NULL"),
        ),
    )

    id: Mapped[Id] = mapped_column(init=False)
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    name: Mapped[str]
    currency: Mapped[Currency]
    is_named: Mapped[bool] = mapped_column(default=True)
    contact: Mapped[str] = mapped_column(default="")
    email: Mapped[str] = mapped_column(default="")
    phone: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="")
    district: Mapped[str] = mapped_column(default="")
    country: Mapped[str] = mapped_column(sa.CHAR(2), default="BD")
    lead_min: Mapped[int | None] = mapped_column(sa.Integer, default=None)
    lead_max: Mapped[int | None] = mapped_column(sa.Integer, default=None)
    payment_terms: Mapped[str] = mapped_column(default="")
    notes: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    closed_at: Mapped[datetime | None] = mapped_column(default=None)


class SupplierItem(Base):
    """A variant as a supplier sells it. Of a variant's items one at most is `preferred`: its source."""

    __tablename__ = "supplier_item"
    __table_args__ = (
        sa.UniqueConstraint("supplier_id", "variant_id"),
        sa.CheckConstraint("moq >= 1", name="moq"),
        sa.CheckConstraint("pack >= 1", name="pack"),
        sa.CheckConstraint("lead_min >= 0 AND lead_max >= lead_min", name="lead_time"),
        sa.Index("uq_supplier_item_preferred", "variant_id", unique=True, postgresql_where=sa.text("preferred")),
    )

    id: Mapped[Id] = mapped_column(init=False)
    supplier_id: Mapped[int] = mapped_column(sa.ForeignKey("supplier.id"))
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    variant_id: Mapped[int] = mapped_column(sa.ForeignKey("variant.id"), index=True)
    supplier_sku: Mapped[str] = mapped_column(default="")
    moq: Mapped[int] = mapped_column(sa.Integer, default=1)
    pack: Mapped[int] = mapped_column(sa.Integer, default=1)
    lead_min: Mapped[int | None] = mapped_column(sa.Integer, default=None)
    lead_max: Mapped[int | None] = mapped_column(sa.Integer, default=None)
    preferred: Mapped[bool] = mapped_column(default=False)
    prices: Mapped[list[SupplierPrice]] = relationship(
        init=False, order_by="SupplierPrice.from_quantity", cascade="all, delete-orphan"
    )

    @property
    def tiers(self) -> list[tuple[int, Decimal]]:
        return [(price.from_quantity, price.unit_cost) for price in self.prices]


class SupplierPrice(Base):
    """What one costs when at least so many are bought, in the supplier's currency."""

    __tablename__ = "supplier_price"
    __table_args__ = (
        sa.CheckConstraint("from_quantity >= 1", name="from_quantity"),
        sa.CheckConstraint("unit_cost >= 0", name="unit_cost"),
    )

    item_id: Mapped[int] = mapped_column(
        sa.ForeignKey("supplier_item.id", ondelete="CASCADE"), primary_key=True, init=False
    )
    from_quantity: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    unit_cost: Mapped[Amount]


class PurchaseOrderCounter(Base):
    """The last number of a seller and year; locked by whoever takes the next one, until their transaction ends."""

    __tablename__ = "purchase_order_counter"

    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"), primary_key=True)
    year: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    last: Mapped[int] = mapped_column(sa.Integer)


class PurchaseOrder(Base):
    """What is ordered of one supplier, to come to one location.

    `year` is that of its making in the platform's zone. `key`: of the wish that raised it, so that it is raised once.
    `version`: how often it was sent. `revision` rises with every change, so that nobody changes what they have not
    seen. `expected_from`, `expected_to`: from the lead times, counted from its sending (of a draft: from its making).
    """

    __tablename__ = "purchase_order"
    __table_args__ = (
        sa.UniqueConstraint("seller_id", "year", "sequence"),
        sa.UniqueConstraint("seller_id", "key"),
        one_of("state", STATES),
        sa.CheckConstraint("freight >= 0 AND other_costs >= 0", name="costs"),
        sa.CheckConstraint("(expected_from IS NULL) = (expected_to IS NULL)", name="expected"),
        sa.Index("ix_purchase_order_list", "seller_id", "id"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    supplier_id: Mapped[int] = mapped_column(sa.ForeignKey("supplier.id"), index=True)
    year: Mapped[int] = mapped_column(sa.Integer)
    sequence: Mapped[int] = mapped_column(sa.Integer)
    number: Mapped[str]
    currency: Mapped[Currency]
    location_id: Mapped[int] = mapped_column(sa.ForeignKey("location.id"))
    created_by: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"))
    key: Mapped[str | None] = mapped_column(default=None)
    state: Mapped[str] = mapped_column(default="draft")
    note: Mapped[str] = mapped_column(default="")
    freight: Mapped[Amount] = mapped_column(default=Decimal(0))
    other_costs: Mapped[Amount] = mapped_column(default=Decimal(0))
    version: Mapped[int] = mapped_column(sa.Integer, default=0)
    revision: Mapped[int] = mapped_column(sa.Integer, default=1)
    expected_from: Mapped[date | None] = mapped_column(default=None)
    expected_to: Mapped[date | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    sent_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    supplier: Mapped[Supplier] = relationship(init=False, viewonly=True)
    lines: Mapped[list[PurchaseOrderLine]] = relationship(
        init=False, order_by="PurchaseOrderLine.position", viewonly=True
    )


class PurchaseOrderLine(Base):
    """A variant of an order, as it was called then. `unit_cost` is frozen with the order.

    `received`: pieces that came in, with those written off at once. `damaged`: of these, written off. `refused`: not
    accepted, and so not received. `closed`: given up. `exception`: why the supplier sells a quantity that its MOQ or
    packs do not allow. `lead_min`, `lead_max`: days, as known when it was ordered.
    """

    __tablename__ = "purchase_order_line"
    __table_args__ = (
        sa.UniqueConstraint("order_id", "variant_id"),
        sa.CheckConstraint("quantity >= 1", name="quantity"),
        sa.CheckConstraint("unit_cost >= 0", name="unit_cost"),
        sa.CheckConstraint(
            "received >= 0 AND damaged >= 0 AND damaged <= received AND refused >= 0 AND closed >= 0", name="pieces"
        ),
    )

    id: Mapped[Id] = mapped_column(init=False)
    order_id: Mapped[int] = mapped_column(sa.ForeignKey("purchase_order.id"))
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    position: Mapped[int] = mapped_column(sa.Integer)
    variant_id: Mapped[int] = mapped_column(sa.ForeignKey("variant.id"), index=True)
    sku: Mapped[str]
    name: Mapped[str]
    unit: Mapped[str]
    supplier_sku: Mapped[str]
    quantity: Mapped[int] = mapped_column(sa.Integer)
    unit_cost: Mapped[Amount]
    exception: Mapped[str] = mapped_column(default="")
    lead_min: Mapped[int | None] = mapped_column(sa.Integer, default=None)
    lead_max: Mapped[int | None] = mapped_column(sa.Integer, default=None)
    received: Mapped[int] = mapped_column(sa.Integer, default=0)
    damaged: Mapped[int] = mapped_column(sa.Integer, default=0)
    refused: Mapped[int] = mapped_column(sa.Integer, default=0)
    closed: Mapped[int] = mapped_column(sa.Integer, default=0)

    @property
    def progress(self) -> Progress:
        return Progress(self.quantity, self.received, self.closed)

    @property
    def open(self) -> int:
        return self.progress.open


class PurchaseOrderMove(Base):
    """One step of an order through its states. Append-only."""

    __tablename__ = "purchase_order_move"

    id: Mapped[Id] = mapped_column(init=False)
    order_id: Mapped[int] = mapped_column(sa.ForeignKey("purchase_order.id"), index=True)
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    before: Mapped[str | None]
    after: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"))
    reason: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class PurchaseOrderDocument(Base):
    """What the supplier gets: one version of an order. `content` repeats all that is printed, and never changes.

    `email`: where it goes; empty: the seller hands it over. `file_key` is set once its PDF is stored.
    """

    __tablename__ = "purchase_order_document"
    __table_args__ = (
        sa.UniqueConstraint("order_id", "version"),
        sa.CheckConstraint("(file_key IS NULL) = (sha256 IS NULL)", name="stored_with_hash"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    order_id: Mapped[int] = mapped_column(sa.ForeignKey("purchase_order.id"))
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    version: Mapped[int] = mapped_column(sa.Integer)
    content: Mapped[dict[str, Any]]
    email: Mapped[str] = mapped_column(default="")
    issued_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    file_key: Mapped[str | None] = mapped_column(default=None)
    sha256: Mapped[str | None] = mapped_column(default=None)
    size: Mapped[int | None] = mapped_column(sa.Integer, default=None)
    made_at: Mapped[datetime | None] = mapped_column(default=None)


class PurchaseDelivery(Base):
    """What came of an order at once. `note`: the number of the supplier's delivery note. Append-only."""

    __tablename__ = "purchase_delivery"
    __table_args__ = (sa.UniqueConstraint("order_id", "sequence"),)

    id: Mapped[Id] = mapped_column(init=False)
    order_id: Mapped[int] = mapped_column(sa.ForeignKey("purchase_order.id"))
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    sequence: Mapped[int] = mapped_column(sa.Integer)
    location_id: Mapped[int] = mapped_column(sa.ForeignKey("location.id"))
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"))
    note: Mapped[str] = mapped_column(default="")
    freight: Mapped[Amount] = mapped_column(default=Decimal(0))
    other_costs: Mapped[Amount] = mapped_column(default=Decimal(0))
    received_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    lines: Mapped[list[PurchaseDeliveryLine]] = relationship(
        init=False, order_by="PurchaseDeliveryLine.id", viewonly=True
    )


class PurchaseDeliveryLine(Base):
    """What came of one line. `unit_cost`: as billed, whatever was ordered; `landed_cost`: with its share. Append-only.

    `extra`: pieces more than were open. `batch`, `expires_on`: of goods that have batches.
    """

    __tablename__ = "purchase_delivery_line"
    __table_args__ = (
        sa.UniqueConstraint("delivery_id", "line_id"),
        sa.CheckConstraint("good >= 0 AND written_off >= 0 AND refused >= 0", name="not_negative"),
        sa.CheckConstraint("good + written_off + refused > 0", name="something"),
        sa.CheckConstraint("written_off + refused = 0 OR reason <> ''", name="reason"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    delivery_id: Mapped[int] = mapped_column(sa.ForeignKey("purchase_delivery.id"))
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    line_id: Mapped[int] = mapped_column(sa.ForeignKey("purchase_order_line.id"), index=True)
    good: Mapped[int] = mapped_column(sa.Integer)
    written_off: Mapped[int] = mapped_column(sa.Integer)
    refused: Mapped[int] = mapped_column(sa.Integer)
    extra: Mapped[int] = mapped_column(sa.Integer)
    unit_cost: Mapped[Amount]
    share: Mapped[Amount]
    landed_cost: Mapped[Amount]
    reason: Mapped[str] = mapped_column(default="")
    batch: Mapped[str] = mapped_column(default="")
    expires_on: Mapped[date | None] = mapped_column(default=None)


class CostOffer(Base):
    """What a product's cost could be after a delivery: that of the last pieces, or the moving average.

    Nothing changes until somebody takes one of them; `answer` says which, or that it stays.
    """

    __tablename__ = "cost_offer"
    __table_args__ = (
        sa.UniqueConstraint("delivery_id", "product_id"),
        one_of("answer", ("open", "average", "last", "kept")),
        sa.CheckConstraint("(answer = 'open') = (answered_at IS NULL)", name="answered"),
        sa.Index("ix_cost_offer_product", "product_id"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    delivery_id: Mapped[int] = mapped_column(sa.ForeignKey("purchase_delivery.id"))
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("product.id"))
    currency: Mapped[Currency]
    before: Mapped[Amount]
    last: Mapped[Amount]
    average: Mapped[Amount]
    answer: Mapped[str] = mapped_column(default="open")
    answered_by: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"), default=None)
    answered_at: Mapped[datetime | None] = mapped_column(default=None)
