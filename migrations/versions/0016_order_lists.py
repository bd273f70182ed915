"""Favourites and named order lists, and finding the same goods of other sellers and SKUs that are nearly right."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

PLATFORM = "(SELECT current_setting('app.scope', true)) = 'platform'"
ORG = "(SELECT NULLIF(current_setting('app.org', true), '')::bigint)"
USER = "(SELECT NULLIF(current_setting('app.user', true), '')::bigint)"

# Table -> whose rows they are, as in 0010; `tests/house/test_row_security.py` reads it.
POLICIES = {
    "favourite": f"organization_id = {ORG}",
    "order_list": f"organization_id = {ORG} AND (user_id IS NULL OR user_id = {USER})",
    "order_list_line": "EXISTS (SELECT FROM order_list l WHERE l.id = order_list_line.list_id)",
}


def upgrade() -> None:
    op.create_table(
        "favourite",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("seen_price", sa.Numeric(18, 4), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_favourite_organization_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_favourite_product_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_favourite")),
        sa.UniqueConstraint("organization_id", "product_id", name=op.f("uq_favourite_organization_id_product_id")),
    )
    op.create_index("ix_favourite_newest", "favourite", ["organization_id", "id"])
    op.create_index(op.f("ix_favourite_product_id"), "favourite", ["product_id"])
    op.create_table(
        "order_list",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_order_list_organization_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_order_list_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_list")),
    )
    op.create_index(op.f("ix_order_list_organization_id"), "order_list", ["organization_id"])
    op.create_index(op.f("ix_order_list_user_id"), "order_list", ["user_id"])
    op.create_table(
        "order_list_line",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("list_id", sa.BigInteger(), nullable=False),
        sa.Column("variant_id", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("seen_price", sa.Numeric(18, 4), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_order_list_line_quantity")),
        sa.ForeignKeyConstraint(
            ["list_id"], ["order_list.id"], name=op.f("fk_order_list_line_list_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["variant_id"], ["variant.id"], name=op.f("fk_order_list_line_variant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_list_line")),
        sa.UniqueConstraint("list_id", "variant_id", name=op.f("uq_order_list_line_list_id_variant_id")),
    )
    op.create_index(op.f("ix_order_list_line_variant_id"), "order_list_line", ["variant_id"])
    for table, own in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({PLATFORM} OR {own})")
    op.create_index("ix_variant_barcode", "variant", ["barcode"], postgresql_where=sa.text("barcode IS NOT NULL"))
    op.create_index("ix_variant_sku_reversed", "variant", [sa.text("reverse(lower(sku))")])
    op.create_index(
        "ix_product_same_name",
        "product",
        [sa.text("lower(name)"), sa.text("lower(coalesce(brand, ''))"), "unit"],
        postgresql_where=sa.text("state = 'active'"),
    )


def downgrade() -> None:
    op.drop_index("ix_product_same_name", "product")
    op.drop_index("ix_variant_sku_reversed", "variant")
    op.drop_index("ix_variant_barcode", "variant")
    for table in reversed(POLICIES):
        op.drop_table(table)
