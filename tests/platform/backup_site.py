"""A site of its own to back up: a data folder with an embedded PostgreSQL, a seller's goods, orders, documents."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from flask import Flask
from flask_migrate import upgrade

from tests.conftest import make_cast
from tests.factories import accounts, catalog, orders
from wholesale.accounts.models import User
from wholesale.app import create_app
from wholesale.catalog.models import Product
from wholesale.config import ROOT, Settings
from wholesale.orders.models import Purchase
from wholesale.platform import services
from wholesale.platform.backup import sealing
from wholesale.platform.backup.base import Source
from wholesale.platform.backup.shelves import Archive, FolderShelf
from wholesale.platform.db import db
from wholesale.platform.files import storage
from wholesale.platform.services.places import places
from wholesale.platform.services.secrets_file import read_secrets
from wholesale.platform.transaction import transaction


class Site:
    """A data folder whose PostgreSQL runs, and where its backups go."""

    def __init__(self, folder: Path, backups: Path, endpoints: services.Endpoints, redis_url: str) -> None:
        self.folder, self.backups = folder, backups
        self.key_file = backups.with_suffix(".key")
        self.key_file.write_text(secrets.token_hex(32))
        self.environment = {
            "DATABASE_URL": endpoints.database_url,
            "DATABASE_OWNER_URL": endpoints.database_owner_url,
            "BACKUP_DATABASE_URL": endpoints.backup_database_url,
            "REDIS_URL": redis_url,
            "WHOLESALE_DATA": str(folder),
            "WHOLESALE_ENV": "development",
            "BACKUP_URL": f"file:{backups}",
            "BACKUP_KEY_FILE": str(self.key_file),
        }
        self.settings = Settings.from_environment(self.environment)
        self.app: Flask = create_app(Settings.from_environment({**self.environment, "WHOLESALE_ENV": "test"}))

    def fill(self, count: int) -> None:
        """The tables, people, goods, `count` orders, and a document."""
        with self.app.app_context():
            upgrade()
            cast = make_cast()
            with transaction():
                product = catalog.product(cast.trader, "Jute bag", stock=1_000_000)
                self.product_id, self.buyer_id = product.id, cast.amina.id
        self.order(count)
        self.document(b"the buyer's own purchase order")

    def document(self, data: bytes) -> str:
        """Store one that the newest purchase names; its key."""
        with self.app.app_context(), transaction():
            key = storage().put(data, "application/pdf").key
            newest = db.session.scalars(sa.select(Purchase).order_by(Purchase.id.desc()).limit(1)).one()
            newest.po_file_key = key
        return key

    def order(self, count: int) -> None:
        """Place orders, each in a transaction of its own."""
        with self.app.app_context():
            for _each in range(count):
                with transaction():
                    actor = accounts.actor(db.session.get_one(User, self.buyer_id))
                    orders.placed(actor, {db.session.get_one(Product, self.product_id): 10})

    def archive(self, shelf: Path | None = None) -> Archive:
        return Archive(FolderShelf(shelf or self.backups), sealing.read_key(self.key_file))

    def source(self) -> Source:
        return Source(
            replication_url=self.settings.backup_database_url,
            database_url=self.settings.database_url,
            owner_url=self.settings.database_owner_url,
            data_dir=self.folder,
            secrets=places(self.folder).secrets("postgres"),
        )

    def flask(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", *arguments],
            check=False,
            cwd=ROOT,
            env={**os.environ, **self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )

    @contextmanager
    def following(self) -> Iterator[subprocess.Popen[bytes]]:
        """`backup follow` as a process; stopped at the end unless it was killed."""
        with self.backups.with_suffix(".log").open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "flask", "--app", "wsgi", "backup", "follow"],
                cwd=ROOT,
                env={**os.environ, **self.environment},
                stdout=out,
                stderr=out,
            )
        try:
            yield process
            if process.poll() is None:
                process.terminate()
                assert process.wait(60) == 0, self.backups.with_suffix(".log").read_text()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def superuser(self) -> psycopg.Connection[Any]:
        """Somebody who can do any harm."""
        where = places(self.folder)
        password = read_secrets(where.secrets("postgres"))["postgres"]
        return psycopg.connect(
            host=str(where.sockets), user="postgres", password=password, dbname="wholesale", autocommit=True
        )

    def position(self) -> int:
        """How far its log goes, as an LSN."""
        with self.superuser() as connection:
            row = connection.execute("SELECT pg_current_wal_flush_lsn() - '0/0'").fetchone()
            assert row is not None
            return int(row[0])

    def moment(self) -> str:
        """What the server's clock says."""
        with self.superuser() as connection:
            row = connection.execute("SELECT clock_timestamp()").fetchone()
            assert row is not None
            return str(row[0].isoformat())


def fingerprint(connection: psycopg.Connection[Any]) -> dict[str, tuple[int, str]]:
    """Of every table how many rows it has, and a hash of all of them; but for the signs of life."""
    connection.execute("SET timezone TO 'UTC'")
    tables = connection.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        " AND table_name <> 'process_beat' ORDER BY 1"
    ).fetchall()
    found = {}
    for (table,) in tables:
        row = connection.execute(
            f'SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text FROM "{table}" t'
        ).fetchone()
        assert row is not None
        found[table] = (row[0], row[1])
    return found


@contextmanager
def running(backups: Path, *, orders: int = 6) -> Iterator[Site]:
    """A filled site; its folder lies where the database's own user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="wholesale-test-", dir="/tmp"))
    folder.chmod(0o755)
    backups.parent.chmod(0o755)
    try:
        with services.running(folder, redis=False) as endpoints:
            site = Site(folder, backups, endpoints, os.environ["REDIS_URL"])
            try:
                site.fill(orders)
                yield site
            finally:
                with site.app.app_context():
                    db.engine.dispose()
    finally:
        services.erase(folder)
        shutil.rmtree(folder)


def eventually(condition: Any, seconds: float = 120.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(0.05)


def remove(folder: Path) -> None:
    """A restored folder, wherever its database lies."""
    with suppress(services.ServiceError):
        services.erase(folder)
    shutil.rmtree(folder, ignore_errors=True)
