"""How revenue is shared: from a day on, with its reason, ended or called off; and when orders were placed, by key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

TABLE = "settlement_rule"
MODELS = "model IN ('profit_share', 'commission'{})"


def upgrade() -> None:
    op.add_column(TABLE, sa.Column("reason", sa.Text(), nullable=False, server_default=""))
    op.add_column(TABLE, sa.Column("set_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE settlement_rule SET set_at = valid_from")
    op.alter_column(TABLE, "set_at", nullable=False)
    op.alter_column(TABLE, "reason", server_default=None)
    op.add_column(TABLE, sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(TABLE, sa.Column("cancelled_by", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_settlement_rule_cancelled_by"), TABLE, "app_user", ["cancelled_by"], ["id"])
    op.drop_constraint(op.f("ck_settlement_rule_model"), TABLE)
    op.create_check_constraint(op.f("ck_settlement_rule_model"), TABLE, MODELS.format(", 'inherit'"))
    op.create_check_constraint(
        op.f("ck_settlement_rule_inherit"),
        TABLE,
        "model <> 'inherit' OR num_nonnulls(product_id, seller_id, category_id) = 1",
    )
    op.create_check_constraint(op.f("ck_settlement_rule_cancelled"), TABLE, "cancelled_at < valid_from")
    # Orders are only ever added at the end: a few pages say where the last month begins.
    op.create_index(op.f("ix_sales_order_placed_at"), "sales_order", ["placed_at"], postgresql_using="brin")


def downgrade() -> None:
    op.drop_index(op.f("ix_sales_order_placed_at"), table_name="sales_order")
    # What ends a special rule, and what was called off, cannot be said without the columns.
    op.execute("DELETE FROM settlement_rule WHERE model = 'inherit' OR cancelled_at IS NOT NULL")
    op.drop_constraint(op.f("ck_settlement_rule_cancelled"), TABLE)
    op.drop_constraint(op.f("ck_settlement_rule_inherit"), TABLE)
    op.drop_constraint(op.f("ck_settlement_rule_model"), TABLE)
    op.create_check_constraint(op.f("ck_settlement_rule_model"), TABLE, MODELS.format(""))
    op.drop_constraint(op.f("fk_settlement_rule_cancelled_by"), TABLE)
    for column in ("cancelled_by", "cancelled_at", "set_at", "reason"):
        op.drop_column(TABLE, column)
