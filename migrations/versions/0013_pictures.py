"""Pictures of products in three sizes, and of categories."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# Table -> whose rows they are, as in 0010; `tests/house/test_row_security.py` reads it.
POLICIES: dict[str, str] = {}

KEYS = ("original_key", "thumb_jpeg_key", "file_jpeg_key", "large_key", "large_jpeg_key")


def upgrade() -> None:
    """A picture of before has two sizes in WebP: its largest is the one that was the whole."""
    for key in KEYS:
        op.add_column("picture", sa.Column(key, sa.Text(), nullable=True))
    op.add_column("picture", sa.Column("state", sa.Text(), nullable=False, server_default="ready"))
    for text in ("problem", "alt"):
        op.add_column("picture", sa.Column(text, sa.Text(), nullable=False, server_default=""))
    op.add_column("picture", sa.Column("large_width", sa.Integer(), nullable=False, server_default="0"))
    op.add_column(
        "picture", sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())
    )
    for column in ("state", "problem", "alt", "large_width", "created_at"):
        op.alter_column("picture", column, server_default=None)
    for key in ("file_key", "thumb_key"):
        op.alter_column("picture", key, nullable=True)
    op.execute("UPDATE picture SET large_key = file_key, large_width = width")
    op.create_check_constraint(op.f("ck_picture_state"), "picture", "state IN ('pending', 'ready', 'failed')")
    op.create_check_constraint(
        op.f("ck_picture_ready_has_files"),
        "picture",
        "(state = 'ready') = (thumb_key IS NOT NULL) AND (thumb_key IS NULL) = (file_key IS NULL)"
        " AND (file_key IS NULL) = (large_key IS NULL)",
    )
    op.create_check_constraint(
        op.f("ck_picture_pending_has_original"), "picture", "state = 'ready' OR original_key IS NOT NULL"
    )
    op.drop_constraint(op.f("uq_picture_product_id_position"), "picture")
    op.create_unique_constraint(
        op.f("uq_picture_product_id_position"),
        "picture",
        ["product_id", "position"],
        deferrable=True,
        initially="DEFERRED",
    )
    op.create_index("ix_picture_large_key", "picture", ["large_key"])
    op.create_index("ix_picture_pending", "picture", ["created_at"], postgresql_where=sa.text("state = 'pending'"))
    for key in ("picture_key", "picture_jpeg_key"):
        op.add_column("category", sa.Column(key, sa.Text(), nullable=True))
    op.create_index("ix_category_picture_key", "category", ["picture_key"])


def downgrade() -> None:
    """What was not ready yet is lost."""
    op.drop_index("ix_category_picture_key", table_name="category")
    for key in ("picture_jpeg_key", "picture_key"):
        op.drop_column("category", key)
    op.execute("DELETE FROM picture WHERE state <> 'ready'")
    op.drop_index("ix_picture_pending", table_name="picture")
    op.drop_index("ix_picture_large_key", table_name="picture")
    op.drop_constraint(op.f("uq_picture_product_id_position"), "picture")
    op.create_unique_constraint(op.f("uq_picture_product_id_position"), "picture", ["product_id", "position"])
    for constraint in ("pending_has_original", "ready_has_files", "state"):
        op.drop_constraint(op.f(f"ck_picture_{constraint}"), "picture")
    for key in ("file_key", "thumb_key"):
        op.alter_column("picture", key, nullable=False)
    for column in ("created_at", "large_width", "alt", "problem", "state", *KEYS):
        op.drop_column("picture", column)
