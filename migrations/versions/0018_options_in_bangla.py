"""What the options of attributes are called in Bangla."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# Table -> whose rows they are, as in 0010; `tests/house/test_row_security.py` reads it.
POLICIES: dict[str, str] = {}


def upgrade() -> None:
    op.add_column("category_attribute", sa.Column("options_bn", ARRAY(sa.Text), nullable=False, server_default="{}"))
    op.alter_column("category_attribute", "options_bn", server_default=None)


def downgrade() -> None:
    op.drop_column("category_attribute", "options_bn")
