"""Row-level security: a business reaches its own rows and nobody else's.

The role that serves requests is neither superuser nor owner and cannot bypass these policies; FORCE holds the
owner to them as well. A transaction says whose it is by three settings (platform/transaction.py): `app.org`,
`app.user`, and `app.scope`, which is 'platform' for staff, jobs and commands. Nothing set: no rows.
The settings are read by sub-selects, so that PostgreSQL reads them once a statement and not once a row.
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

PLATFORM = "(SELECT current_setting('app.scope', true)) = 'platform'"
ORG = "(SELECT NULLIF(current_setting('app.org', true), '')::bigint)"
USER = "(SELECT NULLIF(current_setting('app.user', true), '')::bigint)"
OWN = f"organization_id = {ORG}"
ORDER_OF = "EXISTS (SELECT FROM sales_order o WHERE o.{} = {})"
PARTY = f"buyer_id = {ORG} OR seller_id = {ORG}"

# Table -> whose rows they are. A policy of a row that hangs on another asks for that one, whose own policy holds there.
POLICIES = {
    "membership": OWN,
    "business_papers": OWN,
    "invitation": OWN,
    "outgoing_message": "false",  # anybody may write one down (0003), only the platform reads them
    "address": OWN,
    "cart_line": OWN,
    "checkout": OWN,
    "purchase": OWN,
    "approval_request": OWN,
    "approval_line": "EXISTS (SELECT FROM approval_request r WHERE r.id = approval_line.request_id)",
    "approval_move": "EXISTS (SELECT FROM approval_request r WHERE r.id = approval_move.request_id)",
    "sales_order": PARTY,
    "order_line": ORDER_OF.format("id", "order_line.order_id"),
    "order_move": ORDER_OF.format("id", "order_move.order_id"),
    "receipt": "false",
    "invoice": PARTY,
    "invoice_counter": f"seller_id = {ORG}",
    "verification_case": OWN,
    "verification_document": "EXISTS (SELECT FROM verification_case c WHERE c.id = verification_document.case_id)",
    "verification_move": "EXISTS (SELECT FROM verification_case c WHERE c.id = verification_move.case_id)",
    "verification_requirement": (
        "EXISTS (SELECT FROM verification_case c WHERE c.id = verification_requirement.case_id)"
    ),
    "verification_preview": "EXISTS (SELECT FROM verification_document d WHERE d.id = verification_preview.document_id)",
    "consent": f"user_id = {USER}",
    "data_download": f"user_id = {USER}",
    "erasure": f"user_id = {USER}",
    "audit_entry": OWN,
    "ledger_account": OWN,
    "ledger_posting": "EXISTS (SELECT FROM ledger_account a WHERE a.id = ledger_posting.account_id)",
    "ledger_journal": "EXISTS (SELECT FROM ledger_posting p WHERE p.journal_id = ledger_journal.id)",
}

# What is read besides, and never written: a person's own memberships elsewhere (or they could make themselves owner of
# any business), and the papers of whoever one trades with.
READ_TOO = {
    "membership": f"user_id = {USER}",
    "business_papers": (
        "EXISTS (SELECT FROM sales_order o WHERE business_papers.organization_id IN (o.buyer_id, o.seller_id))"
    ),
    "purchase": ORDER_OF.format("purchase_id", "purchase.id"),
    "receipt": "EXISTS (SELECT FROM purchase p WHERE p.id = receipt.purchase_id)",
}

# Guards that add up rows of several businesses see all of them, whoever fires them. They give themselves the scope
# for as long as they look: SET app.scope as an option of the function would need a superuser.
ENTER = "before text := coalesce(current_setting('app.scope', true), '');"
SEE_ALL = "PERFORM set_config('app.scope', 'platform', true);"
SEE_AS_BEFORE = "PERFORM set_config('app.scope', before, true);"

FUNCTIONS = f"""
-- A person's own businesses, for the query that finds out who asks (organizations.queries.load_actor).
CREATE FUNCTION memberships_of(person bigint)
RETURNS TABLE (organization_id bigint, role text, spending_limit numeric, created_at timestamptz)
LANGUAGE plpgsql ROWS 2 AS $$
DECLARE {ENTER}
BEGIN
    {SEE_ALL}
    RETURN QUERY SELECT m.organization_id, m.role, m.spending_limit, m.created_at FROM membership m WHERE m.user_id = person;
    {SEE_AS_BEFORE}
