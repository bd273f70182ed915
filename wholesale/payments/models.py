"""Receipts and refunds."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.payments.rules import REFUND_STATES
from wholesale.platform.db import Amount, Base, Currency, Id, one_of


class Receipt(Base):
    """Money received for a purchase; `order_id`: for that order alone. `reference` is the bank's, or the order's
    number for cash. Of `amount`, `refunded` is claimed by refunds, whether they are paid yet or not.
    """

    __tablename__ = "receipt"
    __table_args__ = (
        sa.CheckConstraint("method ~ '^[a-z][a-z0-9_]*$'", name="method"),
        sa.UniqueConstraint("method", "reference"),
        sa.CheckConstraint("amount > 0", name="amount"),
        sa.CheckConstraint("refunded BETWEEN 0 AND amount", name="refunded"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    purchase_id: Mapped[int] = mapped_column(sa.ForeignKey("purchase.id"), index=True)
    method: Mapped[str]
    reference: Mapped[str]
    amount: Mapped[Amount]
    currency: Mapped[Currency]
    recorded_by: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"))
    order_id: Mapped[int | None] = mapped_column(sa.ForeignKey("sales_order.id"), index=True, default=None)
    refunded: Mapped[Amount] = mapped_column(default=Decimal(0))
    received_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class Refund(Base):
    """Money that goes back to the buyer, out of one receipt. Made as `due`, or as `paid` when it has left already.

    `key` is what was decided at once; where that needed several receipts, `part` counts them. Of one payment
    (`method`, `reference`) there are as many parts.
    """

    __tablename__ = "refund"
    __table_args__ = (
        one_of("state", REFUND_STATES),
        sa.UniqueConstraint("key", "part"),
        sa.UniqueConstraint("method", "reference", "part"),
        sa.CheckConstraint("amount > 0", name="amount"),
        sa.CheckConstraint("part > 0", name="part"),
        sa.CheckConstraint("(state = 'paid') = (paid_at IS NOT NULL)", name="paid"),
        sa.CheckConstraint("state = 'due' OR reference IS NOT NULL", name="reference"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    purchase_id: Mapped[int] = mapped_column(sa.ForeignKey("purchase.id"), index=True)
    receipt_id: Mapped[int] = mapped_column(sa.ForeignKey("receipt.id"), index=True)
    order_id: Mapped[int | None] = mapped_column(sa.ForeignKey("sales_order.id"), index=True)
    amount: Mapped[Amount]
    currency: Mapped[Currency]
    method: Mapped[str]
    reference: Mapped[str | None]
    key: Mapped[str]
    part: Mapped[int] = mapped_column(sa.Integer)
    made_by: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"))
    state: Mapped[str] = mapped_column(default="due")
    made_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    paid_by: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"), default=None)
    paid_at: Mapped[datetime | None] = mapped_column(default=None)
