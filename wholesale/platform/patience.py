"""A database that says nothing is taken to be away: no request waits for ever for a server that hangs.

The limits of `connections` are the server's to keep, and the network's tell of machines that are gone. A server that is
there and does nothing (stopped, its disk frozen) keeps neither: what waits for it here gives up by itself. Work in the
background that may take longer says so by `for_long`.
"""

from __future__ import annotations

from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from flask import Flask
from psycopg.abc import PQGen

from wholesale.platform.db import db

T = TypeVar("T")

SECONDS = 35.0
"""Beyond the 30 s that a statement may take: a server that works has said so by then."""


class SilentServerError(psycopg.OperationalError):
    """The server has not answered in time; the connection is of no use any more."""


class Patience(psycopg.Connection[Any]):
    """A connection that waits for each answer for so long and no longer."""

    seconds = SECONDS

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.seconds)
        except psycopg.errors._WaitTimeout as error:  # noqa: SLF001 - there is no other name for it
            self.pgconn.finish()  # what it was asked may still be done or not: nothing more can be asked of it
            raise SilentServerError(f"the database has not answered for {self.seconds:.0f} s") from error


def _connect(_dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]) -> Patience:
    return Patience.connect(*arguments, **options)


def for_long(seconds: int) -> None:
    """Let each further statement of this transaction take so long: in the background, where nobody waits."""
    connection = db.session.connection()
    connection.execute(_SET_LIMIT, {"limit": f"{seconds}s"})
    driver: Any = connection.connection.dbapi_connection
    if isinstance(driver, Patience):
        driver.seconds = seconds + SECONDS


_SET_LIMIT = sa.text("SELECT set_config('statement_timeout', :limit, true)")  # as SET LOCAL


def _as_before(driver: Any, _record: object) -> None:
    """The server forgets its limit with the transaction, and so do we when the connection is given back."""
    if isinstance(driver, Patience):
        vars(driver).pop("seconds", None)


def init_app(app: Flask) -> None:
    """After the database: its engines are made there."""
    with app.app_context():
        for engine in db.engines.values():
            sa.event.listen(engine, "do_connect", _connect)
            sa.event.listen(engine, "checkin", _as_before)
