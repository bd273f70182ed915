"""What these tests share: above all the world, which is built once for a file, whatever the tests do to it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, fields

import pytest
import sqlalchemy as sa
from flask import Flask

from tests import conftest as everybodys
from tests.conftest import Cast
from tests.house.world import World, build
from tests.opened_once import each_file_is_opened_once
from wholesale.platform import cache
from wholesale.platform.db import db

__all__ = ["each_file_is_opened_once"]


@dataclass(frozen=True)
class Standing:
    """A world in a transaction that stays open: each test is a savepoint in it."""

    app: Flask
    connection: sa.Connection
    cast: Cast
    world: World

    def open(self) -> AbstractContextManager[None]:
        """For what a file prepares once: what is done within stays for all of its tests."""
        return _on(self.connection, self.app)


@contextmanager
def _on(connection: sa.Connection, app: Flask) -> Iterator[None]:
    """The application with this connection in place of its engine, and with nothing kept from other tests."""
    with app.app_context(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "_PREFIX", f"cache:{secrets.token_hex(6)}")
        engine, db.engines[None] = db.engine, connection
        try:
            yield
        finally:
            db.session.remove()
            db.engines[None] = engine


@pytest.fixture(scope="module")
def standing(app: Flask) -> Iterator[Standing]:
    with app.app_context():
        connection = db.engine.connect()
    outer = connection.begin()
    connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    with _on(connection, app):
        cast = everybodys.make_cast()
        made = Standing(app, connection, cast, build(app, cast))
    yield made
    outer.rollback()
    connection.close()


def _meets_the_world(request: pytest.FixtureRequest) -> bool:
    return "world" in request.fixturenames


@pytest.fixture
def house(app: Flask, request: pytest.FixtureRequest) -> Iterator[Flask]:
    """The application in a transaction of its own; with `world`, in that of the world."""
    if not _meets_the_world(request):
        yield from everybodys.in_a_transaction(app)
        return
    connection = request.getfixturevalue("standing").connection
    with app.app_context():
        engine = db.engine
        point = connection.begin_nested()
        db.engines[None] = connection
        try:
            yield app
            db.session.commit()
            connection.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
        finally:
            db.session.remove()
            db.engines[None] = engine
            point.rollback()


@pytest.fixture
def cast(house: Flask, request: pytest.FixtureRequest) -> Cast:
    """Those of the world where there is one."""
    if not _meets_the_world(request):
        return everybodys.make_cast()
    known: Cast = request.getfixturevalue("standing").cast
    people = {field.name: getattr(known, field.name) for field in fields(Cast)}
    return Cast(**{name: db.session.merge(thing) for name, thing in people.items()})


@pytest.fixture
def world(house: Flask, standing: Standing) -> World:
    return standing.world
