"""Batches that expire, and stock takes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from flask import current_app
from sqlalchemy.dialects import postgresql

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

# Table -> whose rows they are, as in 0010.
PLATFORM = "(SELECT current_setting('app.scope', true)) = 'platform'"
ORG = "(SELECT NULLIF(current_setting('app.org', true), '')::bigint)"
POLICIES = {
    "expiring_goods": f"organization_id = {ORG}",
    "batch": f"organization_id = {ORG}",
    "batch_stock": "EXISTS (SELECT FROM batch b WHERE b.id = batch_stock.batch_id)",
    "batch_move": "EXISTS (SELECT FROM batch b WHERE b.id = batch_move.batch_id)",
    "count_counter": f"organization_id = {ORG}",
    "stock_count": f"organization_id = {ORG}",
    "stock_count_line": "EXISTS (SELECT FROM stock_count c WHERE c.id = stock_count_line.count_id)",
    "stock_count_entry": "EXISTS (SELECT FROM stock_count c WHERE c.id = stock_count_entry.count_id)",
    "stock_count_file": "EXISTS (SELECT FROM stock_count c WHERE c.id = stock_count_file.count_id)",
    "stock_count_sheet": "EXISTS (SELECT FROM stock_count c WHERE c.id = stock_count_sheet.count_id)",
}
APPEND_ONLY = ("batch_move", "stock_count_entry")

# With the COMMIT, so that pieces may leave before their batches follow; queued only for rows that are wrong meanwhile.
BATCHED = """
CREATE FUNCTION check_batched() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM stock s
        WHERE s.variant_id = NEW.variant_id AND s.location_id = NEW.location_id
          AND (s.batched < 0 OR s.batched > s.on_hand)
    ) THEN
        RAISE EXCEPTION 'variant % in location %: its batches have more pieces than are on hand',
            NEW.variant_id, NEW.location_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER batched AFTER INSERT OR UPDATE OF on_hand, batched ON stock
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.batched < 0 OR NEW.batched > NEW.on_hand) EXECUTE FUNCTION check_batched();
"""


def upgrade() -> None:
    _batches()
    _counts()
    for table, own in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({PLATFORM} OR {own})")
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    settings = current_app.extensions["settings"]
    role = sa.make_url(settings.database_url).username
    if role != sa.make_url(settings.database_owner_url).username:
        quoted = sa.dialects.postgresql.dialect().identifier_preparer.quote(role)
        for table in APPEND_ONLY:
            op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM {quoted}")


def _batches() -> None:
    op.add_column("stock", sa.Column("batched", sa.Integer(), nullable=False, server_default="0"))
    op.execute(BATCHED)
    op.create_table(
        "expiring_goods",
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("warn_days", sa.Integer(), nullable=False),
        sa.CheckConstraint("warn_days BETWEEN 1 AND 730", name=op.f("ck_expiring_goods_warn_days")),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_expiring_goods_product_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_expiring_goods_organization_id")
        ),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_expiring_goods")),
    )
    op.create_index(op.f("ix_expiring_goods_organization_id"), "expiring_goods", ["organization_id"])
    op.create_table(
        "batch",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("variant_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("code <> ''", name=op.f("ck_batch_code")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_batch_organization_id")),
        sa.ForeignKeyConstraint(["variant_id"], ["variant.id"], name=op.f("fk_batch_variant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
        sa.UniqueConstraint("variant_id", "code", name=op.f("uq_batch_variant_id_code")),
    )
    op.create_index("ix_batch_expires_on", "batch", ["organization_id", "expires_on", "id"])
    op.create_table(
        "batch_stock",
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("variant_id", sa.BigInteger(), nullable=False),
        sa.Column("pieces", sa.Integer(), nullable=False),
        sa.CheckConstraint("pieces >= 0", name=op.f("ck_batch_stock_pieces")),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_batch_stock_batch_id")),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_batch_stock_location_id")),
        sa.ForeignKeyConstraint(["variant_id"], ["variant.id"], name=op.f("fk_batch_stock_variant_id")),
        sa.PrimaryKeyConstraint("batch_id", "location_id", name=op.f("pk_batch_stock")),
    )
    op.create_index(
        "ix_batch_stock_place",
        "batch_stock",
        ["variant_id", "location_id"],
        postgresql_where=sa.text("pieces > 0"),
    )
    op.create_table(
        "batch_move",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('PURCHASE', 'SALE', 'RETURN', 'ADJUSTMENT', 'TRANSFER', 'WRITE_OFF', 'REGISTER')",
            name=op.f("ck_batch_move_kind"),
        ),
        sa.CheckConstraint("quantity <> 0", name=op.f("ck_batch_move_quantity")),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_batch_move_batch_id")),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_batch_move_location_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_batch_move_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch_move")),
    )
    op.create_index("ix_batch_move_batch", "batch_move", ["batch_id", "id"])
    op.create_index("ix_batch_move_reference", "batch_move", ["reference"])
    op.create_index(op.f("ix_batch_move_user_id"), "batch_move", ["user_id"])


def _counts() -> None:
    op.create_table(
        "count_counter",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_count_counter_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "year", name=op.f("pk_count_counter")),
    )
    op.create_table(
        "stock_count",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("category_id", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_by", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.CheckConstraint("scope IN ('all', 'category', 'chosen')", name=op.f("ck_stock_count_scope")),
        sa.CheckConstraint(
            "state IN ('counting', 'checking', 'posted', 'cancelled')", name=op.f("ck_stock_count_state")
        ),
        sa.CheckConstraint(
            "(state IN ('posted', 'cancelled')) = (ended_at IS NOT NULL)", name=op.f("ck_stock_count_ended")
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_stock_count_organization_id")),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_stock_count_location_id")),
        sa.ForeignKeyConstraint(["category_id"], ["category.id"], name=op.f("fk_stock_count_category_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_stock_count_user_id")),
        sa.ForeignKeyConstraint(["ended_by"], ["app_user.id"], name=op.f("fk_stock_count_ended_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_count")),
        sa.UniqueConstraint("organization_id", "number", name=op.f("uq_stock_count_organization_id_number")),
        sa.UniqueConstraint("organization_id", "key", name=op.f("uq_stock_count_organization_id_key")),
    )
    op.create_index(op.f("ix_stock_count_user_id"), "stock_count", ["user_id"])
    op.create_index(op.f("ix_stock_count_ended_by"), "stock_count", ["ended_by"])
    op.create_table(
        "stock_count_line",
        sa.Column("count_id", sa.BigInteger(), nullable=False),
        sa.Column("variant_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("counted", sa.Integer(), nullable=True),
        sa.Column("expected", sa.Integer(), nullable=True),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("turns", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("unit_cost", sa.Numeric(18, 4), nullable=True),
        sa.Column("posted", sa.Integer(), nullable=True),
        sa.Column("promised", sa.Integer(), nullable=True),
        sa.CheckConstraint("counted >= 0", name=op.f("ck_stock_count_line_counted")),
        sa.CheckConstraint("(counted IS NULL) = (expected IS NULL)", name=op.f("ck_stock_count_line_expected")),
        sa.CheckConstraint("(counted IS NULL) = (counted_at IS NULL)", name=op.f("ck_stock_count_line_counted_at")),
        sa.ForeignKeyConstraint(["count_id"], ["stock_count.id"], name=op.f("fk_stock_count_line_count_id")),
        sa.ForeignKeyConstraint(["variant_id"], ["variant.id"], name=op.f("fk_stock_count_line_variant_id")),
        sa.PrimaryKeyConstraint("count_id", "variant_id", name=op.f("pk_stock_count_line")),
    )
    op.create_index("ix_stock_count_line_position", "stock_count_line", ["count_id", "position"])
    op.create_index(op.f("ix_stock_count_line_variant_id"), "stock_count_line", ["variant_id"])
    op.create_table(
        "stock_count_entry",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("count_id", sa.BigInteger(), nullable=False),
        sa.Column("variant_id", sa.BigInteger(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("counted", sa.Integer(), nullable=True),
        sa.Column("expected", sa.Integer(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("source IN ('typed', 'file')", name=op.f("ck_stock_count_entry_source")),
        sa.ForeignKeyConstraint(["count_id"], ["stock_count.id"], name=op.f("fk_stock_count_entry_count_id")),
        sa.ForeignKeyConstraint(["variant_id"], ["variant.id"], name=op.f("fk_stock_count_entry_variant_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_stock_count_entry_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_count_entry")),
    )
    op.create_index("ix_stock_count_entry_line", "stock_count_entry", ["count_id", "variant_id", "id"])
    op.create_index(op.f("ix_stock_count_entry_user_id"), "stock_count_entry", ["user_id"])
    op.create_table(
        "stock_count_file",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("count_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("empty", sa.Integer(), nullable=False),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("problems", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["count_id"], ["stock_count.id"], name=op.f("fk_stock_count_file_count_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_stock_count_file_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_count_file")),
    )
    op.create_index("ix_stock_count_file_count", "stock_count_file", ["count_id", "id"])
    op.create_index(op.f("ix_stock_count_file_user_id"), "stock_count_file", ["user_id"])
    op.create_table(
        "stock_count_sheet",
        sa.Column("count_id", sa.BigInteger(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("file_key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["count_id"], ["stock_count.id"], name=op.f("fk_stock_count_sheet_count_id")),
        sa.PrimaryKeyConstraint("count_id", "part", name=op.f("pk_stock_count_sheet")),
    )


def downgrade() -> None:
    for table in (
        "stock_count_sheet",
        "stock_count_file",
        "stock_count_entry",
        "stock_count_line",
        "stock_count",
        "count_counter",
    ):
        op.drop_table(table)
    for table in ("batch_move", "batch_stock", "batch", "expiring_goods"):
        op.drop_table(table)
    op.execute("DROP TRIGGER batched ON stock")
    op.execute("DROP FUNCTION check_batched()")
    op.drop_column("stock", "batched")
