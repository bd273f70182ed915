"""A streaming replica answers for the catalogue, and nobody notices that it does."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
from flask import Flask, request
from redis import Redis

from tests.client import HouseClient
from tests.cluster import ROLE, SUPERUSER, Cluster, Node, cluster, settings, url
from tests.factories import accounts, catalog, organizations
from wholesale.app import create_app
from wholesale.platform import cache, replica, transaction
from wholesale.platform.access import ANYONE, access
from wholesale.platform.db import db

WRITES = "UPDATE product SET name = :name"


@pytest.fixture(scope="module")
def servers() -> Iterator[Cluster]:
    with cluster() as made:
        made.replica_of(made.primary())
        yield made


@pytest.fixture(scope="module")
def site(servers: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    primary, standby = servers.nodes
    folder = tmp_path_factory.mktemp("site")
    app = create_app(settings(folder, primary, DATABASE_REPLICA_URL=url(ROLE, standby)))
    app.test_client_class = HouseClient
    app.add_url_rule("/catalogue-probe", "catalogue_probe", access(ANYONE)(replica.replica_may_answer(_probe)))
    app.add_url_rule("/other-probe", "other_probe", access(ANYONE)(_other_probe))
    app.add_url_rule("/remembered", "remembered", access(ANYONE)(replica.replica_may_answer(_remembered)))
    with app.app_context(), transaction.transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        catalog.product(trader, "Jute bag", stock=1000)
        person = accounts.user("Amina")
        shop = organizations.business("Amina Store", members={person: "owner"})
        organizations.address(shop)
        app.extensions["login"] = accounts.sign_in(person)
    yield app
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


def _probe() -> dict[str, Any]:
    """Who answers, in which mode, as whom, and what it reads."""
    row = db.session.execute(
        sa.text(
            "SELECT pg_is_in_recovery(), current_setting('transaction_read_only'),"
            " (SELECT count(*) FROM address), (SELECT min(name) FROM product), current_setting('lock_timeout')"
        )
    ).one()
    if request.args.get("write"):
        db.session.execute(sa.text(WRITES), {"name": "No"})
    return {"replica": row[0], "read_only": row[1], "addresses": row[2], "name": row[3], "waits": row[4]}


def _other_probe() -> dict[str, Any]:
    return _probe()


def _remembered() -> dict[str, Any]:
    return {"name": cache.remember("probe", "name", 60, lambda: db.session.scalar(sa.text("SELECT name FROM product")))}


@pytest.fixture(autouse=True)
def at_rest(site: Flask, servers: Cluster) -> Iterator[None]:
    """The replica has everything, and is asked."""
    _follow(site, servers)
    _by_replica(site)
    yield
    servers.nodes[1].signal(signal.SIGCONT)
    servers.nodes[1].ask("SELECT pg_wal_replay_resume()")


def _follow(site: Flask, servers: Cluster) -> None:
    primary, standby = servers.nodes
    until = time.monotonic() + 20
    wanted = primary.ask("SELECT pg_current_wal_insert_lsn()")
    while not standby.ask(f"SELECT pg_last_wal_replay_lsn() >= '{wanted}'::pg_lsn"):
        assert time.monotonic() < until, "the replica does not follow"
        time.sleep(0.02)
    _forgive(site)


def _by_replica(site: Flask) -> None:
    """Until it answers: the first connection of a busy machine takes longer than a page waits for it."""
    until = time.monotonic() + 20
    while not ask(site)["replica"]:
        assert time.monotonic() < until, site.extensions["replicas"].each
        _forgive(site)


def _forgive(site: Flask) -> None:
    for each in site.extensions["replicas"].each:
        each.left_alone_until = 0.0


def ask(site: Flask, path: str = "/catalogue-probe", login: str | None = None) -> dict[str, Any]:
    client = site.test_client()
    if login:
        client.login(login)
    response = client.get(path, headers={"Accept": "application/json"})
    assert response.status_code == 200, response.text
    return response.get_json()


def rename(site: Flask, name: str) -> None:
    with site.app_context(), transaction.transaction():
        db.session.execute(sa.text(WRITES), {"name": name})


@contextmanager
def statements(site: Flask) -> Iterator[Counter[str]]:
    """How many statements went to the primary and to the replica."""
    found: Counter[str] = Counter()

    def count(connection: sa.Connection, *_: object) -> None:
        with site.app_context():
            found["primary" if connection.engine.url == db.engine.url else "replica"] += 1

    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    try:
        yield found
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", count)


def test_the_replica_answers_for_the_catalogue_and_for_nothing_else(site: Flask) -> None:
    login = site.extensions["login"]
    _by_replica(site)
    assert ask(site, "/other-probe")["replica"] is False
    client = site.test_client().login(login)
    for path in ("/", "/products", "/products/jute-bag", "/products/jute-bag/price", "/search/suggestions?q=ju"):
        _by_replica(site)
        with statements(site) as seen:
            assert client.get(path).status_code == 200, path
        assert seen["replica"], path
        assert not seen["primary"], path
    for path in ("/cart", "/checkout", "/orders", "/account"):
        with statements(site) as seen:
            client.get(path)
        assert seen["primary"], path
        assert not seen["replica"], path


def test_a_replica_is_held_by_the_same_rules(site: Flask) -> None:
    """Read-only, with the limits of every connection, and nobody's rows but one's own."""
    login = site.extensions["login"]
    nobody, amina = ask(site), ask(site, login=login)
    assert (nobody["replica"], nobody["read_only"], nobody["addresses"]) == (True, "on", 0)
    assert (amina["replica"], amina["read_only"], amina["addresses"]) == (True, "on", 1)
    assert amina["waits"] == "2s"
    assert [ask(site)["addresses"] for _ in range(3)] == [0, 0, 0]
    assert site.test_client().get("/catalogue-probe?write=1").status_code == 500


def test_what_was_written_is_on_the_next_page_of_everybody(site: Flask, servers: Cluster) -> None:
    standby = servers.nodes[1]
    standby.ask("SELECT pg_wal_replay_pause()")
    rename(site, "Jute bag, large")
    assert ask(site) | {"addresses": 0} == {
        "replica": False, "read_only": "on", "addresses": 0, "name": "Jute bag, large", "waits": "2s"
    }  # fmt: skip
    standby.ask("SELECT pg_wal_replay_resume()")
    _follow(site, servers)
    _by_replica(site)
    assert ask(site)["name"] == "Jute bag, large"
    with site.app_context(), transaction.independent() as session:
        session.execute(sa.text(WRITES), {"name": "Jute bag"})
    seen = [ask(site)["name"] for _ in range(20)]
    assert set(seen) == {"Jute bag"}


def test_one_that_stays_behind_is_left_alone_and_reported(site: Flask, servers: Cluster) -> None:
    known = site.extensions["replicas"].each[0]
    servers.nodes[1].ask("SELECT pg_wal_replay_pause()")
    rename(site, "Jute bag")
    ask(site)
    known.behind_since -= 60
    ask(site)
    assert known.left_alone_until > time.monotonic()
    with site.app_context():
        (state,) = replica.states()
    assert state.lag is not None
    assert state.lag > 59
    assert "behind" in state.problem


def test_one_that_hangs_is_passed_over_and_comes_back(site: Flask, servers: Cluster) -> None:
    known, standby = site.extensions["replicas"].each[0], servers.nodes[1]
    _by_replica(site)
    standby.signal(signal.SIGSTOP)
    began = time.monotonic()
    assert ask(site)["replica"] is False
    assert known.left_alone_until >= began + 4
    with site.app_context():
        for engine in db.engines.values():
            engine.dispose()
    _forgive(site)
    assert ask(site)["replica"] is False, "nor does it answer a new connection"
    standby.signal(signal.SIGCONT)
    _forgive(site)
    _by_replica(site)


def test_one_that_dies_over_an_answer_is_no_error_page(site: Flask, servers: Cluster) -> None:
    standby = servers.nodes[1]
    _by_replica(site)

    def kill(connection: sa.Connection, *_: object) -> None:
        if connection.engine.url != primary and standby.process is not None and standby.process.poll() is None:
            standby.kill()

    with site.app_context():
        primary = db.engine.url
    sa.event.listen(sa.Engine, "before_cursor_execute", kill)
    try:
        assert ask(site, login=site.extensions["login"])["replica"] is False
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", kill)
        standby.kill()
    _forgive(site)
    assert ask(site)["replica"] is False
    standby.start()
    _follow(site, servers)
    _by_replica(site)


def test_without_redis_the_primary_answers(site: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    them = site.extensions["replicas"]
    nowhere = Redis(unix_socket_path="/nonexistent", socket_connect_timeout=0.1)
    monkeypatch.setattr(them, "redis", nowhere)
    assert ask(site)["replica"] is False
    monkeypatch.undo()
    them.spared_until = 0.0
    _by_replica(site)


def test_redis_that_has_forgotten_is_told_by_the_primary(site: Flask, servers: Cluster) -> None:
    them = site.extensions["replicas"]
    servers.nodes[1].ask("SELECT pg_wal_replay_pause()")
    rename(site, "Jute bag")
    them.redis.delete(*replica._buckets(them))
    them.own = 0
    assert ask(site)["replica"] is False
    assert them.own > 0


def test_what_a_replica_read_too_early_is_not_kept_for_others(site: Flask, servers: Cluster) -> None:
    """Between the look and the reading somebody changes it, and lets everybody forget."""
    standby = servers.nodes[1]
    rename(site, "Old")
    _follow(site, servers)
    session_began = []

    def change(session: Any, *_: object) -> None:
        if "replica" in session.info and not session_began:
            session_began.append(True)
            standby.ask("SELECT pg_wal_replay_pause()")

            def write() -> None:
                with site.app_context(), transaction.transaction():
                    db.session.execute(sa.text(WRITES), {"name": "New"})
                    cache.drop("probe")

            import threading

            thread = threading.Thread(target=write)
            thread.start()
            thread.join()

    entered = replica.enter

    def enter(session: Any) -> None:
        entered(session)
        change(session)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replica, "enter", enter)
        assert ask(site, "/remembered") == {"name": "Old"}, "as it was when the request began"
    assert session_began
    standby.ask("SELECT pg_wal_replay_resume()")
    _follow(site, servers)
    assert ask(site, "/remembered") == {"name": "New"}


def test_a_replica_is_no_way_around_row_level_security(site: Flask, servers: Cluster, tmp_path: Path) -> None:
    primary, standby = servers.nodes
    app = create_app(settings(tmp_path, primary, DATABASE_REPLICA_URL=url(SUPERUSER, standby)))
    app.add_url_rule("/catalogue-probe", "catalogue_probe", access(ANYONE)(replica.replica_may_answer(_probe)))
    answer = app.test_client().get("/catalogue-probe").get_json()
    assert (answer["replica"], answer["addresses"]) == (False, 0)
    with app.app_context():
        assert "may read every row" in replica.states()[0].problem
        for engine in db.engines.values():
            engine.dispose()


def test_another_database_is_no_replica(site: Flask, servers: Cluster, tmp_path: Path) -> None:
    app = create_app(settings(tmp_path, servers.nodes[0], DATABASE_REPLICA_URL=url(ROLE, servers.nodes[0])))
    app.add_url_rule("/catalogue-probe", "catalogue_probe", access(ANYONE)(replica.replica_may_answer(_probe)))
    assert app.test_client().get("/catalogue-probe").get_json()["replica"] is False
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


def test_two_hosts_are_two_replicas(servers: Cluster, tmp_path: Path) -> None:
    one, two = servers.nodes
    given = settings(tmp_path, one, DATABASE_REPLICA_URL=url(ROLE, two, Node(Path("/nowhere"), two.user)))
    binds = replica.binds(given)
    assert list(binds) == ["replica-1", "replica-2"]
    assert [sa.make_url(each["url"]).query["host"] for each in binds.values()] == [str(two.sockets), "/nowhere/run"]
    tcp = settings(tmp_path, one, DATABASE_REPLICA_URL="postgresql://a:b@one:5432,two:5433/wholesale?sslmode=require")
    found = [sa.make_url(each["url"]) for each in replica.binds(tcp).values()]
    assert [(each.query["host"], each.query["port"], each.query["sslmode"]) for each in found] == [
        ("one", "5432", "require"),
        ("two", "5433", "require"),
    ]
    single = settings(tmp_path, one, DATABASE_REPLICA_URL="postgresql://a:b@one/wholesale")
    assert sa.make_url(replica.binds(single)["replica-1"]["url"]).query["host"] == "one"


def test_threads_may_measure_one_replica_at_the_same_time() -> None:
    """Between two looks of one thread another may find that it has caught up."""

    class Raced(replica._Replica):
        @property
        def behind_since(self) -> float | None:  # type: ignore[override]
            value, self._value = self._value, None
            return value

        @behind_since.setter
        def behind_since(self, value: float | None) -> None:
            self._value = value

    it = Raced(1, cast("sa.Engine", None))
    assert it.lag(5, 10) == 0
    assert it.lag(6, 10) >= 0
