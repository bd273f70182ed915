"""A small shop on which the measurements are asked in short form: that they can be asked, never how long they take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from bench import common, million, pages
from bench.common import Processes, Stage
from tests import database
from tests.factories import accounts, catalog, orders, organizations
from wholesale.app import create_app
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction

GOODS = 26  # one more than a page of the listing


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where figures are kept: not beside those that somebody has measured."""
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Goods of one seller and an order, and the people of the demonstration by their addresses."""
    folder = tmp_path_factory.mktemp("bench")
    with database.copy(f"bench_{folder.name}_{id(folder)}") as name:
        app = create_app(replace(database.settings_for(name), data_dir=folder))
        with app.app_context(), transaction():
            admin = accounts.user("Esha", staff_role="admin")
            dipu, amina = accounts.user("Dipu"), accounts.user("Amina")
            people = ((admin, million.ADMIN), (dipu, million.SELLER), (amina, million.BUYER))
            for person, email in people:
                person.email = email
            seller = organizations.business("Dipu Traders", kind="seller", members={dipu: "owner"})
            organizations.business("Amina Store", members={amina: "owner"})
            made = [catalog.product(seller, f"Jute bag {number}") for number in range(GOODS)]
            catalog.picture(made[0])
            orders.placed(accounts.actor(amina), {made[0]: 10})
        yield app
        with app.app_context():
            db.engine.dispose()


@pytest.fixture(scope="module")
def stage(shop: Flask) -> Iterator[Stage]:
    """The shop as its processes."""
    with common.serving(shop, shop.extensions["settings"].data_dir / "log", "web", "worker", "scheduler") as site:
        yield Stage(shop, site, Processes.of(shop, site))


@pytest.fixture(scope="module")
def known(stage: Stage) -> pages.Known:
    return pages.furnish(stage, goods=10, buyers=4)
