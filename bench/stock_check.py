"""What looks at the stock cost the database: `bench/stock_check [VARIANTS] [SELLERS] [--json]`.

Makes that many goods (100,000 of 200 sellers unless told otherwise), each in two locations, half of them with a level
of their own and half with a reorder point, a third of them running out. Then measures, in seconds: the first look at
everything, which raises every alert; the second, which finds nothing to change; one after a tenth has moved; one at
500 variants, as the watch does it each minute; and the first page of a seller and of everybody. The bar for a look at
everything is 5 seconds.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from bench import common
from bench.reports import as_owner
from tests import database
from wholesale.app import create_app
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.platform import services
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction
from wholesale.replenishment import actions, queries

BAR_SECONDS = 5
_GOODS = """
    INSERT INTO organization (kind, name, legal_name, slug, currency, created_at)
    SELECT 'seller', 'Seller ' || n, '', 'bench-' || n, 'BDT', now() FROM generate_series(1, :sellers) n;
    INSERT INTO category (slug, name, position) VALUES ('bench', 'Bench', 0);
    INSERT INTO location (organization_id, name, district)
    SELECT id, place, 'Dhaka' FROM organization, unnest(ARRAY['Warehouse', 'Shop']) place WHERE slug LIKE 'bench-%';
    INSERT INTO product (seller_id, category_id, slug, name, description, unit, moq, order_multiple, cost, currency,
                         reorder_level, reorder_quantity, supplier_moq, lead_time_days, attributes, specifications,
                         state, version, created_at, updated_at)
    SELECT s.id, c.id, 'bench-' || n, 'Goods ' || n, '', 'piece', 10, 1, 80, 'BDT',
           CASE WHEN n % 2 = 0 THEN 20 END, 100, 10, 5, '{}', '[]', 'active', 1, now(), now() - interval '2 days'
    FROM generate_series(1, :variants) n
    JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM organization WHERE slug LIKE 'bench-%') s
      ON s.place = n % :sellers
    CROSS JOIN (SELECT id FROM category WHERE slug = 'bench') c;
    INSERT INTO variant (product_id, seller_id, sku, name, surcharge, is_offered)
    SELECT id, seller_id, upper(slug), '', 0, true FROM product WHERE slug LIKE 'bench-%';
    INSERT INTO reorder_point (variant_id, seller_id, level, made_at)
    SELECT v.id, v.seller_id, 20, now() FROM variant v JOIN product p ON p.id = v.product_id
    WHERE p.reorder_level IS NULL;
    INSERT INTO stock (variant_id, location_id, on_hand, allocated)
    SELECT v.id, l.id, (v.id * 7919 % 90) / 2, 0 FROM variant v JOIN location l ON l.organization_id = v.seller_id;
"""
_TABLES = (
    "organization",
    "location",
    "product",
    "variant",
    "reorder_point",
    "stock",
    "stock_alert",
    "stock_alert_move",
)
_MOVE = "UPDATE stock SET on_hand = (on_hand + 17) % 45 WHERE variant_id % 10 = 3"


def timed(work: Callable[[], object]) -> tuple[float, object]:
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found


def fill(variants: int, sellers: int) -> None:
    for statement in _GOODS.split(";\n"):
        if statement.strip():
            wanted = {
                name: value for name, value in (("variants", variants), ("sellers", sellers)) if f":{name}" in statement
            }
            db.session.execute(sa.text(statement), wanted)


def look(**which: object) -> tuple[float, object]:
    with transaction():
        return timed(lambda: actions.look(**which))


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument("variants", type=int, nargs="?", default=100_000)
    parser.add_argument("sellers", type=int, nargs="?", default=200)
    given = parser.parse_args()
    variants, sellers, this = given.variants, given.sellers, common.Run("stock_check", given.short)
    with tempfile.TemporaryDirectory() as folder, services.running(database.STATE) as endpoints:
        os.environ.setdefault("DATABASE_URL", endpoints.database_url)
        os.environ.setdefault("DATABASE_OWNER_URL", endpoints.database_owner_url)
        os.environ.setdefault("REDIS_URL", endpoints.redis_url)
        with database.copy("bench_stock_check") as name:
            app = create_app(replace(database.settings_for(name), data_dir=Path(folder)))
            owner_url = app.extensions["settings"].database_owner_url
            # While it is measured nobody vacuums, and nobody is in the way when the database is dropped.
            for table in _TABLES:
                as_owner(owner_url, f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
            with app.app_context():
                with transaction():
                    db.session.execute(sa.text("SET LOCAL statement_timeout = 0"))
                    fill(variants, sellers)
                as_owner(owner_url, f"ANALYZE {', '.join(_TABLES)}")
                seconds = report(variants, owner_url)
                db.engine.dispose()
    slowest = round(max(each for what, each in seconds.items() if what.startswith("everything")), 2)
    promise = common.Promise(f"look at the stock of {variants:,} variants", slowest, BAR_SECONDS, "s")
    this.finish({"variants": variants, "seconds_of": seconds}, [promise], as_json=given.json)
    return 0 if promise.kept else 1


def report(variants: int, owner_url: str) -> dict[str, float]:
    found = {"everything, all alerts new": look()}
    as_owner(owner_url, f"ANALYZE {', '.join(_TABLES)}")
    found["everything, nothing new"] = look()
    with transaction():
        db.session.execute(sa.text(_MOVE))
    found["everything, a tenth moved"] = look()
    with transaction():
        some = list(db.session.scalars(sa.text("SELECT id FROM variant ORDER BY id LIMIT 500")))
    found["500 variants"] = look(variant_ids=some)
    with transaction():
        seller_id = db.session.scalar(sa.text("SELECT min(seller_id) FROM variant")) or 0
        seller = Actor(user_id=0, organization_id=seller_id, kind="seller", role="owner")
        for whose, actor in (("a seller's", seller), ("everybody's", SYSTEM)):
            filters = queries.Filters()
            found[f"{whose} first page"] = timed(
                lambda actor=actor, filters=filters: len(queries.page(actor, filters).rows)
            )
            found[f"{whose} counts"] = timed(lambda actor=actor, filters=filters: queries.counts(actor, filters).all)
            found[f"{whose} mark"] = timed(lambda actor=actor, filters=filters: queries.mark(actor, filters))
            found[f"{whose} goods without level"] = timed(
                lambda actor=actor, filters=filters: queries.count_unset(actor, filters)
            )
    print(f"{variants:,} variants")
    for what, (seconds, result) in found.items():
        print(f"{what:32}{seconds:8.3f} s   {getattr(result, 'words', result)}")
    return {what: round(seconds, 3) for what, (seconds, _result) in found.items()}


if __name__ == "__main__":
    sys.exit(main())
