"""Rates of tax, what a line's tax is, the country in which a business is; and orders written as tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

# Table -> whose rows they are, as in 0010. Rates stand beside every price: `tests/house/test_row_security.py` says so.
PLATFORM = "(SELECT current_setting('app.scope', true)) = 'platform'"
ORG = "(SELECT NULLIF(current_setting('app.org', true), '')::bigint)"
POLICIES = {"order_export": f"organization_id = {ORG}"}


def upgrade() -> None:
    op.create_table(
        "tax_rate",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("country", sa.CHAR(2), nullable=False),
        sa.Column("category_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("percent", sa.Numeric(7, 4), nullable=False),
        sa.Column("included", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("set_by", sa.BigInteger(), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("ended_by", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('standard', 'zero', 'exempt')", name=op.f("ck_tax_rate_kind")),
        sa.CheckConstraint("percent BETWEEN 0 AND 100", name=op.f("ck_tax_rate_percent")),
        sa.CheckConstraint("(kind = 'standard') = (percent > 0)", name=op.f("ck_tax_rate_kind_fits_percent")),
        sa.CheckConstraint("kind <> 'exempt' OR reason <> ''", name=op.f("ck_tax_rate_reason")),
        sa.CheckConstraint("valid_until >= valid_from", name=op.f("ck_tax_rate_valid_until")),
        sa.ForeignKeyConstraint(["category_id"], ["category.id"], name=op.f("fk_tax_rate_category_id")),
        sa.ForeignKeyConstraint(["set_by"], ["app_user.id"], name=op.f("fk_tax_rate_set_by")),
        sa.ForeignKeyConstraint(["ended_by"], ["app_user.id"], name=op.f("fk_tax_rate_ended_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tax_rate")),
    )
    op.create_index(op.f("ix_tax_rate_category_id"), "tax_rate", ["category_id"])
    op.create_index(
        "uq_tax_rate_scope",
        "tax_rate",
        ["country", sa.text("coalesce(category_id, 0)"), "valid_from"],
        unique=True,
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.add_column("order_line", sa.Column("tax_kind", sa.Text(), nullable=False, server_default=""))
    op.add_column("order_line", sa.Column("tax_reason", sa.Text(), nullable=False, server_default=""))
    op.add_column("organization", sa.Column("country", sa.CHAR(2), nullable=False, server_default="BD"))
    # The owner of the tables is bound by the policies too: it gives itself the platform's scope.
    op.execute("SELECT set_config('app.scope', 'platform', true)")
    op.execute(
        "UPDATE organization o SET country = a.country FROM ("
        " SELECT DISTINCT ON (organization_id) organization_id, country FROM address ORDER BY organization_id, id"
        ") a WHERE a.organization_id = o.id AND a.country <> o.country"
    )
    op.create_table(
        "order_export",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=True),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("filters", postgresql.JSONB(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("file_key", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('csv', 'xlsx')", name=op.f("ck_order_export_kind")),
        sa.CheckConstraint("side IN ('buyer', 'seller', 'staff')", name=op.f("ck_order_export_side")),
        sa.CheckConstraint("(side = 'staff') = (organization_id IS NULL)", name=op.f("ck_order_export_whose")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_order_export_organization_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_order_export_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_export")),
    )
    op.create_index(op.f("ix_order_export_organization_id"), "order_export", ["organization_id"])
    op.create_index(op.f("ix_order_export_user_id"), "order_export", ["user_id"])
    for table, own in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({PLATFORM} OR {own})")
    # What a report of taxes goes through: the orders of a year, and of these what was taken back.
    op.create_index("ix_sales_order_confirmed_at", "sales_order", ["confirmed_at"])


def downgrade() -> None:
    op.drop_table("order_export")
    op.drop_index("ix_sales_order_confirmed_at", "sales_order")
    op.drop_column("organization", "country")
    op.drop_column("order_line", "tax_reason")
    op.drop_column("order_line", "tax_kind")
    op.drop_table("tax_rate")
