"""Price tiers and settlement rules."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.platform.db import Amount, Base, Id, one_of


class PriceTier(Base):
    """From `min_qty` on, a unit costs `unit_price` in the product's currency."""

    __tablename__ = "price_tier"
    __table_args__ = (
        sa.CheckConstraint("min_qty >= 1", name="min_qty"),
        sa.CheckConstraint("unit_price > 0", name="unit_price"),
    )

    product_id: Mapped[int] = mapped_column(sa.ForeignKey("product.id", ondelete="CASCADE"), primary_key=True)
    min_qty: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    unit_price: Mapped[Amount]


class SettlementRule(Base):
    """How revenue is shared: set for a product, a seller, a category, or (all NULL) the platform.

    profit_share: the platform's fee is `platform_percent` of the gross profit, the seller's share
    `seller_percent` of what remains (EX-2). commission: the platform takes `commission_percent` of the
    revenue (EX-3). A rule is never changed: a new one takes over at its `valid_from`.
    """

    __tablename__ = "settlement_rule"
    __table_args__ = (
        one_of("model", ("profit_share", "commission")),
        one_of("goods_owner", ("seller", "platform")),
        sa.CheckConstraint("num_nonnulls(product_id, seller_id, category_id) <= 1", name="one_scope"),
        sa.CheckConstraint(
            "(model = 'profit_share') = (platform_percent IS NOT NULL AND seller_percent IS NOT NULL"
            " AND commission_percent IS NULL)",
            name="profit_share",
        ),
        sa.CheckConstraint("(model = 'commission') = (commission_percent IS NOT NULL)", name="commission"),
        sa.CheckConstraint("platform_percent BETWEEN 0 AND 100", name="platform_percent"),
        sa.CheckConstraint("seller_percent BETWEEN 0 AND 100", name="seller_percent"),
        sa.CheckConstraint("commission_percent BETWEEN 0 AND 100", name="commission_percent"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    model: Mapped[str]
    product_id: Mapped[int | None] = mapped_column(sa.ForeignKey("product.id"), index=True, default=None)
    seller_id: Mapped[int | None] = mapped_column(sa.ForeignKey("organization.id"), index=True, default=None)
    category_id: Mapped[int | None] = mapped_column(sa.ForeignKey("category.id"), index=True, default=None)
    platform_percent: Mapped[Decimal | None] = mapped_column(sa.Numeric(7, 4), default=None)
    seller_percent: Mapped[Decimal | None] = mapped_column(sa.Numeric(7, 4), default=None)
    commission_percent: Mapped[Decimal | None] = mapped_column(sa.Numeric(7, 4), default=None)
    goods_owner: Mapped[str] = mapped_column(default="seller")
    set_by: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"), default=None)
    valid_from: Mapped[datetime] = mapped_column(default_factory=clock.now)
