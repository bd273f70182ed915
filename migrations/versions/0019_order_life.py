"""What becomes of an order after it was placed: progress of its lines, taking back, shipments, tax, the buyer's wishes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from flask import current_app

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

PLATFORM = "(SELECT current_setting('app.scope', true)) = 'platform'"

# Table -> whose rows they are; each hangs on an order, whose own policy holds.
POLICIES = {
    "line_progress": "EXISTS (SELECT FROM sales_order o WHERE o.id = line_progress.order_id)",
    "order_credit": "EXISTS (SELECT FROM sales_order o WHERE o.id = order_credit.order_id)",
    "order_credit_line": "EXISTS (SELECT FROM order_credit c WHERE c.id = order_credit_line.credit_id)",
    "shipment": "EXISTS (SELECT FROM sales_order o WHERE o.id = shipment.order_id)",
    "shipment_line": "EXISTS (SELECT FROM shipment s WHERE s.id = shipment_line.shipment_id)",
}
# Both sides write these down; but a buyer takes back only by cancelling what has not been delivered.
CHECKS = {
    "order_credit": (
        "EXISTS (SELECT FROM sales_order o WHERE o.id = order_credit.order_id"
        " AND (kind = 'cancelled' AND NOT earned OR o.seller_id = (SELECT NULLIF(current_setting('app.org', true), '')::bigint)))"
    )
}
APPEND_ONLY = ("order_credit", "order_credit_line", "shipment_line")

STATES = "'placed', 'confirmed', 'processing', 'partly_shipped', 'shipped', 'delivered', 'completed', 'cancelled', 'returned'"
STATES_BEFORE = "'placed', 'confirmed', 'shipped', 'delivered', 'cancelled'"
IF_SHORT = "if_short IN ('ask', 'take_less', 'back_order', 'cancel')"
SPLIT = "line_total = platform_fee + platform_rest + seller_share + owner_recovers"
SPLIT_WITH_TAX = (
    "line_total - CASE WHEN tax_included THEN tax_amount ELSE 0 END"
    " = platform_fee + platform_rest + seller_share + owner_recovers"
)
AMOUNT = sa.Numeric(18, 4)

# As in 0010, with the tax that comes on top of goods.
ENTER = "before text := coalesce(current_setting('app.scope', true), '');"
SEE_ALL = "PERFORM set_config('app.scope', 'platform', true);"
SEE_AS_BEFORE = "PERFORM set_config('app.scope', before, true);"
SUMS = f"""
CREATE OR REPLACE FUNCTION check_order_sum() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE {ENTER}
BEGIN
    {SEE_ALL}
    IF EXISTS (
        SELECT FROM order_line WHERE order_id = NEW.id
        HAVING (NEW.goods_total, NEW.tax_total) IS DISTINCT FROM
               (coalesce(sum(line_total), 0), coalesce(sum(tax_amount) FILTER (WHERE NOT tax_included), 0))
    ) THEN
        RAISE EXCEPTION 'order %: its totals are not the sums of its lines', NEW.number USING ERRCODE = 'check_violation';
    END IF;
    {SEE_AS_BEFORE}
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION check_line_belongs_to_sum() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE {ENTER}
BEGIN
    {SEE_ALL}
    IF EXISTS (
        SELECT FROM sales_order o,
            LATERAL (SELECT sum(line_total) AS goods, coalesce(sum(tax_amount) FILTER (WHERE NOT tax_included), 0) AS tax
                     FROM order_line l WHERE l.order_id = o.id) AS parts
        WHERE o.id = NEW.order_id AND (o.goods_total, o.tax_total) IS DISTINCT FROM (parts.goods, parts.tax)
    ) THEN
        RAISE EXCEPTION 'a line of order % is not in its totals', NEW.order_id USING ERRCODE = 'check_violation';
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
            LATERAL (SELECT sum(o.goods_total) AS goods, sum(o.tax_total) AS tax, sum(o.delivery_fee) AS delivery
                     FROM sales_order o WHERE o.purchase_id = p.id) AS parts
        WHERE p.id = parent
          AND (p.goods_total, p.tax_total, p.delivery_total) IS DISTINCT FROM (parts.goods, parts.tax, parts.delivery)
    ) THEN
        RAISE EXCEPTION 'purchase %: totals are not the sums of its orders', parent USING ERRCODE = 'check_violation';
    END IF;
    {SEE_AS_BEFORE}
    RETURN NULL;
