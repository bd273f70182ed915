"""What the seller's product screens keep."""

from __future__ import annotations

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# Table -> whose rows they are, as in 0010; `tests/house/test_row_security.py` reads it.
POLICIES: dict[str, str] = {}


def upgrade() -> None:
    """Filled by what is built next."""


def downgrade() -> None:
    """Filled by what is built next."""
