"""Bulk upload of products, and exports."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

PLATFORM = "(SELECT current_setting('app.scope', true)) = 'platform'"
OWN = "organization_id = (SELECT NULLIF(current_setting('app.org', true), '')::bigint)"
OF_RUN = "EXISTS (SELECT FROM import_run r WHERE r.id = {}.run_id)"

# Table -> whose rows they are, as in 0010; `tests/house/test_row_security.py` reads it.
POLICIES: dict[str, str] = {
    "import_run": OWN,
    "import_cancellation": OF_RUN.format("import_cancellation"),
    "import_row": OF_RUN.format("import_row"),
    "import_item": OF_RUN.format("import_item"),
    "import_problem": OF_RUN.format("import_problem"),
    "catalogue_export": OWN,
}

STATES = "('reading', 'mapping', 'checking', 'checked', 'applying', 'done', 'stopped', 'cancelled')"
COUNTS = ("total", "to_create", "to_update", "to_leave", "to_refuse", "created", "updated", "unchanged", "refused",
          "not_reached")  # fmt: skip


def upgrade() -> None:
    text, moment, whole = sa.Text(), sa.DateTime(timezone=True), sa.Integer()
    op.create_table(
        "import_run",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("file_name", text, nullable=False),
        sa.Column("file_size", sa.BigInteger(), nullable=False),
        sa.Column("file_key", text, nullable=True),
        sa.Column("state", text, nullable=False),
        sa.Column("mode", text, nullable=True),
        *(sa.Column(name, text, nullable=False) for name in ("kind", "encoding", "delimiter", "sheet")),
        sa.Column("headings", postgresql.ARRAY(text), nullable=False),
        sa.Column("header_row", whole, nullable=False),
        *(
            sa.Column(name, postgresql.JSONB(), nullable=False)
            for name in ("samples", "merges", "mapping", "defaults", "changes", "reason_values")
        ),
        sa.Column("step", text, nullable=False),
        sa.Column("position", whole, nullable=False),
        *(sa.Column(name, whole, nullable=False) for name in COUNTS),
        sa.Column("reason", text, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("moved_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.CheckConstraint(f"state IN {STATES}", name=op.f("ck_import_run_state")),
        sa.CheckConstraint("mode IN ('valid', 'all')", name=op.f("ck_import_run_mode")),
        sa.CheckConstraint(
            "least(total, created, updated, unchanged, refused, not_reached, to_create, to_update, to_leave,"
            " to_refuse) >= 0",
            name=op.f("ck_import_run_counts"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('done', 'stopped', 'cancelled')"
            " OR total = created + updated + unchanged + refused + not_reached",
            name=op.f("ck_import_run_adds_up"),
        ),
        sa.CheckConstraint("state <> 'done' OR not_reached = 0", name=op.f("ck_import_run_done_is_all")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_import_run_organization_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_import_run_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_run")),
    )
    op.create_index(op.f("ix_import_run_organization_id"), "import_run", ["organization_id"])
    op.create_table(
        "import_cancellation",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["import_run.id"], name=op.f("fk_import_cancellation_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_import_cancellation")),
    )
    op.create_table(
        "import_row",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("row_no", whole, nullable=False),
        sa.Column("cells", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["import_run.id"], name=op.f("fk_import_row_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "row_no", name=op.f("pk_import_row")),
    )
    op.create_table(
        "import_item",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("row_no", whole, nullable=False),
        sa.Column("sku", text, nullable=True),
        sa.Column("group_key", text, nullable=True),
        sa.Column("said", postgresql.JSONB(), nullable=False),
        sa.Column("broken", sa.Boolean(), nullable=False),
        sa.Column("anchor", whole, nullable=True),
        sa.Column("product_id", sa.BigInteger(), nullable=True),
        sa.Column("seen", text, nullable=True),
        sa.Column("outcome", text, nullable=True),
        sa.CheckConstraint(
            "outcome IN ('created', 'updated', 'unchanged', 'refused')", name=op.f("ck_import_item_outcome")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["import_run.id"], name=op.f("fk_import_item_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "row_no", name=op.f("pk_import_item")),
    )
    op.create_index("ix_import_item_anchor", "import_item", ["run_id", "anchor", "row_no"])
    op.create_index("ix_import_item_sku", "import_item", ["run_id", "sku"])
    op.create_table(
        "import_problem",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("row_no", whole, nullable=False),
        sa.Column("field", text, nullable=True),
        sa.Column("value", text, nullable=False),
        sa.Column("reason", text, nullable=False),
        sa.Column("reason_values", postgresql.JSONB(), nullable=False),
        sa.Column("suggestion", text, nullable=False),
        sa.Column("is_warning", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["import_run.id"], name=op.f("fk_import_problem_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_problem")),
    )
    op.create_index("ix_import_problem_row", "import_problem", ["run_id", "row_no", "id"])
    op.create_index("ix_import_problem_reason", "import_problem", ["run_id", "reason", "row_no"])
    op.create_table(
        "catalogue_export",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("ready_at", moment, nullable=True),
        sa.Column("rows", whole, nullable=False),
        sa.Column("size", whole, nullable=False),
        sa.Column("file_key", text, nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_catalogue_export_organization_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_catalogue_export_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalogue_export")),
    )
    op.create_index(op.f("ix_catalogue_export_organization_id"), "catalogue_export", ["organization_id"])
    for table, own in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({PLATFORM} OR {own})")


def downgrade() -> None:
    for table in (
        "catalogue_export",
        "import_problem",
        "import_item",
        "import_row",
        "import_cancellation",
        "import_run",
    ):
        op.drop_table(table)
