"""How the processes reach PostgreSQL: limits, the pool of connections, several hosts, a pooler in between.

A connection belongs to nobody: between two transactions it carries nothing of either (kept by a test), so that it may
be one of PgBouncer's in transaction mode. What a role or a person may see is told to each transaction by itself
(see `transaction`); the limits below hold for all of them.
"""

from __future__ import annotations

import select
import time
from typing import Any, cast

import click
import psycopg
import sqlalchemy as sa
from flask import Flask, current_app
from flask.cli import AppGroup
from psycopg import pq, sql

from wholesale.config import Settings
from wholesale.platform.db import db

# Nobody waits for ever, on whichever server: a lock for 2 s (then people read 409), a statement for 30 s.
# plan_cache_mode: which statements keep a plan is said with each of them (platform.statements).
LIMITS = {
    "lock_timeout": "2s",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "60s",
    "plan_cache_mode": "auto",
}

_POOL_WAIT_SECONDS = 3
_RECYCLE_SECONDS = 30 * 60
# A server that was switched off answers nothing at all: without these a request would wait for minutes. The least that
# libpq takes for a connection is 2 s a host; a statement that nobody confirms is given up after 5 s.
_NETWORK = {
    "connect_timeout": 2,
    "keepalives_idle": 10,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
}
cli = AppGroup("database", help="The connections to PostgreSQL.")


def engine_options(settings: Settings, url: str) -> dict[str, Any]:
    """What SQLAlchemy is told for `url`; what stands in the address itself goes before.

    Of each thread one connection is kept, and one more may be opened for what is written beside its transaction
    (`transaction.independent`), so that threads never wait for one another.
    """
    arguments: dict[str, Any] = {name: value for name, value in _NETWORK.items() if name not in sa.make_url(url).query}
    if settings.database_pooler == "transaction":
        arguments["prepare_threshold"] = None  # the statement would be prepared on one connection, used on another
    else:
        arguments["options"] = " ".join(f"-c {name}={value}" for name, value in LIMITS.items())
    return {
        "pool_size": settings.database_pool_size,
        "max_overflow": settings.database_pool_size,
        "pool_timeout": _POOL_WAIT_SECONDS,
        "pool_recycle": _RECYCLE_SECONDS,
        "pool_use_lifo": True,  # the ones that are not needed grow old and are closed
        "connect_args": arguments,
        "hide_parameters": True,  # they may be somebody's, and what an exception says goes into the log
    }


class NoAnswerError(psycopg.OperationalError):
    """A server has not answered in time; the connection is of no use any more."""


def ask(connection: psycopg.Connection[Any], question: str, seconds: float) -> list[str]:
    """The columns of the one row that answers, as text: one round trip, outside of any transaction.

    Raises NoAnswerError after so many seconds, which a driver's own call would not. The question has no values.
    """
    wire, until = connection.pgconn, time.monotonic() + seconds
    wire.send_query(question.encode())
    reader = select.poll()
    reader.register(wire.socket, select.POLLIN)
    while wire.flush() or wire.is_busy():
        left = until - time.monotonic()
        if left <= 0 or not reader.poll(left * 1000):
            connection.close()
            raise NoAnswerError(f"no answer within {seconds} s")
        wire.consume_input()
    result = wire.get_result()
    while wire.get_result() is not None:
        pass
    if result is None or result.status != pq.ExecStatus.TUPLES_OK:
        raise psycopg.OperationalError(result.get_error_message() if result else "no answer")
    return [(result.get_value(0, column) or b"").decode() for column in range(result.nfields)]


def driver(connection: sa.Connection) -> psycopg.Connection[Any]:
    """The driver's own connection."""
    return cast("psycopg.Connection[Any]", connection.connection.dbapi_connection)


def unset_limits() -> list[str]:
    """Which limits do not hold for the role that serves."""
    names = list(LIMITS)
    row = db.session.execute(sa.select(*(sa.func.current_setting(name) for name in names))).one()
    return [name for name, value in zip(names, row, strict=True) if _plain(value) != _plain(LIMITS[name])]


def _plain(value: str) -> str:
    return value.replace("1min", "60s")


@cli.command("limits")
def keep_limits() -> None:
    """Let the limits hold for every connection of this role to this database, also those of a pooler.

    PgBouncer does not pass on what a client says at its start, so the role itself says it. It holds for connections
    that are made from now on: PgBouncer makes new ones after RECONNECT.
    """
    with db.engine.connect() as connection, connection.begin():
        name = connection.scalar(sa.text("SELECT current_database()"))
        for setting, value in LIMITS.items():
            statement = sql.SQL("ALTER ROLE CURRENT_USER IN DATABASE {} SET {} = {}").format(
                sql.Identifier(str(name)), sql.Identifier(setting), sql.Literal(value)
            )
            connection.exec_driver_sql(statement.as_string())
    for setting, value in LIMITS.items():
        click.echo(f"{setting} = {value}")


def _is_alive(connection: psycopg.Connection[Any], _record: object, _borrowed: object) -> None:
    """Let nobody have a connection that the server has closed: its end lies unread in the socket.

    No round trip, a look of some microseconds. All that were made before are then made anew.
    """
    wire = connection.pgconn
    reader = select.poll()
    reader.register(wire.socket, select.POLLIN)
    while reader.poll(0):
        try:
            wire.consume_input()
        except psycopg.OperationalError as gone:
            raise sa.exc.InvalidatePoolError("the server has closed it") from gone


def init_app(app: Flask) -> None:
    """After the database: its engines are made there."""
    app.cli.add_command(cli)
    with app.app_context():
        for engine in db.engines.values():
            sa.event.listen(engine, "checkout", _is_alive)


def pooler() -> str:
    """`transaction` behind a pooler that gives each transaction another connection, else empty."""
    return cast("Settings", current_app.extensions["settings"]).database_pooler
