"""Over HTTP, on servers of one's own: a storm, parts that are away, one key sent by many, and what COMMIT promises.

In the suite all of it is short. Long: `bench/torture`, or here `KILLS=100`, `KEYS=50`, `CRASHES=8`.
"""

from __future__ import annotations

import http.client
import itertools
import os
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import lxml.html
import psycopg
import pytest
import sqlalchemy as sa

from tests import database
from tests.torture.faults import Servers, wait_for
from tests.torture.rig import NUMBER, Buyer
from tests.torture.storm import KILLS, TROUBLES, Plan, Storm
from wholesale.inventory import queries as inventory
from wholesale.ledger import jobs as ledger
from wholesale.orders.models import Order, Purchase
from wholesale.platform import outbox
from wholesale.platform.db import db
from wholesale.platform.outbox import OutboxRow
from wholesale.platform.transaction import transaction

pytestmark = pytest.mark.torture
STRIKES = int(os.environ.get("KILLS", "8"))
SEED = int(os.environ.get("SEED", "2026"))
KEYS, CALLS = int(os.environ.get("KEYS", "3")), 40
CRASHES, WRITERS = int(os.environ.get("CRASHES", "2")), 16


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw")
    with Servers(database.STATE / f"storm-{worker}") as own:
        yield own


def test_a_storm_loses_nothing_and_doubles_nothing(servers: Servers, tmp_path: Path) -> None:
    """Whatever is killed, hung, cut off, emptied or filled up while four buyers order: see `storm.Storm`."""
    report = Storm(servers, tmp_path, Plan(SEED, STRIKES, kinds=KILLS | TROUBLES, at_least=STRIKES)).run()
    assert report.wrong == [], f"seed {SEED}"
    assert len(report.strikes) == STRIKES


# --- a part is away -------------------------------------------------------------------------------------------


@pytest.fixture
def fair(servers: Servers, tmp_path: Path) -> Iterator[Storm]:
    """The web server alone: no worker, and so no letter leaves the house."""
    with Storm(servers, tmp_path, Plan(SEED, buyers=KEYS)).running("web") as site:
        yield site
        assert site.witness.wrong == []
        with site.app.app_context(), transaction():
            assert ledger.problems() == []
            assert inventory.proof() == []


def send_again(page: str) -> tuple[str, dict[str, object]]:
    """The form that the page offers."""
    [form] = lxml.html.fromstring(page).iter("form")
    return str(form.get("action")), {str(field.get("name")): str(field.get("value")) for field in form.iter("input")}


def test_one_part_after_the_other_is_away(fair: Storm, servers: Servers) -> None:
    amina, _, babul = fair.buyers()
    variants, seller = fair.variants[:2], fair.seller_id

    # Nothing is kept in Redis that ordering needs; nor do pages, logins and throttles.
    for away in (lambda: servers.kill("redis"), lambda: fair.to_redis.set("stalled")):
        away()
        assert choose_address(amina)
        assert amina.order(variants, 20, seller) is not None
        for path in ("/", "/products", "/cart", "/orders", "/login"):
            assert amina.ask("GET", path)[0] in {200, 302, 303}, path
        assert Buyer(fair.site.port, "", "").ask("GET", "/readyz")[2].count("away: jobs wait") == 1
        servers.revive()
        fair.to_redis.set("good")

    # Letters wait with everything else that follows, and the person is told that one will come.
    status, location, _ = amina.ask("POST", "/forgot-password", {"email": "buyer0@test.example"})
    assert (status, location) == (303, "/forgot-password/sent")
    assert "letter" in amina.ask("GET", location)[2]
    with fair.app.app_context(), transaction():
        waiting = db.session.scalars(sa.select(OutboxRow.event).where(OutboxRow.done_at.is_(None)))
        assert "ResetAsked" in set(waiting)

    # A database that cannot be reached: nothing is lost of what was typed, and the same form counts once.
    assert choose_address(babul)
    babul.ask("POST", "/cart/lines", {"variant_id": variants[0], "quantity": 20})
    babul.ask("POST", "/checkout/delivery", {f"seller-{seller}": "pick_up"})
    babul.ask("POST", "/checkout/payment", {"payment_method": "pay_on_delivery"})
    form = babul.review()
    fair.to_postgres.set("cut")
    for path in ("/products", "/orders", "/checkout/review"):
        status, _, page = babul.ask("GET", path)
        assert status == 503, path
        assert "usually back within a minute" in page
    status, _, page = babul.ask("POST", "/checkout/review", form)
    assert status == 503
    assert "Nothing was saved" in page
    path, kept = send_again(page)
    assert {name: kept[name] for name in form} == form
    assert Buyer(fair.site.port, "", "").ask("GET", "/healthz")[0] == 200, "the process itself lives"
    fair.to_postgres.set("good")
    token = str(kept.pop("csrf_token"))
    assert token.partition("~")[0] == babul.token.partition("~")[0]
    answered = [babul.insist("POST", path, kept) for _ in range(3)]
    numbers = [found[1] for _, location, _ in answered if (found := NUMBER.search(location))]
    assert len(set(numbers)) == 1
    with fair.app.app_context(), transaction():
        assert db.session.query(Purchase).count() == 3

    # No room for documents: the page says so, and everything else goes on.
    if fair.disk is not None:
        fair.disk.fill()
        assert '"documents":"ok"' not in amina.ask("GET", "/readyz")[2]
        assert amina.order(variants, 20, seller) is not None
        fair.disk.empty()


