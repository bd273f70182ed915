"""A release while people shop: no request and no job is lost, however processes come and go. (T26)

`ROUNDS=20 bin/test tests/platform/test_graceful.py` is the long form.
"""

from __future__ import annotations

import http.client
import os
import re
import secrets
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Self

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_migrate import upgrade
from rq import Queue
from rq.serializers import JSONSerializer

from tests.factories import accounts, catalog, orders, organizations
from tests.platform.test_migrations import owner, write_probe
from tests.torture.rig import Buyer, Site
from wholesale.config import ROOT
from wholesale.inventory import queries as inventory
from wholesale.invoicing.models import Invoice
from wholesale.ledger import jobs as ledger
from wholesale.orders.models import Order, Purchase
from wholesale.platform import jobs, leaving, live, outbox
from wholesale.platform.db import db
from wholesale.platform.outbox import OutboxRow
from wholesale.platform.transaction import transaction

ROUNDS = int(os.environ.get("ROUNDS", "1"))
BUYERS, READERS = 2, 2
PORTS = (19_801, 19_808)


class Instance(Site):
    """One web server of several, which says that it leaves a second before it does."""

    def __init__(self, app: Flask, log: Path, port: int) -> None:
        super().__init__(app, log, web_processes=1)
        self.port = port
        self.env |= {"PORT": str(port), "DRAIN_SECONDS": "1"}

    def end(self) -> int:
        process = self.running.pop("web")
        process.send_signal(signal.SIGTERM)
        return process.wait(90)


class Balancer:
    """Sends each request to the next server that says it is ready, as those in front of web servers do.

    It asks ten times a second, and tries nothing twice: what one server loses is lost.
    """

    def __init__(self) -> None:
        self.ready: list[int] = []
        self.answers: Counter[str] = Counter()
        self.lost: list[str] = []
        self._turn = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.1):
            self.ready = [port for port in PORTS if _status(port, "/readyz") == 200]

    def wait_for(self, port: int, seconds: float = 150) -> None:
        end = time.monotonic() + seconds
        while port not in self.ready:
            assert time.monotonic() < end, f"{port} is not ready"
            time.sleep(0.02)

    def next(self) -> int:
        while not (ready := self.ready):
            time.sleep(0.05)
        self._turn += 1
        return ready[self._turn % len(ready)]

    def note(self, what: str, answer: int | Exception) -> None:
        self.answers[what] += 1
        if isinstance(answer, Exception) or not 200 <= answer < 400:
            self.lost.append(f"{what}: {answer!r}")


def _status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with suppress(OSError, http.client.HTTPException), closing(connection):
        connection.request("GET", path)
        return connection.getresponse().status
    return 0


class Shopper(Buyer):
    """A buyer behind the balancer, who notes every answer."""

    balancer: Balancer

    def ask(self, method, path, form=None):
        self.port = self.balancer.next()
        try:
            answer = super().ask(method, path, form)
        except (OSError, http.client.HTTPException) as error:
            self.balancer.note(f"{method} {path} at {self.port}", error)
            raise
        self.balancer.note(f"{method} {path}", answer[0])
        return answer


@pytest.fixture
def market(committed_app: Flask) -> tuple[list[str], list[int], int]:
    """(logins of buyers who have chosen nothing yet, variants on sale, the seller)."""
    with committed_app.app_context(), transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        trader.confirms_at_once = True  # and so invoiced as soon as they are placed
        products = [catalog.product(trader, f"Bag {number}", stock=100_000) for number in range(3)]
        variants = [catalog.variants_of(product)[0] for product in products]
        logins = []
        for number in range(BUYERS):
            person = accounts.user(f"Buyer{number}")
            organizations.address(organizations.business(f"Shop {number}", members={person: "owner"}))
            logins.append(accounts.sign_in(person))
        return logins, variants, trader.id


