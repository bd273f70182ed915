"""Categories, products, variants, pictures."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.platform.db import Amount, Base, Currency, Id, one_of


class Category(Base):
    """A node of the category tree. Its small picture has a public address, `picture_key`."""

    __tablename__ = "category"
    __table_args__ = (sa.Index("ix_category_picture_key", "picture_key"),)

    id: Mapped[Id] = mapped_column(init=False)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    name_bn: Mapped[str | None] = mapped_column(default=None)
    parent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("category.id"), index=True, default=None)
    position: Mapped[int] = mapped_column(sa.Integer, default=0)
    picture_key: Mapped[str | None] = mapped_column(default=None)
    picture_jpeg_key: Mapped[str | None] = mapped_column(default=None)


class CategoryAttribute(Base):
    """What the products of a category (and of those below it) tell about themselves, and are filtered by.

    `options_bn`: what the options are called in Bangla, in their order, as far as they are; products keep the option.
    """

    __tablename__ = "category_attribute"
    __table_args__ = (one_of("kind", ("choice", "text", "number")),)

    id: Mapped[Id] = mapped_column(init=False)
    category_id: Mapped[int] = mapped_column(sa.ForeignKey("category.id"), index=True)
    name: Mapped[str]
    kind: Mapped[str]
    name_bn: Mapped[str | None] = mapped_column(default=None)
    options: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), default_factory=list)
    options_bn: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), default_factory=list)
    unit: Mapped[str] = mapped_column(default="")
    position: Mapped[int] = mapped_column(sa.Integer, default=0)


class Product(Base):
    """What a seller offers. `cost` is what one unit costs its owner; only seller and admin may see it.

    `country`: where it was made, ISO 3166-1. `attributes`: the answers to its category's attributes, by their ids.
    `specifications`: further pairs of name and value, in the seller's order. `version` rises with every change, so
    that nobody overwrites what they have not seen.
    """

    __tablename__ = "product"
    __table_args__ = (
        one_of("state", ("draft", "active", "archived")),
        sa.CheckConstraint("moq >= 1", name="moq"),
        sa.CheckConstraint("order_multiple >= 1", name="order_multiple"),
        sa.CheckConstraint("mod(moq, order_multiple) = 0", name="moq_fits_multiple"),
        sa.CheckConstraint("cost >= 0", name="cost"),
        sa.Index("ix_product_seller", "seller_id", "id"),
        sa.Index(
            "ix_product_names",
            sa.text("to_tsvector('simple'::regconfig, (name || ' '::text) || COALESCE(name_bn, ''::text))"),
            postgresql_using="gin",
        ),
        sa.Index("ix_product_listing", "category_id", "id", postgresql_where=sa.text("state = 'active'")),
        # The same goods of other sellers, where there is no barcode to tell.
        sa.Index(
            "ix_product_same_name",
            sa.text("lower(name)"),
            sa.text("lower(coalesce(brand, ''))"),
            "unit",
            postgresql_where=sa.text("state = 'active'"),
        ),
    )

    id: Mapped[Id] = mapped_column(init=False)
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    category_id: Mapped[int] = mapped_column(sa.ForeignKey("category.id"))
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    name_bn: Mapped[str | None]
    description: Mapped[str]
    unit: Mapped[str]
    moq: Mapped[int] = mapped_column(sa.Integer)
    order_multiple: Mapped[int] = mapped_column(sa.Integer)
    cost: Mapped[Amount]
    currency: Mapped[Currency]
    lead_time_days: Mapped[int | None] = mapped_column(sa.Integer, default=None)
    reorder_level: Mapped[int | None] = mapped_column(sa.Integer, default=None)
    reorder_quantity: Mapped[int | None] = mapped_column(sa.Integer, default=None)
    supplier_moq: Mapped[int | None] = mapped_column(sa.Integer, default=None)
    brand: Mapped[str | None] = mapped_column(default=None)
    country: Mapped[str | None] = mapped_column(sa.CHAR(2), default=None)
    attributes: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    specifications: Mapped[list[list[str]]] = mapped_column(JSONB, default_factory=list)
    state: Mapped[str] = mapped_column(default="active")
    version: Mapped[int] = mapped_column(sa.Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class Variant(Base):
    """What stock is kept of. A product without sizes or colours has one, with an empty name.

    `surcharge` is what a piece of it costs more (or less) than the product's tier says. One that is no longer
    offered keeps its orders.
    """

    __tablename__ = "variant"
    __table_args__ = (
        sa.UniqueConstraint("seller_id", "sku"),
        sa.Index("ix_variant_sku", sa.text("lower(sku)")),
        # For a SKU that is typed wrongly at its beginning, see cart.quick.
        sa.Index("ix_variant_sku_reversed", sa.text("reverse(lower(sku))")),
        sa.Index("ix_variant_barcode", "barcode", postgresql_where=sa.text("barcode IS NOT NULL")),
    )

    id: Mapped[Id] = mapped_column(init=False)
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("product.id"), index=True)
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    sku: Mapped[str]
    name: Mapped[str] = mapped_column(default="")
    barcode: Mapped[str | None] = mapped_column(default=None)
    surcharge: Mapped[Amount] = mapped_column(default=Decimal(0))
    is_offered: Mapped[bool] = mapped_column(default=True)


class Listing(Base):
    """What lists, filters, facets and searches need of an active product, in one narrow row.

    There is a row exactly as long as the product is active. `catalog.actions.listings` writes it, in the
    transaction of the change: called here for names and words, by `pricing` for prices, by `inventory` for stock.
    `from_price` and `best_price`: of everybody's tiers at the MOQ and at the last tier; NULL without a price.
    `in_stock`: at least the MOQ is available. `attributes`: "<attribute's id>=<value>".
    `sort_name`: the beginning of the name, as names are compared.
    """

    __tablename__ = "listing"
    __table_args__ = (
        sa.Index("ix_listing_attributes", "attributes", postgresql_using="gin"),
        sa.Index("ix_listing_category", "category_id", "product_id"),
        sa.Index("ix_listing_category_price", "category_id", "from_price", "product_id"),
        sa.Index("ix_listing_price", "from_price", "product_id"),
        sa.Index("ix_listing_moq", "moq", "product_id"),
        sa.Index("ix_listing_seller", "seller_id", "product_id"),
        sa.Index("ix_listing_country", "country", "product_id"),
        sa.Index("ix_listing_name", "sort_name", "product_id"),
    )

    product_id: Mapped[int] = mapped_column(sa.ForeignKey("product.id", ondelete="CASCADE"), primary_key=True)
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    category_id: Mapped[int] = mapped_column(sa.ForeignKey("category.id"))
    moq: Mapped[int] = mapped_column(sa.Integer)
    country: Mapped[str | None] = mapped_column(sa.CHAR(2))
    attributes: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), default_factory=list)
    sort_name: Mapped[str] = mapped_column(sa.Text(collation="C"), default="")
    from_price: Mapped[Amount | None] = mapped_column(default=None)
    best_price: Mapped[Amount | None] = mapped_column(default=None)
    in_stock: Mapped[bool] = mapped_column(default=False)


class ListingWords(Base):
    """What a listing is found by, beside its row: a thousand bytes for which lists and counts have no use.

    So the rows that are filtered, sorted and counted stay few pages, and a new price does not write the index of words.
    """

    __tablename__ = "listing_words"
    __table_args__ = (sa.Index("ix_listing_words_words", "words", postgresql_using="gin"),)

    product_id: Mapped[int] = mapped_column(sa.ForeignKey("listing.product_id", ondelete="CASCADE"), primary_key=True)
    words: Mapped[str] = mapped_column(TSVECTOR, repr=False)


class Picture(Base):
    """A photograph of a product in three sizes, each as WebP and as JPEG: thumb (192 px, cut square), 640 and 1200.

    The keys of the WebP files are the public addresses (`/media/<key>`), `thumb_key` the smallest. A photograph that
    was uploaded is `pending` until the worker has made its sizes, and has only its `original_key`, which nobody is
    shown; `failed` with a `problem` (a key of files.REASONS) when it could not. `alt` is what it shows, in words.
    `width` and `height` are those of the file in the middle.
    """

    __tablename__ = "picture"
    __table_args__ = (
        one_of("state", ("pending", "ready", "failed")),
        sa.CheckConstraint(
            "(state = 'ready') = (thumb_key IS NOT NULL) AND (thumb_key IS NULL) = (file_key IS NULL)"
            " AND (file_key IS NULL) = (large_key IS NULL)",
            name="ready_has_files",
        ),
        sa.CheckConstraint("state = 'ready' OR original_key IS NOT NULL", name="pending_has_original"),
        # At the end of the transaction: pictures change places within it.
        sa.UniqueConstraint("product_id", "position", deferrable=True, initially="DEFERRED"),
        sa.Index("ix_picture_file_key", "file_key"),
        sa.Index("ix_picture_thumb_key", "thumb_key"),
        sa.Index("ix_picture_large_key", "large_key"),
        sa.Index("ix_picture_pending", "created_at", postgresql_where=sa.text("state = 'pending'")),
    )

    id: Mapped[Id] = mapped_column(init=False)
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("product.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(sa.Integer)
    state: Mapped[str] = mapped_column(default="pending")
    problem: Mapped[str] = mapped_column(default="")
    alt: Mapped[str] = mapped_column(default="")
    original_key: Mapped[str | None] = mapped_column(default=None)
    thumb_key: Mapped[str | None] = mapped_column(default=None)
    thumb_jpeg_key: Mapped[str | None] = mapped_column(default=None)
    file_key: Mapped[str | None] = mapped_column(default=None)
    file_jpeg_key: Mapped[str | None] = mapped_column(default=None)
    large_key: Mapped[str | None] = mapped_column(default=None)
    large_jpeg_key: Mapped[str | None] = mapped_column(default=None)
    width: Mapped[int] = mapped_column(sa.Integer, default=0)
    height: Mapped[int] = mapped_column(sa.Integer, default=0)
    large_width: Mapped[int] = mapped_column(sa.Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
