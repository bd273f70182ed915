"""Vocabulary, synonyms, searches that found nothing; one index of words instead of two."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# Table -> whose rows they are, as in 0010; `tests/house/test_row_security.py` reads it. The platform's own tables
# hold nothing of any business: what words there are, which are equal, what nobody found.
POLICIES: dict[str, str] = {}

_SEARCH = (
    "setweight(to_tsvector('simple', name || ' ' || coalesce(name_bn, '')), 'A') ||"
    " setweight(to_tsvector('english', name || ' ' || coalesce(brand, '')), 'B') ||"
    " setweight(to_tsvector('english', description), 'D')"
)


def upgrade() -> None:
    op.drop_index("ix_product_search", "product")
    op.drop_column("product", "search")
    op.add_column("listing", sa.Column("sort_name", sa.Text(collation="C"), nullable=False, server_default=""))
    op.alter_column("listing", "sort_name", server_default=None)
    op.execute(
        "UPDATE listing SET sort_name = left(lower(product.name), 60) FROM product WHERE product.id = listing.product_id"
    )
    op.create_index("ix_listing_name", "listing", ["sort_name", "product_id"])
    op.create_table(
        "search_vocabulary",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_search_vocabulary_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_vocabulary")),
    )
    op.create_table(
        "synonym",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("terms", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("cardinality(terms) >= 2", name=op.f("ck_synonym_terms")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_synonym")),
    )
    op.create_table(
        "search_miss",
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("language", "text", name=op.f("pk_search_miss")),
    )
    op.create_index("ix_search_miss_count", "search_miss", ["count"])
    op.create_index(op.f("ix_search_miss_last_at"), "search_miss", ["last_at"])
    op.create_table(
        "search_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("searches", sa.BigInteger(), nullable=False),
        sa.Column("misses", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "language", name=op.f("pk_search_day")),
    )


def downgrade() -> None:
    for table in ("search_day", "search_miss", "synonym", "search_vocabulary"):
        op.drop_table(table)
    op.drop_index("ix_listing_name", "listing")
    op.drop_column("listing", "sort_name")
    op.add_column(
        "product", sa.Column("search", postgresql.TSVECTOR(), sa.Computed(_SEARCH, persisted=True), nullable=False)
    )
    op.create_index("ix_product_search", "product", ["search"], postgresql_using="gin")
