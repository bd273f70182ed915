"""Invoices, credit notes, and the counters that number them."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.platform.db import Amount, Base, Currency, Id, one_of

_TOKEN_BYTES = 15  # 120 bits: nobody finds a document by trying


def _token() -> str:
    return secrets.token_urlsafe(_TOKEN_BYTES)


class InvoiceCounter(Base):
    """The last number given, per seller and fiscal year; locked while an invoice is issued."""

    __tablename__ = "invoice_counter"

    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"), primary_key=True)
    fiscal_year: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int] = mapped_column(sa.Integer)


class CreditNoteCounter(Base):
    """The same for credit notes, which are a series of their own."""

    __tablename__ = "credit_note_counter"

    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"), primary_key=True)
    fiscal_year: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int] = mapped_column(sa.Integer)


class Invoice(Base):
    """What an order's buyer is asked to pay, as of its confirmation.

    `content` repeats everything printed on it; `file_key` is set once its PDF is stored. `credits`: how often something
    had been taken back of the order by then, which is not on it. `token` leads to its public page. Goods that the buyer
    accepted in place of others afterwards are on a supplement: `part` 2 and on. `last_position`: the order's last line
    that is on it.
    """

    __tablename__ = "invoice"
    __table_args__ = (
        sa.UniqueConstraint("seller_id", "fiscal_year", "sequence"),
        sa.UniqueConstraint("order_id", "part"),
        one_of("state", ("issued", "void")),
        sa.CheckConstraint("(file_key IS NULL) = (sha256 IS NULL)", name="stored_with_hash"),
        sa.CheckConstraint("(state = 'void') = (voided_at IS NOT NULL)", name="voided"),
        sa.Index("ix_invoice_issued", "seller_id", "issued_at"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    order_id: Mapped[int] = mapped_column(sa.ForeignKey("sales_order.id"))
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    buyer_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    seller_name: Mapped[str]
    buyer_name: Mapped[str]
    fiscal_year: Mapped[str]
    sequence: Mapped[int] = mapped_column(sa.Integer)
    number: Mapped[str]
    content: Mapped[dict[str, Any]]
    total: Mapped[Amount]
    currency: Mapped[Currency]
    credits: Mapped[int] = mapped_column(sa.Integer)
    last_position: Mapped[int] = mapped_column(sa.Integer)
    part: Mapped[int] = mapped_column(sa.Integer, default=1)
    token: Mapped[str] = mapped_column(default_factory=_token, unique=True)
    state: Mapped[str] = mapped_column(default="issued")
    issued_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    voided_at: Mapped[datetime | None] = mapped_column(default=None)
    file_key: Mapped[str | None] = mapped_column(default=None)
    sha256: Mapped[str | None] = mapped_column(default=None)
    size: Mapped[int | None] = mapped_column(sa.Integer, default=None)
    made_at: Mapped[datetime | None] = mapped_column(default=None)


class CreditNote(Base):
    """What is taken back of an invoice, once per taking back of its order; otherwise as an invoice is."""

    __tablename__ = "credit_note"
    __table_args__ = (
        sa.UniqueConstraint("seller_id", "fiscal_year", "sequence"),
        sa.CheckConstraint("(file_key IS NULL) = (sha256 IS NULL)", name="stored_with_hash"),
        sa.Index("ix_credit_note_issued", "seller_id", "issued_at"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    credit_id: Mapped[int] = mapped_column(sa.ForeignKey("order_credit.id"), unique=True)
    order_id: Mapped[int] = mapped_column(sa.ForeignKey("sales_order.id"), index=True)
    invoice_id: Mapped[int] = mapped_column(sa.ForeignKey("invoice.id"), index=True)
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    buyer_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    seller_name: Mapped[str]
    buyer_name: Mapped[str]
    fiscal_year: Mapped[str]
    sequence: Mapped[int] = mapped_column(sa.Integer)
    number: Mapped[str]
    content: Mapped[dict[str, Any]]
    total: Mapped[Amount]
    currency: Mapped[Currency]
    token: Mapped[str] = mapped_column(default_factory=_token, unique=True)
    issued_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    file_key: Mapped[str | None] = mapped_column(default=None)
    sha256: Mapped[str | None] = mapped_column(default=None)
    size: Mapped[int | None] = mapped_column(sa.Integer, default=None)
    made_at: Mapped[datetime | None] = mapped_column(default=None)

    @property
    def state(self) -> str:
        """A credit note is never void."""
        return "issued"


Paper = Invoice | CreditNote
