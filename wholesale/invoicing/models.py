"""Invoices and the counters that number them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.platform.db import Base, Id, one_of


class InvoiceCounter(Base):
    """The last number given, per seller and fiscal year; locked while an invoice is issued."""

    __tablename__ = "invoice_counter"

    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"), primary_key=True)
    fiscal_year: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int] = mapped_column(sa.Integer)


class Invoice(Base):
    """An issued invoice. `content` is everything printed on it; `file_key` is set once its PDF is stored."""

    __tablename__ = "invoice"
    __table_args__ = (
        sa.UniqueConstraint("seller_id", "fiscal_year", "sequence"),
        one_of("state", ("issued", "void")),
        sa.CheckConstraint("(file_key IS NULL) = (sha256 IS NULL)", name="stored_with_hash"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    order_id: Mapped[int] = mapped_column(sa.ForeignKey("sales_order.id"), unique=True)
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    buyer_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    fiscal_year: Mapped[str]
    sequence: Mapped[int] = mapped_column(sa.Integer)
    number: Mapped[str]
    content: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default="issued")
    issued_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    file_key: Mapped[str | None] = mapped_column(default=None)
    sha256: Mapped[str | None] = mapped_column(default=None)
    size: Mapped[int | None] = mapped_column(sa.Integer, default=None)
    made_at: Mapped[datetime | None] = mapped_column(default=None)
