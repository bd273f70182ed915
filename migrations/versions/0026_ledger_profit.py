"""Every run of the ledger's proof is kept; the day from which a settlement holds can lie ahead."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

PLATFORM = "(SELECT current_setting('app.scope', true)) = 'platform'"

POLICIES = {"ledger_proof": "false"}  # the platform's alone


def upgrade() -> None:
    op.create_table(
        "ledger_proof",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("journals", sa.BigInteger(), nullable=False),
        sa.Column("postings", sa.BigInteger(), nullable=False),
        sa.Column("problems", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_proof")),
    )
    op.create_index(op.f("ix_ledger_journal_at"), "ledger_journal", ["at"])
    for table, own in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({PLATFORM} OR {own})")


def downgrade() -> None:
    op.drop_index(op.f("ix_ledger_journal_at"), table_name="ledger_journal")
    op.drop_table("ledger_proof")
