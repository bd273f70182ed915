"""What will be asked for of each variant, what somebody knows better, and how well goods are to be kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

# Table -> whose rows they are, as in 0010.
PLATFORM = "(SELECT current_setting('app.scope', true)) = 'platform'"
ORG = "(SELECT NULLIF(current_setting('app.org', true), '')::bigint)"
POLICIES = {
    "forecast": f"seller_id = {ORG}",
    "forecast_override": f"seller_id = {ORG}",
    "forecast_setting": f"seller_id = {ORG}",
}


def upgrade() -> None:
    op.create_table(
        "forecast",
        sa.Column("variant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("weekly", postgresql.ARRAY(sa.Numeric(18, 4)), nullable=False),
        sa.Column("low", postgresql.ARRAY(sa.Numeric(18, 4)), nullable=False),
        sa.Column("high", postgresql.ARRAY(sa.Numeric(18, 4)), nullable=False),
        sa.Column("spread", sa.Numeric(18, 4), nullable=False),
        sa.Column("error", sa.Numeric(18, 4), nullable=True),
        sa.Column("naive_error", sa.Numeric(18, 4), nullable=True),
        sa.Column("weeks", sa.Integer(), nullable=False),
        sa.Column("pooled", sa.Boolean(), nullable=False),
        sa.Column("mean", sa.Numeric(18, 4), nullable=False),
        sa.Column("before", sa.Numeric(18, 4), nullable=True),
        sa.CheckConstraint(
            "cardinality(weekly) = 12 AND cardinality(low) = 12 AND cardinality(high) = 12",
            name=op.f("ck_forecast_twelve_weeks"),
        ),
        sa.CheckConstraint(
            "0 <= ALL (low) AND 0 <= ALL (weekly) AND 0 <= ALL (high) AND spread >= 0 AND mean >= 0",
            name=op.f("ck_forecast_not_negative"),
        ),
        sa.CheckConstraint("extract(isodow FROM starts_on) = 1", name=op.f("ck_forecast_starts_on_monday")),
        sa.ForeignKeyConstraint(
            ["variant_id"], ["variant.id"], name=op.f("fk_forecast_variant_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_forecast_seller_id")),
        sa.PrimaryKeyConstraint("variant_id", name=op.f("pk_forecast")),
    )
    op.create_index("ix_forecast_seller_id", "forecast", ["seller_id", "variant_id"])
    op.create_table(
        "forecast_override",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("variant_id", sa.BigInteger(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("weekly", sa.Integer(), nullable=True),
        sa.Column("reorder_level", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("made_by", sa.BigInteger(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_by", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("weekly >= 0 AND reorder_level >= 0", name=op.f("ck_forecast_override_not_negative")),
        sa.CheckConstraint(
            "weekly IS NOT NULL OR reorder_level IS NOT NULL", name=op.f("ck_forecast_override_says_something")
        ),
        sa.CheckConstraint("note <> ''", name=op.f("ck_forecast_override_note")),
        sa.CheckConstraint("ended_at >= made_at", name=op.f("ck_forecast_override_ended_at")),
        sa.ForeignKeyConstraint(
            ["variant_id"], ["variant.id"], name=op.f("fk_forecast_override_variant_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_forecast_override_seller_id")),
        sa.ForeignKeyConstraint(["made_by"], ["app_user.id"], name=op.f("fk_forecast_override_made_by")),
        sa.ForeignKeyConstraint(["ended_by"], ["app_user.id"], name=op.f("fk_forecast_override_ended_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forecast_override")),
    )
    op.create_index("ix_forecast_override_variant_id", "forecast_override", ["variant_id", "id"])
    # One that holds at a time, whoever else is quicker.
    op.create_index(
        "uq_forecast_override_open",
        "forecast_override",
        ["variant_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "forecast_setting",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("variant_id", sa.BigInteger(), nullable=True),
        sa.Column("service_percent", sa.Numeric(7, 4), nullable=False),
        sa.Column("review_days", sa.Integer(), nullable=False),
        sa.Column("set_by", sa.BigInteger(), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("service_percent BETWEEN 50 AND 99.9", name=op.f("ck_forecast_setting_service_percent")),
        sa.CheckConstraint("review_days BETWEEN 1 AND 84", name=op.f("ck_forecast_setting_review_days")),
        sa.ForeignKeyConstraint(["seller_id"], ["organization.id"], name=op.f("fk_forecast_setting_seller_id")),
        sa.ForeignKeyConstraint(
            ["variant_id"], ["variant.id"], name=op.f("fk_forecast_setting_variant_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["set_by"], ["app_user.id"], name=op.f("fk_forecast_setting_set_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forecast_setting")),
    )
    op.create_index(
        "uq_forecast_setting_scope",
        "forecast_setting",
        ["seller_id", sa.text("coalesce(variant_id, 0)")],
        unique=True,
    )
    for table, own in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({PLATFORM} OR {own})")


def downgrade() -> None:
    op.drop_table("forecast_setting")
    op.drop_table("forecast_override")
    op.drop_table("forecast")
