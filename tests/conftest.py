"""Services for the whole run, a database per worker, and each test in a transaction that is rolled back."""

from __future__ import annotations

import gc
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from tests import database
from tests.client import HouseClient
from tests.factories import accounts, organizations
from wholesale.accounts.models import User
from wholesale.app import create_app
from wholesale.config import ROOT
from wholesale.organizations.models import Organization
from wholesale.platform import cache, services, throttle
from wholesale.platform.db import db

_services = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """The controller starts PostgreSQL and Redis unless they are given; workers inherit their addresses."""
    if hasattr(config, "workerinput") or (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        return
    endpoints = _services.enter_context(services.running(database.STATE))
    os.environ.setdefault("DATABASE_URL", endpoints.database_url)
    os.environ.setdefault("DATABASE_OWNER_URL", endpoints.database_owner_url)
    os.environ.setdefault("REDIS_URL", endpoints.redis_url)


def pytest_unconfigure() -> None:
    _services.close()


@pytest.fixture(scope="session")
def app() -> Iterator[Flask]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw")
    with database.copy(f"test_{worker}_{os.getpid()}") as name:
        app = create_app(database.settings_for(name))
        app.test_client_class = HouseClient
        gc.collect()
        gc.freeze()  # what was imported need not be looked through again and again
        yield app
        with app.app_context():
            db.engine.dispose()


@pytest.fixture(scope="module", autouse=True)
def tidy() -> Iterator[None]:
    """Pages that were parsed and statements that were built are rings, which wait long to be collected."""
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def own_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test counts failures by itself: Redis is shared by all of a run, and by those who run beside it."""
    monkeypatch.setattr(throttle, "_PREFIX", f"throttle:{secrets.token_hex(6)}")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that one test has kept is read by the next, whose transaction never saw it."""
    monkeypatch.setattr(cache, "_PREFIX", f"cache:{secrets.token_hex(6)}")


@pytest.fixture
def house(app: Flask) -> Iterator[Flask]:
    """The application inside one transaction: what a test commits is a savepoint, and all is rolled back."""
    yield from in_a_transaction(app)


def in_a_transaction(app: Flask) -> Iterator[Flask]:
    """See `house`. Deferred constraints are checked at the end, as the real COMMIT would."""
    with app.app_context():
        engine = db.engine
        connection = engine.connect()
        outer = connection.begin()
        db.engines[None] = connection
        try:
            yield app
            db.session.commit()
            connection.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
        finally:
            db.session.remove()
            db.engines[None] = engine
            outer.rollback()
            connection.close()


@pytest.fixture
def committed_app(tmp_path: Path) -> Iterator[Flask]:
    """The application on an empty database of its own, where commits are real: for races and kills.

    Each thread of a test opens an application context of its own, and with it a session and a connection.
    """
    name = f"commits_{os.environ.get('PYTEST_XDIST_WORKER', 'gw')}_{os.getpid()}"
    with database.copy(name) as copy:
        app = create_app(replace(database.settings_for(copy), data_dir=tmp_path))
        app.test_client_class = HouseClient
        yield app
        with app.app_context():
            db.engine.dispose()


@pytest.fixture(scope="session")
def compiled() -> None:
    """Like bin/setup: pages in Bangla read the compiled catalogue."""
    source = ROOT / "translations" / "bn" / "LC_MESSAGES" / "messages.po"
    target = source.with_suffix(".mo")
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        pytest.fail("the catalogue is not compiled: run bin/setup")


@pytest.fixture
def client(house: Flask) -> HouseClient:
    """Nobody, signed out."""
    return house.test_client()


@pytest.fixture
def client_of(house: Flask) -> Callable[[User], HouseClient]:
    """A browser in which the given person is signed in."""

    def sign_in(user: User) -> HouseClient:
        token = accounts.sign_in(user)
        db.session.commit()
        return house.test_client().login(token)

    return sign_in


@dataclass(frozen=True)
class Cast:
    """The people of every test. `shop`, `other_shop` and `trader` are verified, `newcomer`'s shop is not."""

    amina: User
    babul: User
    chandni: User
    dipu: User
    esha: User
    newcomer: User
    shop: Organization
    other_shop: Organization
    trader: Organization
    new_shop: Organization


@pytest.fixture
def cast(house: Flask) -> Cast:
    """Amina and Babul of one buyer, Chandni of another, Dipu the seller, Esha the admin, a newcomer."""
    return make_cast()


def make_cast() -> Cast:
    """See `cast`."""
    amina, babul, chandni = (accounts.user(name) for name in ("Amina", "Babul", "Chandni"))
    dipu, newcomer = accounts.user("Dipu"), accounts.user("Newcomer")
    made = Cast(
        amina=amina,
        babul=babul,
        chandni=chandni,
        dipu=dipu,
        esha=accounts.user("Esha", staff_role="admin"),
        newcomer=newcomer,
        shop=organizations.business("Amina Store", members={amina: "owner", babul: "member"}),
        other_shop=organizations.business("Chandni Store", members={chandni: "owner"}),
        trader=organizations.business("Dipu Traders", kind="seller", members={dipu: "owner"}),
        new_shop=organizations.business("New Store", verified=False, members={newcomer: "owner"}),
    )
    db.session.commit()
    return made
