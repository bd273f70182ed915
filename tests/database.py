"""Databases for tests: one migrated template, copies of it for each worker and for tests that really commit."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from flask_migrate import upgrade

from wholesale.app import create_app
from wholesale.config import ROOT, Settings

STATE = ROOT / ".data" / "test"


def settings_for(database: str) -> Settings:
    """Test settings on `database`, as the role that serves requests (never the owner)."""
    environ = dict(os.environ) | {
        "WHOLESALE_ENV": "test",
        "WHOLESALE_DATA": str(STATE / "files" / database),
        "DATABASE_URL": _renamed(os.environ["DATABASE_URL"], database),
        "DATABASE_OWNER_URL": _renamed(os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"], database),
        "REDIS_URL": _redis_of_this_worker(),
    }
    return Settings.from_environment(environ)


def _renamed(url: str, database: str) -> str:
    return sa.make_url(url).set(database=database).render_as_string(hide_password=False)


def _redis_of_this_worker() -> str:
    """A Redis database for each worker: two that count the tries of one account would meet in one."""
    url, worker = os.environ["REDIS_URL"], os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    return url if "db=" in url else f"{url}{'&' if '?' in url else '?'}db={1 + int(worker.removeprefix('gw')) % 15}"


def _owner() -> sa.Engine:
    url = os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"]
    return sa.create_engine(
        url.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )


def template() -> str:
    """The name of a migrated, empty database; made when the migrations have changed."""
    versions = sorted((ROOT / "migrations" / "versions").glob("*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in versions)).hexdigest()[:12]
    name = f"test_template_{digest}"
    STATE.mkdir(parents=True, exist_ok=True)
    with (STATE / "template.lock").open("w") as lock, _owner().connect() as connection:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not connection.scalar(sa.text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}):
            connection.execute(sa.text(f"CREATE DATABASE {name}_making"))
            app = create_app(settings_for(f"{name}_making"))
            with app.app_context():
                upgrade()
            connection.execute(sa.text(f"ALTER DATABASE {name}_making RENAME TO {name}"))
    return name


def _drop(connection: sa.Connection, name: str) -> None:
    """Drop with whoever is connected; while autovacuum, which only a superuser may end, is at it, wait for it."""
    for attempt in range(600):
        try:
            connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        except sa.exc.ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) != "42501" or attempt == 599:  # insufficient_privilege
                raise
            time.sleep(0.1)
        else:
            return


@contextmanager
def copy(name: str) -> Iterator[str]:
    """A database of one's own, as the migrations leave it; dropped at the end."""
    source = template()
    with (STATE / "template.lock").open("w") as lock, _owner().connect() as connection:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a template can be copied by one at a time
        _drop(connection, name)
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {source}"))
    try:
        yield name
    finally:
        with _owner().connect() as connection:
            _drop(connection, name)
