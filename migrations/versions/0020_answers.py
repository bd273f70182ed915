"""What a seller answers to an order, line by line, and what its buyer decides."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

PLATFORM = "(SELECT current_setting('app.scope', true)) = 'platform'"

# Table -> whose rows they are; an answer hangs on an order, whose own policy holds.
POLICIES = {
    "order_answer": "EXISTS (SELECT FROM sales_order o WHERE o.id = order_answer.order_id)",
    "order_answer_line": "EXISTS (SELECT FROM order_answer a WHERE a.id = order_answer_line.answer_id)",
}

# As in 0019, but of the row as it is at COMMIT: an order may get several lines in one transaction.
SUM = """
CREATE OR REPLACE FUNCTION check_order_sum() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE before text := coalesce(current_setting('app.scope', true), '');
BEGIN
    PERFORM set_config('app.scope', 'platform', true);
    IF EXISTS (
        SELECT FROM sales_order o,
            LATERAL (SELECT coalesce(sum(line_total), 0) AS goods,
                            coalesce(sum(tax_amount) FILTER (WHERE NOT tax_included), 0) AS tax
                     FROM order_line l WHERE l.order_id = o.id) AS parts
        WHERE o.id = NEW.id AND (o.goods_total, o.tax_total) IS DISTINCT FROM (parts.goods, parts.tax)
    ) THEN
        RAISE EXCEPTION 'order %: its totals are not the sums of its lines', NEW.number USING ERRCODE = 'check_violation';
    END IF;
    PERFORM set_config('app.scope', before, true);
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute(SUM)
    op.create_table(
        "order_answer",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'accepted', 'declined', 'withdrawn', 'expired')", name=op.f("ck_order_answer_state")
        ),
        sa.CheckConstraint("(state = 'waiting') = (decided_at IS NULL)", name=op.f("ck_order_answer_decided")),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_order_answer_order_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_order_answer_user_id")),
        sa.ForeignKeyConstraint(["decided_by"], ["app_user.id"], name=op.f("fk_order_answer_decided_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_answer")),
        sa.UniqueConstraint("order_id", "sequence", name=op.f("uq_order_answer_order_id_sequence")),
    )
    op.create_index(
        "uq_order_answer_waiting",
        "order_answer",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "ix_order_answer_expiry", "order_answer", ["expires_at"], postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_table(
        "order_answer_line",
        sa.Column("answer_id", sa.BigInteger(), nullable=False),
        sa.Column("line_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("pieces", sa.Integer(), nullable=False),
        sa.Column("asked", sa.Boolean(), nullable=False),
        sa.Column("keeps_rest", sa.Boolean(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=True),
        sa.Column("ready_on", sa.Date(), nullable=True),
        sa.Column("variant_id", sa.BigInteger(), nullable=True),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_bn", sa.Text(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("unit_price", sa.Numeric(18, 4), nullable=True),
        sa.Column("new_line_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('accept', 'less', 'later', 'substitute', 'refuse')", name=op.f("ck_order_answer_line_kind")
        ),
        sa.CheckConstraint(
            "pieces > 0 AND (quantity IS NULL OR quantity > 0)", name=op.f("ck_order_answer_line_pieces")
        ),
        sa.CheckConstraint(
            "(kind = 'substitute') = (variant_id IS NOT NULL) AND (variant_id IS NULL) = (unit_price IS NULL)",
            name=op.f("ck_order_answer_line_substitute"),
        ),
        sa.CheckConstraint("kind <> 'substitute' OR asked", name=op.f("ck_order_answer_line_substitutes_are_asked")),
        sa.ForeignKeyConstraint(["answer_id"], ["order_answer.id"], name=op.f("fk_order_answer_line_answer_id")),
        sa.ForeignKeyConstraint(["line_id"], ["order_line.id"], name=op.f("fk_order_answer_line_line_id")),
        sa.ForeignKeyConstraint(["variant_id"], ["variant.id"], name=op.f("fk_order_answer_line_variant_id")),
        sa.ForeignKeyConstraint(["new_line_id"], ["order_line.id"], name=op.f("fk_order_answer_line_new_line_id")),
        sa.PrimaryKeyConstraint("answer_id", "line_id", name=op.f("pk_order_answer_line")),
    )
    op.create_index(op.f("ix_order_answer_line_line_id"), "order_answer_line", ["line_id"])
    op.create_index(op.f("ix_order_answer_line_variant_id"), "order_answer_line", ["variant_id"])
    for table, own in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({PLATFORM} OR {own})")


def downgrade() -> None:
    op.drop_table("order_answer_line")
    op.drop_table("order_answer")
