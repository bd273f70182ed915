"""Money that goes back: refunds, bounded by what was received. Any method of payment. Approval keeps its prices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

PLATFORM = "(SELECT current_setting('app.scope', true)) = 'platform'"
ORG = "(SELECT NULLIF(current_setting('app.org', true), '')::bigint)"
# Only the platform writes refunds down. Who is concerned reads them: the buyer all of theirs, a seller those of an order.
POLICIES = {"refund": "false"}
_BUYER = f"EXISTS (SELECT FROM purchase p WHERE p.id = refund.purchase_id AND p.organization_id = {ORG})"
_SELLER = f"EXISTS (SELECT FROM sales_order o WHERE o.id = refund.order_id AND o.seller_id = {ORG})"
READ_TOO = {"refund": f"{_BUYER} OR {_SELLER}"}

AMOUNT = sa.Numeric(18, 4)
METHODS = "('pay_on_delivery', 'bank_transfer')"


def upgrade() -> None:
    _any_method()
    _refunds()
    _kept_prices()


def _any_method() -> None:
    """Which methods there are says the code's registry: a further one needs no migration."""
    for table, column in (
        ("purchase", "payment_method"),
        ("approval_request", "payment_method"),
        ("receipt", "method"),
    ):
        op.drop_constraint(op.f(f"ck_{table}_{column}"), table)
        op.create_check_constraint(op.f(f"ck_{table}_{column}"), table, f"{column} ~ '^[a-z][a-z0-9_]*$'")


def _refunds() -> None:
    op.add_column("receipt", sa.Column("refunded", AMOUNT, nullable=False, server_default="0"))
    op.add_column(
        "receipt",
        sa.Column(
            "order_id",
            sa.BigInteger(),
            sa.ForeignKey("sales_order.id", name=op.f("fk_receipt_order_id")),
            nullable=True,
        ),
    )
    op.execute(
        "UPDATE receipt SET order_id = o.id FROM sales_order o WHERE receipt.method = 'cash' AND o.number = receipt.reference"
    )
    op.create_index(op.f("ix_receipt_order_id"), "receipt", ["order_id"])
    op.create_check_constraint(op.f("ck_receipt_refunded"), "receipt", "refunded BETWEEN 0 AND amount")
    # What may have been paid and taken back: looked through for what is to be paid back.
    op.create_index("ix_sales_order_credited", "sales_order", ["purchase_id"], postgresql_where=sa.text("credited > 0"))
    op.create_table(
        "refund",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "purchase_id",
            sa.BigInteger(),
            sa.ForeignKey("purchase.id", name=op.f("fk_refund_purchase_id")),
            nullable=False,
        ),
        sa.Column(
            "receipt_id",
            sa.BigInteger(),
            sa.ForeignKey("receipt.id", name=op.f("fk_refund_receipt_id")),
            nullable=False,
        ),
        sa.Column(
            "order_id", sa.BigInteger(), sa.ForeignKey("sales_order.id", name=op.f("fk_refund_order_id")), nullable=True
        ),
        sa.Column("amount", AMOUNT, nullable=False),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column(
            "made_by", sa.BigInteger(), sa.ForeignKey("app_user.id", name=op.f("fk_refund_made_by")), nullable=True
        ),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "paid_by", sa.BigInteger(), sa.ForeignKey("app_user.id", name=op.f("fk_refund_paid_by")), nullable=True
        ),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('due', 'paid')", name=op.f("ck_refund_state")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refund_amount")),
        sa.CheckConstraint("part > 0", name=op.f("ck_refund_part")),
        sa.CheckConstraint("(state = 'paid') = (paid_at IS NOT NULL)", name=op.f("ck_refund_paid")),
        sa.CheckConstraint("state = 'due' OR reference IS NOT NULL", name=op.f("ck_refund_reference")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund")),
        sa.UniqueConstraint("key", "part", name=op.f("uq_refund_key_part")),
        sa.UniqueConstraint("method", "reference", "part", name=op.f("uq_refund_method_reference_part")),
    )
    for column in ("purchase_id", "receipt_id", "order_id"):
        op.create_index(op.f(f"ix_refund_{column}"), "refund", [column])
    for table, own in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({PLATFORM} OR {own})")
    for table, also in READ_TOO.items():
        op.execute(f"CREATE POLICY read_too ON {table} FOR SELECT USING ({also})")


def _kept_prices() -> None:
    """What an approval keeps of a quote beside the unit price, and what delivery costs from each seller."""
    op.add_column("approval_line", sa.Column("list_price", AMOUNT, nullable=True))
    op.add_column("approval_line", sa.Column("tier_min_qty", sa.Integer(), nullable=True))
    op.add_column("approval_line", sa.Column("price_source", sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "approval_request",
        sa.Column("fees", postgresql.JSONB(), nullable=False, server_default=sa.text("'{}'")),
    )


def downgrade() -> None:
    op.drop_column("approval_request", "fees")
    for column in ("price_source", "tier_min_qty", "list_price"):
        op.drop_column("approval_line", column)
    op.drop_table("refund")
    op.drop_index("ix_sales_order_credited", "sales_order")
    op.drop_constraint(op.f("ck_receipt_refunded"), "receipt")
    op.drop_column("receipt", "order_id")
    op.drop_column("receipt", "refunded")
    for table, column, known in (
        ("purchase", "payment_method", METHODS),
        ("approval_request", "payment_method", METHODS),
        ("receipt", "method", "('cash', 'bank_transfer')"),
    ):
        op.drop_constraint(op.f(f"ck_{table}_{column}"), table)
        op.create_check_constraint(op.f(f"ck_{table}_{column}"), table, f"{column} IN {known}")
