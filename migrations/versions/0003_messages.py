"""Letters and text messages that wait to be sent, and what became of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outgoing_message",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unreachable_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("channel IN ('mail', 'sms')", name=op.f("ck_outgoing_message_channel")),
        sa.CheckConstraint(
            "state IN ('queued', 'sending', 'sent', 'failed', 'unknown')", name=op.f("ck_outgoing_message_state")
        ),
        sa.CheckConstraint("state <> 'sent' OR body IS NULL", name=op.f("ck_outgoing_message_emptied")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoing_message")),
        sa.UniqueConstraint("channel", "key", name=op.f("uq_outgoing_message_channel_key")),
    )
    op.create_index(op.f("ix_outgoing_message_state_id"), "outgoing_message", ["state", "id"], unique=False)
    op.create_index(
        "ix_outgoing_message_unreachable",
        "outgoing_message",
        ["channel", "unreachable_until"],
        unique=False,
        postgresql_where=sa.text("unreachable_until IS NOT NULL"),
    )
    # Whoever changes something may write down the letter that tells of it; 0010 lets only the platform read any.
    op.execute("CREATE POLICY anybody_queues ON outgoing_message FOR INSERT WITH CHECK (true)")


def downgrade() -> None:
    op.drop_table("outgoing_message")
