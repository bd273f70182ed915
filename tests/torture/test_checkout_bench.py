"""The question of `bench/checkout`, asked in short form: that everything is counted right, not how long it takes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa
from flask import Flask

from bench import checkout
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction

pytestmark = pytest.mark.torture
SIZE = checkout.Crowd(orders=20, processes=2, threads=3, goods=10)
SMALL = checkout.Crowd(orders=20, processes=1, threads=6, goods=10)


@pytest.fixture
def name(committed_app: Flask) -> str:
    return str(sa.make_url(committed_app.config["SQLALCHEMY_DATABASE_URI"]).database)


@pytest.mark.parametrize("by", ["pgbench", "psycopg"])
def test_twenty_orders_beside_the_bare_sql(committed_app: Flask, name: str, by: str) -> None:
    size, program = (SIZE, checkout.find_pgbench()) if by == "pgbench" else (SMALL, None)
    found = checkout.measure(committed_app, name, size, program)
    assert found["wrong"] == []
    assert (found["placed"], found["bare_by"], found["bare_orders"]) == (20, by, 24)
    assert found["rows"]["order_line"] == 5
    assert found["rows"]["sales_order"] == 2
    assert 0 < found["p50_ms"] <= found["p95_ms"] <= found["p99_ms"]
    assert 0 < found["database_cpu_ms"] < found["cpu_ms"]
    assert 0 < found["bare_database_cpu_ms"] < found["bare_cpu_ms"]


def test_a_refusal_is_counted_and_said(committed_app: Flask) -> None:
    """An order that was not placed is not taken for one that was."""
    with committed_app.app_context():
        checkout.stock_the_shelves(SIZE.goods)
        share = checkout.Share(committed_app, 0, threads=2, orders=3)
        share.get_ready()
        share.forms[1] = replace(share.forms[1], seen="something else")
        ends = share.go()["answers"]
        refused = checkout.Ours(1, 1, 1, [1, 1, 1], ends, ends)
        assert refused.placed == 2
        assert [text.partition(":")[0] for text in refused.refusals] == ["ConflictError"]
        assert share.go()["answers"][0] == ends[0]
        with transaction():
            assert checkout.counted()["purchase"] == 2 + share.threads
            assert checkout.proofs() == []
        db.session.remove()
