"""Favourites, order lists and their lines."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.platform.db import Amount, Base, Id


class Favourite(Base):
    """A product that a business has marked, and its price at the minimum order on that day (in its currency)."""

    __tablename__ = "favourite"
    __table_args__ = (
        sa.UniqueConstraint("organization_id", "product_id"),
        sa.Index("ix_favourite_newest", "organization_id", "id"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id", ondelete="CASCADE"))
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("product.id", ondelete="CASCADE"), index=True)
    seen_price: Mapped[Amount]
    marked_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class OrderList(Base):
    """A named list. `user_id`: whose alone it is; NULL: it is shared, and belongs to the business."""

    __tablename__ = "order_list"

    id: Mapped[Id] = mapped_column(init=False)
    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    changed_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class OrderListLine(Base):
    """So many of a variant, and what one cost when it was put there (in its product's currency)."""

    __tablename__ = "order_list_line"
    __table_args__ = (
        sa.UniqueConstraint("list_id", "variant_id"),
        sa.CheckConstraint("quantity > 0", name="quantity"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    list_id: Mapped[int] = mapped_column(sa.ForeignKey("order_list.id", ondelete="CASCADE"))
    variant_id: Mapped[int] = mapped_column(sa.ForeignKey("variant.id"), index=True)
    quantity: Mapped[int] = mapped_column(sa.Integer)
    seen_price: Mapped[Amount]
    position: Mapped[int] = mapped_column(sa.Integer)
