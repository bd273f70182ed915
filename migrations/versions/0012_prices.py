"""Price lists, dated prices and the history of prices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from flask import current_app
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

PLATFORM = "(SELECT current_setting('app.scope', true)) = 'platform'"
ORG = "(SELECT NULLIF(current_setting('app.org', true), '')::bigint)"
SELLERS_OWN = f"seller_id = {ORG}"

# Table -> whose rows they are, as in 0010; `tests/house/test_row_security.py` reads it.
POLICIES: dict[str, str] = {
    "price_change": SELLERS_OWN,
    "dated_price": SELLERS_OWN,
    "price_history": SELLERS_OWN,
    "price_list": SELLERS_OWN,
    "price_list_buyer": SELLERS_OWN,
    "price_list_tier": SELLERS_OWN,
}
ON_LIST = f"EXISTS (SELECT FROM price_list_buyer b WHERE b.list_id = {{}} AND b.organization_id = {ORG})"
# What is read besides, and never written: prices once they hold, and of the lists those that the buyer is on. A buyer
# does not learn who else is.
READ_TOO = {
    "dated_price": f"{ORG} IS NOT NULL AND valid_from <= (SELECT clock_timestamp())",
    "price_list": ON_LIST.format("price_list.id"),
    "price_list_buyer": f"organization_id = {ORG}",
    "price_list_tier": ON_LIST.format("price_list_tier.list_id"),
}


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def upgrade() -> None:
    op.add_column("order_line", sa.Column("price_source", sa.Text(), nullable=False, server_default=""))
    op.alter_column("order_line", "price_source", server_default=None)
    _changes()
    _lists()
    for table, own in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({PLATFORM} OR {own})")
    for table, also in READ_TOO.items():
        op.execute(f"CREATE POLICY read_too ON {table} FOR SELECT USING ({also})")
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON price_history"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER no_truncate BEFORE TRUNCATE ON price_history"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    settings = current_app.extensions["settings"]
    role = sa.make_url(settings.database_url).username
    if role != sa.make_url(settings.database_owner_url).username:
        quoted = sa.dialects.postgresql.dialect().identifier_preparer.quote(role)
        op.execute(f"REVOKE UPDATE, DELETE ON price_history FROM {quoted}")


def _changes() -> None:
    op.create_table(
        "price_change",
        _id(),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("category_id", sa.BigInteger(), nullable=True),
        sa.Column("product_id", sa.BigInteger(), nullable=True),
        sa.Column("change_percent", sa.Numeric(7, 4), nullable=False),
        sa.Column("rounding", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("products", sa.Integer(), nullable=False),
        sa.Column("made_by", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'confirmed', 'refused', 'cancelled')", name=op.f("ck_price_change_state")
        ),
        sa.CheckConstraint("rounding IN ('0.01', '0.1', '1')", name=op.f("ck_price_change_rounding")),
        sa.CheckConstraint("direction IN ('half_up', 'up')", name=op.f("ck_price_change_direction")),
        sa.CheckConstraint("num_nonnulls(category_id, product_id) <= 1", name=op.f("ck_price_change_one_scope")),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_price_change_period")),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_price_change_seller_id")),
        sa.ForeignKeyConstraint(["category_id"], ["category.id"], name=op.f("fk_price_change_category_id")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_price_change_product_id")),
        sa.ForeignKeyConstraint(["made_by"], ["app_user.id"], name=op.f("fk_price_change_made_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_change")),
    )
    op.create_index("ix_price_change_seller", "price_change", ["seller_id", "id"])
    op.create_table(
        "dated_price",
        _id(),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("ladder", postgresql.JSONB(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("change_id", sa.BigInteger(), nullable=True),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("valid_until > valid_from", name=op.f("ck_dated_price_period")),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_dated_price_product_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_dated_price_seller_id")),
        sa.ForeignKeyConstraint(["change_id"], ["price_change.id"], name=op.f("fk_dated_price_change_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dated_price")),
    )
    still_open = sa.text("ended_at IS NULL")
    op.create_index("ix_dated_price_open", "dated_price", ["product_id"], postgresql_where=still_open)
    op.create_index("ix_dated_price_start", "dated_price", ["valid_from"], postgresql_where=still_open)
    op.create_index("ix_dated_price_change", "dated_price", ["change_id"])
    op.create_table(
        "price_history",
        _id(),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("before", postgresql.JSONB(), nullable=False),
        sa.Column("after", postgresql.JSONB(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("change_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "cause IN ('set', 'change', 'begun', 'over', 'import')", name=op.f("ck_price_history_cause")
        ),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_price_history_product_id")),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_price_history_seller_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_price_history_user_id")),
        sa.ForeignKeyConstraint(["change_id"], ["price_change.id"], name=op.f("fk_price_history_change_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_history")),
    )
    op.create_index("ix_price_history_product", "price_history", ["product_id", "id"])


def _lists() -> None:
    op.create_table(
        "price_list",
        _id(),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("off_percent", sa.Numeric(7, 4), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("off_percent > 0 AND off_percent < 100", name=op.f("ck_price_list_off_percent")),
        sa.CheckConstraint("valid_until >= valid_from", name=op.f("ck_price_list_period")),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_price_list_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_list")),
        sa.UniqueConstraint("id", "seller_id", name=op.f("uq_price_list_id_seller_id")),
    )
    op.create_index("ix_price_list_seller", "price_list", ["seller_id", "id"])
    op.create_table(
        "price_list_buyer",
        sa.Column("list_id", sa.BigInteger(), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["list_id", "seller_id"],
            ["price_list.id", "price_list.seller_id"],
            name=op.f("fk_price_list_buyer_list_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_price_list_buyer_organization_id")
        ),
        sa.PrimaryKeyConstraint("list_id", "organization_id", name=op.f("pk_price_list_buyer")),
    )
    op.create_index("ix_price_list_buyer_organization", "price_list_buyer", ["organization_id", "list_id"])
    op.create_table(
        "price_list_tier",
        sa.Column("list_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("min_qty", sa.Integer(), nullable=False),
        sa.Column("unit_price", sa.Numeric(18, 4), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("min_qty >= 1", name=op.f("ck_price_list_tier_min_qty")),
        sa.CheckConstraint("unit_price > 0", name=op.f("ck_price_list_tier_unit_price")),
        sa.ForeignKeyConstraint(
            ["list_id", "seller_id"], ["price_list.id", "price_list.seller_id"], name=op.f("fk_price_list_tier_list_id")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_price_list_tier_product_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("list_id", "product_id", "min_qty", name=op.f("pk_price_list_tier")),
    )
    op.create_index("ix_price_list_tier_product", "price_list_tier", ["product_id", "list_id"])


def downgrade() -> None:
    for table in ("price_list_tier", "price_list_buyer", "price_list", "price_history", "dated_price", "price_change"):
        op.drop_table(table)
    op.drop_column("order_line", "price_source")
