"""Invoices say what they cost and lead to a public page; credit notes; what is issued does not change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from flask import current_app
from sqlalchemy.dialects.postgresql import JSONB

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

PLATFORM = "(SELECT current_setting('app.scope', true)) = 'platform'"
ORG = "(SELECT NULLIF(current_setting('app.org', true), '')::bigint)"
# Jobs write papers and their numbers; the two sides read them. So it is with the invoices of 0010 from now on.
POLICIES = {"credit_note": "false", "credit_note_counter": "false"}
READ_TOO = {
    "credit_note": f"buyer_id = {ORG} OR seller_id = {ORG}",
    "credit_note_counter": f"seller_id = {ORG}",
    "invoice": f"buyer_id = {ORG} OR seller_id = {ORG}",
    "invoice_counter": f"seller_id = {ORG}",
}
AMOUNT = sa.Numeric(18, 4)

# Everything but where its file is and whether it is void; a file once stored, and a void once said, stay.
FREEZE = """
CREATE OR REPLACE FUNCTION freeze_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE may text[] := ARRAY['file_key', 'sha256', 'size', 'made_at', 'state', 'voided_at'];
BEGIN
    IF TG_OP = 'DELETE' OR (to_jsonb(OLD) - may) IS DISTINCT FROM (to_jsonb(NEW) - may)
       OR (OLD.sha256 IS NOT NULL AND (OLD.sha256, OLD.file_key, OLD.size, OLD.made_at)
                                      IS DISTINCT FROM (NEW.sha256, NEW.file_key, NEW.size, NEW.made_at))
       OR to_jsonb(OLD) ->> 'state' = 'void' AND to_jsonb(NEW) ->> 'state' <> 'void' THEN
        RAISE EXCEPTION '% % is issued and does not change', replace(TG_TABLE_NAME, '_', ' '), OLD.number
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""


def upgrade() -> None:
    op.execute("SELECT set_config('app.scope', 'platform', true)")
    op.execute("ALTER TABLE invoice DISABLE TRIGGER freeze_invoice")
    for name, kind in (
        ("seller_name", sa.Text()),
        ("buyer_name", sa.Text()),
        ("total", AMOUNT),
        ("currency", sa.CHAR(3)),
        ("credits", sa.Integer()),
        ("last_position", sa.Integer()),
        ("part", sa.Integer()),
        ("token", sa.Text()),
    ):
        op.add_column("invoice", sa.Column(name, kind, nullable=True))
    op.add_column("invoice", sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE invoice i SET seller_name = o.seller_name, buyer_name = o.buyer_name, currency = o.currency,"
        " total = (content ->> 'total')::numeric, credits = 0, part = 1,"
        " last_position = (SELECT max(position) FROM order_line l WHERE l.order_id = i.order_id), token = replace(gen_random_uuid()::text, '-', ''),"
        " voided_at = CASE WHEN i.state = 'void' THEN coalesce(m.at, i.issued_at) END"
        " FROM sales_order o LEFT JOIN order_move m ON m.order_id = o.id AND m.after = 'cancelled'"
        " WHERE o.id = i.order_id"
    )
    op.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for name in ("seller_name", "buyer_name", "total", "currency", "credits", "last_position", "part", "token"):
        op.alter_column("invoice", name, nullable=False)
    op.create_unique_constraint(op.f("uq_invoice_token"), "invoice", ["token"])
    op.drop_constraint(op.f("uq_invoice_order_id"), "invoice")
    op.create_unique_constraint(op.f("uq_invoice_order_id_part"), "invoice", ["order_id", "part"])
    op.create_check_constraint(op.f("ck_invoice_voided"), "invoice", "(state = 'void') = (voided_at IS NOT NULL)")
    op.create_index("ix_invoice_issued", "invoice", ["seller_id", "issued_at"])
    op.execute(FREEZE)
    op.execute("ALTER TABLE invoice ENABLE TRIGGER freeze_invoice")
    _credit_notes()


def _credit_notes() -> None:
    op.create_table(
        "credit_note_counter",
        sa.Column(
            "seller_id",
            sa.BigInteger(),
            sa.ForeignKey("organization.id", name=op.f("fk_credit_note_counter_seller_id")),
            nullable=False,
        ),
        sa.Column("fiscal_year", sa.Text(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("seller_id", "fiscal_year", name=op.f("pk_credit_note_counter")),
    )
    op.create_table(
        "credit_note",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        *(
            sa.Column(
                name,
                sa.BigInteger(),
                sa.ForeignKey(f"{target}.id", name=op.f(f"fk_credit_note_{name}")),
                nullable=False,
            )
            for name, target in (
                ("credit_id", "order_credit"),
                ("order_id", "sales_order"),
                ("invoice_id", "invoice"),
                ("seller_id", "organization"),
                ("buyer_id", "organization"),
            )
        ),
        sa.Column("seller_name", sa.Text(), nullable=False),
        sa.Column("buyer_name", sa.Text(), nullable=False),
        sa.Column("fiscal_year", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("content", JSONB(), nullable=False),
        sa.Column("total", AMOUNT, nullable=False),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("file_key", sa.Text(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(file_key IS NULL) = (sha256 IS NULL)", name=op.f("ck_credit_note_stored_with_hash")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_note")),
        sa.UniqueConstraint("credit_id", name=op.f("uq_credit_note_credit_id")),
        sa.UniqueConstraint("token", name=op.f("uq_credit_note_token")),
        sa.UniqueConstraint(
            "seller_id", "fiscal_year", "sequence", name=op.f("uq_credit_note_seller_id_fiscal_year_sequence")
        ),
    )
    op.create_index(op.f("ix_credit_note_order_id"), "credit_note", ["order_id"])
    op.create_index(op.f("ix_credit_note_invoice_id"), "credit_note", ["invoice_id"])
    op.create_index(op.f("ix_credit_note_buyer_id"), "credit_note", ["buyer_id"])
    op.create_index("ix_credit_note_issued", "credit_note", ["seller_id", "issued_at"])
    for table, own in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({PLATFORM} OR {own})")
    for table in ("invoice", "invoice_counter"):
        op.execute(f"ALTER POLICY own_rows ON {table} USING ({PLATFORM})")
    for table, also in READ_TOO.items():
        op.execute(f"CREATE POLICY read_too ON {table} FOR SELECT USING ({also})")
    op.execute(
        "CREATE TRIGGER freeze_credit_note BEFORE UPDATE OR DELETE ON credit_note"
        " FOR EACH ROW EXECUTE FUNCTION freeze_invoice()"
    )
    settings = current_app.extensions["settings"]
    role = sa.make_url(settings.database_url).username
    if role != sa.make_url(settings.database_owner_url).username:
        quoted = sa.dialects.postgresql.dialect().identifier_preparer.quote(role)
        op.execute(f"REVOKE DELETE ON credit_note FROM {quoted}")


def downgrade() -> None:
    raise NotImplementedError("Issued credit notes have no place in the tables from before.")
