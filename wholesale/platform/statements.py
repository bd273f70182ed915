"""Which statements keep their plan, and statements that are put together once and not with every request.

PostgreSQL plans each statement anew, for the values that it has just then: a plan for any value takes the rarest word
and the commonest, one id and five thousand, to be alike, and what took 30 ms would take 30 s. So nothing is prepared
on a connection (which is when PostgreSQL thinks of keeping a plan) but what says that it may be: a `Kept` statement,
or all of a transaction after `keep_plans()`. Such look for a few rows by their keys, whatever their values are, and
planning them takes longer than doing them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import Any, ParamSpec

import psycopg
import sqlalchemy as sa
from psycopg.rows import namedtuple_row
from sqlalchemy.engine.interfaces import DBAPICursor, ExecutionContext
from sqlalchemy.sql.compiler import SQLCompiler

from wholesale.platform.db import db

P = ParamSpec("P")

_KEPT = {"keeps_plan": True}
_MOST_SHAPES = 32


def keep_plans() -> None:
    """Let every statement of the rest of this transaction keep its plan."""
    db.session.connection().execution_options(**_KEPT)


class _Asked:
    """What listeners get as the context of one statement: a place of their own."""

    executemany = False
    exception = None

    def handle_dbapi_exception(self, error: BaseException) -> None:
        """Nothing of it has to be put right."""


class Kept:
    """A SELECT, or a statement of SQL, whose named parameters are given each time; its other values are in its text.

    Building a statement of SQLAlchemy, and finding out that it was compiled before, takes it longer than the database
    takes to answer: this one is compiled once, and the text is handed to the driver, which takes a fifth of the time
    that a `Connection` takes. Whoever listens to statements hears of it all the same, and what the database refuses is
    raised as by any other. Values and answers are the driver's: JSON goes as its text. An IN of a list has no place in
    it, as that is another text for each length: say `= ANY(:ids)`.
    """

    def __init__(self, statement: sa.Select[Any] | sa.TextClause) -> None:
        self._statement = statement
        self._text = ""

    def rows(self, **values: object) -> Sequence[Any]:
        """All rows (named tuples) that there are for these values; what waits in the session is written before."""
        return self._send(values).fetchall()

    def row(self, **values: object) -> Any | None:
        """The first row, None when there is none."""
        found = self.rows(**values)
        return found[0] if found else None

    def run(self, **values: object) -> int:
        """Do what answers with no rows; how many rows it has changed."""
        return self._send(values).rowcount

    def _send(self, values: dict[str, object]) -> psycopg.Cursor[Any]:
        session = db.session()
        if session.autoflush:
            session.flush()
        connection = session.connection()
        text = self._text or self._compiled(connection.dialect)
        driver: Any = connection.connection.dbapi_connection
        cursor: psycopg.Cursor[Any] = driver.cursor(row_factory=namedtuple_row)
        asked = _Asked()
        for hears in connection.dispatch.before_cursor_execute:
            hears(connection, cursor, text, values, asked, False)
        try:
            cursor.execute(text, values, prepare=driver.prepare_threshold is not None)
        except psycopg.Error as error:
            # As an error of its own, and a connection that is lost is not used again; it has no other name.
            connection._handle_dbapi_exception(error, text, values, cursor, asked)  # type: ignore[arg-type] # noqa: SLF001
        for hears in connection.dispatch.after_cursor_execute:
            hears(connection, cursor, text, values, asked, False)
        return cursor

    def _compiled(self, dialect: sa.Dialect) -> str:
        compiled = self._statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        text = compiled.string
        for bind, name in compiled.bind_names.items():
            if not bind.required:  # a constant: PostgreSQL finds the index that is for "state = 'active'" alone
                literal = compiled.render_literal_value(bind.effective_value, bind.type)
                text = text.replace(f"%({name})s", literal)
        self._text = text
        return text


def kept(build: Callable[P, sa.Select[Any]]) -> Callable[P, Kept]:
    """Of a function that builds a statement: its `Kept`, built once for the same arguments."""

    @lru_cache(maxsize=_MOST_SHAPES)
    @wraps(build)
    def once(*args: P.args, **kwargs: P.kwargs) -> Kept:
        return Kept(build(*args, **kwargs))

    return once  # type: ignore[return-value]  # a cache is called like what it caches


@sa.event.listens_for(sa.Engine, "do_execute")
def _prepare_what_is_kept(
    cursor: DBAPICursor, statement: str, parameters: Any, context: ExecutionContext | None
) -> bool:
    """Left to the driver, every statement would be prepared that a connection has sent five times."""
    keeps = context is not None and context.execution_options.get("keeps_plan", False)
    may_prepare = cursor.connection.prepare_threshold is not None
    cursor.execute(statement, parameters, prepare=keeps and may_prepare)  # type: ignore[call-arg]  # psycopg's own
    return True
