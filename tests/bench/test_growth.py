"""bench/growth in short form: orders are multiplied with all that belongs to them, and everything can be asked."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from bench import growth
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction

pytestmark = pytest.mark.torture


@pytest.fixture
def placed(committed_app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    for name, value in (("BUYERS", 2), ("PURCHASES", 3), ("GOODS", 10)):
        monkeypatch.setattr(growth, name, value)
    with committed_app.app_context():
        growth.place_some(committed_app)
        db.session.remove()
    return committed_app


def rows(app: Flask) -> dict[str, int]:
    with app.app_context(), transaction():
        return {table: db.session.scalar(sa.text(f"SELECT count(*) FROM {table}")) for table in growth.COPIES}


def test_orders_are_multiplied_and_asked_for(placed: Flask) -> None:
    before = rows(placed)
    assert before["order_line"] == 3 * growth.LINES
    owner = sa.create_engine(placed.extensions["settings"].database_owner_url, isolation_level="AUTOCOMMIT")
    growth.multiply(owner, 60, lambda _: None)
    owner.dispose()
    after = rows(placed)
    stocked = after["inventory_log"] - 4 * (before["inventory_log"] - 10)
    assert stocked == 10, "what the shelves were stocked with is there once"
    assert {table: after[table] for table in after if table != "inventory_log"} == {
        table: 4 * before[table] for table in before if table != "inventory_log"
    }
    with placed.app_context(), transaction():
        whole = (
            "SELECT count(*) FROM order_line l JOIN sales_order o ON o.id = l.order_id"
            " JOIN purchase p ON p.id = o.purchase_id JOIN line_progress g ON g.line_id = l.id AND g.order_id = o.id"
        )
        assert db.session.scalar(sa.text(whole)) == 60
        uneven = "SELECT count(*) FROM (SELECT 1 FROM ledger_posting GROUP BY journal_id HAVING sum(amount) <> 0) x"
        assert db.session.scalar(sa.text(uneven)) == 0
        db.session.remove()
    figures = list(growth.measure(placed, placed, 1))
    assert len(figures) == len(growth.questions())
    assert all(figure.small > 0 and figure.large > 0 and figure.worked > 0 for figure in figures)
    told = growth.promises(figures, 1, 100)
    assert [promise.bar for promise in told] == [1.5, 1.5]
    assert growth.count(placed) == 60 + 4 * growth.LINES, "placed by both sides, in two rounds"