END $$;

CREATE OR REPLACE FUNCTION check_journal_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE wrong text; {ENTER}
BEGIN
    {SEE_ALL}
    SELECT p.currency INTO wrong FROM ledger_posting p
    WHERE p.journal_id = NEW.journal_id GROUP BY p.currency HAVING sum(p.amount) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'journal % does not balance in %', NEW.journal_id, wrong USING ERRCODE = 'check_violation';
    END IF;
    {SEE_AS_BEFORE}
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION check_journal_has_legs() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE {ENTER}
BEGIN
    {SEE_ALL}
    IF (SELECT count(*) FROM ledger_posting WHERE journal_id = NEW.id) < 2 THEN
        RAISE EXCEPTION 'journal % has fewer than two postings', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    {SEE_AS_BEFORE}
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION check_posting_currency() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE {ENTER}
BEGIN
    {SEE_ALL}
    IF (SELECT currency FROM ledger_account WHERE id = NEW.account_id) IS DISTINCT FROM NEW.currency THEN
        RAISE EXCEPTION 'posting in % on an account of another currency', NEW.currency USING ERRCODE = 'check_violation';
    END IF;
    {SEE_AS_BEFORE}
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION check_order_sum() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE {ENTER}
BEGIN
    {SEE_ALL}
    IF NEW.goods_total <> (SELECT coalesce(sum(line_total), 0) FROM order_line WHERE order_id = NEW.id) THEN
        RAISE EXCEPTION 'order %: goods_total is not the sum of its lines', NEW.number USING ERRCODE = 'check_violation';
    END IF;
    {SEE_AS_BEFORE}
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION check_line_belongs_to_sum() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE {ENTER}
BEGIN
    {SEE_ALL}
    IF (SELECT goods_total FROM sales_order WHERE id = NEW.order_id)
       IS DISTINCT FROM (SELECT sum(line_total) FROM order_line WHERE order_id = NEW.order_id) THEN
        RAISE EXCEPTION 'a line of order % is not in its goods_total', NEW.order_id USING ERRCODE = 'check_violation';
    END IF;
    {SEE_AS_BEFORE}
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION check_purchase_sum() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE parent bigint := CASE WHEN TG_TABLE_NAME = 'purchase' THEN (to_jsonb(NEW) ->> 'id')::bigint
                              ELSE (to_jsonb(NEW) ->> 'purchase_id')::bigint END;
        {ENTER}
BEGIN
    {SEE_ALL}
    IF EXISTS (
        SELECT FROM purchase p,
            LATERAL (SELECT sum(o.goods_total) AS goods, sum(o.delivery_fee) AS delivery
                     FROM sales_order o WHERE o.purchase_id = p.id) AS parts
        WHERE p.id = parent AND (p.goods_total, p.delivery_total) IS DISTINCT FROM (parts.goods, parts.delivery)
    ) THEN
        RAISE EXCEPTION 'purchase %: totals are not the sums of its orders', parent USING ERRCODE = 'check_violation';
    END IF;
    {SEE_AS_BEFORE}
    RETURN NULL;
END $$;
"""  # noqa: S608 - put together from the constants above


def upgrade() -> None:
    op.execute(FUNCTIONS)
    for table, own in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({PLATFORM} OR {own})")
    for table, also in READ_TOO.items():
        op.execute(f"CREATE POLICY read_too ON {table} FOR SELECT USING ({also})")
    # Whatever anybody does is noted, also where they may not read: the platform's chain, another party's.
    op.execute("CREATE POLICY note_all ON audit_entry FOR INSERT WITH CHECK (true)")


def downgrade() -> None:
    op.execute("DROP POLICY note_all ON audit_entry")
    for table in READ_TOO:
        op.execute(f"DROP POLICY read_too ON {table}")
    for table in POLICIES:
        op.execute(f"DROP POLICY own_rows ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    op.execute("DROP FUNCTION memberships_of(bigint)")  # the guards may keep a scope that nothing asks for
