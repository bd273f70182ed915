"""Stock alerts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from flask import current_app

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

PLATFORM = "(SELECT current_setting('app.scope', true)) = 'platform'"
ORG = "(SELECT NULLIF(current_setting('app.org', true), '')::bigint)"
# Table -> whose rows they are, as in 0010.
POLICIES = dict.fromkeys(("stock_alert", "stock_alert_move", "reorder_point"), f"seller_id = {ORG}")
APPEND_ONLY = ("stock_alert_move",)
OPEN = "closed_at IS NULL"


def upgrade() -> None:
    _alerts()
    _points()
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


def _alerts() -> None:
    op.create_table(
        "stock_alert",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("variant_id", sa.BigInteger(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("urgency", sa.SmallInteger(), nullable=False),
        sa.Column("available", sa.Integer(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("short", sa.Integer(), nullable=False),
        sa.Column("own_level", sa.Boolean(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_why", sa.Text(), nullable=False),
        sa.Column("snoozed_until", sa.Date(), nullable=True),
        sa.Column("assigned_to", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("told", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("urgency BETWEEN 1 AND 3", name=op.f("ck_stock_alert_urgency")),
        sa.CheckConstraint("told BETWEEN 0 AND 3", name=op.f("ck_stock_alert_told")),
        sa.CheckConstraint("short = level - available", name=op.f("ck_stock_alert_short")),
        sa.CheckConstraint("(closed_at IS NULL) = (closed_why = '')", name=op.f("ck_stock_alert_closed")),
        sa.CheckConstraint("closed_why IN ('', 'stock', 'level', 'gone')", name=op.f("ck_stock_alert_closed_why")),
        sa.ForeignKeyConstraint(["variant_id"], ["variant.id"], name=op.f("fk_stock_alert_variant_id")),
        sa.ForeignKeyConstraint(["assigned_to"], ["app_user.id"], name=op.f("fk_stock_alert_assigned_to")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_alert")),
    )
    where = sa.text(OPEN)
    op.create_index("uq_stock_alert_open", "stock_alert", ["variant_id"], unique=True, postgresql_where=where)
    op.create_index(
        "ix_stock_alert_list", "stock_alert", ["seller_id", "urgency", "short", "id"], postgresql_where=where
    )
    op.create_index("ix_stock_alert_everybodys", "stock_alert", ["urgency", "short", "id"], postgresql_where=where)
    op.create_index("ix_stock_alert_changed", "stock_alert", ["seller_id", "changed_at"])
    op.create_index("ix_stock_alert_latest", "stock_alert", ["changed_at"])
    op.create_index(
        op.f("ix_stock_alert_assigned_to"),
        "stock_alert",
        ["assigned_to"],
        postgresql_where=sa.text("assigned_to IS NOT NULL"),
    )
    op.create_table(
        "stock_alert_move",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("alert_id", sa.BigInteger(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("before", sa.SmallInteger(), nullable=False),
        sa.Column("after", sa.SmallInteger(), nullable=False),
        sa.Column("available", sa.Integer(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "what IN ('raised', 'worse', 'better', 'closed', 'snoozed', 'woken', 'assigned', 'noted', 'ordered')",
            name=op.f("ck_stock_alert_move_what"),
        ),
        sa.ForeignKeyConstraint(["alert_id"], ["stock_alert.id"], name=op.f("fk_stock_alert_move_alert_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_stock_alert_move_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_alert_move")),
    )
    op.create_index(op.f("ix_stock_alert_move_alert_id"), "stock_alert_move", ["alert_id"])


def _points() -> None:
    op.create_table(
        "reorder_point",
        sa.Column("variant_id", sa.BigInteger(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("level >= 0", name=op.f("ck_reorder_point_level")),
        sa.ForeignKeyConstraint(
            ["variant_id"], ["variant.id"], name=op.f("fk_reorder_point_variant_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_reorder_point_seller_id")),
        sa.PrimaryKeyConstraint("variant_id", name=op.f("pk_reorder_point")),
    )
    op.create_table(
        "stock_watch",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("log_id", sa.BigInteger(), nullable=False),
        sa.Column("log_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("behind_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_stock_watch")),
    )


def downgrade() -> None:
    for table in ("stock_watch", "reorder_point", "stock_alert_move", "stock_alert"):
        op.drop_table(table)