def test_a_rolling_restart_under_load_loses_nothing(committed_app: Flask, market, tmp_path: Path) -> None:
    """Two servers; people read, fill carts and order; each server is reloaded, told to end, and started again, while a
    migration changes the busiest table. Not one answer but 200s and 300s, and every order is there once.
    """
    logins, variants, seller_id = market
    probe = write_probe(tmp_path / "migrations")
    servers = [Instance(committed_app, tmp_path / f"web-{port}.log", port) for port in PORTS]
    acknowledged: list[str] = []
    stop = threading.Event()
    with Balancer() as balancer:
        try:
            for server in servers:
                server.start("web")
            for server in servers:
                balancer.wait_for(server.port)
            crowd = [
                threading.Thread(target=_shop, args=(shopper, variants, seller_id, acknowledged, stop))
                for shopper in (_shopper(committed_app, balancer, login) for login in logins)
            ]
            crowd += [threading.Thread(target=_read, args=(balancer, stop)) for _ in range(READERS)]
            for thread in crowd:
                thread.start()
            migration = threading.Thread(target=_migrate, args=(committed_app, probe))
            for number in range(ROUNDS):
                for server in servers:
                    _roll(server, balancer, migration if number == 0 and server is servers[0] else None)
            migration.join(150)
            before = len(acknowledged)
            _until(lambda: len(acknowledged) > before)
        finally:
            stop.set()
            for thread in crowd:
                thread.join(150)
            codes = [server.end() for server in servers]
    assert balancer.lost == []
    assert codes == [0, 0]
    assert sum(balancer.answers.values()) > 50, "too few requests to prove anything"
    assert not migration.is_alive()
    with owner(committed_app) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("9001",)
    with committed_app.app_context(), transaction():
        placed = list(db.session.scalars(sa.select(Purchase.number)))
        assert sorted(acknowledged) == sorted(placed)
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Order)) == len(placed)
        outbox.drain()
        assert ledger.problems() == []
        assert inventory.proof() == []


def _shopper(app: Flask, balancer: Balancer, login: str) -> Shopper:
    shopper = Shopper.of(app, PORTS[0], login)
    shopper.balancer = balancer
    return shopper


def _shop(
    shopper: Shopper, variants: list[int], seller_id: int, acknowledged: list[str], stop: threading.Event
) -> None:
    while not stop.is_set():
        with suppress(OSError, http.client.HTTPException):
            _, _, page = shopper.ask("GET", "/checkout/address")
            if found := re.search(r'name="address_id"[^>]*value="(\d+)"', page):
                shopper.ask("POST", "/checkout/address", {"address_id": found[1]})
            for variant in variants[:2]:
                shopper.ask("POST", "/cart/lines", {"variant_id": variant, "quantity": 10})
            shopper.ask("POST", "/checkout/delivery", {f"seller-{seller_id}": "pick_up"})
            shopper.ask("POST", "/checkout/payment", {"payment_method": "pay_on_delivery"})
            _, number = shopper.place()
            if number:
                acknowledged.append(number)
        stop.wait(0.1)


def _read(balancer: Balancer, stop: threading.Event) -> None:
    while not stop.is_set():
        port = balancer.next()
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
                connection.request("GET", "/products")
                answer = connection.getresponse()
                answer.read()
                balancer.note("GET /products", answer.status)
        except (OSError, http.client.HTTPException) as error:
            balancer.note(f"GET /products at {port}", error)
        stop.wait(0.1)


def _roll(server: Instance, balancer: Balancer, migration: threading.Thread | None) -> None:
    """Reload its processes, end it, and start it again."""
    server.running["web"].send_signal(signal.SIGHUP)
    if migration is not None:
        migration.start()
    _until(lambda: "Booting worker" in server.log.read_text().partition("Hang up")[2])
    assert server.end() == 0
    server.start("web")
    balancer.wait_for(server.port)


def _migrate(app: Flask, folder: Path) -> None:
    with app.app_context():
        upgrade(directory=str(folder))


def _until(holds: Callable[[], bool], seconds: float = 150) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


# --- streams ----------------------------------------------------------------------------------------------


def test_a_stream_ends_at_once_when_its_process_is_told_to_end(house: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each would hold the process for the rest of its life."""
    monkeypatch.setattr(leaving, "_begun", threading.Event())
    monkeypatch.setattr(live, "_PAUSE_SECONDS", 60)
    answer = live.stream("things")
    words = answer.iter_encoded()
    assert next(words) == b"retry: 3000\n\n"
    threading.Timer(0.05, leaving.begin).start()
    began = time.monotonic()
    assert list(words) == []
    assert time.monotonic() - began < 30, "it slept on"
    answer.close()


@pytest.fixture
def announced() -> Iterator[None]:
    leaving.announce()
    yield
    leaving._announced[0] = 0


def test_a_server_that_leaves_is_not_ready_and_serves_on(client, announced: None) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (503, {"web": "stopping"})
    assert client.get("/healthz").status_code == 200
    assert client.get("/login").status_code == 200


# --- jobs -------------------------------------------------------------------------------------------------

# As the Procfile runs it, but more patient with locks: the test decides how long a job takes.
WORKER = """
    import sys
    from flask.cli import main
    from wholesale.platform import connections, jobs
    connections.LIMITS["lock_timeout"] = "60s"
    jobs._Worker.patience = float(sys.argv[1])
    jobs.QUEUE = sys.argv[2]
    sys.argv = ["flask", "--app", "wsgi", "jobs", "work"]
    main()
"""


@contextmanager
def worker(app: Flask, log: Path, patience: float) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that has so many seconds for the job that it is at when it is told to stop."""
    site = Site(app, log, redis="8")
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WORKER), str(patience), jobs.QUEUE],
            cwd=ROOT, env=site.env, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    app.extensions["doorbell"] = jobs.quick_redis(site.env["REDIS_URL"])
    try:
        with app.app_context():
            _until(jobs.ring)
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        Queue(jobs.QUEUE, connection=app.extensions["doorbell"], serializer=JSONSerializer).delete(delete_jobs=True)


