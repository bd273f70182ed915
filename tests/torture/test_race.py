"""200 buyers race for 100 units over three real web processes: exactly 100 are sold."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.factories import accounts, catalog, organizations
from tests.factories import orders as factory
from tests.torture.rig import Buyer, running
from wholesale.inventory import queries as inventory
from wholesale.ledger import jobs as ledger
from wholesale.orders.models import Order, Purchase
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction

BUYERS = 200
UNITS = 100


@pytest.mark.torture
def test_200_buyers_race_for_100_units(committed_app: Flask, tmp_path: Path) -> None:
    with committed_app.app_context(), transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        bag = catalog.product(trader, tiers=((1, "145"),), stock=UNITS)
        logins = []
        for number in range(BUYERS):
            person = accounts.user(f"Buyer{number}")
            organizations.business(f"Shop {number}", members={person: "owner"})
            factory.ready_to_place(accounts.actor(person), {bag: 1})
            logins.append(accounts.sign_in(person))
        bag_id = bag.id
    with running(committed_app, tmp_path / "log", "web", web_processes=3) as site:
        buyers = [Buyer.of(committed_app, site.port, login) for login in logins]
        with ThreadPoolExecutor(24) as crowd:
            forms = list(crowd.map(Buyer.review, buyers))
            assert all(forms)
            # Everybody sends twice at once, as a double click does.
            answers = list(
                crowd.map(
                    lambda pair: pair[0].ask("POST", "/checkout/review", pair[1]),
                    [*zip(buyers, forms, strict=True)] * 2,
                )
            )
    statuses = [status for status, _, _ in answers]
    assert set(statuses) <= {303, 409, 422}, {status: statuses.count(status) for status in set(statuses)}
    confirmed = {location for status, location, _ in answers if status == 303 and "/confirmation/" in location}
    with committed_app.app_context(), transaction():
        assert db.session.query(Order).count() == UNITS
        assert db.session.query(Purchase).count() == UNITS
        assert len(confirmed) == UNITS
        stock = db.session.execute(
            sa.text(
                "SELECT on_hand, allocated FROM stock JOIN variant ON variant.id = variant_id WHERE product_id = :id"
            ),
            {"id": bag_id},
        ).one()
        assert tuple(stock) == (UNITS, UNITS)  # none left to sell
        assert ledger.problems() == []
        assert inventory.proof() == []
