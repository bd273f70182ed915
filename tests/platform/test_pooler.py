"""PgBouncer in transaction mode: each transaction has another connection, and nobody notices."""

from __future__ import annotations

import os
import random
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from tests.client import HouseClient
from tests.cluster import Node, cluster, pgbouncer, settings
from tests.factories import accounts, catalog, organizations
from tests.factories import orders as factory
from wholesale.app import create_app
from wholesale.config import ROOT
from wholesale.inventory import queries as inventory
from wholesale.kernel import clock
from wholesale.ledger import jobs as ledger
from wholesale.orders.models import Order
from wholesale.organizations.models import Address
from wholesale.platform import connections, outbox, runs
from wholesale.platform.db import db
from wholesale.platform.outbox import OutboxRow
from wholesale.platform.transaction import NOBODY, Scope, transaction

THREADS, CONNECTIONS = 8, 2
READS = int(os.environ.get("TENANT_READS", "800"))

_SESSION_STATE = re.compile(
    r"""pg_(try_)?advisory_lock|\b(UN)?LISTEN\b\s+\w|\bWITH\s+HOLD\b|CREATE\s+TEMP
    |set_config\([^)]*,\s*false\)|["'(]SET\s+(?!LOCAL|TRANSACTION|CONSTRAINTS|NULL|DEFAULT)(SESSION\s+)?[a-z_.]+\s*(=|TO\b)""",
    re.VERBOSE,
)
_MAY = {
    # Connections of the tables' owner, of their own and closed at the end; they go around a pooler.
    "wholesale/demo/copies.py",
    "wholesale/platform/backup",
    "wholesale/platform/migrating.py",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Node]:
    if shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None:
        pytest.skip("pgbouncer is not installed: bin/setup --dev does it")
    with cluster() as made:
        yield made.primary()


@pytest.fixture(scope="module")
def site(server: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder: Path = tmp_path_factory.mktemp("pooled")
    with pgbouncer(server, server.folder, connections=CONNECTIONS) as address:
        app = create_app(settings(folder, server, DATABASE_URL=address, DATABASE_POOLER="transaction"))
        app.test_client_class = HouseClient
        yield app
        with app.app_context():
            db.engine.dispose()


def test_a_buyer_orders_through_it(site: Flask) -> None:
    """Signed in, the catalogue, the order with its key sent twice, what follows from it, and the proofs."""
    with site.app_context(), transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        bag = catalog.product(trader, "Jute bag", stock=1000)
        amina = accounts.user("Amina")
        organizations.business("Amina Store", members={amina: "owner"})
        key, seen = factory.ready_to_place(accounts.actor(amina), {bag: 20})
        token = accounts.sign_in(amina)
    client = site.test_client().login(token)
    for _ in range(8):  # a statement is prepared when it comes again and again
        for path in (
            "/",
            "/products",
            "/products/jute-bag",
            "/products/jute-bag/price?quantity=20",
            "/cart",
            "/orders",
        ):
            assert client.get(path).status_code == 200, path
    answers = [client.post("/checkout/review", data={"key": key, "seen": seen}) for _ in range(2)]
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.location for answer in answers}) == 1
    with site.app_context():
        outbox.drain()
        with transaction():
            assert db.session.query(Order).count() == 1
            assert db.session.query(OutboxRow).filter(OutboxRow.done_at.is_(None)).all() == []
            assert ledger.problems() == []
            assert inventory.proof() == []


def test_the_clock_and_many_workers_share_few_connections(site: Flask) -> None:
    """Claims are rows and locks of a transaction: eight at once do each thing once."""
    with site.app_context():
        runs.put_seats()
        due = runs.due_jobs()
        name = "sessions" if "sessions" in due else due[0]

    def work(_: int) -> int:
        with site.app_context():
            return int(runs._claim(runs.timetable()[name], by_hand=False) is not None)

    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(pool.map(work, range(THREADS))) == 1


def test_no_scope_leaks_from_one_transaction_to_the_next(site: Flask) -> None:
    """Eight threads share two connections (TENANT_READS=50000 for the long form): nobody ever sees a foreign row."""
    with site.app_context(), transaction():
        shops = [organizations.business(f"Shop {number}") for number in range(8)]
        for shop in shops:
            for _ in range(3):
                organizations.address(shop)
        ids = [shop.id for shop in shops]
    with site.app_context():
        engine = db.engine

    def ask(seed: int) -> int:
        wrong, chance = 0, random.Random(seed)
        for _ in range(READS // THREADS):
            own = chance.choice([*ids, None])
            with Session(engine, info={"scope": Scope(own) if own else NOBODY}) as asking:
                rows = asking.execute(sa.select(Address.organization_id)).scalars().all()
                wrong += rows != [own] * (3 if own else 0)
                if chance.random() < 0.2:
                    asking.rollback()
        return wrong

    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(pool.map(ask, range(THREADS))) == 0


def test_the_limits_hold_behind_it_once_the_role_says_them(site: Flask, server: Node) -> None:
    """What a client says at its start does not get through."""
    with site.app_context():
        assert "lock_timeout" in connections.unset_limits()
        db.session.remove()
    told = site.test_cli_runner().invoke(args=["database", "limits"])
    assert told.exit_code == 0, told.output
    assert "lock_timeout = 2s" in told.output
    server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'wholesale_app'")
    with site.app_context():
        db.engine.dispose()
        assert connections.unset_limits() == []


def test_what_a_session_would_remember_is_nowhere_in_the_code() -> None:
    """A setting, a lock or a table of the session would be another transaction's with the next connection."""
    found = []
    for path in (ROOT / "wholesale").rglob("*.py"):
        name = str(path.relative_to(ROOT))
        if not name.startswith(tuple(_MAY)):
            found += [(name, match[0]) for match in _SESSION_STATE.finditer(path.read_text("utf-8"))]
    assert found == []


def test_nothing_is_prepared(site: Flask) -> None:
    with site.app_context():
        assert connections.driver(db.session.connection()).prepare_threshold is None
        for _ in range(10):
            db.session.execute(sa.text("SELECT :moment"), {"moment": clock.now()})
            db.session.rollback()
        assert db.session.scalar(sa.text("SELECT count(*) FROM pg_prepared_statements")) == 0
