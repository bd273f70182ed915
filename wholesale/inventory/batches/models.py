"""Batches, where their pieces are, every change of that; and which goods expire at all."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.inventory.batches.rules import DAYS_BEFORE, MOVE_KINDS
from wholesale.kernel import clock
from wholesale.platform.db import Base, Id, one_of


class ExpiringGoods(Base):
    """A product whose pieces expire. The first warning comes `warn_days` before."""

    __tablename__ = "expiring_goods"
    __table_args__ = (sa.CheckConstraint("warn_days BETWEEN 1 AND 730", name="warn_days"),)

    product_id: Mapped[int] = mapped_column(sa.ForeignKey("product.id", ondelete="CASCADE"), primary_key=True)
    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    warn_days: Mapped[int] = mapped_column(sa.Integer, default=DAYS_BEFORE)


class Batch(Base):
    """Pieces of a variant that were made together. `expires_on` is the last day on which they are good."""

    __tablename__ = "batch"
    __table_args__ = (
        sa.UniqueConstraint("variant_id", "code"),
        sa.CheckConstraint("code <> ''", name="code"),
        sa.Index("ix_batch_expires_on", "organization_id", "expires_on", "id"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    variant_id: Mapped[int] = mapped_column(sa.ForeignKey("variant.id"))
    code: Mapped[str]
    expires_on: Mapped[date] = mapped_column(sa.Date)
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class BatchStock(Base):
    """What is left of a batch in a location. Changed only while the stock row of variant and location is locked."""

    __tablename__ = "batch_stock"
    __table_args__ = (
        sa.CheckConstraint("pieces >= 0", name="pieces"),
        sa.Index("ix_batch_stock_place", "variant_id", "location_id", postgresql_where=sa.text("pieces > 0")),
    )

    batch_id: Mapped[int] = mapped_column(sa.ForeignKey("batch.id"), primary_key=True)
    location_id: Mapped[int] = mapped_column(sa.ForeignKey("location.id"), primary_key=True)
    variant_id: Mapped[int] = mapped_column(sa.ForeignKey("variant.id"))
    pieces: Mapped[int] = mapped_column(sa.Integer, default=0)


class BatchMove(Base):
    """One change of what is left of a batch in a location. Append-only.

    Kinds are those of the inventory log; REGISTER says which batch pieces are of that were there already.
    """

    __tablename__ = "batch_move"
    __table_args__ = (
        one_of("kind", MOVE_KINDS),
        sa.CheckConstraint("quantity <> 0", name="quantity"),
        sa.Index("ix_batch_move_batch", "batch_id", "id"),
        sa.Index("ix_batch_move_reference", "reference"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    batch_id: Mapped[int] = mapped_column(sa.ForeignKey("batch.id"))
    location_id: Mapped[int] = mapped_column(sa.ForeignKey("location.id"))
    kind: Mapped[str]
    quantity: Mapped[int] = mapped_column(sa.Integer)
    reference: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"), index=True)
    at: Mapped[datetime] = mapped_column(default_factory=clock.now)
