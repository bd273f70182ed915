"""Price tiers, dated prices, price lists, the history of prices, and settlement rules."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.platform.db import Amount, Base, Id, Percent, one_of

# A ladder in a column: [[10, "145.0000"], [50, "135.0000"]].
LadderColumn = list[list[Any]]


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


class PriceChange(Base):
    """Prices of many products changed at once, as its seller has seen and confirmed it.

    Of all the seller's products, of a category and those below it, or of one product. `starts_at` in the future: it is
    scheduled; with `ends_at` it holds for a time, without it for good. `digest`: of every old and new price. One of
    very many products is `waiting` until a worker has made it, whole; `refused`: by then prices were others.
    """

    __tablename__ = "price_change"
    __table_args__ = (
        one_of("state", ("waiting", "confirmed", "refused", "cancelled")),
        one_of("rounding", ("0.01", "0.1", "1")),
        one_of("direction", ("half_up", "up")),
        sa.CheckConstraint("num_nonnulls(category_id, product_id) <= 1", name="one_scope"),
        sa.CheckConstraint("ends_at > starts_at", name="period"),
        sa.Index("ix_price_change_seller", "seller_id", "id"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    category_id: Mapped[int | None] = mapped_column(sa.ForeignKey("category.id"))
    product_id: Mapped[int | None] = mapped_column(sa.ForeignKey("product.id"))
    change_percent: Mapped[Percent]
    rounding: Mapped[str]
    direction: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    digest: Mapped[str]
    products: Mapped[int] = mapped_column(sa.Integer)
    made_by: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"))
    reason: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default="confirmed")
    made_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class DatedPrice(Base):
    """A ladder that takes the place of a product's regular one from `valid_from` on.

    It holds by being read: no job is needed. Without `valid_until` it is a new regular price, which a job writes into
    the tiers; with it, a price for a time. `noted_at`: its beginning is in the history and in the listing;
    `ended_at`: it holds no more (it was merged, is over, or was cancelled).
    """

    __tablename__ = "dated_price"
    __table_args__ = (
        sa.CheckConstraint("valid_until > valid_from", name="period"),
        sa.Index("ix_dated_price_open", "product_id", postgresql_where=sa.text("ended_at IS NULL")),
        sa.Index("ix_dated_price_start", "valid_from", postgresql_where=sa.text("ended_at IS NULL")),
        sa.Index("ix_dated_price_change", "change_id"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("product.id", ondelete="CASCADE"))
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    ladder: Mapped[LadderColumn] = mapped_column(JSONB)
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime | None] = mapped_column(default=None)
    change_id: Mapped[int | None] = mapped_column(sa.ForeignKey("price_change.id"), default=None)
    noted_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class PriceHistory(Base):
    """A change of what everybody pays for a product: the whole ladder before and after, who, when and why.

    Append-only, so it holds no person's name. `user_id` None: the product itself did, when a date came.
    """

    __tablename__ = "price_history"
    __table_args__ = (
        one_of("cause", ("set", "change", "begun", "over", "import")),
        sa.Index("ix_price_history_product", "product_id", "id"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("product.id"))
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    before: Mapped[LadderColumn] = mapped_column(JSONB)
    after: Mapped[LadderColumn] = mapped_column(JSONB)
    cause: Mapped[str]
    reason: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"))
    change_id: Mapped[int | None] = mapped_column(sa.ForeignKey("price_change.id"), default=None)
    at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class PriceList(Base):
    """Own prices of a seller for a group of buyers, or for one, between two days (both included).

    `off_percent`: off everything the seller offers; own tiers of products stand in `price_list_tier`. Nothing is
    worked out in advance: the price is found when somebody asks.
    """

    __tablename__ = "price_list"
    __table_args__ = (
        sa.UniqueConstraint("id", "seller_id"),
        sa.CheckConstraint("off_percent > 0 AND off_percent < 100", name="off_percent"),
        sa.CheckConstraint("valid_until >= valid_from", name="period"),
        sa.Index("ix_price_list_seller", "seller_id", "id"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    name: Mapped[str]
    valid_from: Mapped[date]
    valid_until: Mapped[date | None] = mapped_column(default=None)
    off_percent: Mapped[Decimal | None] = mapped_column(sa.Numeric(7, 4), default=None)
    is_active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(sa.Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class PriceListBuyer(Base):
    """A business that buys at a list's prices. `seller_id` is the list's: row security asks for it."""

    __tablename__ = "price_list_buyer"
    __table_args__ = (
        sa.ForeignKeyConstraint(["list_id", "seller_id"], ["price_list.id", "price_list.seller_id"]),
        sa.Index("ix_price_list_buyer_organization", "organization_id", "list_id"),
    )

    list_id: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"), primary_key=True)
    seller_id: Mapped[int]


class PriceListTier(Base):
    """On a list, from `min_qty` on, a unit of the product costs `unit_price` in the product's currency."""

    __tablename__ = "price_list_tier"
    __table_args__ = (
        sa.ForeignKeyConstraint(["list_id", "seller_id"], ["price_list.id", "price_list.seller_id"]),
        sa.CheckConstraint("min_qty >= 1", name="min_qty"),
        sa.CheckConstraint("unit_price > 0", name="unit_price"),
        sa.Index("ix_price_list_tier_product", "product_id", "list_id"),
    )

    list_id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("product.id", ondelete="CASCADE"), primary_key=True)
    min_qty: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    unit_price: Mapped[Amount]
    seller_id: Mapped[int]


class SettlementRule(Base):
    """How revenue is shared: set for a product, a seller, a category, or (all NULL) the platform.

    profit_share: the platform's fee is `platform_percent` of the gross profit, the seller's share
    `seller_percent` of what remains (EX-2). commission: the platform takes `commission_percent` of the
    revenue (EX-3). inherit: the scope has no rule of its own (any more), the more general one holds. A rule is never
    changed: a new one takes over at its `valid_from`. Until then it can be called off (`cancelled_at`).
    """

    __tablename__ = "settlement_rule"
    __table_args__ = (
        one_of("model", ("profit_share", "commission", "inherit")),
        one_of("goods_owner", ("seller", "platform")),
        sa.CheckConstraint("num_nonnulls(product_id, seller_id, category_id) <= 1", name="one_scope"),
        sa.CheckConstraint(
            "model <> 'inherit' OR num_nonnulls(product_id, seller_id, category_id) = 1", name="inherit"
        ),
        sa.CheckConstraint("cancelled_at < valid_from", name="cancelled"),
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
    set_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    reason: Mapped[str] = mapped_column(default="")
    cancelled_at: Mapped[datetime | None] = mapped_column(default=None)
    cancelled_by: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"), default=None)

    @property
    def scope(self) -> tuple[str, int]:
        """What it is set for: kind and id; the platform has 0."""
        for kind, scope_id in (
            ("product", self.product_id),
            ("seller", self.seller_id),
            ("category", self.category_id),
        ):
            if scope_id:
                return kind, scope_id
        return "platform", 0
