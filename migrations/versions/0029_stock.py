"""Where goods are: locations, transfers, why the log says what it says."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

# Table -> whose rows they are, as in 0010.
PLATFORM = "(SELECT current_setting('app.scope', true)) = 'platform'"
ORG = "(SELECT NULLIF(current_setting('app.org', true), '')::bigint)"
POLICIES = {
    "transfer": f"organization_id = {ORG}",
    "transfer_line": "EXISTS (SELECT FROM transfer t WHERE t.id = transfer_line.transfer_id)",
    "transfer_counter": f"organization_id = {ORG}",
}


def upgrade() -> None:
    op.add_column("location", sa.Column("kind", sa.Text(), nullable=False, server_default="warehouse"))
    op.add_column("location", sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(op.f("ck_location_kind"), "location", "kind IN ('warehouse', 'shop')")
    # Two of one name could not be told apart: the younger ones get their number behind it.
    op.execute(
        "UPDATE location l SET name = l.name || ' ' || l.id WHERE EXISTS (SELECT FROM location older"
        " WHERE older.organization_id = l.organization_id AND lower(older.name) = lower(l.name) AND older.id < l.id)"
    )
    op.create_index(
        "uq_location_name",
        "location",
        ["organization_id", sa.text("lower(name)")],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.add_column("inventory_log", sa.Column("reason", sa.Text(), nullable=False, server_default=""))
    op.add_column("inventory_log", sa.Column("note", sa.Text(), nullable=False, server_default=""))
    op.create_index(op.f("ix_stock_location_id"), "stock", ["location_id"])
    op.create_table(
        "transfer_counter",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_transfer_counter_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "year", name=op.f("pk_transfer_counter")),
    )
    op.create_table(
        "transfer",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("from_location_id", sa.BigInteger(), nullable=False),
        sa.Column("to_location_id", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("sent_by", sa.BigInteger(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('in_transit', 'done', 'cancelled')", name=op.f("ck_transfer_state")),
        sa.CheckConstraint("(state = 'in_transit') = (ended_at IS NULL)", name=op.f("ck_transfer_ended")),
        sa.CheckConstraint("from_location_id <> to_location_id", name=op.f("ck_transfer_goes_somewhere")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_transfer_organization_id")),
        sa.ForeignKeyConstraint(["from_location_id"], ["location.id"], name=op.f("fk_transfer_from_location_id")),
        sa.ForeignKeyConstraint(["to_location_id"], ["location.id"], name=op.f("fk_transfer_to_location_id")),
        sa.ForeignKeyConstraint(["sent_by"], ["app_user.id"], name=op.f("fk_transfer_sent_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer")),
        sa.UniqueConstraint("organization_id", "number", name=op.f("uq_transfer_organization_id_number")),
        sa.UniqueConstraint("organization_id", "key", name=op.f("uq_transfer_organization_id_key")),
    )
    op.create_index(op.f("ix_transfer_from_location_id"), "transfer", ["from_location_id"])
    op.create_index(op.f("ix_transfer_to_location_id"), "transfer", ["to_location_id"])
    op.create_index(op.f("ix_transfer_sent_by"), "transfer", ["sent_by"])
    op.create_table(
        "transfer_line",
        sa.Column("transfer_id", sa.BigInteger(), nullable=False),
        sa.Column("variant_id", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.Column("returned", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_transfer_line_quantity")),
        sa.CheckConstraint(
            "received >= 0 AND lost >= 0 AND returned >= 0 AND received + lost + returned <= quantity",
            name=op.f("ck_transfer_line_pieces"),
        ),
        sa.CheckConstraint("found BETWEEN 0 AND lost", name=op.f("ck_transfer_line_found")),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfer.id"], name=op.f("fk_transfer_line_transfer_id")),
        sa.ForeignKeyConstraint(["variant_id"], ["variant.id"], name=op.f("fk_transfer_line_variant_id")),
        sa.PrimaryKeyConstraint("transfer_id", "variant_id", name=op.f("pk_transfer_line")),
    )
    op.create_index(
        "ix_transfer_line_on_the_way",
        "transfer_line",
        ["variant_id"],
        postgresql_where=sa.text("received + lost + returned < quantity"),
    )
    for table, own in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({PLATFORM} OR {own})")


def downgrade() -> None:
    op.drop_table("transfer_line")
    op.drop_table("transfer")
    op.drop_table("transfer_counter")
    op.drop_index(op.f("ix_stock_location_id"), "stock")
    op.drop_column("inventory_log", "note")
    op.drop_column("inventory_log", "reason")
    op.drop_index("uq_location_name", "location")
    op.drop_constraint(op.f("ck_location_kind"), "location")
    op.drop_column("location", "closed_at")
    op.drop_column("location", "kind")
