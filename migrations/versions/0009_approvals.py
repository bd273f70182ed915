"""Orders above a member's limit wait for an approver; orders placed on behalf."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "approval_request",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("delivery", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("address", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("payment_method", sa.Text(), nullable=False),
        sa.Column("buyer_reference", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("goods_total", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("delivery_total", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("total", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("spending_limit", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("limit_currency", sa.CHAR(length=3), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("purchase_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'approved', 'refused', 'withdrawn', 'expired')",
            name=op.f("ck_approval_request_state"),
        ),
        sa.CheckConstraint(
            "payment_method IN ('pay_on_delivery', 'bank_transfer')", name=op.f("ck_approval_request_payment_method")
        ),
        sa.CheckConstraint("total = goods_total + delivery_total", name=op.f("ck_approval_request_total")),
        sa.CheckConstraint(
            "(state = 'approved') = (purchase_id IS NOT NULL)", name=op.f("ck_approval_request_purchase")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_approval_request_organization_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_approval_request_user_id")),
        sa.ForeignKeyConstraint(["purchase_id"], ["purchase.id"], name=op.f("fk_approval_request_purchase_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval_request")),
        sa.UniqueConstraint("purchase_id", name=op.f("uq_approval_request_purchase_id")),
    )
    op.create_index("ix_approval_request_organization_id", "approval_request", ["organization_id", "state", "id"])
    op.create_index(op.f("ix_approval_request_user_id"), "approval_request", ["user_id"])
    op.create_index(
        "ix_approval_request_waiting", "approval_request", ["expires_at"], postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_table(
        "approval_line",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("variant_id", sa.BigInteger(), nullable=False),
        sa.Column("seller_name", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_bn", sa.Text(), nullable=True),
        sa.Column("variant_name", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("line_total", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.Column("refused_by", sa.BigInteger(), nullable=True),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_approval_line_quantity")),
        sa.CheckConstraint("(refusal IS NULL) = (refused_by IS NULL)", name=op.f("ck_approval_line_refusal")),
        sa.ForeignKeyConstraint(["request_id"], ["approval_request.id"], name=op.f("fk_approval_line_request_id")),
        sa.ForeignKeyConstraint(["variant_id"], ["variant.id"], name=op.f("fk_approval_line_variant_id")),
        sa.ForeignKeyConstraint(["refused_by"], ["app_user.id"], name=op.f("fk_approval_line_refused_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval_line")),
        sa.UniqueConstraint("request_id", "position", name=op.f("uq_approval_line_request_id_position")),
    )
    op.create_index(op.f("ix_approval_line_variant_id"), "approval_line", ["variant_id"])
    op.create_table(
        "approval_move",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["approval_request.id"], name=op.f("fk_approval_move_request_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_approval_move_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval_move")),
    )
    op.create_index(op.f("ix_approval_move_request_id"), "approval_move", ["request_id"])
    op.add_column("purchase", sa.Column("approved_by", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_purchase_approved_by"), "purchase", "app_user", ["approved_by"], ["id"])
    op.add_column("purchase", sa.Column("on_behalf_reason", sa.Text(), nullable=True))
    op.add_column("login_session", sa.Column("acting_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("login_session", sa.Column("acting_reason", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("login_session", "acting_reason")
    op.drop_column("login_session", "acting_until")
    op.drop_column("purchase", "on_behalf_reason")
    op.drop_column("purchase", "approved_by")
    for table in ("approval_move", "approval_line", "approval_request"):
        op.drop_table(table)
