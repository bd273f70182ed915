"""Tables that are written in the background."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.orders.history.rules import KINDS, LATE
from wholesale.platform.db import Base, Id, one_of


class OrderExport(Base):
    """Orders as a table, for a business (`side`: buyer or seller) or, with neither, for a person of the platform.

    Without a file while it is being made. `filters`: as an address carries them; `language`: of its words.
    """

    __tablename__ = "order_export"
    __table_args__ = (
        one_of("kind", KINDS),
        one_of("side", ("buyer", "seller", "staff")),
        sa.CheckConstraint("(side = 'staff') = (organization_id IS NULL)", name="whose"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    organization_id: Mapped[int | None] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    side: Mapped[str]
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id"), index=True)
    kind: Mapped[str]
    filters: Mapped[dict[str, Any]]
    language: Mapped[str]
    asked_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    ready_at: Mapped[datetime | None] = mapped_column(default=None)
    rows: Mapped[int] = mapped_column(sa.Integer, default=0)
    size: Mapped[int] = mapped_column(sa.Integer, default=0)
    file_key: Mapped[str | None] = mapped_column(default=None)

    @property
    def is_late(self) -> bool:
        """It is not there and will not come."""
        return self.ready_at is None and self.asked_at < clock.now() - LATE
