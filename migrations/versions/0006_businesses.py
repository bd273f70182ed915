"""Private papers apart from the public name; invitations; limits; who is a profit partner."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from wholesale.organizations.rules import skeleton

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "business_papers",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("trade_licence_no", sa.Text(), nullable=False),
        sa.Column("tax_no", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_business_papers_organization_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_business_papers")),
    )
    op.create_index(op.f("ix_business_papers_tax_no"), "business_papers", ["tax_no"], unique=False)
    op.create_index(op.f("ix_business_papers_trade_licence_no"), "business_papers", ["trade_licence_no"], unique=False)
    op.create_table(
        "invitation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("spending_limit", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("invited_by", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_by", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("role IN ('admin', 'member', 'viewer')", name=op.f("ck_invitation_role")),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_invitation_email_lower")),
        sa.CheckConstraint("spending_limit >= 0", name=op.f("ck_invitation_spending_limit")),
        sa.ForeignKeyConstraint(["accepted_by"], ["app_user.id"], name=op.f("fk_invitation_accepted_by")),
        sa.ForeignKeyConstraint(["invited_by"], ["app_user.id"], name=op.f("fk_invitation_invited_by")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_invitation_organization_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitation_token_hash")),
    )
    op.create_index(op.f("ix_invitation_organization_id"), "invitation", ["organization_id"], unique=False)
    op.create_index(
        "uq_invitation_open",
        "invitation",
        ["organization_id", "email"],
        unique=True,
        postgresql_where=sa.text("accepted_at IS NULL AND withdrawn_at IS NULL"),
    )
    op.add_column("membership", sa.Column("spending_limit", sa.Numeric(precision=18, scale=4), nullable=True))
    op.add_column("organization", sa.Column("language", sa.Text(), nullable=True))
    op.add_column("organization", sa.Column("partner_since", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "INSERT INTO business_papers (organization_id, phone, email, trade_licence_no, tax_no) "
        "SELECT id, phone, email, trade_licence_no, tax_no FROM organization"
    )
    op.execute(
        "UPDATE organization SET partner_since = created_at WHERE kind = 'seller' AND verified_until IS NOT NULL"
    )
    for column in ("phone", "email", "trade_licence_no", "tax_no"):
        op.drop_column("organization", column)
    op.add_column("organization", sa.Column("skeleton", sa.Text(), server_default="", nullable=False))
    names = op.get_bind().execute(sa.text("SELECT id, name FROM organization")).all()
    for row in names:
        change = sa.text("UPDATE organization SET skeleton = :skeleton WHERE id = :id")
        op.get_bind().execute(change, {"skeleton": skeleton(row.name), "id": row.id})
    op.create_index(op.f("ix_organization_skeleton"), "organization", ["skeleton"])


def downgrade() -> None:
    for column in ("phone", "email", "trade_licence_no", "tax_no"):
        op.add_column("organization", sa.Column(column, sa.Text(), nullable=True))
    op.execute(
        "UPDATE organization o SET phone = p.phone, email = p.email, trade_licence_no = p.trade_licence_no, "
        "tax_no = p.tax_no FROM business_papers p WHERE p.organization_id = o.id"
    )
    for column in ("phone", "email", "trade_licence_no", "tax_no"):
        op.alter_column("organization", column, nullable=False)
    for column in ("language", "partner_since", "skeleton"):
        op.drop_column("organization", column)
    op.drop_column("membership", "spending_limit")
    op.drop_table("invitation")
    op.drop_table("business_papers")
