"""Databases with few and with very many products, for the questions of growth: kept in a folder for the next time."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade

from tests.factories import accounts
from wholesale.accounts.models import User
from wholesale.app import create_app
from wholesale.catalog.models import Product
from wholesale.config import ROOT, Settings
from wholesale.demo import load as demo
from wholesale.demo import shipped
from wholesale.platform import outbox, services
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction

FOLDER = ROOT / ".data" / "bench"
BUYER = "buyer@demo.example"
SELLER = "seller@demo.example"
ADMIN = "admin@demo.example"


def load(folder: Path, products: int, say: Callable[[str], None] = print, *, purchases: int = 0) -> None:
    """So many products in that folder, unless they are there: as `flask demo load --products N`.

    Of the demonstration's orders only the last so many purchases.
    """
    with running(folder) as app, app.app_context():
        with transaction():
            there = db.session.scalar(sa.text("SELECT to_regclass('product') IS NOT NULL"))
        upgrade()
        if there and count(app) >= products:
            return
        data = shipped.read(products)
        began = time.monotonic()
        demo.load(shipped.replaced(data, data.products, invoices=purchases), say=say)
        outbox.drain(limit=100_000, seconds=3600)  # or a worker would do it while something is measured
        say(f"{products:,} products loaded in {time.monotonic() - began:,.0f} s")


@contextmanager
def running(folder: Path) -> Iterator[Flask]:
    """The application on the services of that folder, in this process."""
    with services.running(folder) as endpoints:
        env = {
            "WHOLESALE_ENV": "development",
            "WHOLESALE_DATA": str(folder),
            "DATABASE_URL": endpoints.database_url,
            "DATABASE_OWNER_URL": endpoints.database_owner_url,
            "REDIS_URL": endpoints.redis_url,
        }
        app = create_app(Settings.from_environment(env))
        logging.disable(logging.INFO)  # a line for each request
        gc.collect()
        gc.freeze()  # as gunicorn does before its workers
        yield app
        with app.app_context():
            db.engine.dispose()


def browser(app: Flask, email: str | None = None) -> FlaskClient:
    """A visitor's browser, or one in which that person is signed in."""
    client = FlaskClient(app, app.response_class)
    if email:
        token = login(app, email)
        with client.session_transaction() as session:
            session["login"] = token
    return client


def login(app: Flask, email: str) -> str:
    """The secret of a session in which that person is signed in."""
    with app.app_context(), transaction():
        return accounts.sign_in(db.session.scalars(sa.select(User).where(User.email == email)).one())


def count(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(sa.select(sa.func.count()).select_from(Product)) or 0


def backends(app: Flask) -> list[Path]:
    """Where the kernel counts the processor time of this database's connections."""
    with app.app_context():
        of_this = (
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
        )
        return [Path(f"/proc/{pid}/schedstat") for pid in db.session.scalars(sa.text(of_this))]


def worked(connections: Sequence[Path]) -> float:
    """Seconds that this process and those connections have had a processor: waiting for one is not counted."""
    database = sum(int(each.read_text().split()[0]) for each in connections if each.exists())
    return time.process_time() + database / 1e9


def p95(times: Sequence[float]) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
