"""A primary dies while people order, its replica takes its place: how soon they order again, and what was lost.

Nothing here asserts: `fail_over` gives a `Report` whose `wrong` says everything that is not as it was promised.
"""

from __future__ import annotations

import http.client
import os
import random
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import sqlalchemy as sa
from flask import Flask

from tests.cluster import ROLE, Cluster, Node, cluster, settings, url
from tests.factories import accounts, catalog, organizations
from tests.torture.rig import Buyer, Site
from tests.torture.storm import Customer, Witness
from wholesale.app import create_app
from wholesale.inventory import queries as inventory
from wholesale.ledger import jobs as ledger
from wholesale.orders.models import Order, Purchase
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction

GOODS, STOCK = 4, 1_000_000
LOOKS, PAUSE = 3, 0.3
"""Whoever watches the primary asks every PAUSE seconds and lets the replica take over after so many LOOKS in vain."""


@dataclass
class Report:
    """Seconds since the kill, what people were answered, and what is wrong."""

    promoted: float = 0.0
    first_order: float = 0.0
    first_page: float = 0.0
    confirmed: int = 0
    placed: int = 0
    orders_before: int = 0
    orders_after: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    pages: Counter[int] = field(default_factory=Counter)
    longest_page: float = 0.0
    wrong: list[str] = field(default_factory=list)


@dataclass
class _Reader:
    """Somebody who looks through the catalogue all the time."""

    port: int
    stop: threading.Event
    seen: list[tuple[float, float, int]] = field(default_factory=list)

    def go(self) -> None:
        while not self.stop.is_set():
            began = time.monotonic()
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            status = 0
            with suppress(OSError, http.client.HTTPException):
                connection.request("GET", "/products")
                answer = connection.getresponse()
                answer.read()
                status = answer.status
            connection.close()
            self.seen.append((began, time.monotonic() - began, status))
            self.stop.wait(0.1)


def fail_over(folder: Path, *, buyers: int = 4, before: int = 8, after: int = 8, seed: int = 7) -> Report:
    """One round: `before` orders, kill -9 of the primary in the middle of ordering, then `after` orders."""
    report = Report()
    with cluster() as servers:
        primary = servers.primary()
        standby = servers.replica_of(primary)
        _wait_for_standby(primary)
        app = create_app(settings(folder, primary, standby, DATABASE_REPLICA_URL=url(ROLE, standby)))
        logins, variants, seller_id = _people(app, buyers)
        site = Site(app, folder / "log", web_processes=2)
        site.env |= {"DATABASE_REPLICA_URL": url(ROLE, standby)}
        stop, witness = threading.Event(), Witness()
        try:
            site.start("web")
            site.wait_until_ready(90)
            crowd = [
                Customer(
                    Buyer.of(app, site.port, login), witness, stop, random.Random(seed + place), variants, seller_id
                )
                for place, login in enumerate(logins)
            ]
            reader = _Reader(site.port, stop)
            threads = [threading.Thread(target=each.go) for each in (*crowd, reader)]
            for thread in threads:
                thread.start()
            killed = _strike(servers, witness, report, before, after)
            stop.set()
            for thread in threads:
                thread.join(60)
        finally:
            stop.set()
            site.stop()
        _tell(report, witness, reader, killed)
        _prove(app, report, witness)
        with app.app_context():
            for engine in db.engines.values():
                engine.dispose()
    return report


def _wait_for_standby(primary: Node) -> None:
    """From now on no commit is confirmed that is not on the replica's disk too."""
    primary.ask("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (replica1)'")
    primary.ask("SELECT pg_reload_conf()")
    until = time.monotonic() + 20
    while primary.ask("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'") != 1:
        assert time.monotonic() < until, "the replica does not take part in commits"
        time.sleep(0.05)


def _people(app: Flask, buyers: int) -> tuple[list[str], list[int], int]:
    """Secrets of buyers' logins, what there is to buy, and of whom."""
    with app.app_context(), transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        products = [catalog.product(trader, f"Bag {number}", stock=STOCK) for number in range(GOODS)]
        logins = []
        for number in range(buyers):
            person = accounts.user(f"Buyer{number}")
            organizations.address(organizations.business(f"Shop {number}", members={person: "owner"}))
            logins.append(accounts.sign_in(person))
        return logins, [catalog.variants_of(product)[0] for product in products], trader.id


def _strike(servers: Cluster, witness: Witness, report: Report, before: int, after: int) -> float:
    """Kill it as soon as so many orders are confirmed; promote when three looks were in vain: when it was killed."""
    primary, standby = servers.nodes
    _wait_for_orders(witness, before)
    primary.kill()
    killed = witness.now()
    for look in range(LOOKS):
        with suppress(psycopg.OperationalError):
            primary.ask("SELECT 1")
            report.wrong.append("the primary still answers")
        if look + 1 < LOOKS:
            time.sleep(PAUSE)
    report.orders_before = len(witness.confirmed)
    standby.promote()
    report.promoted = witness.now() - killed
    _wait_for_orders(witness, report.orders_before + after)
    return killed


def _wait_for_orders(witness: Witness, number: int) -> None:
    until = time.monotonic() + 90
    while len(witness.confirmed) < number:
        assert time.monotonic() < until, f"{len(witness.confirmed)} orders: {witness.statuses}"
        time.sleep(0.01)


def _tell(report: Report, witness: Witness, reader: _Reader, killed: float) -> None:
    at = sorted(moment for _, moment in witness.confirmed.values())
    # What was confirmed before the replica was promoted can only have been committed on the old primary.
    again = [moment for moment in at if moment > killed + report.promoted - 0.05]
    report.first_order = again[0] - killed if again else 0.0
    report.orders_after = len(again)
    report.answers = witness.statuses
    moment = witness.began + killed
    during = [each for each in reader.seen if moment - 0.5 <= each[0] <= moment + report.first_order]
    report.pages = Counter(status for _, _, status in during)
    report.longest_page = max((lasted for _, lasted, _ in during), default=0.0)
    answered = [began + lasted for began, lasted, status in reader.seen if status == http.HTTPStatus.OK]
    report.first_page = min((each - moment for each in answered if each > moment), default=0.0)
    report.wrong += witness.wrong


def _prove(app: Flask, report: Report, witness: Witness) -> None:
    """On the new primary: each confirmed order once, nothing twice, stock and ledger as they should be."""
    with app.app_context(), transaction():
        placed = list(db.session.scalars(sa.select(Purchase.number)))
        numbers = [number for number, _ in witness.confirmed.values()]
        report.confirmed, report.placed = len(numbers), len(placed)
        if lost := sorted(set(numbers) - set(placed)):
            report.wrong.append(f"confirmed and lost: {', '.join(lost)}")
        if len(set(numbers)) < len(numbers):
            report.wrong.append("two forms were confirmed as one order")
        if unconfirmed := len(placed) - len(set(numbers)):
            report.wrong.append(f"{unconfirmed} orders that nobody was told of")
        if (orders := db.session.query(Order).count()) != len(placed):
            report.wrong.append(f"{orders} orders of {len(placed)} purchases")
        report.wrong += [str(problem) for problem in (*ledger.problems(), *inventory.proof())]


def rounds_asked(default: int) -> int:
    """From the environment, for a long form of the test."""
    return int(os.environ.get("FAILOVERS", str(default)))
