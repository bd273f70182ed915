"""The database: one metadata for all rooms, naming rules, and column types that keep money exact."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, MappedAsDataclass, mapped_column, registry

naming = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True, eq=False):
    """Base of all tables. Constructors take keywords; an id is the database's to give."""

    registry = registry(
        metadata=sa.MetaData(naming_convention=naming),
        type_annotation_map={
            datetime: sa.DateTime(timezone=True),
            str: sa.Text,
            int: sa.BigInteger,
            dict[str, Any]: JSONB,
        },
    )


# Unit prices and money: 4 decimals serve screws at 0.1250 as well as totals.
Amount = Annotated[Decimal, mapped_column(sa.Numeric(18, 4))]
Percent = Annotated[Decimal, mapped_column(sa.Numeric(7, 4))]
Currency = Annotated[str, mapped_column(sa.CHAR(3))]
Id = Annotated[int, mapped_column(sa.BigInteger, sa.Identity(always=False), primary_key=True)]


class HouseSession(FlaskSession):
    """A session that can be told to read only; its transaction then begins so, without a round trip of its own.

    It may also be told which replica to read from (see platform.replica).
    """

    def get_bind(self, *args: Any, **kwargs: Any) -> sa.Engine | sa.Connection:
        bind = super().get_bind(*args, **kwargs)
        if isinstance(bind, sa.Engine) and self.info.get("read_only"):
            return _reading(self.info.get("replica", bind))
        return bind


@cache
def _reading(engine: sa.Engine) -> sa.Engine:
    """The engine with the same pool, whose transactions refuse to write."""
    return engine.execution_options(postgresql_readonly=True)


# create_savepoint lets a test wrap everything in a transaction of its own; with an engine it changes nothing.
db = SQLAlchemy(
    metadata=Base.metadata,
    session_options={"class_": HouseSession, "join_transaction_mode": "create_savepoint"},
)


Rows = Sequence[Mapping[str, Any]]


def insert_rows(rows: Mapping[type[Base], Rows]) -> None:
    """Write rows of one or more tables by one statement, each table's in their order.

    The rows of a table name the same columns: nothing has a default here. They travel as JSON, so that the statement
    is the same however many they are: it is put together once, and PostgreSQL knows it. What waits in the session
    goes on waiting. For what is written often; anything else reads better as an object of its own.
    """
    kept = {table: some for table, some in rows.items() if some}
    if kept:
        statement = _insertion(tuple((table, tuple(some[0])) for table, some in kept.items()))
        # An amount or a time goes as its text: nothing of it is lost.
        as_json = {
            table.__tablename__: json.dumps(some, default=str, ensure_ascii=False) for table, some in kept.items()
        }
        with db.session.no_autoflush:
            db.session.execute(statement, as_json)


@cache
def _insertion(tables: tuple[tuple[type[Base], tuple[str, ...]], ...]) -> sa.TextClause:
    """The statement that fills these columns of these tables."""
    *others, last = [_insert(table.__tablename__, columns) for table, columns in tables]
    before = ", ".join(f"insertion_{number} AS ({each})" for number, each in enumerate(others))
    return sa.text(f"WITH {before} {last}" if before else last)


def _insert(table: str, columns: tuple[str, ...]) -> str:
    names = ", ".join(f'"{column}"' for column in columns)
    return (
        f"INSERT INTO {table} ({names}) SELECT {names}"  # noqa: S608 - names of our own tables and columns
        f" FROM jsonb_populate_recordset(CAST(NULL AS {table}), CAST(:{table} AS jsonb))"
    )


def one_of(column: str, values: tuple[str, ...], name: str | None = None) -> sa.CheckConstraint:
    """A CHECK that `column` is one of `values`: states and kinds are text that a person can read."""
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=name or column)
