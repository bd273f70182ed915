"""25 kill -9 of web and worker in the middle of ordering: nothing acknowledged is lost, nothing is doubled."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.factories import accounts, catalog, organizations
from tests.torture.rig import Buyer, Site, running
from wholesale.inventory import queries as inventory
from wholesale.invoicing.models import Invoice
from wholesale.ledger import jobs as ledger
from wholesale.orders.models import Order, Purchase
from wholesale.platform import outbox
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction

KILLS = 25
BUYERS = 4
SETTLE_SECONDS = 90


@pytest.mark.torture
def test_kills_lose_no_acknowledged_order_and_no_invoice(committed_app: Flask, tmp_path: Path) -> None:
    with committed_app.app_context(), transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        trader.confirms_at_once = True  # and so invoiced as soon as they are placed
        products = [catalog.product(trader, f"Bag {number}", stock=100_000) for number in range(4)]
        variants = [catalog.variants_of(product)[0] for product in products]
        logins = []
        for number in range(BUYERS):
            person = accounts.user(f"Buyer{number}")
            organizations.address(organizations.business(f"Shop {number}", members={person: "owner"}))
            logins.append(accounts.sign_in(person))
        seller_id = trader.id
    acknowledged: list[str] = []
    stop = threading.Event()

    def shop(buyer: Buyer, seed: int) -> None:
        dice = random.Random(seed)
        # The first choice of an address goes the long way once; afterwards each order chooses it anew.
        while not stop.is_set():
            _choose_address(buyer)
            number = buyer.order(dice.sample(variants, 2), dice.randint(10, 60), seller_id)
            if number is not None:
                acknowledged.append(number)
            stop.wait(0.2)

    with running(committed_app, tmp_path / "log", redis="7") as site:
        crowd = [
            threading.Thread(target=shop, args=(Buyer.of(committed_app, site.port, login), seed))
            for seed, login in enumerate(logins)
        ]
        for thread in crowd:
            thread.start()
        _kill_at_random(site, random.Random(2026), acknowledged)
        stop.set()
        for thread in crowd:
            thread.join(90)
        site.wait_until_ready()
        _wait_until_settled(committed_app)
    with committed_app.app_context(), transaction():
        placed = db.session.scalars(sa.select(Purchase.number)).all()
        assert len(acknowledged) >= KILLS, "too few orders came through to prove anything"
        assert set(acknowledged) <= set(placed)
        assert len(set(acknowledged)) == len(acknowledged)
        orders = db.session.query(Order).count()
        assert orders == len(placed)
        invoices = db.session.scalars(sa.select(Invoice)).all()
        assert len(invoices) == orders
        assert all(invoice.sha256 for invoice in invoices)
        assert sorted(invoice.sequence for invoice in invoices) == list(range(1, orders + 1)), "a gap"
        assert ledger.problems() == []
        assert inventory.proof() == []


def _choose_address(buyer: Buyer) -> None:
    """The only address of the buyer's business, as the page offers it."""
    import re

    _, _, page = buyer.insist("GET", "/checkout/address")
    found = re.search(r'name="address_id"[^>]*value="(\d+)"', page) or re.search(
        r'value="(\d+)"[^>]*name="address_id"', page
    )
    if found:
        buyer.insist("POST", "/checkout/address", {"address_id": found[1]})


def _kill_at_random(site: Site, dice: random.Random, acknowledged: list[str]) -> None:
    """Each kill waits until ordering goes on after the last one, so that it always strikes into the middle of it."""
    for _ in range(KILLS):
        before, end = len(acknowledged), time.monotonic() + 15
        while len(acknowledged) == before and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(dice.uniform(0, 1))
        victim = dice.choice(("one web process", "one web process", "worker", "web", "scheduler"))
        if victim == "one web process":
            site.kill_one_web_process(dice.randrange(8))
        else:
            site.kill(victim)


def _wait_until_settled(app: Flask) -> None:
    """Until the outbox is empty."""
    end = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < end:
        with app.app_context(), transaction():
            state = outbox.state()
        assert state.dead == 0
        if state.waiting == 0:
            return
        time.sleep(0.5)
    raise AssertionError(f"{state.waiting} rows still wait, the oldest for {state.oldest_seconds:.0f} s")
