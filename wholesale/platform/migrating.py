"""Changes of the tables while people work: nobody waits long for a migration, however busy a table is.

Whoever wants a table for themselves and has to wait lets everybody queue behind them. So a migration waits for a lock
for a second at most, half of what a page waits, gives up, and comes again a little later. What takes long (building an
index, looking through all rows) is done in steps that let people work meanwhile: `create_index`, `add_check`,
`add_foreign_key`, `require`. `tests/platform/test_migrations.py` refuses the others. See docs/deployment.md.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import DBAPIError

log = logging.getLogger(__name__)

LOCK_TIMEOUT = "1s"  # half of a request's own: whoever stands behind a migration in the queue still gets through
TRIES = 60  # about two minutes; then somebody should look at what holds the table
_PAUSE_SECONDS = (0.3, 1.5)
_ONE_AT_A_TIME = 0x6D696772617465  # the advisory lock of whoever migrates this database
_AGAIN = {"55P03", "40P01"}  # lock_not_available, deadlock_detected


def run(url: str, migrate: Callable[[sa.Connection], None]) -> None:
    """Call `migrate` with the owner's connection, again while somebody holds what it needs; one at a time.

    What was committed on the way stays, so that the next try goes on after it. Raises what the last try raised.
    """
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    for number in range(1, TRIES + 1):
        try:
            with engine.connect() as connection:
                _prepare(connection)
                _wait_for_our_turn(connection)
                migrate(connection)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _AGAIN or number == TRIES:
                raise
            log.warning("a table is busy, so the migration gives way and comes again (try %s of %s)", number, TRIES)
            time.sleep(random.uniform(*_PAUSE_SECONDS))  # noqa: S311 - jitter, not a secret
        else:
            return


def _prepare(connection: sa.Connection) -> None:
    with connection.begin():
        for statement in (
            f"SET lock_timeout = '{LOCK_TIMEOUT}'",
            "SET statement_timeout = 0",  # building an index may take an hour, and keeps nobody waiting
            "SET idle_in_transaction_session_timeout = 0",
            "SET app.scope = 'platform'",  # row-level security holds the owner too
        ):
            connection.execute(sa.text(statement))


def _wait_for_our_turn(connection: sa.Connection) -> None:
    """Two releases at once would build the same index twice; the lock ends with the connection.

    Asked for again and again: who waits inside a statement is waited for by an index that is built CONCURRENTLY.
    """
    said = False
    while True:
        with connection.begin():
            if connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_ONE_AT_A_TIME))):
                return
        if not said:
            log.warning("another migration of this database is under way: waiting for it")
            said = True
        time.sleep(random.uniform(*_PAUSE_SECONDS))  # noqa: S311 - jitter, not a secret


# --- steps that let people work ---------------------------------------------------------------------------


@contextmanager
def patiently() -> Iterator[None]:
    """Statements that each are a transaction of their own and may wait: only for those that lock nobody out."""
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        try:
            yield
        finally:
            op.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")


def create_index(
    name: str, table: str, columns: Sequence[str | sa.TextClause], *, unique: bool = False, where: str | None = None
) -> None:
    """An index on a table that is in use. What an interrupted try has left behind is built anew."""
    with patiently():
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
        op.create_index(
            op.f(name),
            table,
            list(columns),
            unique=unique,
            postgresql_where=None if where is None else sa.text(where),
            postgresql_concurrently=True,
        )


def drop_index(name: str, table: str) -> None:
    """Drop an index of a table that is in use."""
    with patiently():
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)


def add_check(name: str, table: str, condition: str) -> None:
    """A check that new rows keep at once; then it is looked whether the old ones do."""
    _drop_constraint(name, table)  # of an interrupted try
    op.create_check_constraint(op.f(name), table, condition, postgresql_not_valid=True)
    _validate(name, table)


def add_foreign_key(name: str, table: str, column: str, to: str, *, ondelete: str | None = None) -> None:
    """A foreign key to `to`'s id that new rows keep at once; then it is looked whether the old ones do."""
    _drop_constraint(name, table)
    op.create_foreign_key(op.f(name), table, to, [column], ["id"], ondelete=ondelete, postgresql_not_valid=True)
    _validate(name, table)


def require(table: str, column: str) -> None:
    """NOT NULL for a column of a table that is in use; every row must have a value by now.

    PostgreSQL looks through no rows when a check has proved it already.
    """
    proof = f"ck_{table}_{column}_is_there"
    add_check(proof, table, f"{_quoted(column)} IS NOT NULL")
    op.alter_column(table, column, nullable=False)
    op.drop_constraint(op.f(proof), table)


def _validate(name: str, table: str) -> None:
    with patiently():
        op.execute(f"ALTER TABLE {_quoted(table)} VALIDATE CONSTRAINT {_quoted(name)}")


def _drop_constraint(name: str, table: str) -> None:
    op.execute(f"ALTER TABLE {_quoted(table)} DROP CONSTRAINT IF EXISTS {_quoted(name)}")


def _quoted(name: str) -> str:
    return op.get_bind().dialect.identifier_preparer.quote(name)
