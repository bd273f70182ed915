"""Suppliers and what they sell; purchase orders with their documents, deliveries, and the costs these offer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from flask import current_app
from sqlalchemy.dialects import postgresql

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

# Table -> whose rows they are, as in 0010: all of it is the seller's own.
PLATFORM = "(SELECT current_setting('app.scope', true)) = 'platform'"
ORG = "(SELECT NULLIF(current_setting('app.org', true), '')::bigint)"
TABLES = (
    "supplier",
    "supplier_item",
    "supplier_price",
    "purchase_order_counter",
    "purchase_order",
    "purchase_order_line",
    "purchase_order_move",
    "purchase_order_document",
    "purchase_delivery",
    "purchase_delivery_line",
    "cost_offer",
)
POLICIES = dict.fromkeys(TABLES, f"seller_id = {ORG}")
APPEND_ONLY = ("purchase_order_move", "purchase_delivery", "purchase_delivery_line")
KEPT = ("purchase_order", "purchase_order_document", "purchase_order_counter")

# What a supplier got stays what it was: only its file is added, once.
GUARD = """
CREATE FUNCTION keep_purchase_document() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.file_key IS NOT NULL OR (NEW.id, NEW.order_id, NEW.seller_id, NEW.version, NEW.content, NEW.email, NEW.issued_at)
        IS DISTINCT FROM (OLD.id, OLD.order_id, OLD.seller_id, OLD.version, OLD.content, OLD.email, OLD.issued_at)
    THEN
        RAISE EXCEPTION 'a document of a purchase order is never changed';
    END IF;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "supplier",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("is_named", sa.Boolean(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("district", sa.Text(), nullable=False),
        sa.Column("country", sa.CHAR(length=2), nullable=False),
        sa.Column("lead_min", sa.Integer(), nullable=True),
        sa.Column("lead_max", sa.Integer(), nullable=True),
        sa.Column("payment_terms", sa.Text(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("lead_min >= 0 AND lead_max >= lead_min", name=op.f("ck_supplier_lead_time")),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_supplier_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supplier")),
    )
    op.create_index(op.f("ix_supplier_seller_id"), "supplier", ["seller_id"], unique=False)
    op.create_index(
        "uq_supplier_name",
        "supplier",
        ["seller_id", sa.text("lower(name)")],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "supplier_item",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("supplier_id", sa.BigInteger(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("variant_id", sa.BigInteger(), nullable=False),
        sa.Column("supplier_sku", sa.Text(), nullable=False),
        sa.Column("moq", sa.Integer(), nullable=False),
        sa.Column("pack", sa.Integer(), nullable=False),
        sa.Column("lead_min", sa.Integer(), nullable=True),
        sa.Column("lead_max", sa.Integer(), nullable=True),
        sa.Column("preferred", sa.Boolean(), nullable=False),
        sa.CheckConstraint("lead_min >= 0 AND lead_max >= lead_min", name=op.f("ck_supplier_item_lead_time")),
        sa.CheckConstraint("moq >= 1", name=op.f("ck_supplier_item_moq")),
        sa.CheckConstraint("pack >= 1", name=op.f("ck_supplier_item_pack")),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_supplier_item_seller_id")),
        sa.ForeignKeyConstraint(["supplier_id"], ["supplier.id"], name=op.f("fk_supplier_item_supplier_id")),
        sa.ForeignKeyConstraint(["variant_id"], ["variant.id"], name=op.f("fk_supplier_item_variant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supplier_item")),
        sa.UniqueConstraint("supplier_id", "variant_id", name=op.f("uq_supplier_item_supplier_id_variant_id")),
    )
    op.create_index(op.f("ix_supplier_item_seller_id"), "supplier_item", ["seller_id"], unique=False)
    op.create_index(op.f("ix_supplier_item_variant_id"), "supplier_item", ["variant_id"], unique=False)
    op.create_index(
        "uq_supplier_item_preferred",
        "supplier_item",
        ["variant_id"],
        unique=True,
        postgresql_where=sa.text("preferred"),
    )
    op.create_table(
        "supplier_price",
        sa.Column("item_id", sa.BigInteger(), nullable=False),
        sa.Column("from_quantity", sa.Integer(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_cost", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.CheckConstraint("from_quantity >= 1", name=op.f("ck_supplier_price_from_quantity")),
        sa.CheckConstraint("unit_cost >= 0", name=op.f("ck_supplier_price_unit_cost")),
        sa.ForeignKeyConstraint(
            ["item_id"], ["supplier_item.id"], name=op.f("fk_supplier_price_item_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_supplier_price_seller_id")),
        sa.PrimaryKeyConstraint("item_id", "from_quantity", name=op.f("pk_supplier_price")),
    )
    op.create_table(
        "purchase_order_counter",
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_purchase_order_counter_seller_id")),
        sa.PrimaryKeyConstraint("seller_id", "year", name=op.f("pk_purchase_order_counter")),
    )
    op.create_table(
        "purchase_order",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("supplier_id", sa.BigInteger(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("freight", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("other_costs", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("expected_from", sa.Date(), nullable=True),
        sa.Column("expected_to", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('draft', 'sent', 'partly_received', 'received', 'cancelled', 'closed')",
            name=op.f("ck_purchase_order_state"),
        ),
        sa.CheckConstraint("(expected_from IS NULL) = (expected_to IS NULL)", name=op.f("ck_purchase_order_expected")),
        sa.CheckConstraint("freight >= 0 AND other_costs >= 0", name=op.f("ck_purchase_order_costs")),
        sa.ForeignKeyConstraint(["created_by"], ["app_user.id"], name=op.f("fk_purchase_order_created_by")),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_purchase_order_location_id")),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_purchase_order_seller_id")),
        sa.ForeignKeyConstraint(["supplier_id"], ["supplier.id"], name=op.f("fk_purchase_order_supplier_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase_order")),
        sa.UniqueConstraint("seller_id", "key", name=op.f("uq_purchase_order_seller_id_key")),
        sa.UniqueConstraint("seller_id", "year", "sequence", name=op.f("uq_purchase_order_seller_id_year_sequence")),
    )
    op.create_index("ix_purchase_order_list", "purchase_order", ["seller_id", "id"], unique=False)
    op.create_index(op.f("ix_purchase_order_supplier_id"), "purchase_order", ["supplier_id"], unique=False)
    op.create_table(
        "purchase_order_line",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("variant_id", sa.BigInteger(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("supplier_sku", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_cost", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("exception", sa.Text(), nullable=False),
        sa.Column("lead_min", sa.Integer(), nullable=True),
        sa.Column("lead_max", sa.Integer(), nullable=True),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("damaged", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("closed", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_purchase_order_line_quantity")),
        sa.CheckConstraint(
            "received >= 0 AND damaged >= 0 AND damaged <= received AND refused >= 0 AND closed >= 0",
            name=op.f("ck_purchase_order_line_pieces"),
        ),
        sa.CheckConstraint("unit_cost >= 0", name=op.f("ck_purchase_order_line_unit_cost")),
        sa.ForeignKeyConstraint(["order_id"], ["purchase_order.id"], name=op.f("fk_purchase_order_line_order_id")),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_purchase_order_line_seller_id")),
        sa.ForeignKeyConstraint(["variant_id"], ["variant.id"], name=op.f("fk_purchase_order_line_variant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase_order_line")),
        sa.UniqueConstraint("order_id", "variant_id", name=op.f("uq_purchase_order_line_order_id_variant_id")),
    )
    op.create_index(op.f("ix_purchase_order_line_variant_id"), "purchase_order_line", ["variant_id"], unique=False)
    op.create_table(
        "purchase_order_move",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["purchase_order.id"], name=op.f("fk_purchase_order_move_order_id")),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_purchase_order_move_seller_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_purchase_order_move_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase_order_move")),
    )
    op.create_index(op.f("ix_purchase_order_move_order_id"), "purchase_order_move", ["order_id"], unique=False)
    op.create_table(
        "purchase_order_document",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("file_key", sa.Text(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(file_key IS NULL) = (sha256 IS NULL)", name=op.f("ck_purchase_order_document_stored_with_hash")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["purchase_order.id"], name=op.f("fk_purchase_order_document_order_id")),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_purchase_order_document_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase_order_document")),
        sa.UniqueConstraint("order_id", "version", name=op.f("uq_purchase_order_document_order_id_version")),
    )
    op.create_table(
        "purchase_delivery",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("freight", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("other_costs", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_purchase_delivery_location_id")),
        sa.ForeignKeyConstraint(["order_id"], ["purchase_order.id"], name=op.f("fk_purchase_delivery_order_id")),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_purchase_delivery_seller_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_purchase_delivery_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase_delivery")),
        sa.UniqueConstraint("order_id", "sequence", name=op.f("uq_purchase_delivery_order_id_sequence")),
    )
    op.create_table(
        "purchase_delivery_line",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("line_id", sa.BigInteger(), nullable=False),
        sa.Column("good", sa.Integer(), nullable=False),
        sa.Column("written_off", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("extra", sa.Integer(), nullable=False),
        sa.Column("unit_cost", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("share", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("landed_cost", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.CheckConstraint("written_off + refused = 0 OR reason <> ''", name=op.f("ck_purchase_delivery_line_reason")),
        sa.CheckConstraint("good + written_off + refused > 0", name=op.f("ck_purchase_delivery_line_something")),
        sa.CheckConstraint(
            "good >= 0 AND written_off >= 0 AND refused >= 0", name=op.f("ck_purchase_delivery_line_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["purchase_delivery.id"], name=op.f("fk_purchase_delivery_line_delivery_id")
        ),
        sa.ForeignKeyConstraint(
            ["line_id"], ["purchase_order_line.id"], name=op.f("fk_purchase_delivery_line_line_id")
        ),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_purchase_delivery_line_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase_delivery_line")),
        sa.UniqueConstraint("delivery_id", "line_id", name=op.f("uq_purchase_delivery_line_delivery_id_line_id")),
    )
    op.create_index(op.f("ix_purchase_delivery_line_line_id"), "purchase_delivery_line", ["line_id"], unique=False)
    op.create_table(
        "cost_offer",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("before", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("last", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("average", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("answered_by", sa.BigInteger(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(answer = 'open') = (answered_at IS NULL)", name=op.f("ck_cost_offer_answered")),
        sa.CheckConstraint("answer IN ('open', 'average', 'last', 'kept')", name=op.f("ck_cost_offer_answer")),
        sa.ForeignKeyConstraint(["answered_by"], ["app_user.id"], name=op.f("fk_cost_offer_answered_by")),
        sa.ForeignKeyConstraint(["delivery_id"], ["purchase_delivery.id"], name=op.f("fk_cost_offer_delivery_id")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_cost_offer_product_id")),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_cost_offer_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cost_offer")),
        sa.UniqueConstraint("delivery_id", "product_id", name=op.f("uq_cost_offer_delivery_id_product_id")),
    )
    op.create_index("ix_cost_offer_product", "cost_offer", ["product_id"], unique=False)
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
    for table in KEPT:
        op.execute(
            f"CREATE TRIGGER never_deleted BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    op.execute(GUARD)
    op.execute(
        "CREATE TRIGGER as_sent BEFORE UPDATE ON purchase_order_document"
        " FOR EACH ROW EXECUTE FUNCTION keep_purchase_document()"
    )
    settings = current_app.extensions["settings"]
    role = sa.make_url(settings.database_url).username
    if role != sa.make_url(settings.database_owner_url).username:
        quoted = sa.dialects.postgresql.dialect().identifier_preparer.quote(role)
        for table in APPEND_ONLY:
            op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM {quoted}")
        for table in KEPT:
            op.execute(f"REVOKE DELETE ON {table} FROM {quoted}")


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    op.execute("DROP FUNCTION keep_purchase_document()")
