"""Sessions that can be seen and ended, second factors, one-time links, counted failures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DELETE FROM login_session")  # sessions have new rules: everybody logs in once more
    op.create_table(
        "login_failure",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=True),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_login_failure_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_failure")),
    )
    op.create_index("ix_login_failure_account", "login_failure", ["account", "at"], unique=False)
    op.create_index("ix_login_failure_address", "login_failure", ["address", "at"], unique=False)
    op.create_index("ix_login_failure_at", "login_failure", ["at"], unique=False)
    op.create_index(op.f("ix_login_failure_user_id"), "login_failure", ["user_id"], unique=False)
    op.create_table(
        "throttle_counter",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_throttle_counter")),
    )
    op.create_index(op.f("ix_throttle_counter_gone_at"), "throttle_counter", ["gone_at"], unique=False)
    op.create_table(
        "one_time_link",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_from", sa.Text(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "purpose IN ('confirm_email', 'change_email', 'reset_password')", name=op.f("ck_one_time_link_purpose")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_one_time_link_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_time_link")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_one_time_link_token_hash")),
    )
    op.create_index(op.f("ix_one_time_link_user_id"), "one_time_link", ["user_id"], unique=False)
    op.create_table(
        "passkey",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("transports", sa.Text(), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_passkey_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkey")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkey_credential_id")),
    )
    op.create_index(op.f("ix_passkey_user_id"), "passkey", ["user_id"], unique=False)
    op.create_table(
        "passkey_challenge",
        sa.Column("challenge", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_passkey_challenge_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("challenge", name=op.f("pk_passkey_challenge")),
    )
    op.create_index(op.f("ix_passkey_challenge_expires_at"), "passkey_challenge", ["expires_at"], unique=False)
    op.create_index(op.f("ix_passkey_challenge_user_id"), "passkey_challenge", ["user_id"], unique=False)
    op.create_table(
        "phone_code",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("tries_left", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_phone_code_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_phone_code")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_recovery_code_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "code_hash", name=op.f("pk_recovery_code")),
    )
    op.create_table(
        "totp",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_counter", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_totp_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_totp")),
    )
    op.add_column("app_user", sa.Column("email_confirmed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("app_user", sa.Column("phone_confirmed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("app_user", sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("app_user", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("login_session", sa.Column("previous_hash", sa.LargeBinary(), nullable=True))
    op.add_column("login_session", sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("login_session", sa.Column("idle_until", sa.DateTime(timezone=True), nullable=False))
    op.add_column("login_session", sa.Column("remembered", sa.Boolean(), nullable=False))
    op.add_column("login_session", sa.Column("address", sa.Text(), nullable=False))
    op.add_column("login_session", sa.Column("authenticated_at", sa.DateTime(timezone=True), nullable=False))
    op.add_column("login_session", sa.Column("awaits_second_factor", sa.Boolean(), nullable=False))
    op.add_column("login_session", sa.Column("second_factor_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("login_session", sa.Column("organization_id", sa.BigInteger(), nullable=True))
    op.add_column("login_session", sa.Column("acting_for", sa.BigInteger(), nullable=True))
    op.add_column("login_session", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False))
    op.add_column("login_session", sa.Column("end_reason", sa.Text(), nullable=True))
    op.create_unique_constraint(op.f("uq_login_session_previous_hash"), "login_session", ["previous_hash"])


def downgrade() -> None:
    op.drop_column("app_user", "email_confirmed_at")
    op.drop_column("app_user", "phone_confirmed_at")
    op.drop_column("app_user", "password_changed_at")
    op.drop_column("app_user", "erased_at")
    op.drop_column("login_session", "previous_hash")
    op.drop_column("login_session", "rotated_at")
    op.drop_column("login_session", "idle_until")
    op.drop_column("login_session", "remembered")
    op.drop_column("login_session", "address")
    op.drop_column("login_session", "authenticated_at")
    op.drop_column("login_session", "awaits_second_factor")
    op.drop_column("login_session", "second_factor_at")
    op.drop_column("login_session", "organization_id")
    op.drop_column("login_session", "acting_for")
    op.drop_column("login_session", "last_used_at")
    op.drop_column("login_session", "end_reason")
    op.drop_table("login_failure")
    op.drop_table("throttle_counter")
    op.drop_table("one_time_link")
    op.drop_table("passkey_challenge")
    op.drop_table("passkey")
    op.drop_table("phone_code")
    op.drop_table("recovery_code")
    op.drop_table("totp")
