"""The audit log: append-only, one hash chain per business.

An entry is inserted when the change is made, and linked into its chain at COMMIT: the locks on chains are the last
that a transaction takes, always in the order of the chains, so they can wait for each other but never in a circle,
and a busy chain is held for no longer than the commit takes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from flask import current_app
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = ("audit_entry", "audit_link", "audit_seal")

FUNCTIONS = """
-- Everything that an entry says, and its place, as one text that can be read in one way only.
CREATE FUNCTION audit_text(e audit_entry, chain bigint, seq bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_array(
        chain, seq, e.id, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), e.organization_id, e.actor_id,
        e.on_behalf, e.staff, e.action, e.thing, e.thing_id, e.before, e.after, e.reason, e.request_id, e.address
    )::text
$$;

-- Remembers which chains this transaction will lengthen, until it commits.
CREATE FUNCTION note_audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE noted text := coalesce(current_setting('app.audit_chains', true), '');
        mine text := coalesce(NEW.organization_id, 0)::text;
BEGIN
    IF NOT mine = ANY (string_to_array(noted, ',')) THEN
        PERFORM set_config('app.audit_chains', concat_ws(',', NULLIF(noted, ''), mine), true);
    END IF;
    RETURN NULL;
END $$;

-- Runs at COMMIT, for each entry; the first takes the locks of all. As the tables' owner, because the role that serves
-- requests may not write links.
CREATE FUNCTION link_audit_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE noted text := coalesce(current_setting('app.audit_chains', true), '');
        mine bigint := coalesce(NEW.organization_id, 0);
        each bigint;
        place bigint;
        before bytea;
BEGIN
    IF noted <> '' THEN
        FOR each IN SELECT DISTINCT c::bigint FROM unnest(string_to_array(noted, ',')) c ORDER BY 1 LOOP
            PERFORM pg_advisory_xact_lock(hashtextextended('audit_link', each));
        END LOOP;
        PERFORM set_config('app.audit_chains', '', true);
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('audit_link', mine));
    SELECT l.seq, l.hash INTO place, before FROM audit_link l WHERE l.chain = mine ORDER BY l.seq DESC LIMIT 1;
    place := coalesce(place, 0) + 1;
    before := coalesce(before, decode(repeat('00', 32), 'hex'));
    INSERT INTO audit_link (chain, seq, entry_id, prev, hash)
    VALUES (mine, place, NEW.id, before, sha256(before || convert_to(audit_text(NEW, mine, place), 'UTF8')));
    RETURN NULL;
END $$;
"""

TRIGGERS = """
CREATE TRIGGER note_chain AFTER INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION note_audit_chain();
CREATE CONSTRAINT TRIGGER link_entry AFTER INSERT ON audit_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION link_audit_entry();
"""


def upgrade() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("on_behalf", sa.BigInteger(), nullable=True),
        sa.Column("staff", sa.Boolean(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("thing", sa.Text(), nullable=False),
        sa.Column("thing_id", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("after", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index("ix_audit_entry_organization_id", "audit_entry", ["organization_id", "id"], unique=False)
    op.create_index("ix_audit_entry_actor_id", "audit_entry", ["actor_id", "id"], unique=False)
    op.create_index("ix_audit_entry_thing", "audit_entry", ["thing", "thing_id", "id"], unique=False)
    op.create_index("ix_audit_entry_at", "audit_entry", ["at"], unique=False)
    op.create_table(
        "audit_link",
        sa.Column("chain", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("prev", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("chain", "seq", name=op.f("pk_audit_link")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_audit_link_entry_id")),
    )
    op.create_table(
        "audit_seal",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mac", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_seal")),
    )
    op.execute(FUNCTIONS)
    op.execute(TRIGGERS)
    for table in TABLES:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    _grant()


def _grant() -> None:
    """The role that serves requests may add entries and read; links are the trigger's to write."""
    settings = current_app.extensions["settings"]
    role = sa.make_url(settings.database_url).username
    if role == sa.make_url(settings.database_owner_url).username:
        return  # one role for both: the triggers alone must do
    quoted = sa.dialects.postgresql.dialect().identifier_preparer.quote(role)
    op.execute(f"REVOKE UPDATE, DELETE ON audit_entry, audit_seal FROM {quoted}")
    op.execute(f"REVOKE INSERT, UPDATE, DELETE ON audit_link FROM {quoted}")


def downgrade() -> None:
    op.execute("DROP TRIGGER link_entry ON audit_entry")
    op.execute("DROP TRIGGER note_chain ON audit_entry")
    op.execute("DROP FUNCTION link_audit_entry()")
    op.execute("DROP FUNCTION note_audit_chain()")
    op.execute("DROP FUNCTION audit_text(audit_entry, bigint, bigint)")
    op.drop_table("audit_seal")
    op.drop_table("audit_link")
    op.drop_table("audit_entry")
