"""A database that hangs: whoever waits for it gives up, and goes on when it is back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa
from flask import Flask

from tests import database
from tests.torture.faults import Line, database_by, socket_of_postgres
from wholesale.app import create_app
from wholesale.platform import patience
from wholesale.platform.db import db


@pytest.fixture
def line(house: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    monkeypatch.setattr(patience.Patience, "seconds", 0.4)
    url = house.extensions["settings"].database_url
    if "host" not in sa.make_url(url).query:
        pytest.skip("the line leads to the embedded server's socket")
    with Line(socket_of_postgres(url)) as made:
        yield made


def test_who_waits_for_a_server_that_hangs_gives_up(house: Flask, line: Line) -> None:
    name = str(sa.make_url(house.extensions["settings"].database_url).database)
    settings = database.settings_for(name)
    site = create_app(replace(settings, database_url=database_by(line, settings.database_url)))
    with site.app_context():
        assert db.session.scalar(sa.text("SELECT 1")) == 1
        line.set("stalled")
        with pytest.raises(sa.exc.OperationalError, match="has not answered") as gave_up:
            db.session.execute(sa.text("SELECT 2"))
        assert gave_up.value.connection_invalidated
        db.session.rollback()
        line.set("good")
        assert db.session.scalar(sa.text("SELECT 3")) == 3
        db.session.remove()
        db.engine.dispose()


def test_a_slow_statement_is_no_silence(house: Flask, line: Line) -> None:
    """Each answer has its time: many short ones together may take longer."""
    name = str(sa.make_url(house.extensions["settings"].database_url).database)
    settings = database.settings_for(name)
    site = create_app(replace(settings, database_url=database_by(line, settings.database_url)))
    with site.app_context():
        for _ in range(5):
            assert db.session.scalar(sa.text("SELECT 1 FROM pg_sleep(0.1)")) == 1
        db.session.remove()
        db.engine.dispose()


def test_work_that_takes_long_says_so(house: Flask, line: Line) -> None:
    """As long as its transaction lasts; the next on that connection is given up as ever."""
    name = str(sa.make_url(house.extensions["settings"].database_url).database)
    settings = database.settings_for(name)
    site = create_app(replace(settings, database_url=database_by(line, settings.database_url)))
    with site.app_context():
        patience.for_long(20)
        assert db.session.scalar(sa.text("SELECT current_setting('statement_timeout')")) == "20s"
        assert db.session.scalar(sa.text("SELECT 1 FROM pg_sleep(0.9)")) == 1
        db.session.rollback()
        with pytest.raises(sa.exc.OperationalError, match="has not answered"):
            db.session.execute(sa.text("SELECT 1 FROM pg_sleep(0.9)"))
        db.session.rollback()
        db.session.remove()
        db.engine.dispose()
