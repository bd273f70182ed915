"""What products tell about themselves, and the narrow row that lists read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "category_attribute",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("category_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name_bn", sa.Text(), nullable=True),
        sa.Column("options", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind IN ('choice', 'text', 'number')", name=op.f("ck_category_attribute_kind")),
        sa.ForeignKeyConstraint(["category_id"], ["category.id"], name=op.f("fk_category_attribute_category_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_category_attribute")),
    )
    op.create_index(op.f("ix_category_attribute_category_id"), "category_attribute", ["category_id"])
    op.add_column("product", sa.Column("country", sa.CHAR(2), nullable=True))
    op.add_column("product", sa.Column("attributes", postgresql.JSONB(), nullable=False, server_default="{}"))
    op.add_column("product", sa.Column("specifications", postgresql.JSONB(), nullable=False, server_default="[]"))
    op.add_column(
        "product", sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())
    )
    op.add_column("variant", sa.Column("surcharge", sa.Numeric(18, 4), nullable=False, server_default="0"))
    op.add_column("variant", sa.Column("is_offered", sa.Boolean(), nullable=False, server_default=sa.true()))
    for table, column in (
        ("product", "attributes"),
        ("product", "specifications"),
        ("product", "updated_at"),
        ("variant", "surcharge"),
        ("variant", "is_offered"),
    ):
        op.alter_column(table, column, server_default=None)
    op.create_table(
        "listing",
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("category_id", sa.BigInteger(), nullable=False),
        sa.Column("moq", sa.Integer(), nullable=False),
        sa.Column("country", sa.CHAR(2), nullable=True),
        sa.Column("attributes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("from_price", sa.Numeric(18, 4), nullable=True),
        sa.Column("best_price", sa.Numeric(18, 4), nullable=True),
        sa.Column("in_stock", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_listing_product_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_listing_seller_id")),
        sa.ForeignKeyConstraint(["category_id"], ["category.id"], name=op.f("fk_listing_category_id")),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_listing")),
    )
    # What was active before has its row from the start; the index job fills in sound keys and attributes.
    op.execute(
        """
        INSERT INTO listing
        SELECT p.id, p.seller_id, p.category_id, p.moq, p.country, '{}',
               (SELECT max(t.unit_price) FROM price_tier t WHERE t.product_id = p.id),
               (SELECT min(t.unit_price) FROM price_tier t WHERE t.product_id = p.id),
               coalesce((SELECT sum(s.on_hand - s.allocated) FROM stock s JOIN variant v ON v.id = s.variant_id
                         WHERE v.product_id = p.id), 0) >= p.moq
        FROM product p WHERE p.state = 'active'
        """
    )
    op.create_table(
        "listing_words",
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["listing.product_id"], name=op.f("fk_listing_words_product_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_listing_words")),
    )
    op.execute("INSERT INTO listing_words SELECT id, search FROM product WHERE state = 'active'")
    op.create_index("ix_listing_words_words", "listing_words", ["words"], postgresql_using="gin")
    op.create_index("ix_listing_attributes", "listing", ["attributes"], postgresql_using="gin")
    op.create_index("ix_listing_category", "listing", ["category_id", "product_id"])
    op.create_index("ix_listing_category_price", "listing", ["category_id", "from_price", "product_id"])
    op.create_index("ix_listing_price", "listing", ["from_price", "product_id"])
    op.create_index("ix_listing_moq", "listing", ["moq", "product_id"])
    op.create_index("ix_listing_seller", "listing", ["seller_id", "product_id"])
    op.create_index("ix_listing_country", "listing", ["country", "product_id"])


def downgrade() -> None:
    op.drop_table("listing_words")
    op.drop_table("listing")
    for column in ("is_offered", "surcharge"):
        op.drop_column("variant", column)
    for column in ("updated_at", "specifications", "attributes", "country"):
        op.drop_column("product", column)
    op.drop_table("category_attribute")
