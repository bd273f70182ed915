"""Papers beside the invoice: order confirmations, packing slips, pick lists, and many papers at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

PLATFORM = "(SELECT current_setting('app.scope', true)) = 'platform'"
ORG = "(SELECT NULLIF(current_setting('app.org', true), '')::bigint)"
POLICIES = {
    "paper": f"organization_id = {ORG}",
    "paper_part": "EXISTS (SELECT FROM paper p WHERE p.id = paper_part.paper_id)",
}


def upgrade() -> None:
    op.create_table(
        "paper",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=True),
        sa.Column("subject", JSONB(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("file_key", sa.Text(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('order_confirmation', 'packing_slip', 'pick_list', 'invoices', 'month')",
            name=op.f("ck_paper_kind"),
        ),
        sa.CheckConstraint("state IN ('waiting', 'making', 'ready')", name=op.f("ck_paper_state")),
        sa.CheckConstraint("done BETWEEN 0 AND total", name=op.f("ck_paper_progress")),
        sa.CheckConstraint(
            "(state = 'ready') = (file_key IS NOT NULL AND sha256 IS NOT NULL AND made_at IS NOT NULL)",
            name=op.f("ck_paper_ready"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_paper_organization_id")),
        sa.ForeignKeyConstraint(["asked_by"], ["app_user.id"], name=op.f("fk_paper_asked_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper")),
    )
    op.create_index("ix_paper_organization", "paper", ["organization_id", "id"])
    op.create_index(op.f("ix_paper_expires_at"), "paper", ["expires_at"])
    op.create_index(
        "uq_paper_begun",
        "paper",
        [sa.text("coalesce(organization_id, 0)"), "digest"],
        unique=True,
        postgresql_where=sa.text("state <> 'ready'"),
    )
    op.create_table(
        "paper_part",
        sa.Column("paper_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("file_key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["paper_id"], ["paper.id"], name=op.f("fk_paper_part_paper_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("paper_id", "position", name=op.f("pk_paper_part")),
    )
    # The few that failed for good are looked for while somebody waits.
    op.create_index(
        "ix_outbox_dead",
        "outbox",
        ["event", "id"],
        postgresql_where=sa.text("dead_at IS NOT NULL AND done_at IS NULL"),
    )
    for table, own in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({PLATFORM} OR {own})")


def downgrade() -> None:
    op.drop_index("ix_outbox_dead", "outbox")
    op.drop_table("paper_part")
    op.drop_table("paper")