def choose_address(buyer: Buyer) -> bool:
    page = lxml.html.fromstring(buyer.insist("GET", "/checkout/address")[2])
    chosen = page.xpath("//input[@name='address_id']/@value")
    return not chosen or buyer.insist("POST", "/checkout/address", {"address_id": chosen[0]})[0] == 303


# --- one key, many calls --------------------------------------------------------------------------------------


def test_one_order_per_key_however_often_it_is_sent_and_whoever_dies(fair: Storm) -> None:
    """40 calls at once on each key, each eighth with another body, while web processes are killed under them."""
    forms = []
    for buyer in fair.buyers():
        assert choose_address(buyer)
        buyer.insist("POST", "/cart/lines", {"variant_id": fair.variants[0], "quantity": 20})
        buyer.insist("POST", "/checkout/delivery", {f"seller-{fair.seller_id}": "pick_up"})
        buyer.insist("POST", "/checkout/payment", {"payment_method": "pay_on_delivery"})
        forms.append((buyer, buyer.review()))
    told: dict[object, Counter[str]] = defaultdict(Counter)
    other: Counter[int] = Counter()
    unheard = itertools.count()

    def call(number: int) -> None:
        buyer, form = forms[number % KEYS]
        is_other = number // KEYS % 8 == 5
        asked = form | {"seen": "of another body"} if is_other else form
        while True:
            with suppress(OSError, http.client.HTTPException):
                status, location, _ = buyer.ask("POST", "/checkout/review", asked)
                if status not in {409, 503}:
                    break
            next(unheard)
            time.sleep(0.1)
        if is_other:
            other[status] += 1
        else:
            told[form["key"]][f"{status} {location}"] += 1

    with ThreadPoolExecutor(12) as crowd:
        calls = [crowd.submit(call, number) for number in range(KEYS * CALLS)]
        for victim in range(3):
            wait_for(
                lambda seen=victim: sum(each.done() for each in calls) > seen * KEYS * 8, 60, "nobody was answered"
            )  # type: ignore[misc]
            fair.site.kill_one_web_process(victim)
        for each in calls:
            each.result()
    assert set(other) == {422}
    assert all(len(answers_) == 1 and answers_.total() == CALLS - CALLS // 8 for answers_ in told.values()), told
    assert len({answer for answers_ in told.values() for answer in answers_}) == KEYS
    assert next(unheard) > 0, "nobody died over an answer"
    with fair.app.app_context(), transaction():
        assert db.session.query(Purchase).count() == db.session.query(Order).count() == KEYS
        assert outbox.state().dead == 0


# --- what COMMIT promises -------------------------------------------------------------------------------------

PROMISES = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "data_checksums": "on",
    "wal_level": "replica",
}


def test_what_was_committed_is_there_after_the_cluster_is_killed(servers: Servers) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in servers.environment.items():
            patch.setenv(name, value)
        with database.copy(f"durable_{os.getpid()}") as name:
            url = database.settings_for(name).database_url.replace("+psycopg", "")
            with psycopg.connect(url) as connection:
                settings = {each: connection.execute(f"SHOW {each}").fetchone()[0] for each in PROMISES}  # type: ignore[index]
            assert settings == PROMISES | {"wal_level": settings["wal_level"]}
            assert settings["wal_level"] in {"replica", "logical"}
            kept = kill_under_writers(servers, url)
            with psycopg.connect(url) as connection:
                there = {row[0] for row in connection.execute("SELECT key FROM idempotency_key")}
            assert len(kept) > CRASHES * 20
            assert kept <= there, f"{len(kept - there)} of {len(kept)} that were committed are gone"


WRITE = "INSERT INTO idempotency_key (scope, key, fingerprint, created_at) VALUES ('d', %s, '', now())"


def kill_under_writers(servers: Servers, url: str) -> set[str]:
    """What 16 writers were told is committed, while the cluster is killed under them."""
    kept: list[str] = []
    stop = threading.Event()

    def write(writer: int) -> None:
        for number in itertools.count():
            key = f"{writer}-{number}"
            while not stop.is_set():
                with suppress(psycopg.Error), psycopg.connect(url, autocommit=True, connect_timeout=2) as connection:
                    while not stop.is_set():
                        connection.execute(WRITE, (key,))
                        kept.append(key)
                        number += 1  # noqa: PLW2901 - a connection writes until it breaks
                        key = f"{writer}-{number}"
                # Whatever it was, it was not confirmed: the next one has another name.
                number += 1  # noqa: PLW2901
                key = f"{writer}-{number}-again"
                time.sleep(0.02)
            return

    crowd = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for thread in crowd:
        thread.start()
    dice = random.Random(SEED)
    for _ in range(CRASHES):
        before = len(kept)
        wait_for(lambda enough=before + 50: len(kept) > enough, 60, "nobody could write")  # type: ignore[misc]
        time.sleep(dice.uniform(0, 0.5))
        servers.kill("postgres")
        servers.revive()
    stop.set()
    for thread in crowd:
        thread.join(20)
    return set(kept)
