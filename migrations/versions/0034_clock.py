"""The timetable: who runs a job now and how far it is, signs of life of the processes, alarms."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("job_run", sa.Column("attempts", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("job_run", sa.Column("by_hand", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_job_run_name_started_at", "job_run", ["name", "started_at"])
    op.create_table(
        "job_seat",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("known_since", WHEN, nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("period", WHEN, nullable=True),
        sa.Column("alive_at", WHEN, nullable=True),
        sa.Column("asked_at", WHEN, nullable=True),
        sa.Column("done", sa.BigInteger(), nullable=True),
        sa.Column("whole", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(holder IS NULL) = (period IS NULL) AND (holder IS NULL) = (alive_at IS NULL)",
            name=op.f("ck_job_seat_held"),
        ),
        sa.CheckConstraint("(done IS NULL) = (whole IS NULL)", name=op.f("ck_job_seat_progress")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_job_seat")),
    )
    op.create_table(
        "process_beat",
        sa.Column("process", sa.Text(), nullable=False),
        sa.Column("since", WHEN, nullable=False),
        sa.Column("alive_at", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("process", name=op.f("pk_process_beat")),
    )
    op.create_table(
        "job_alarm",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("since", WHEN, nullable=False),
        sa.Column("raised_at", WHEN, nullable=False),
        sa.Column("ended_at", WHEN, nullable=True),
        sa.CheckConstraint(
            "kind IN ('scheduler', 'worker', 'overdue', 'failing')",
            name=op.f("ck_job_alarm_kind"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_alarm")),
    )
    # One open alarm for one trouble, however many processes notice it at the same moment.
    op.create_index(
        "uq_job_alarm_open",
        "job_alarm",
        ["kind", "name"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("job_alarm")
    op.drop_table("process_beat")
    op.drop_table("job_seat")
    op.drop_index("ix_job_run_name_started_at", "job_run")
    op.drop_column("job_run", "by_hand")
    op.drop_column("job_run", "attempts")
