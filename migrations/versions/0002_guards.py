"""Guards that PostgreSQL keeps whatever the application does: balanced journals, sums, append-only rows, grants."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from flask import current_app

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = (
    "ledger_account",
    "ledger_journal",
    "ledger_posting",
    "inventory_log",
    "order_line",
    "order_move",
)

FUNCTIONS = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;

-- Runs at COMMIT, for each posting: a late leg of an old journal is caught as well as an unbalanced new one.
CREATE FUNCTION check_journal_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE wrong text;
BEGIN
    SELECT p.currency INTO wrong FROM ledger_posting p
    WHERE p.journal_id = NEW.journal_id GROUP BY p.currency HAVING sum(p.amount) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'journal % does not balance in %', NEW.journal_id, wrong USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION check_journal_has_legs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM ledger_posting WHERE journal_id = NEW.id) < 2 THEN
        RAISE EXCEPTION 'journal % has fewer than two postings', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION check_posting_currency() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT currency FROM ledger_account WHERE id = NEW.account_id) <> NEW.currency THEN
        RAISE EXCEPTION 'posting in % on an account of another currency', NEW.currency USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION check_order_sum() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.goods_total <> (SELECT coalesce(sum(line_total), 0) FROM order_line WHERE order_id = NEW.id) THEN
        RAISE EXCEPTION 'order %: goods_total is not the sum of its lines', NEW.number USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION check_line_belongs_to_sum() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT goods_total FROM sales_order WHERE id = NEW.order_id)
       <> (SELECT sum(line_total) FROM order_line WHERE order_id = NEW.order_id) THEN
        RAISE EXCEPTION 'a line of order % is not in its goods_total', NEW.order_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION check_purchase_sum() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE parent bigint := CASE WHEN TG_TABLE_NAME = 'purchase' THEN (to_jsonb(NEW) ->> 'id')::bigint
                              ELSE (to_jsonb(NEW) ->> 'purchase_id')::bigint END;
BEGIN
    IF EXISTS (
        SELECT FROM purchase p,
            LATERAL (SELECT sum(o.goods_total) AS goods, sum(o.delivery_fee) AS delivery
                     FROM sales_order o WHERE o.purchase_id = p.id) AS parts
        WHERE p.id = parent AND (p.goods_total, p.delivery_total) IS DISTINCT FROM (parts.goods, parts.delivery)
    ) THEN
        RAISE EXCEPTION 'purchase %: totals are not the sums of its orders', parent USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION freeze_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE'
       OR (OLD.order_id, OLD.seller_id, OLD.buyer_id, OLD.fiscal_year, OLD.sequence, OLD.number, OLD.content, OLD.issued_at)
          IS DISTINCT FROM
          (NEW.order_id, NEW.seller_id, NEW.buyer_id, NEW.fiscal_year, NEW.sequence, NEW.number, NEW.content, NEW.issued_at)
       OR (OLD.sha256 IS NOT NULL AND (OLD.sha256, OLD.file_key) IS DISTINCT FROM (NEW.sha256, NEW.file_key)) THEN
        RAISE EXCEPTION 'invoice % is issued and does not change', OLD.number USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""

TRIGGERS = """
CREATE CONSTRAINT TRIGGER journal_balances AFTER INSERT ON ledger_posting
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_journal_balances();
CREATE CONSTRAINT TRIGGER journal_has_legs AFTER INSERT ON ledger_journal
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_journal_has_legs();
CREATE TRIGGER posting_currency BEFORE INSERT ON ledger_posting
    FOR EACH ROW EXECUTE FUNCTION check_posting_currency();
CREATE CONSTRAINT TRIGGER order_sum AFTER INSERT OR UPDATE OF goods_total ON sales_order
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_order_sum();
CREATE CONSTRAINT TRIGGER line_in_sum AFTER INSERT ON order_line
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_line_belongs_to_sum();
CREATE CONSTRAINT TRIGGER purchase_sum AFTER INSERT OR UPDATE OF goods_total, delivery_total ON purchase
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_purchase_sum();
CREATE CONSTRAINT TRIGGER order_in_purchase_sum AFTER INSERT OR UPDATE OF goods_total, delivery_fee, purchase_id ON sales_order
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_purchase_sum();
CREATE TRIGGER freeze_invoice BEFORE UPDATE OR DELETE ON invoice
    FOR EACH ROW EXECUTE FUNCTION freeze_invoice();
"""


def upgrade() -> None:
    op.execute("CREATE SEQUENCE order_number")
    op.execute("CREATE SEQUENCE purchase_number")
    op.execute(FUNCTIONS)
    op.execute(TRIGGERS)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    _grant()


def _grant() -> None:
    """The role that serves requests may read and write rows, but neither change nor delete the append-only ones."""
    settings = current_app.extensions["settings"]
    role = sa.make_url(settings.database_url).username
    if role == sa.make_url(settings.database_owner_url).username:
        return  # one role for both: the triggers alone must do
    quoted = sa.dialects.postgresql.dialect().identifier_preparer.quote(role)
    op.execute(f"GRANT USAGE ON SCHEMA public TO {quoted}")
    for kind, rights in (("TABLES", "SELECT, INSERT, UPDATE, DELETE"), ("SEQUENCES", "USAGE, SELECT")):
        op.execute(f"GRANT {rights} ON ALL {kind} IN SCHEMA public TO {quoted}")
        op.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {rights} ON {kind} TO {quoted}")
    for table in APPEND_ONLY:
        op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM {quoted}")
    op.execute(f"REVOKE DELETE ON invoice FROM {quoted}")


def downgrade() -> None:
    for table in APPEND_ONLY:
        op.execute(f"DROP TRIGGER append_only ON {table}")
        op.execute(f"DROP TRIGGER no_truncate ON {table}")
    for trigger, table in (
        ("freeze_invoice", "invoice"),
        ("order_in_purchase_sum", "sales_order"),
        ("purchase_sum", "purchase"),
        ("line_in_sum", "order_line"),
        ("order_sum", "sales_order"),
        ("posting_currency", "ledger_posting"),
        ("journal_has_legs", "ledger_journal"),
        ("journal_balances", "ledger_posting"),
    ):
        op.execute(f"DROP TRIGGER {trigger} ON {table}")
    for function in (
        "freeze_invoice",
        "check_purchase_sum",
        "check_line_belongs_to_sum",
        "check_order_sum",
        "check_posting_currency",
        "check_journal_has_legs",
        "check_journal_balances",
        "refuse_change",
    ):
        op.execute(f"DROP FUNCTION {function}()")
    op.execute("DROP SEQUENCE purchase_number")
    op.execute("DROP SEQUENCE order_number")
