"""What buyers send back, with photos; a number of its own for each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

PLATFORM = "(SELECT current_setting('app.scope', true)) = 'platform'"

# Table -> whose rows they are; a return hangs on an order, whose own policy holds.
POLICIES = {
    "return_request": "EXISTS (SELECT FROM sales_order o WHERE o.id = return_request.order_id)",
    "return_line": "EXISTS (SELECT FROM return_request r WHERE r.id = return_line.return_id)",
    "return_photo": "EXISTS (SELECT FROM return_request r WHERE r.id = return_photo.return_id)",
}


def upgrade() -> None:
    op.execute("CREATE SEQUENCE return_number")
    op.create_table(
        "return_request",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_by", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("credit_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('requested', 'approved', 'refused', 'received', 'closed', 'withdrawn')",
            name=op.f("ck_return_request_state"),
        ),
        sa.CheckConstraint("state <> 'refused' OR answer <> ''", name=op.f("ck_return_request_refused_with_reason")),
        sa.CheckConstraint(
            "(state IN ('received', 'closed')) = (credit_id IS NOT NULL)", name=op.f("ck_return_request_credit")
        ),
        sa.CheckConstraint("(received_at IS NULL) = (credit_id IS NULL)", name=op.f("ck_return_request_received")),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_return_request_order_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_return_request_user_id")),
        sa.ForeignKeyConstraint(["decided_by"], ["app_user.id"], name=op.f("fk_return_request_decided_by")),
        sa.ForeignKeyConstraint(["received_by"], ["app_user.id"], name=op.f("fk_return_request_received_by")),
        sa.ForeignKeyConstraint(["credit_id"], ["order_credit.id"], name=op.f("fk_return_request_credit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_return_request")),
        sa.UniqueConstraint("number", name=op.f("uq_return_request_number")),
        sa.UniqueConstraint("credit_id", name=op.f("uq_return_request_credit_id")),
    )
    op.create_index(op.f("ix_return_request_order_id"), "return_request", ["order_id"])
    op.create_index(
        "uq_return_request_open",
        "return_request",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('requested', 'approved')"),
    )
    op.create_table(
        "return_line",
        sa.Column("return_id", sa.BigInteger(), nullable=False),
        sa.Column("line_id", sa.BigInteger(), nullable=False),
        sa.Column("pieces", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("arrived", sa.Integer(), nullable=False),
        sa.Column("restocked", sa.Integer(), nullable=False),
        sa.Column("written_off", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "reason IN ('damaged', 'wrong_goods', 'not_as_described', 'too_many', 'other')",
            name=op.f("ck_return_line_reason"),
        ),
        sa.CheckConstraint("pieces > 0", name=op.f("ck_return_line_pieces")),
        sa.CheckConstraint("arrived BETWEEN 0 AND pieces", name=op.f("ck_return_line_arrived")),
        sa.CheckConstraint(
            "restocked >= 0 AND written_off >= 0 AND restocked + written_off <= arrived",
            name=op.f("ck_return_line_written_off"),
        ),
        sa.ForeignKeyConstraint(["return_id"], ["return_request.id"], name=op.f("fk_return_line_return_id")),
        sa.ForeignKeyConstraint(["line_id"], ["order_line.id"], name=op.f("fk_return_line_line_id")),
        sa.PrimaryKeyConstraint("return_id", "line_id", name=op.f("pk_return_line")),
    )
    op.create_index(op.f("ix_return_line_line_id"), "return_line", ["line_id"])
    op.create_table(
        "return_photo",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("return_id", sa.BigInteger(), nullable=False),
        sa.Column("file_key", sa.Text(), nullable=False),
        sa.Column("original_name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["return_id"], ["return_request.id"], name=op.f("fk_return_photo_return_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_return_photo")),
    )
    op.create_index(op.f("ix_return_photo_return_id"), "return_photo", ["return_id"])
    for table, own in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({PLATFORM} OR {own})")


def downgrade() -> None:
    for table in ("return_photo", "return_line", "return_request"):
        op.drop_table(table)
    op.execute("DROP SEQUENCE return_number")
