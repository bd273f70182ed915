"""What the seller's product screens keep."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# Table -> whose rows they are, as in 0010; `tests/house/test_row_security.py` reads it.
POLICIES: dict[str, str] = {}


def upgrade() -> None:
    # A seller's list by key, and the platform's search over everybody's products in whatever state.
    op.create_index("ix_product_seller", "product", ["seller_id", "id"])
    op.create_index(
        "ix_product_names",
        "product",
        [sa.text("to_tsvector('simple'::regconfig, (name || ' '::text) || COALESCE(name_bn, ''::text))")],
        postgresql_using="gin",
    )


def downgrade() -> None:
    op.drop_index("ix_product_names", "product")
    op.drop_index("ix_product_seller", "product")
