"""Locations, stock, allocations, the log."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.platform.db import Base, Id, one_of

LOG_KINDS = ("PURCHASE", "SALE", "RETURN", "ADJUSTMENT", "TRANSFER", "ALLOCATION", "RELEASE", "WRITE_OFF")


LOCATION_KINDS = ("warehouse", "shop")


class Location(Base):
    """Where a seller keeps goods. `district`: a name of the list in Bangladesh, as it is written elsewhere.

    A closed one is empty and stays so; its log is kept.
    """

    __tablename__ = "location"
    __table_args__ = (
        one_of("kind", LOCATION_KINDS),
        sa.Index(
            "uq_location_name",
            "organization_id",
            sa.text("lower(name)"),
            unique=True,
            postgresql_where=sa.text("closed_at IS NULL"),
        ),
    )

    id: Mapped[Id] = mapped_column(init=False)
    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    name: Mapped[str]
    district: Mapped[str]
    kind: Mapped[str] = mapped_column(default="warehouse", server_default="warehouse")
    closed_at: Mapped[datetime | None] = mapped_column(default=None)

    @property
    def is_closed(self) -> bool:
        return self.closed_at is not None


class Stock(Base):
    """Pieces of one variant in one location."""

    __tablename__ = "stock"
    __table_args__ = (
        sa.CheckConstraint("allocated >= 0", name="allocated_not_negative"),
        sa.CheckConstraint("allocated <= on_hand", name="never_oversold"),
    )

    variant_id: Mapped[int] = mapped_column(sa.ForeignKey("variant.id"), primary_key=True)
    location_id: Mapped[int] = mapped_column(sa.ForeignKey("location.id"), primary_key=True, index=True)
    on_hand: Mapped[int] = mapped_column(sa.Integer, default=0)
    allocated: Mapped[int] = mapped_column(sa.Integer, default=0)
    # Pieces of those on hand that are in batches: never more (a deferred trigger). `inventory.batches` keeps it.
    batched: Mapped[int] = mapped_column(sa.Integer, default=0, server_default="0")


class Allocation(Base):
    """Pieces promised to one reference (an order's number) from one location, until shipped or released.

    Of `quantity`, `shipped` have left and `released` are free again; the rest is `held`.
    """

    __tablename__ = "allocation"
    __table_args__ = (
        sa.UniqueConstraint("reference", "variant_id", "location_id"),
        sa.CheckConstraint("quantity > 0", name="quantity"),
        sa.CheckConstraint("shipped >= 0 AND released >= 0 AND shipped + released <= quantity", name="pieces"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    reference: Mapped[str]
    variant_id: Mapped[int] = mapped_column(sa.ForeignKey("variant.id"), index=True)
    location_id: Mapped[int] = mapped_column(sa.ForeignKey("location.id"))
    quantity: Mapped[int] = mapped_column(sa.Integer)
    shipped: Mapped[int] = mapped_column(sa.Integer, default=0)
    released: Mapped[int] = mapped_column(sa.Integer, default=0)

    @property
    def held(self) -> int:
        """Pieces that wait to be shipped."""
        return self.quantity - self.shipped - self.released


class InventoryLog(Base):
    """One change: of the pieces on hand, or (ALLOCATION, RELEASE) of those allocated. Append-only.

    `reason`: why somebody changed it by hand (`rules.REASONS`); `note`: what they wrote to it.
    """

    __tablename__ = "inventory_log"
    __table_args__ = (
        one_of("kind", LOG_KINDS),
        sa.CheckConstraint("new = previous + quantity", name="adds_up"),
        sa.Index("ix_inventory_log_variant", "variant_id", "location_id", "id"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    variant_id: Mapped[int] = mapped_column(sa.ForeignKey("variant.id"))
    location_id: Mapped[int] = mapped_column(sa.ForeignKey("location.id"))
    kind: Mapped[str]
    quantity: Mapped[int] = mapped_column(sa.Integer)
    previous: Mapped[int] = mapped_column(sa.Integer)
    new: Mapped[int] = mapped_column(sa.Integer)
    reference: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"))
    at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    reason: Mapped[str] = mapped_column(default="", server_default="")
    note: Mapped[str] = mapped_column(default="", server_default="")