END $$;

-- What was taken back of an order and of its lines is what its credits say: at COMMIT, for each that changes.
CREATE FUNCTION check_credited() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE subject bigint := CASE WHEN TG_TABLE_NAME = 'sales_order' THEN (to_jsonb(NEW) ->> 'id')::bigint
                               ELSE (to_jsonb(NEW) ->> 'order_id')::bigint END;
        {ENTER}
BEGIN
    {SEE_ALL}
    IF TG_TABLE_NAME = 'order_credit_line' THEN
        SELECT order_id INTO subject FROM order_credit WHERE id = (to_jsonb(NEW) ->> 'credit_id')::bigint;
    END IF;
    IF EXISTS (
        SELECT FROM sales_order o,
            LATERAL (SELECT coalesce(sum(total), 0) AS total, coalesce(sum(delivery), 0) AS delivery
                     FROM order_credit c WHERE c.order_id = o.id) AS parts
        WHERE o.id = subject AND (o.credited, o.delivery_credited) IS DISTINCT FROM (parts.total, parts.delivery)
    ) OR EXISTS (
        SELECT FROM line_progress p,
            LATERAL (SELECT coalesce(sum(goods), 0) AS goods, coalesce(sum(l.quantity), 0) AS pieces
                     FROM order_credit_line l WHERE l.line_id = p.line_id) AS parts
        WHERE p.order_id = subject AND (p.credited, p.cancelled + p.returned) IS DISTINCT FROM (parts.goods, parts.pieces)
    ) OR EXISTS (
        SELECT FROM order_credit c,
            LATERAL (SELECT coalesce(sum(goods + CASE WHEN tax_included THEN 0 ELSE tax END), 0) AS charged
                     FROM order_credit_line l WHERE l.credit_id = c.id) AS parts
        WHERE c.order_id = subject AND c.total <> parts.charged + c.delivery
    ) THEN
        RAISE EXCEPTION 'order %: what was taken back is not what its credits say', subject USING ERRCODE = 'check_violation';
    END IF;
    {SEE_AS_BEFORE}
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER born_credited AFTER INSERT ON sales_order
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.credited > 0) EXECUTE FUNCTION check_credited();
-- Whatever it becomes: back to nothing, the buyer would owe again what is gone.
CREATE CONSTRAINT TRIGGER credited AFTER UPDATE OF credited, delivery_credited ON sales_order
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_credited();
CREATE CONSTRAINT TRIGGER credit_counted AFTER INSERT ON order_credit
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_credited();
CREATE CONSTRAINT TRIGGER credit_line_counted AFTER INSERT ON order_credit_line
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_credited();
CREATE CONSTRAINT TRIGGER progress_counted AFTER UPDATE OF cancelled, returned, credited ON line_progress
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_credited();
"""  # noqa: S608 - put together from the constants above


def upgrade() -> None:
    _columns()
    _tables()
    op.execute(SUMS)
    op.execute("DROP TRIGGER order_sum ON sales_order")
    op.execute(
        "CREATE CONSTRAINT TRIGGER order_sum AFTER INSERT OR UPDATE OF goods_total, tax_total ON sales_order"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_order_sum()"
    )
    op.execute("DROP TRIGGER purchase_sum ON purchase")
    op.execute(
        "CREATE CONSTRAINT TRIGGER purchase_sum"
        " AFTER INSERT OR UPDATE OF goods_total, tax_total, delivery_total ON purchase"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_purchase_sum()"
    )
    op.execute("DROP TRIGGER order_in_purchase_sum ON sales_order")
    op.execute(
        "CREATE CONSTRAINT TRIGGER order_in_purchase_sum"
        " AFTER INSERT OR UPDATE OF goods_total, tax_total, delivery_fee, purchase_id ON sales_order"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_purchase_sum()"
    )
    for table, own in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        check = f" WITH CHECK ({PLATFORM} OR {CHECKS[table]})" if table in CHECKS else ""
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({PLATFORM} OR {own}){check}")
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    settings = current_app.extensions["settings"]
    role = sa.make_url(settings.database_url).username
    if role != sa.make_url(settings.database_owner_url).username:
        quoted = sa.dialects.postgresql.dialect().identifier_preparer.quote(role)
        for table in APPEND_ONLY:
            op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM {quoted}")
    _fill()


def _columns() -> None:
    for table in ("checkout", "purchase", "approval_request"):
        op.add_column(table, sa.Column("instructions", sa.Text(), nullable=False, server_default=""))
        op.add_column(table, sa.Column("if_short", sa.Text(), nullable=False, server_default="ask"))
        op.add_column(table, sa.Column("po_file_key", sa.Text(), nullable=True))
        op.add_column(table, sa.Column("po_file_name", sa.Text(), nullable=True))
        op.create_check_constraint(op.f(f"ck_{table}_if_short"), table, IF_SHORT)
    for table, fee in (
        ("purchase", "delivery_total"),
        ("approval_request", "delivery_total"),
        ("sales_order", "delivery_fee"),
    ):
        op.add_column(table, sa.Column("tax_total", AMOUNT, nullable=False, server_default="0"))
        op.drop_constraint(op.f(f"ck_{table}_total"), table)
        op.create_check_constraint(op.f(f"ck_{table}_total"), table, f"total = goods_total + tax_total + {fee}")
    for name in ("credited", "delivery_credited"):
        op.add_column("sales_order", sa.Column(name, AMOUNT, nullable=False, server_default="0"))
    op.create_check_constraint(op.f("ck_sales_order_credited"), "sales_order", "credited BETWEEN 0 AND total")
    op.create_check_constraint(
        op.f("ck_sales_order_delivery_credited"), "sales_order", "delivery_credited BETWEEN 0 AND delivery_fee"
    )
    for name in ("confirmed_at", "shipped_at", "delivered_at"):
        op.add_column("sales_order", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.drop_constraint(op.f("ck_sales_order_state"), "sales_order")
    op.create_check_constraint(op.f("ck_sales_order_state"), "sales_order", f"state IN ({STATES})")
    op.add_column("order_line", sa.Column("tax_name", sa.Text(), nullable=False, server_default=""))
    op.add_column("order_line", sa.Column("tax_percent", sa.Numeric(7, 4), nullable=False, server_default="0"))
    op.add_column("order_line", sa.Column("tax_amount", AMOUNT, nullable=False, server_default="0"))
    op.add_column("order_line", sa.Column("tax_included", sa.Boolean(), nullable=False, server_default="false"))
    op.add_column("order_line", sa.Column("settlement_source", sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "order_line",
        sa.Column(
            "replaces_id",
            sa.BigInteger(),
            sa.ForeignKey("order_line.id", name=op.f("fk_order_line_replaces_id")),
            nullable=True,
        ),
    )
    op.drop_constraint(op.f("ck_order_line_split_adds_up"), "order_line")
    op.create_check_constraint(op.f("ck_order_line_split_adds_up"), "order_line", SPLIT_WITH_TAX)
    op.create_check_constraint(op.f("ck_order_line_tax"), "order_line", "tax_percent >= 0 AND tax_amount >= 0")
    op.add_column("organization", sa.Column("confirms_at_once", sa.Boolean(), nullable=False, server_default="false"))
    for name in ("shipped", "released"):
        op.add_column("allocation", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE allocation SET shipped = CASE state WHEN 'shipped' THEN quantity ELSE 0 END,"
        " released = CASE state WHEN 'released' THEN quantity ELSE 0 END"
    )
    op.drop_constraint(op.f("ck_allocation_state"), "allocation")
    op.drop_column("allocation", "state")
    op.create_check_constraint(
        op.f("ck_allocation_pieces"), "allocation", "shipped >= 0 AND released >= 0 AND shipped + released <= quantity"
    )


def _tables() -> None:
    op.create_table(
        "line_progress",
        sa.Column(
            "line_id",
            sa.BigInteger(),
            sa.ForeignKey("order_line.id", name=op.f("fk_line_progress_line_id")),
            nullable=False,
        ),
        sa.Column(
            "order_id",
            sa.BigInteger(),
            sa.ForeignKey("sales_order.id", name=op.f("fk_line_progress_order_id")),
            nullable=False,
        ),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("line_total", AMOUNT, nullable=False),
        sa.Column("cancelled", sa.Integer(), nullable=False),
        sa.Column("shipped", sa.Integer(), nullable=False),
        sa.Column("returned", sa.Integer(), nullable=False),
        sa.Column("credited", AMOUNT, nullable=False),
        sa.Column("ready_on", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "cancelled >= 0 AND shipped >= 0 AND cancelled + shipped <= quantity", name=op.f("ck_line_progress_pieces")
        ),
        sa.CheckConstraint("returned BETWEEN 0 AND shipped", name=op.f("ck_line_progress_returned")),
        sa.CheckConstraint("credited BETWEEN 0 AND line_total", name=op.f("ck_line_progress_credited")),
        sa.PrimaryKeyConstraint("line_id", name=op.f("pk_line_progress")),
    )
    op.create_index(op.f("ix_line_progress_order_id"), "line_progress", ["order_id"])
    op.create_table(
        "order_credit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "order_id",
            sa.BigInteger(),
            sa.ForeignKey("sales_order.id", name=op.f("fk_order_credit_order_id")),
            nullable=False,
        ),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("delivery", AMOUNT, nullable=False),
        sa.Column("total", AMOUNT, nullable=False),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("earned", sa.Boolean(), nullable=False),
        sa.Column(
            "user_id",
            sa.BigInteger(),
            sa.ForeignKey("app_user.id", name=op.f("fk_order_credit_user_id")),
            nullable=True,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('cancelled', 'returned', 'refused', 'allowance')", name=op.f("ck_order_credit_kind")
        ),
        sa.CheckConstraint("delivery BETWEEN 0 AND total", name=op.f("ck_order_credit_total")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_credit")),
        sa.UniqueConstraint("order_id", "sequence", name=op.f("uq_order_credit_order_id_sequence")),
    )
    op.create_table(
        "order_credit_line",
        sa.Column(
            "credit_id",
            sa.BigInteger(),
            sa.ForeignKey("order_credit.id", name=op.f("fk_order_credit_line_credit_id")),
            nullable=False,
        ),
        sa.Column(
            "line_id",
            sa.BigInteger(),
            sa.ForeignKey("order_line.id", name=op.f("fk_order_credit_line_line_id")),
            nullable=False,
        ),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("goods", AMOUNT, nullable=False),
        sa.Column("tax", AMOUNT, nullable=False),
        sa.Column("tax_included", sa.Boolean(), nullable=False),
        sa.Column("platform_fee", AMOUNT, nullable=False),
        sa.Column("platform_rest", AMOUNT, nullable=False),
        sa.Column("seller_share", AMOUNT, nullable=False),
        sa.Column("owner_recovers", AMOUNT, nullable=False),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_order_credit_line_quantity")),
        sa.CheckConstraint(
            "goods - CASE WHEN tax_included THEN tax ELSE 0 END = platform_fee + platform_rest + seller_share + owner_recovers",
            name=op.f("ck_order_credit_line_split_adds_up"),
        ),
        sa.PrimaryKeyConstraint("credit_id", "line_id", name=op.f("pk_order_credit_line")),
    )
    op.create_index(op.f("ix_order_credit_line_line_id"), "order_credit_line", ["line_id"])
    op.create_table(
        "shipment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "order_id",
            sa.BigInteger(),
            sa.ForeignKey("sales_order.id", name=op.f("fk_shipment_order_id")),
            nullable=False,
        ),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("tracking", sa.Text(), nullable=False),
        sa.Column(
            "user_id", sa.BigInteger(), sa.ForeignKey("app_user.id", name=op.f("fk_shipment_user_id")), nullable=True
        ),
        sa.Column("shipped_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shipment")),
        sa.UniqueConstraint("number", name=op.f("uq_shipment_number")),
        sa.UniqueConstraint("order_id", "sequence", name=op.f("uq_shipment_order_id_sequence")),
    )
    op.create_table(
        "shipment_line",
        sa.Column(
            "shipment_id",
            sa.BigInteger(),
            sa.ForeignKey("shipment.id", name=op.f("fk_shipment_line_shipment_id")),
            nullable=False,
        ),
        sa.Column(
            "line_id",
            sa.BigInteger(),
            sa.ForeignKey("order_line.id", name=op.f("fk_shipment_line_line_id")),
            nullable=False,
        ),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_shipment_line_quantity")),
        sa.PrimaryKeyConstraint("shipment_id", "line_id", name=op.f("pk_shipment_line")),
    )
    op.create_index(op.f("ix_shipment_line_line_id"), "shipment_line", ["line_id"])


def _fill() -> None:
    """Orders from before: their lines' progress, the whole taken back of what was cancelled, when it all happened.

    The owner of the tables fills them, bound by the policies too: it gives itself the platform's scope.
    """
    op.execute("SELECT set_config('app.scope', 'platform', true)")
    op.execute(
        "INSERT INTO line_progress (line_id, order_id, quantity, line_total, cancelled, shipped, returned, credited)"
        " SELECT l.id, l.order_id, l.quantity, l.line_total,"
        "        CASE WHEN o.state = 'cancelled' THEN l.quantity ELSE 0 END,"
        "        CASE WHEN o.state IN ('shipped', 'delivered') THEN l.quantity ELSE 0 END, 0,"
        "        CASE WHEN o.state = 'cancelled' THEN l.line_total ELSE 0 END"
        " FROM order_line l JOIN sales_order o ON o.id = l.order_id"
    )
    op.execute(
        "INSERT INTO order_credit (order_id, sequence, kind, reason, delivery, total, currency, earned, user_id, at)"
        " SELECT o.id, 1, 'cancelled', m.reason, o.delivery_fee, o.total, o.currency, false, m.user_id, m.at"
        " FROM sales_order o JOIN order_move m ON m.order_id = o.id AND m.after = 'cancelled'"
    )
    op.execute(
        "INSERT INTO order_credit_line (credit_id, line_id, quantity, goods, tax, tax_included, platform_fee, platform_rest,"
        "                               seller_share, owner_recovers)"
        " SELECT c.id, l.id, l.quantity, l.line_total, 0, false, l.platform_fee, l.platform_rest, l.seller_share,"
        "        l.owner_recovers"
        " FROM order_credit c JOIN order_line l ON l.order_id = c.order_id"
    )
    op.execute(
        "UPDATE sales_order o SET credited = c.total, delivery_credited = c.delivery FROM order_credit c"
        " WHERE c.order_id = o.id"
    )
    for state in ("confirmed", "shipped", "delivered"):
        op.execute(
            f"UPDATE sales_order o SET {state}_at = m.at FROM order_move m WHERE m.order_id = o.id AND m.after = '{state}'"  # noqa: S608
        )
    op.execute("SET CONSTRAINTS ALL IMMEDIATE")


def downgrade() -> None:
    raise NotImplementedError("Orders that were partly taken back have no place in the tables from before.")
