"""Connections that break, and what a request makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import DBAPIError

from wholesale.platform import connections, transaction
from wholesale.platform.access import ANYONE, access, csrf
from wholesale.platform.db import db
from wholesale.platform.transaction import counts_once

ADD = "INSERT INTO category (slug, name, position) VALUES ('bags', 'Bags', 0)"


@pytest.fixture
def cut(committed_app: Flask) -> Callable[[sa.Connection], None]:
    """Ends a connection from the server's side, as a server that dies does."""
    url = committed_app.extensions["settings"].database_url

    def end(connection: sa.Connection) -> None:
        pid = connections.driver(connection).info.backend_pid
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.connect() as other:
            other.execute(sa.text("SELECT pg_terminate_backend(:pid, 2000)"), {"pid": pid})

    return end


@pytest.fixture
def ask(committed_app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Sends a form to a view that a test makes up."""
    monkeypatch.setattr(csrf, "protect", lambda: None)

    def send(view: Callable[[], str]) -> Any:
        committed_app.add_url_rule("/probe", "probe", access(ANYONE)(view), methods=["POST"])
        return committed_app.test_client().post("/probe")

    return send


def slugs(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(sa.text("SELECT slug FROM category")))


def test_one_that_was_closed_while_nobody_used_it_is_made_anew(committed_app: Flask, cut) -> None:
    with committed_app.app_context():
        with db.engine.connect() as connection:
            cut(connection)
        with transaction.transaction():
            assert db.session.scalar(sa.text("SELECT 1")) == 1


def test_what_was_not_committed_is_done_again(committed_app: Flask, cut, ask) -> None:
    turns = []

    def view() -> str:
        turns.append(1)
        db.session.execute(sa.text(ADD))
        if len(turns) == 1:
            cut(db.session.connection())
            db.session.execute(sa.text("SELECT 1"))
        return "ok"

    assert ask(view).status_code == 200
    assert len(turns) == 2
    assert slugs(committed_app) == ["bags"]


@pytest.mark.parametrize("once", [False, True])
def test_what_may_have_been_committed_is_done_again_only_if_it_counts_once(
    committed_app: Flask, cut, ask, monkeypatch: pytest.MonkeyPatch, once
) -> None:
    turns = []

    def view() -> str:
        turns.append(1)
        if once:
            counts_once()
        db.session.execute(sa.text(f"{ADD} ON CONFLICT DO NOTHING"))
        db.session.flush()
        if len(turns) == 1:
            cut(db.session.connection())
        return "ok"

    assert ask(view).status_code == (200 if once else 503)
    assert len(turns) == (2 if once else 1)
    assert slugs(committed_app) == (["bags"] if once else [])


def test_of_a_commit_that_broke_nobody_knows(committed_app: Flask, cut) -> None:
    def work() -> None:
        with transaction.transaction():
            db.session.execute(sa.text(ADD))
            cut(db.session.connection())

    with committed_app.app_context(), pytest.raises(DBAPIError) as broken:
        work()
    assert transaction.may_have_been_saved(broken.value)


def test_who_finds_no_connection_is_told_so(committed_app: Flask, ask, monkeypatch: pytest.MonkeyPatch) -> None:
    with committed_app.app_context():
        engine = db.engine
    monkeypatch.setattr(engine.pool, "_timeout", 0.01)
    most = engine.pool.size() + engine.pool._max_overflow  # type: ignore[attr-defined]
    taken = [engine.connect() for _ in range(most)]
    answer = ask(lambda: str(db.session.scalar(sa.text("SELECT 1"))))
    for connection in taken:
        connection.close()
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


def test_a_question_waits_no_longer_than_it_is_told(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        wire = connections.driver(connection)
        assert connections.ask(wire, "SELECT 1, NULL, 'a'", 5) == ["1", "", "a"]
        with pytest.raises(psycopg.OperationalError, match="nowhere"):
            connections.ask(wire, "SELECT nowhere", 5)
        assert connections.ask(wire, "SELECT 2", 5) == ["2"], "the connection is good for more"
        with pytest.raises(connections.NoAnswerError):
            connections.ask(wire, "SELECT pg_sleep(5)", 0.05)
        assert wire.closed


def test_there_are_enough_for_each_thread_and_what_it_writes_beside(app: Flask) -> None:
    settings = app.extensions["settings"]
    made = connections.engine_options(settings, settings.database_url)
    assert made["pool_size"] == made["max_overflow"] == settings.database_pool_size == 8
    assert "lock_timeout=2s" in made["connect_args"]["options"]
