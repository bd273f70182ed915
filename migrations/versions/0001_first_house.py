"""The tables of the first rooms."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotency_key",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_idempotency_key")),
    )
    op.create_table(
        "app_user",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("staff_role", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("staff_role IN ('admin', 'support')", name=op.f("ck_app_user_staff_role")),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_app_user_email_lower")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_user")),
        sa.UniqueConstraint("email", name=op.f("uq_app_user_email")),
    )
    op.create_table(
        "category",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_bn", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["category.id"], name=op.f("fk_category_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_category")),
        sa.UniqueConstraint("slug", name=op.f("uq_category_slug")),
    )
    op.create_index(op.f("ix_category_parent_id"), "category", ["parent_id"], unique=False)
    op.create_table(
        "job_run",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("period", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", "period", name=op.f("pk_job_run")),
    )
    op.create_table(
        "organization",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("legal_name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("trade_licence_no", sa.Text(), nullable=False),
        sa.Column("tax_no", sa.Text(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("verified_until", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('buyer', 'seller')", name=op.f("ck_organization_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organization")),
        sa.UniqueConstraint("slug", name=op.f("uq_organization_slug")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("handler", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("available_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dead_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index(
        "ix_outbox_open",
        "outbox",
        ["priority", "id"],
        unique=False,
        postgresql_where=sa.text("done_at IS NULL AND dead_at IS NULL"),
    )
    op.create_table(
        "address",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("area", sa.Text(), nullable=False),
        sa.Column("district", sa.Text(), nullable=False),
        sa.Column("country", sa.CHAR(length=2), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_address_organization_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address")),
    )
    op.create_index(op.f("ix_address_organization_id"), "address", ["organization_id"], unique=False)
    op.create_table(
        "invoice_counter",
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("fiscal_year", sa.Text(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_invoice_counter_seller_id")),
        sa.PrimaryKeyConstraint("seller_id", "fiscal_year", name=op.f("pk_invoice_counter")),
    )
    op.create_table(
        "ledger_account",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_ledger_account_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_account")),
        sa.UniqueConstraint(
            "code",
            "organization_id",
            "currency",
            name=op.f("uq_ledger_account_code_organization_id_currency"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index(op.f("ix_ledger_account_organization_id"), "ledger_account", ["organization_id"], unique=False)
    op.create_table(
        "ledger_journal",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("memo", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_ledger_journal_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_journal")),
        sa.UniqueConstraint("key", name=op.f("uq_ledger_journal_key")),
    )
    op.create_index(op.f("ix_ledger_journal_reference"), "ledger_journal", ["reference"], unique=False)
    op.create_table(
        "location",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("district", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_location_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_location")),
    )
    op.create_index(op.f("ix_location_organization_id"), "location", ["organization_id"], unique=False)
    op.create_table(
        "login_session",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_login_session_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_login_session_token_hash")),
    )
    op.create_index(op.f("ix_login_session_user_id"), "login_session", ["user_id"], unique=False)
    op.create_table(
        "membership",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("role IN ('owner', 'admin', 'member', 'viewer')", name=op.f("ck_membership_role")),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_membership_organization_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_membership_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("organization_id", "user_id", name=op.f("pk_membership")),
    )
    op.create_index(op.f("ix_membership_user_id"), "membership", ["user_id"], unique=False)
    op.create_table(
        "product",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("category_id", sa.BigInteger(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_bn", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("moq", sa.Integer(), nullable=False),
        sa.Column("order_multiple", sa.Integer(), nullable=False),
        sa.Column("cost", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("lead_time_days", sa.Integer(), nullable=True),
        sa.Column("reorder_level", sa.Integer(), nullable=True),
        sa.Column("reorder_quantity", sa.Integer(), nullable=True),
        sa.Column("supplier_moq", sa.Integer(), nullable=True),
        sa.Column("brand", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "search",
            postgresql.TSVECTOR(),
            sa.Computed(
                "setweight(to_tsvector('simple', name || ' ' || coalesce(name_bn, '')), 'A') || setweight(to_tsvector('english', name || ' ' || coalesce(brand, '')), 'B') || setweight(to_tsvector('english', description), 'D')",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.CheckConstraint("state IN ('draft', 'active', 'archived')", name=op.f("ck_product_state")),
        sa.CheckConstraint("cost >= 0", name=op.f("ck_product_cost")),
        sa.CheckConstraint("mod(moq, order_multiple) = 0", name=op.f("ck_product_moq_fits_multiple")),
        sa.CheckConstraint("moq >= 1", name=op.f("ck_product_moq")),
        sa.CheckConstraint("order_multiple >= 1", name=op.f("ck_product_order_multiple")),
        sa.ForeignKeyConstraint(["category_id"], ["category.id"], name=op.f("fk_product_category_id")),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_product_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product")),
        sa.UniqueConstraint("slug", name=op.f("uq_product_slug")),
    )
    op.create_index(
        "ix_product_listing",
        "product",
        ["category_id", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_index("ix_product_search", "product", ["search"], unique=False, postgresql_using="gin")
    op.create_index(op.f("ix_product_seller_id"), "product", ["seller_id"], unique=False)
    op.create_table(
        "purchase",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("payment_method", sa.Text(), nullable=False),
        sa.Column("goods_total", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("delivery_total", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("total", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("buyer_reference", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "payment_method IN ('pay_on_delivery', 'bank_transfer')", name=op.f("ck_purchase_payment_method")
        ),
        sa.CheckConstraint("total = goods_total + delivery_total", name=op.f("ck_purchase_total")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_purchase_organization_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_purchase_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase")),
        sa.UniqueConstraint("number", name=op.f("uq_purchase_number")),
    )
    op.create_index(op.f("ix_purchase_organization_id"), "purchase", ["organization_id"], unique=False)
    op.create_table(
        "seller_terms",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("delivery_fee", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("free_delivery_from", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("minimum_order", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.CheckConstraint("delivery_fee >= 0", name=op.f("ck_seller_terms_delivery_fee")),
        sa.CheckConstraint("minimum_order >= 0", name=op.f("ck_seller_terms_minimum_order")),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_seller_terms_organization_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_seller_terms")),
    )
    op.create_table(
        "verification_case",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("submitted_by", sa.BigInteger(), nullable=False),
        sa.Column("licence_no", sa.Text(), nullable=False),
        sa.Column("tax_no", sa.Text(), nullable=False),
        sa.Column("licence_expires_on", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('submitted', 'more_information', 'approved', 'rejected')",
            name=op.f("ck_verification_case_state"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_verification_case_organization_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["submitted_by"], ["app_user.id"], name=op.f("fk_verification_case_submitted_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verification_case")),
    )
    op.create_index(
        op.f("ix_verification_case_organization_id"), "verification_case", ["organization_id"], unique=False
    )
    op.create_index("ix_verification_case_queue", "verification_case", ["state", "submitted_at"], unique=False)
    op.create_index(
        "uq_verification_case_open",
        "verification_case",
        ["organization_id"],
        unique=True,
        postgresql_where=sa.text("state = 'submitted'"),
    )
    op.create_table(
        "checkout",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("address_id", sa.BigInteger(), nullable=True),
        sa.Column("delivery", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("payment_method", sa.Text(), nullable=True),
        sa.Column("buyer_reference", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["address_id"], ["address.id"], name=op.f("fk_checkout_address_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_checkout_organization_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_checkout_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "organization_id", name=op.f("pk_checkout")),
    )
    op.create_table(
        "ledger_posting",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_ledger_posting_amount")),
        sa.ForeignKeyConstraint(["account_id"], ["ledger_account.id"], name=op.f("fk_ledger_posting_account_id")),
        sa.ForeignKeyConstraint(["journal_id"], ["ledger_journal.id"], name=op.f("fk_ledger_posting_journal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_posting")),
    )
    op.create_index(op.f("ix_ledger_posting_account_id"), "ledger_posting", ["account_id"], unique=False)
    op.create_index(op.f("ix_ledger_posting_journal_id"), "ledger_posting", ["journal_id"], unique=False)
    op.create_table(
        "picture",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("file_key", sa.Text(), nullable=False),
        sa.Column("thumb_key", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_picture_product_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_picture")),
        sa.UniqueConstraint("product_id", "position", name=op.f("uq_picture_product_id_position")),
    )
    op.create_index("ix_picture_file_key", "picture", ["file_key"])
    op.create_index("ix_picture_thumb_key", "picture", ["thumb_key"])
    op.create_table(
        "price_tier",
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("min_qty", sa.Integer(), nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.CheckConstraint("min_qty >= 1", name=op.f("ck_price_tier_min_qty")),
        sa.CheckConstraint("unit_price > 0", name=op.f("ck_price_tier_unit_price")),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_price_tier_product_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("product_id", "min_qty", name=op.f("pk_price_tier")),
    )
    op.create_table(
        "receipt",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("purchase_id", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("recorded_by", sa.BigInteger(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("method IN ('cash', 'bank_transfer')", name=op.f("ck_receipt_method")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_receipt_amount")),
        sa.ForeignKeyConstraint(["purchase_id"], ["purchase.id"], name=op.f("fk_receipt_purchase_id")),
        sa.ForeignKeyConstraint(["recorded_by"], ["app_user.id"], name=op.f("fk_receipt_recorded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt")),
        sa.UniqueConstraint("method", "reference", name=op.f("uq_receipt_method_reference")),
    )
    op.create_index(op.f("ix_receipt_purchase_id"), "receipt", ["purchase_id"], unique=False)
    op.create_table(
        "sales_order",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("purchase_id", sa.BigInteger(), nullable=False),
        sa.Column("buyer_id", sa.BigInteger(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("buyer_name", sa.Text(), nullable=False),
        sa.Column("seller_name", sa.Text(), nullable=False),
        sa.Column("delivery_method", sa.Text(), nullable=False),
        sa.Column("address", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("goods_total", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("delivery_fee", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("total", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("delivery_method IN ('delivery', 'pick_up')", name=op.f("ck_sales_order_delivery_method")),
        sa.CheckConstraint(
            "state IN ('placed', 'confirmed', 'shipped', 'delivered', 'cancelled')",
            name=op.f("ck_sales_order_state"),
        ),
        sa.CheckConstraint("total = goods_total + delivery_fee", name=op.f("ck_sales_order_total")),
        sa.ForeignKeyConstraint(["buyer_id"], ["organization.id"], name=op.f("fk_sales_order_buyer_id")),
        sa.ForeignKeyConstraint(["purchase_id"], ["purchase.id"], name=op.f("fk_sales_order_purchase_id")),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_sales_order_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sales_order")),
        sa.UniqueConstraint("number", name=op.f("uq_sales_order_number")),
    )
    op.create_index("ix_sales_order_buyer", "sales_order", ["buyer_id", "id"], unique=False)
    op.create_index(op.f("ix_sales_order_purchase_id"), "sales_order", ["purchase_id"], unique=False)
    op.create_index("ix_sales_order_seller", "sales_order", ["seller_id", "state", "id"], unique=False)
    op.create_table(
        "settlement_rule",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=True),
        sa.Column("seller_id", sa.BigInteger(), nullable=True),
        sa.Column("category_id", sa.BigInteger(), nullable=True),
        sa.Column("platform_percent", sa.Numeric(precision=7, scale=4), nullable=True),
        sa.Column("seller_percent", sa.Numeric(precision=7, scale=4), nullable=True),
        sa.Column("commission_percent", sa.Numeric(precision=7, scale=4), nullable=True),
        sa.Column("goods_owner", sa.Text(), nullable=False),
        sa.Column("set_by", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(model = 'commission') = (commission_percent IS NOT NULL)",
            name=op.f("ck_settlement_rule_commission"),
        ),
        sa.CheckConstraint(
            "(model = 'profit_share') = (platform_percent IS NOT NULL AND seller_percent IS NOT NULL AND commission_percent IS NULL)",
            name=op.f("ck_settlement_rule_profit_share"),
        ),
        sa.CheckConstraint("goods_owner IN ('seller', 'platform')", name=op.f("ck_settlement_rule_goods_owner")),
        sa.CheckConstraint("model IN ('profit_share', 'commission')", name=op.f("ck_settlement_rule_model")),
        sa.CheckConstraint("commission_percent BETWEEN 0 AND 100", name=op.f("ck_settlement_rule_commission_percent")),
        sa.CheckConstraint(
            "num_nonnulls(product_id, seller_id, category_id) <= 1", name=op.f("ck_settlement_rule_one_scope")
        ),
        sa.CheckConstraint("platform_percent BETWEEN 0 AND 100", name=op.f("ck_settlement_rule_platform_percent")),
        sa.CheckConstraint("seller_percent BETWEEN 0 AND 100", name=op.f("ck_settlement_rule_seller_percent")),
        sa.ForeignKeyConstraint(["category_id"], ["category.id"], name=op.f("fk_settlement_rule_category_id")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_settlement_rule_product_id")),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_settlement_rule_seller_id")),
        sa.ForeignKeyConstraint(["set_by"], ["app_user.id"], name=op.f("fk_settlement_rule_set_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement_rule")),
    )
    op.create_index(op.f("ix_settlement_rule_category_id"), "settlement_rule", ["category_id"], unique=False)
    op.create_index(op.f("ix_settlement_rule_product_id"), "settlement_rule", ["product_id"], unique=False)
    op.create_index(op.f("ix_settlement_rule_seller_id"), "settlement_rule", ["seller_id"], unique=False)
    op.create_table(
        "variant",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("barcode", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_variant_product_id")),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_variant_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_variant")),
        sa.UniqueConstraint("seller_id", "sku", name=op.f("uq_variant_seller_id_sku")),
    )
    op.create_index(op.f("ix_variant_product_id"), "variant", ["product_id"], unique=False)
    op.create_index("ix_variant_sku", "variant", [sa.literal_column("lower(sku)")], unique=False)
    op.create_table(
        "verification_document",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("file_key", sa.Text(), nullable=False),
        sa.Column("original_name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('trade_licence', 'tax_certificate', 'certificate')",
            name=op.f("ck_verification_document_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["case_id"],
            ["verification_case.id"],
            name=op.f("fk_verification_document_case_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verification_document")),
    )
    op.create_index(op.f("ix_verification_document_case_id"), "verification_document", ["case_id"], unique=False)
    op.create_table(
        "verification_move",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"],
            ["verification_case.id"],
            name=op.f("fk_verification_move_case_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_verification_move_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verification_move")),
    )
    op.create_index(op.f("ix_verification_move_case_id"), "verification_move", ["case_id"], unique=False)
    op.create_table(
        "allocation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("variant_id", sa.BigInteger(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('held', 'shipped', 'released')", name=op.f("ck_allocation_state")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_allocation_quantity")),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_allocation_location_id")),
        sa.ForeignKeyConstraint(["variant_id"], ["variant.id"], name=op.f("fk_allocation_variant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocation")),
        sa.UniqueConstraint(
            "reference",
            "variant_id",
            "location_id",
            name=op.f("uq_allocation_reference_variant_id_location_id"),
        ),
    )
    op.create_index(op.f("ix_allocation_variant_id"), "allocation", ["variant_id"], unique=False)
    op.create_table(
        "cart_line",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("variant_id", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("seen_price", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_cart_line_quantity")),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_cart_line_organization_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_cart_line_user_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["variant_id"], ["variant.id"], name=op.f("fk_cart_line_variant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cart_line")),
        sa.UniqueConstraint(
            "user_id",
            "organization_id",
            "variant_id",
            name=op.f("uq_cart_line_user_id_organization_id_variant_id"),
        ),
    )
    op.create_index(op.f("ix_cart_line_variant_id"), "cart_line", ["variant_id"], unique=False)
    op.create_table(
        "inventory_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("variant_id", sa.BigInteger(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("previous", sa.Integer(), nullable=False),
        sa.Column("new", sa.Integer(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('PURCHASE', 'SALE', 'RETURN', 'ADJUSTMENT', 'TRANSFER', 'ALLOCATION', 'RELEASE', 'WRITE_OFF')",
            name=op.f("ck_inventory_log_kind"),
        ),
        sa.CheckConstraint("new = previous + quantity", name=op.f("ck_inventory_log_adds_up")),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_inventory_log_location_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_inventory_log_user_id")),
        sa.ForeignKeyConstraint(["variant_id"], ["variant.id"], name=op.f("fk_inventory_log_variant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inventory_log")),
    )
    op.create_index("ix_inventory_log_variant", "inventory_log", ["variant_id", "location_id", "id"], unique=False)
    op.create_table(
        "invoice",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("buyer_id", sa.BigInteger(), nullable=False),
        sa.Column("fiscal_year", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("file_key", sa.Text(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('issued', 'void')", name=op.f("ck_invoice_state")),
        sa.CheckConstraint("(file_key IS NULL) = (sha256 IS NULL)", name=op.f("ck_invoice_stored_with_hash")),
        sa.ForeignKeyConstraint(["buyer_id"], ["organization.id"], name=op.f("fk_invoice_buyer_id")),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_invoice_order_id")),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_invoice_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice")),
        sa.UniqueConstraint("order_id", name=op.f("uq_invoice_order_id")),
        sa.UniqueConstraint(
            "seller_id", "fiscal_year", "sequence", name=op.f("uq_invoice_seller_id_fiscal_year_sequence")
        ),
    )
    op.create_index(op.f("ix_invoice_buyer_id"), "invoice", ["buyer_id"], unique=False)
    op.create_table(
        "order_line",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("variant_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_bn", sa.Text(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("list_price", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("tier_min_qty", sa.Integer(), nullable=False),
        sa.Column("line_total", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("unit_cost", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("settlement", sa.Text(), nullable=False),
        sa.Column("platform_percent", sa.Numeric(precision=7, scale=4), nullable=True),
        sa.Column("seller_percent", sa.Numeric(precision=7, scale=4), nullable=True),
        sa.Column("commission_percent", sa.Numeric(precision=7, scale=4), nullable=True),
        sa.Column("platform_fee", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("platform_rest", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("seller_share", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("owner_recovers", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("goods_owner", sa.Text(), nullable=False),
        sa.CheckConstraint("goods_owner IN ('seller', 'platform')", name=op.f("ck_order_line_goods_owner")),
        sa.CheckConstraint(
            "line_total = platform_fee + platform_rest + seller_share + owner_recovers",
            name=op.f("ck_order_line_split_adds_up"),
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_order_line_quantity")),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_order_line_order_id")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_order_line_product_id")),
        sa.ForeignKeyConstraint(["variant_id"], ["variant.id"], name=op.f("fk_order_line_variant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_line")),
        sa.UniqueConstraint("order_id", "position", name=op.f("uq_order_line_order_id_position")),
    )
    op.create_index(op.f("ix_order_line_product_id"), "order_line", ["product_id"], unique=False)
    op.create_index(op.f("ix_order_line_variant_id"), "order_line", ["variant_id"], unique=False)
    op.create_table(
        "order_move",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_order_move_order_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_order_move_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_move")),
    )
    op.create_index(op.f("ix_order_move_order_id"), "order_move", ["order_id"], unique=False)
    op.create_table(
        "stock",
        sa.Column("variant_id", sa.BigInteger(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("on_hand", sa.Integer(), nullable=False),
        sa.Column("allocated", sa.Integer(), nullable=False),
        sa.CheckConstraint("allocated <= on_hand", name=op.f("ck_stock_never_oversold")),
        sa.CheckConstraint("allocated >= 0", name=op.f("ck_stock_allocated_not_negative")),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_stock_location_id")),
        sa.ForeignKeyConstraint(["variant_id"], ["variant.id"], name=op.f("fk_stock_variant_id")),
        sa.PrimaryKeyConstraint("variant_id", "location_id", name=op.f("pk_stock")),
    )


def downgrade() -> None:
    op.drop_table("idempotency_key")
    op.drop_table("stock")
    op.drop_index(op.f("ix_order_move_order_id"), table_name="order_move")
    op.drop_table("order_move")
    op.drop_index(op.f("ix_order_line_variant_id"), table_name="order_line")
    op.drop_index(op.f("ix_order_line_product_id"), table_name="order_line")
    op.drop_table("order_line")
    op.drop_index(op.f("ix_invoice_buyer_id"), table_name="invoice")
    op.drop_table("invoice")
    op.drop_index("ix_inventory_log_variant", table_name="inventory_log")
    op.drop_table("inventory_log")
    op.drop_index(op.f("ix_cart_line_variant_id"), table_name="cart_line")
    op.drop_table("cart_line")
    op.drop_index(op.f("ix_allocation_variant_id"), table_name="allocation")
    op.drop_table("allocation")
    op.drop_index(op.f("ix_verification_move_case_id"), table_name="verification_move")
    op.drop_table("verification_move")
    op.drop_index(op.f("ix_verification_document_case_id"), table_name="verification_document")
    op.drop_table("verification_document")
    op.drop_index("ix_variant_sku", table_name="variant")
    op.drop_index(op.f("ix_variant_product_id"), table_name="variant")
    op.drop_table("variant")
    op.drop_index(op.f("ix_settlement_rule_seller_id"), table_name="settlement_rule")
    op.drop_index(op.f("ix_settlement_rule_product_id"), table_name="settlement_rule")
    op.drop_index(op.f("ix_settlement_rule_category_id"), table_name="settlement_rule")
    op.drop_table("settlement_rule")
    op.drop_index("ix_sales_order_seller", table_name="sales_order")
    op.drop_index(op.f("ix_sales_order_purchase_id"), table_name="sales_order")
    op.drop_index("ix_sales_order_buyer", table_name="sales_order")
    op.drop_table("sales_order")
    op.drop_index(op.f("ix_receipt_purchase_id"), table_name="receipt")
    op.drop_table("receipt")
    op.drop_table("price_tier")
    op.drop_index("ix_picture_thumb_key", table_name="picture")
    op.drop_index("ix_picture_file_key", table_name="picture")
    op.drop_table("picture")
    op.drop_index(op.f("ix_ledger_posting_journal_id"), table_name="ledger_posting")
    op.drop_index(op.f("ix_ledger_posting_account_id"), table_name="ledger_posting")
    op.drop_table("ledger_posting")
    op.drop_table("checkout")
    op.drop_index(
        "uq_verification_case_open",
        table_name="verification_case",
        postgresql_where=sa.text("state = 'submitted'"),
    )
    op.drop_index("ix_verification_case_queue", table_name="verification_case")
    op.drop_index(op.f("ix_verification_case_organization_id"), table_name="verification_case")
    op.drop_table("verification_case")
    op.drop_table("seller_terms")
    op.drop_index(op.f("ix_purchase_organization_id"), table_name="purchase")
    op.drop_table("purchase")
    op.drop_index(op.f("ix_product_seller_id"), table_name="product")
    op.drop_index("ix_product_search", table_name="product", postgresql_using="gin")
    op.drop_index("ix_product_listing", table_name="product", postgresql_where=sa.text("state = 'active'"))
    op.drop_table("product")
    op.drop_index(op.f("ix_membership_user_id"), table_name="membership")
    op.drop_table("membership")
    op.drop_index(op.f("ix_login_session_user_id"), table_name="login_session")
    op.drop_table("login_session")
    op.drop_index(op.f("ix_location_organization_id"), table_name="location")
    op.drop_table("location")
    op.drop_index(op.f("ix_ledger_journal_reference"), table_name="ledger_journal")
    op.drop_table("ledger_journal")
    op.drop_index(op.f("ix_ledger_account_organization_id"), table_name="ledger_account")
    op.drop_table("ledger_account")
    op.drop_table("invoice_counter")
    op.drop_index(op.f("ix_address_organization_id"), table_name="address")
    op.drop_table("address")
    op.drop_index(
        "ix_outbox_open", table_name="outbox", postgresql_where=sa.text("done_at IS NULL AND dead_at IS NULL")
    )
    op.drop_table("outbox")
    op.drop_table("organization")
    op.drop_table("job_run")
    op.drop_index(op.f("ix_category_parent_id"), table_name="category")
    op.drop_table("category")
    op.drop_table("app_user")