@contextmanager
def held_up(app: Flask) -> Iterator[Callable[[], bool]]:
    """Whoever issues an invoice meanwhile has to wait; says whether somebody does."""
    with owner(app) as connection, owner(app) as watcher:
        connection.execute("BEGIN")
        connection.execute("LOCK TABLE invoice IN ACCESS EXCLUSIVE MODE")

        def somebody_waits() -> bool:
            row = watcher.execute(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'invoice'::regclass"
            ).fetchone()
            return bool(row and row[0])

        yield somebody_waits
        connection.execute("ROLLBACK")


@pytest.fixture
def to_invoice(committed_app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The application with one order that is confirmed and waits for its invoice, and nothing else to do.

    Its bell is its own: what another run of the tests has left behind, a worker even, does not hear it.
    """
    monkeypatch.setattr(jobs, "QUEUE", f"graceful-{os.getpid()}-{secrets.token_hex(4)}")
    with committed_app.app_context(), transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        trader.confirms_at_once = True
        amina = accounts.user("Amina")
        organizations.business("Amina Store", members={amina: "owner"})
        orders.placed(accounts.actor(amina), {catalog.product(trader, stock=100): 10})
        db.session.flush()
        db.session.execute(sa.delete(OutboxRow).where(~OutboxRow.handler.endswith("issue_invoice")))
    return committed_app


def the_row(app: Flask) -> tuple[bool, int]:
    """(is the invoice's row done, how often was it tried)."""
    with app.app_context(), transaction():
        row = db.session.scalars(sa.select(OutboxRow).where(OutboxRow.handler.endswith("issue_invoice"))).one()
        return row.done_at is not None, row.attempts


def the_row_is_free(app: Flask) -> bool:
    with owner(app) as connection:
        connection.execute("SET app.scope = 'platform'")
        asked = "SELECT id FROM outbox WHERE handler LIKE '%issue_invoice' FOR UPDATE SKIP LOCKED"
        return connection.execute(asked).fetchone() is not None


def _lives(process: subprocess.Popen[bytes], folder: Path) -> bool:
    assert process.poll() is None, (folder / "log").read_text()
    return True


def invoices(app: Flask) -> int:
    with app.app_context(), transaction():
        return db.session.scalar(sa.select(sa.func.count()).select_from(Invoice)) or 0


def test_a_worker_that_is_told_to_stop_finishes_its_job(to_invoice: Flask, tmp_path: Path) -> None:
    with worker(to_invoice, tmp_path / "log", patience=60) as process:
        with held_up(to_invoice) as somebody_waits:
            _until(lambda: _lives(process, tmp_path) and somebody_waits())
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            assert process.poll() is None, "it did not wait for its job"
        assert process.wait(60) == 0, (tmp_path / "log").read_text()
    assert the_row(to_invoice) == (True, 1)
    assert invoices(to_invoice) == 1


def test_what_a_worker_cannot_finish_in_time_is_done_by_the_next(to_invoice: Flask, tmp_path: Path) -> None:
    with worker(to_invoice, tmp_path / "log", patience=0.2) as process, held_up(to_invoice) as somebody_waits:
        _until(lambda: _lives(process, tmp_path) and somebody_waits())
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, (tmp_path / "log").read_text()
    # PostgreSQL notices that nobody is there any more when the statement ends; who looks earlier passes the row over.
    _until(lambda: the_row_is_free(to_invoice))
    assert the_row(to_invoice) == (False, 0)
    with worker(to_invoice, tmp_path / "log", patience=60) as process:
        _until(lambda: the_row(to_invoice)[0])
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert the_row(to_invoice) == (True, 1)
    assert invoices(to_invoice) == 1
