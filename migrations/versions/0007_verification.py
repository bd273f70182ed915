"""Requirements as rows, drafts, reviewers, previews; every move is kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from flask import current_app

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATES = ("draft", "submitted", "in_review", "more_information", "approved", "rejected", "expired")
OLD_STATES = ("submitted", "more_information", "approved", "rejected")
DOCUMENTS = ("trade_licence", "tax_certificate", "bsti", "iso", "certificate")
OLD_DOCUMENTS = ("trade_licence", "tax_certificate", "certificate")
REQUIREMENTS = ("trade_licence", "tax_number", "bsti", "iso", "certificate")
REQUIREMENT_STATES = ("missing", "submitted", "accepted", "rejected", "waived")
SQUEEZED = "translate({}, '-/.()_:#', '')"


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def upgrade() -> None:
    _widen("verification_case", "state", STATES)
    _widen("verification_document", "kind", DOCUMENTS)
    op.drop_index("uq_verification_case_open", table_name="verification_case")
    op.create_index(
        "uq_verification_case_open",
        "verification_case",
        ["organization_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('draft', 'submitted', 'in_review')"),
    )
    op.alter_column("verification_case", "licence_expires_on", existing_type=sa.Date(), nullable=True)
    op.add_column("verification_case", sa.Column("reviewer_id", sa.BigInteger(), nullable=True))
    op.add_column("verification_case", sa.Column("review_since", sa.DateTime(timezone=True), nullable=True))
    for number in ("licence", "tax"):
        op.add_column(
            "verification_case",
            sa.Column(f"{number}_squeezed", sa.Text(), sa.Computed(SQUEEZED.format(f"{number}_no"), persisted=True)),
        )
        op.create_index(
            op.f(f"ix_verification_case_{number}_squeezed"), "verification_case", [f"{number}_squeezed"], unique=False
        )
    op.create_foreign_key(
        op.f("fk_verification_case_reviewer_id"), "verification_case", "app_user", ["reviewer_id"], ["id"]
    )
    op.create_check_constraint(
        op.f("ck_verification_case_complete"),
        "verification_case",
        "state = 'draft' OR (licence_no <> '' AND tax_no <> '' AND licence_expires_on IS NOT NULL)",
    )
    op.add_column("verification_document", sa.Column("previewed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "verification_requirement",
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(_one_of("kind", REQUIREMENTS), name=op.f("ck_verification_requirement_kind")),
        sa.CheckConstraint(_one_of("state", REQUIREMENT_STATES), name=op.f("ck_verification_requirement_state")),
        sa.ForeignKeyConstraint(
            ["case_id"],
            ["verification_case.id"],
            name=op.f("fk_verification_requirement_case_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_verification_requirement_user_id")),
        sa.PrimaryKeyConstraint("case_id", "kind", name=op.f("pk_verification_requirement")),
    )
    op.create_table(
        "verification_preview",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("page", sa.SmallInteger(), nullable=False),
        sa.Column("file_key", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["verification_document.id"],
            name=op.f("fk_verification_preview_document_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verification_preview")),
        sa.UniqueConstraint("document_id", "page", name=op.f("uq_verification_preview_document_id_page")),
    )
    _requirements_of_earlier_cases()
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE ON verification_move FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    settings = current_app.extensions["settings"]
    role = sa.make_url(settings.database_url).username
    if role != sa.make_url(settings.database_owner_url).username:
        quoted = sa.dialects.postgresql.dialect().identifier_preparer.quote(role)
        op.execute(f"REVOKE UPDATE, DELETE ON verification_move FROM {quoted}")


def _widen(table: str, column: str, values: tuple[str, ...]) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{column}"), table, type_="check")
    op.create_check_constraint(op.f(f"ck_{table}_{column}"), table, _one_of(column, values))


def _requirements_of_earlier_cases() -> None:
    """What each case says about itself, as rows: what was approved was accepted, what was refused was the licence."""
    op.execute(
        """
        INSERT INTO verification_requirement (case_id, kind, required, state, at, reason)
        SELECT c.id, k.kind, k.kind <> 'certificate',
            CASE WHEN c.state = 'submitted' THEN 'submitted'
                 WHEN c.state = 'approved' OR k.kind <> 'trade_licence' THEN 'accepted' ELSE 'rejected' END,
            coalesce(c.decided_at, c.submitted_at), CASE WHEN k.kind = 'trade_licence' THEN c.reason END
        FROM verification_case c CROSS JOIN (VALUES ('trade_licence'), ('tax_number'), ('certificate')) k (kind)
        WHERE k.kind <> 'certificate'
           OR EXISTS (SELECT FROM verification_document d WHERE d.case_id = c.id AND d.kind = 'certificate')
        """
    )
    op.create_table(
        "kept_file",
        sa.Column("file_key", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("file_key", name=op.f("pk_kept_file")),
    )
    op.create_index(op.f("ix_kept_file_at"), "kept_file", ["at"])


def downgrade() -> None:
    op.drop_table("kept_file")
    op.execute("DROP TRIGGER append_only ON verification_move")
    op.drop_table("verification_preview")
    op.drop_table("verification_requirement")
    op.drop_column("verification_document", "previewed_at")
    op.execute("DELETE FROM verification_case WHERE state = 'draft'")
    op.execute("UPDATE verification_case SET state = 'submitted' WHERE state = 'in_review'")
    op.execute("UPDATE verification_case SET state = 'approved' WHERE state = 'expired'")
    op.execute("UPDATE verification_document SET kind = 'certificate' WHERE kind IN ('bsti', 'iso')")
    op.drop_constraint(op.f("ck_verification_case_complete"), "verification_case", type_="check")
    for column in ("tax_squeezed", "licence_squeezed", "review_since", "reviewer_id"):
        op.drop_column("verification_case", column)
    op.alter_column("verification_case", "licence_expires_on", existing_type=sa.Date(), nullable=False)
    op.drop_index("uq_verification_case_open", table_name="verification_case")
    op.create_index(
        "uq_verification_case_open",
        "verification_case",
        ["organization_id"],
        unique=True,
        postgresql_where=sa.text("state = 'submitted'"),
    )
    _widen("verification_document", "kind", OLD_DOCUMENTS)
    _widen("verification_case", "state", OLD_STATES)
