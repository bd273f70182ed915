"""Reports: figures of each day and month, kept by a job; and letters that carry a file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

PLATFORM = "(SELECT current_setting('app.scope', true)) = 'platform'"
ORG = "(SELECT NULLIF(current_setting('app.org', true), '')::bigint)"

# A job counts; sellers read their own. The platform's rows have 0 in place of a seller.
POLICIES = {"report_rollup": "false"}
READ_TOO = {"report_rollup": f"seller_id = {ORG}"}

DIMENSIONS = "'total', 'buyer', 'category', 'seller', 'product', 'seller_buyer', 'seller_category'"
AMOUNTS = (
    "goods",
    "shared_goods",
    "tax",
    "delivery",
    "taken_back",
    "platform_fee",
    "commission",
    "platform_rest",
    "seller_share",
    "seller_goods",
    "platform_goods",
)


def upgrade() -> None:
    op.create_table(
        "report_rollup",
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("grain", sa.Text(), nullable=False),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("starts", sa.Date(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("key_id", sa.BigInteger(), nullable=False),
        sa.Column("orders", sa.BigInteger(), nullable=False),
        sa.Column("pieces", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Numeric(18, 4), nullable=False) for name in AMOUNTS),
        sa.CheckConstraint(f"dimension IN ({DIMENSIONS})", name=op.f("ck_report_rollup_dimension")),
        sa.CheckConstraint("grain IN ('day', 'month')", name=op.f("ck_report_rollup_grain")),
        sa.PrimaryKeyConstraint(
            "dimension", "grain", "currency", "key_id", "starts", "seller_id", name=op.f("pk_report_rollup")
        ),
    )
    op.create_index("ix_report_rollup_starts", "report_rollup", ["dimension", "grain", "currency", "starts"])
    op.create_index(
        "ix_report_rollup_seller", "report_rollup", ["seller_id", "dimension", "grain", "currency", "starts"]
    )
    op.create_table(
        "report_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("journals", sa.BigInteger(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_report_day")),
    )
    op.create_table(
        "report_mark",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_mark")),
    )
    op.create_index(op.f("ix_report_mark_day"), "report_mark", ["day"])
    for table, own in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({PLATFORM} OR {own})")
    for table, also in READ_TOO.items():
        op.execute(f"CREATE POLICY read_too ON {table} FOR SELECT USING ({also})")
    # A letter may carry one file, kept in the storage under its key.
    op.add_column("outgoing_message", sa.Column("attachment_key", sa.Text(), nullable=True))
    op.add_column("outgoing_message", sa.Column("attachment_name", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("outgoing_message", "attachment_name")
    op.drop_column("outgoing_message", "attachment_key")
    for table in ("report_mark", "report_day", "report_rollup"):
        op.drop_table(table)
