"""Cart lines. The cart itself is the pair of person and business."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.platform.db import Amount, Base, Id


class CartLine(Base):
    """So many of a variant, and the unit price that the person last saw for it."""

    __tablename__ = "cart_line"
    __table_args__ = (
        sa.UniqueConstraint("user_id", "organization_id", "variant_id"),
        sa.CheckConstraint("quantity > 0", name="quantity"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id", ondelete="CASCADE"))
    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id", ondelete="CASCADE"))
    variant_id: Mapped[int] = mapped_column(sa.ForeignKey("variant.id"), index=True)
    quantity: Mapped[int] = mapped_column(sa.Integer)
    seen_price: Mapped[Amount]
    added_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
