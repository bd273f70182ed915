"""/metrics: what is counted, who may read it, and that it is the same whichever process counts."""

from __future__ import annotations

import http.client
import logging
import os
import socket
import subprocess
import sys
import textwrap
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from tests.client import HouseClient
from tests.conftest import Cast
from tests.factories import accounts, catalog, orders
from tests.platform.letters import free_port
from wholesale.config import ROOT
from wholesale.ledger.rules import CHART
from wholesale.platform import live, mail, metrics, outbox, scrape
from wholesale.platform.db import db
from wholesale.platform.rhythm import Periodic
from wholesale.platform.runs import run_periodic

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
TOKEN = "a-token-of-the-monitoring"


def samples(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def key(name: str, /, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


@pytest.fixture
def scraped(house: Flask, monkeypatch: pytest.MonkeyPatch) -> object:
    """What stands there now; figures are read anew each time."""

    def scrape_it() -> Samples:
        for kept in house.extensions["figures"]._kept.values():
            kept.until = 0.0
        return samples(house.test_client().get("/metrics").text)

    return scrape_it


def test_a_request_is_counted_by_its_pattern(client: HouseClient, scraped, cast: Cast) -> None:
    goods = catalog.product(cast.trader, "Golden jute bag")
    db.session.commit()
    route = {"method": "GET", "route": "/products/<slug>"}
    counted = key("wholesale_requests_total", **route, status="2xx")
    missing = key("wholesale_requests_total", **route, status="4xx")
    before = scraped()
    assert client.get(f"/products/{goods.slug}?q=private").status_code == 200
    assert client.get("/products/there-is-none").status_code == 404
    after = scraped()
    assert after[counted] - before.get(counted, 0) == 1
    assert after[missing] - before.get(missing, 0) == 1
    seconds = key("wholesale_request_seconds_count", **route)
    assert after[seconds] - before.get(seconds, 0) == 2
    text = client.get("/metrics").text
    assert goods.slug not in text
    assert "private" not in text
    assert "there-is-none" not in text


def test_labels_are_few_whatever_is_asked_for(client: HouseClient, scraped) -> None:
    """Words of a client never become labels: neither paths nor methods."""
    for number in range(5):
        client.get(f"/nowhere-{number}")
        client.open(f"/nowhere-{number}", method=f"FETCH{number}")
    found = scraped()
    routes = {dict(labels)["route"] for name, labels in found if name == "wholesale_requests_total"}
    methods = {dict(labels)["method"] for name, labels in found if name == "wholesale_requests_total"}
    assert "none" in routes
    assert not any("nowhere" in route for route in routes)
    assert methods <= {"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE", "other"}


def test_statements_of_a_request_are_counted(client_of, cast: Cast, scraped) -> None:
    browser = client_of(cast.amina)
    name = key("wholesale_request_statements_sum")
    total = key("wholesale_statements_total", process="web")
    before = scraped()
    browser.get("/cart")
    after = scraped()
    asked = after[name] - before[name]
    assert asked > 1
    assert after[total] - before[total] >= asked
    assert after[key("wholesale_request_database_seconds_sum")] > before[key("wholesale_request_database_seconds_sum")]


def test_an_order_its_rows_and_letters_are_counted(house: Flask, client_of, cast: Cast, scraped) -> None:
    goods = catalog.product(cast.trader, "Golden jute bag")
    number, seen = orders.ready_to_place(accounts.actor(cast.amina), {goods: 100})
    db.session.commit()
    placed = key("wholesale_events_total", event="OrderPlaced")
    client_of(cast.amina).get("/healthz")
    before = scraped()
    refused = client_of(cast.amina).post("/checkout/review", data={"key": number, "seen": "something else"})
    assert refused.status_code != 303
    assert scraped().get(placed, 0) == before.get(placed, 0), "what was taken back is not counted"
    done = client_of(cast.amina).post("/checkout/review", data={"key": number, "seen": seen})
    assert done.status_code == 303
    after = scraped()
    assert after[placed] - before.get(placed, 0) == 1
    assert after[key("wholesale_orders_last_day", currency="BDT")] == 1
    assert after[key("wholesale_order_value_last_day", currency="BDT")] > 0
    assert after[key("wholesale_ledger_balance", account="buyer_receivable", currency="BDT")] > 0
    assert after[key("wholesale_outbox_rows_open", state="waiting")] > 0
    assert outbox.drain() > 0
    drained = scraped()
    rows = [name for name in drained if name[0] == "wholesale_outbox_rows_total" and ("result", "done") in name[1]]
    assert sum(drained[name] - after.get(name, 0) for name in rows) >= 1
    assert all(dict(labels)["handler"].count(".") >= 1 for _, labels in rows)
    assert drained[key("wholesale_outbox_rows_open", state="waiting")] == 0


def test_a_letter_is_counted_with_what_became_of_it(house: Flask, client: HouseClient, scraped) -> None:
    client.get("/healthz")
    sent = key("wholesale_messages_total", channel="mail", result="sent")
    seconds = key("wholesale_message_seconds_count", channel="mail")
    before = scraped()
    mail.send(key="k1", to="amina@shop.example", template="test_message")
    db.session.commit()
    assert scraped()[key("wholesale_messages_open", state="queued")] == 1
    outbox.drain()
    after = scraped()
    assert after[sent] - before.get(sent, 0) == 1
    assert after[seconds] - before.get(seconds, 0) == 1
    assert after[key("wholesale_messages_open", state="queued")] == 0
    assert "amina" not in client.get("/metrics").text


def test_accounts_are_those_of_the_chart(scraped) -> None:
    assert {dict(labels)["account"] for name, labels in scraped() if name == "wholesale_ledger_balance"} <= CHART.keys()


def test_a_job_is_counted_with_what_became_of_it(committed_app: Flask) -> None:
    def fails() -> str:
        raise RuntimeError("it does not work")

    def read() -> Samples:
        return samples(committed_app.test_client().get("/metrics").text)

    before = read()
    with committed_app.app_context():
        for name, work in (("fine", lambda: "done"), ("broken", fails)):
            committed_app.extensions["timetable"][name] = Periodic(name, work, every=timedelta(days=1))
            run_periodic(name, by_hand=True)
    committed_app.extensions["figures"]._kept["job_success_timestamp_seconds"].until = 0.0
    after = read()
    for name, result in (("fine", "done"), ("broken", "failed")):
        counted = key("wholesale_jobs_total", name=name, result=result)
        assert after[counted] - before.get(counted, 0) == 1
        seconds = key("wholesale_job_seconds_count", name=name)
        assert after[seconds] - before.get(seconds, 0) == 1
    assert after[key("wholesale_job_success_timestamp_seconds", name="fine")] > 1.7e9
    assert key("wholesale_job_success_timestamp_seconds", name="broken") not in after


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("203.0.113.9", {}, 404),
        ("10.1.2.3", {}, 404),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, 404),  # by a proxy that nobody has told us of
        ("", {}, 404),  # by a socket
        ("203.0.113.9", {"Authorization": f"Bearer {TOKEN}"}, 200),
        ("203.0.113.9", {"Authorization": f"Bearer {TOKEN}x"}, 404),
        ("203.0.113.9", {"Authorization": "Bearer "}, 404),
        ("203.0.113.9", {"Authorization": "Bearer \N{SNOWMAN}".encode().decode("latin1")}, 404),
        ("203.0.113.9", {"Authorization": f"Basic {TOKEN}"}, 404),
    ],
)
def test_who_may_read(house: Flask, monkeypatch: pytest.MonkeyPatch, address, headers, status) -> None:
    settings = replace(house.extensions["settings"], metrics_token=TOKEN)
    monkeypatch.setitem(house.extensions, "settings", settings)
    response = house.test_client().get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": address})
    assert response.status_code == status
    if status == 404:
        nothing = house.test_client().get("/nowhere", environ_base={"REMOTE_ADDR": address})
        assert response.mimetype == nothing.mimetype
        assert "wholesale_" not in response.text
    else:
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_networks_are_those_of_the_setting(house: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = replace(house.extensions["settings"], metrics_allow=("10.1.0.0/16", "fd00::/8"), metrics_token="")
    monkeypatch.setitem(house.extensions, "settings", settings)
    for address, status in (("10.1.2.3", 200), ("fd00::7", 200), ("10.2.0.1", 404), ("127.0.0.1", 404)):
        response = house.test_client().get(
            "/metrics", environ_base={"REMOTE_ADDR": address}, headers={"Authorization": "Bearer "}
        )
        assert (address, response.status_code) == (address, status)


def test_a_figure_is_asked_for_no_more_often_than_it_may_cost(house: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, clock = [], [1000.0]

    def read() -> list[tuple[tuple[str, ...], float]]:
        asked.append(clock[0])
        clock[0] += 2  # seconds
        return [((), 1)]

    monkeypatch.setattr(scrape.time, "monotonic", lambda: clock[0])
    state = scrape._State([scrape.Figure("slow", "", read, every=30)])
    with house.test_request_context():
        for _ in range(10):
            list(state.collect())
            clock[0] += 29
    assert len(asked) == 2, "200 seconds lie between two"


def test_a_figure_that_the_database_refuses_hides_no_other(house: Flask, client: HouseClient) -> None:
    """Its time may be up; the database is there all the same."""

    def refused() -> list[tuple[tuple[str, ...], float]]:
        db.session.execute(sa.text("SET LOCAL statement_timeout = 20"))
        db.session.execute(sa.text("SELECT pg_sleep(2)"))
        return [((), 1)]

    state = scrape._State(
        [scrape.Figure("one", "", lambda: [((), 1)]), scrape.Figure("slow", "", refused), *scrape.OWN[:1]]
    )
    with house.test_request_context():
        told = {family.name: [sample.value for sample in family.samples] for family in state.collect()}
    assert told["wholesale_up"] == [1, 1]
    assert (told["wholesale_one"], told["wholesale_slow"]) == ([1], [])
    assert len(told["wholesale_outbox_rows_open"]) == 2


def test_who_reads_figures_for_long_keeps_no_other_waiting(house: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else scrapes would take one thread of the web after another."""
    monkeypatch.setattr(scrape, "_TURN_SECONDS", 0.01)
    state = scrape._State([scrape.Figure("one", "", lambda: [((), 1)])])

    def told() -> dict[str, list[float]]:
        return {family.name: [sample.value for sample in family.samples] for family in state.collect()}

    with house.test_request_context():
        assert told() == {"wholesale_up": [1, 1], "wholesale_one": [1]}
        with state._lock:
            assert told() == {"wholesale_up": [1, 1], "wholesale_one": [1]}, "what was read last"


def test_without_the_database_what_was_counted_is_still_told(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = app.test_client()
    browser.get("/healthz")

    def away(*_: object, **__: object) -> None:
        raise sa.exc.OperationalError("SELECT 1", {}, Exception("connection refused"))

    with app.app_context():
        db.session.remove()
    monkeypatch.setattr(sa.Engine, "connect", away)
    response = browser.get("/metrics")
    assert response.status_code == 200
    found = samples(response.text)
    assert found[key("wholesale_up", part="database")] == 0
    assert found[key("wholesale_up", part="redis")] == 1
    assert not [name for name, _ in found if name == "wholesale_outbox_rows_open"], "what was true once is not told"
    assert [name for name, _ in found if name == "wholesale_requests_total"]


def test_streams_are_counted_while_they_are_open(client: HouseClient, house: Flask, scraped) -> None:
    client.get("/healthz")
    with house.test_request_context():
        answer = live.stream("test")
        assert answer.status_code == 200
        assert scraped()[key("wholesale_streams_open")] == 1
        answer.close()
    assert scraped()[key("wholesale_streams_open")] == 0


def test_everything_that_can_be_named_is_named(scraped) -> None:
    known = set(scrape.names())
    told = {name for name, _ in scraped() if not name.endswith("_created")}
    assert told <= known


# --- several processes ------------------------------------------------------------------------------------


def run(program: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env=os.environ | {"FOLDER": str(folder)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


PROCESSES = """
    import os, sys, time
    from pathlib import Path
    from prometheus_client import CollectorRegistry, generate_latest
    from wholesale.platform import metrics

    def fork(work):
        child = os.fork()
        if not child:
            work()
            os._exit(0)
        os.waitpid(child, 0)

    def told():
        registry = CollectorRegistry()
        registry.register(metrics.Counted())
        return generate_latest(registry).decode()

    folder = Path(os.environ["FOLDER"])
    metrics.keep_in(folder)
"""


def test_processes_add_up_and_gauges_of_the_dead_are_gone(tmp_path: Path) -> None:
    text = run(
        PROCESSES
        + """
    def serve():
        metrics.serving()
        metrics.request_done(method="GET", route="/", status=200, seconds=0.1, statements=3, waited=0.01)
        metrics.streams_open(2)
    for _ in range(3):
        fork(serve)
    metrics.serving()
    metrics.streams_open(1)
    sys.stdout.write(told())
    """,
        tmp_path / "run" / "metrics",
    )
    found = samples(text)
    assert found[key("wholesale_requests_total", method="GET", route="/", status="2xx")] == 3
    assert found[key("wholesale_request_seconds_count", method="GET", route="/")] == 3
    assert found[key("wholesale_request_statements_sum")] == 9
    assert found[key("wholesale_streams_open")] == 1


def test_a_worker_that_forks_for_each_job_keeps_few_files(tmp_path: Path) -> None:
    text = run(
        PROCESSES
        + """
    metrics.this_is("worker")
    metrics.worked(1, 0.5)
    for number in range(30):
        fork(lambda: metrics.job_done(f"job-{number % 3}", "done", 0.1))
    sys.stdout.write(told())
    sys.stderr.write(str(len(list(folder.glob("*.db")))))
    assert len(list(folder.glob("*.db"))) <= 6, sorted(folder.glob("*.db"))
    """,
        tmp_path,
    )
    found = samples(text)
    for number in range(3):
        assert found[key("wholesale_jobs_total", name=f"job-{number}", result="done")] == 10
    assert found[key("wholesale_statements_total", process="worker")] == 1


def test_a_new_web_forgets_the_dead_and_keeps_who_lives(tmp_path: Path) -> None:
    """Who lives says so by a lock: in another container there may be another process of the same number."""
    text = run(
        PROCESSES
        + """
    import fcntl
    fork(lambda: (metrics.serving(), metrics.announced(["OrderPlaced"])))
    metrics._here.identity = "elsewhere-1"
    metrics.this_is("scheduler")
    metrics.announced(["OrderPlaced", "OrderPlaced"])
    metrics.streams_open(1)
    dead = set(folder.glob("*.db")) - set(folder.glob("*elsewhere*"))
    assert dead
    fork(lambda: metrics.forget_the_dead(wholly=True))
    left = {file.name for file in folder.iterdir()}
    assert left and all("elsewhere-1." in name for name in left), left
    sys.stdout.write(told())
    """,
        tmp_path,
    )
    found = samples(text)
    assert found[key("wholesale_events_total", event="OrderPlaced")] == 2
    assert found[key("wholesale_streams_open")] == 1


def test_a_full_disk_ends_the_counting_and_nothing_else(tmp_path: Path) -> None:
    run(
        PROCESSES
        + """
    import errno
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")
    os.posix_fallocate = full
    metrics.serving()
    for _ in range(3):
        metrics.request_done(method="GET", route="/", status=200, seconds=0.1, statements=3, waited=0.01)
    assert metrics._here.stopped
    """,
        tmp_path,
    )


def test_a_file_that_grows_takes_its_space_first(tmp_path: Path) -> None:
    run(
        PROCESSES
        + """
    metrics.serving()
    for number in range(400):
        metrics.request_done(method="GET", route=f"/{number}", status=200, seconds=0.1, statements=3, waited=0.01)
    for file in folder.glob("*.db"):
        taken = file.stat()
        assert taken.st_blocks * 512 >= taken.st_size, (file, taken)
    assert max(file.stat().st_size for file in folder.glob("*.db")) > 65536
    assert 'route="/399"' in told()
    """,
        tmp_path,
    )


def test_a_folder_that_cannot_be_written_leaves_each_its_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    before = metrics._here.folder
    with caplog.at_level(logging.WARNING):
        metrics.keep_in(tmp_path / "file" / "metrics")
    assert metrics._here.folder == before
    assert "counts for itself" in caplog.text


def test_commands_count_nothing(tmp_path: Path) -> None:
    run(
        PROCESSES
        + """
    metrics.announced(["OrderPlaced"])
    metrics.job_done("x", "done", 1)
    assert list(folder.iterdir()) == []
    """,
        tmp_path,
    )


def test_who_begins_to_count_while_others_look_is_seen_to_live(tmp_path: Path) -> None:
    """The lock is waited for when somebody has it for an instant, and made anew when it was removed meanwhile."""
    run(
        PROCESSES
        + """
    import fcntl, threading
    path = folder / f"{metrics._here.identity}.lock"
    path.touch()
    looking = os.open(path, os.O_RDWR)
    fcntl.flock(looking, fcntl.LOCK_EX)
    threading.Timer(0.3, lambda: (path.unlink(), os.close(looking))).start()
    metrics.this_is("worker")
    metrics.streams_open(1)
    assert path.exists() and metrics._lives(metrics._here.identity)
    assert "wholesale_streams_open 1.0" in told()
    """,
        tmp_path,
    )


def test_what_cannot_be_looked_at_or_removed_ends_nobody(tmp_path: Path) -> None:
    """The web server's first process looks when one of its own has ended: it must not end with it."""
    run(
        PROCESSES
        + """
    fork(lambda: (metrics.serving(), metrics.streams_open(1)))
    assert len(list(folder.glob("gauge_live*"))) == 1
    real = os.open
    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")
    os.open = Path.unlink = refused
    metrics.forget_the_dead()
    os.open = real
    metrics.forget_the_dead(wholly=True)
    assert len(list(folder.glob("gauge_live*"))) == 1
    """,
        tmp_path,
    )


def test_a_port_that_is_taken_keeps_nobody_from_working(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    """A worker and a scheduler that are told the same METRICS_PORT on one machine."""
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        scrape.serve_beside(replace(app.extensions["settings"], metrics_port=port))
    assert f"METRICS_PORT {port}" in caplog.text


def test_a_process_without_a_web_server_answers_for_itself(app: Flask) -> None:
    """At METRICS_PORT, by the same rules and without what only the database knows."""
    port = free_port()
    settings = replace(app.extensions["settings"], metrics_port=port, metrics_token=TOKEN)
    app.test_client().get("/healthz")
    scrape.serve_beside(settings)

    def ask(path: str, **headers: str) -> tuple[int, str]:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        line.request("GET", path, headers=headers)
        answer = line.getresponse()
        return answer.status, answer.read().decode()

    status, text = ask("/metrics")
    assert status == 200
    assert key("wholesale_request_statements_count") in samples(text)
    assert "wholesale_ledger_balance" not in text
    assert ask("/")[0] == 404
    far = replace(settings, metrics_port=free_port(), metrics_allow=("10.0.0.0/8",))
    port = far.metrics_port
    scrape.serve_beside(far)
    assert ask("/metrics")[0] == 404
    assert ask("/metrics", Authorization=f"Bearer {TOKEN}")[0] == 200
    assert ask("/metrics", Authorization=f"Bearer {TOKEN}x")[0] == 404
