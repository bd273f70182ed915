"""Receipts."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.platform.db import Amount, Base, Currency, Id, one_of


class Receipt(Base):
    """Money received for a purchase. `reference` is the bank's, or the order's number for cash."""

    __tablename__ = "receipt"
    __table_args__ = (
        one_of("method", ("cash", "bank_transfer")),
        sa.UniqueConstraint("method", "reference"),
        sa.CheckConstraint("amount > 0", name="amount"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    purchase_id: Mapped[int] = mapped_column(sa.ForeignKey("purchase.id"), index=True)
    method: Mapped[str]
    reference: Mapped[str]
    amount: Mapped[Amount]
    currency: Mapped[Currency]
    recorded_by: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"))
    received_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
