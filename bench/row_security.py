"""What row-level security costs: the same transactions with the policies on and off, turn by turn, in one run.

    DATABASE_URL=… DATABASE_OWNER_URL=… python -m bench.row_security [--orders N] [--rounds N] [--json]

Without the variables it starts the embedded PostgreSQL of the tests. Figures are medians in microseconds and a ratio.
"""

from __future__ import annotations

import statistics
import time

import sqlalchemy as sa

from bench import common
from tests import database
from wholesale.app import create_app
from wholesale.kernel import clock
from wholesale.platform import services
from wholesale.platform.db import db
from wholesale.platform.transaction import PLATFORM, Scope, remember_scope, transaction

BUSINESSES = 200
FILL = """
INSERT INTO organization (kind, name, legal_name, slug, currency, created_at)
    SELECT CASE WHEN n % 10 = 0 THEN 'seller' ELSE 'buyer' END, 'Shop ' || n, 'Shop ' || n, 'shop-' || n, 'BDT', now()
    FROM generate_series(1, :businesses) n;
INSERT INTO app_user (email, name, phone, password_hash, created_at) VALUES ('a@b.example', 'A', '', 'x', now());
INSERT INTO purchase (number, organization_id, user_id, payment_method, goods_total, delivery_total, total, currency,
                      buyer_reference, note, placed_at)
    SELECT 'P-' || n, 1 + n % (:businesses - 1), 1, 'bank_transfer', 10, 0, 10, 'BDT', '', '', now()
    FROM generate_series(1, :orders) n;
INSERT INTO sales_order (number, purchase_id, buyer_id, seller_id, buyer_name, seller_name, delivery_method, address,
                         goods_total, delivery_fee, total, currency, state, placed_at)
    SELECT 'O-' || p.id, p.id, p.organization_id, 10 * (1 + p.id % (:businesses / 10)), 'b', 's', 'delivery', '{}',
           10, 0, 10, 'BDT', 'placed', now() - p.id * interval '1 minute'
    FROM purchase p;
"""
QUESTIONS = {
    "newest orders of a business": (
        "SELECT id, number, total FROM sales_order WHERE buyer_id = :org ORDER BY placed_at DESC, id DESC LIMIT 25"
    ),
    "one order by its number": "SELECT * FROM sales_order WHERE number = :number",
    "a purchase with its orders": (
        "SELECT p.number, o.number FROM purchase p JOIN sales_order o ON o.purchase_id = p.id"
        " WHERE p.organization_id = :org AND p.id = :id"
    ),
    "the people of a business": "SELECT * FROM membership WHERE organization_id = :org",
}


def ask(question: str, org: int, rounds: int, orders: int) -> list[float]:
    took = []
    for turn in range(rounds):
        own = org + BUSINESSES * (turn % (orders // BUSINESSES - 1))
        begin = time.perf_counter()
        remember_scope(Scope(org))
        with transaction():
            db.session.execute(sa.text(question), {"org": org, "number": f"O-{own}", "id": own}).all()
        took.append((time.perf_counter() - begin) * 1e6)
    return took


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--orders", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=400)
    arguments = parser.parse_args()
    this = common.Run("row_security", arguments.short)
    import os

    with services.running(database.STATE) as endpoints:
        os.environ.setdefault("DATABASE_URL", endpoints.database_url)
        os.environ.setdefault("DATABASE_OWNER_URL", endpoints.database_owner_url)
        os.environ.setdefault("REDIS_URL", endpoints.redis_url)
        with database.copy("bench_row_security") as name:
            settings = database.settings_for(name)
            owner = sa.create_engine(settings.database_owner_url, isolation_level="AUTOCOMMIT")
            app = create_app(settings)
            with app.app_context():
                figures = measure(owner, orders=arguments.orders, rounds=arguments.rounds)
                db.engine.dispose()
            owner.dispose()
    print(
        f"{'':<30}{'with, µs':>10}{'without, µs':>13}{'ratio':>8}   ({clock.now():%Y-%m-%d}, {arguments.orders} orders)"
    )
    for question, (with_it, without) in figures.items():
        print(f"{question:<30}{with_it:>10.0f}{without:>13.0f}{with_it / without:>8.2f}")
    told = {question: {"with_us": round(a), "without_us": round(b)} for question, (a, b) in figures.items()}
    this.finish({"orders": arguments.orders, "figures": told}, [], as_json=arguments.json)


def measure(owner: sa.Engine, *, orders: int, rounds: int) -> dict[str, tuple[float, float]]:
    with owner.connect() as connection:
        connection.execute(sa.text("SET app.scope = 'platform'"))
        forced = list(connection.scalars(sa.text("SELECT relname FROM pg_class WHERE relforcerowsecurity")))
        for trigger_of in ("sales_order", "purchase"):
            connection.execute(sa.text(f"ALTER TABLE {trigger_of} DISABLE TRIGGER USER"))  # filling checks no sums
        for statement in FILL.split(";\n"):
            if statement.strip():
                connection.execute(sa.text(statement), {"businesses": BUSINESSES, "orders": orders})
        connection.execute(sa.text("VACUUM ANALYZE"))

        def policies(verb: str) -> None:
            for table in forced:
                connection.execute(sa.text(f"ALTER TABLE {table} {verb} ROW LEVEL SECURITY"))

        figures = {}
        for question, sql in QUESTIONS.items():
            took: dict[str, list[float]] = {"ENABLE": [], "DISABLE": []}
            for _ in range(5):
                for verb in took:
                    policies(verb)
                    ask(sql, 21, 20, orders)
                    took[verb] += ask(sql, 21, rounds // 5, orders)
            figures[question] = (statistics.median(took["ENABLE"]), statistics.median(took["DISABLE"]))
        policies("ENABLE")
    remember_scope(PLATFORM)
    return figures


if __name__ == "__main__":
    main()
