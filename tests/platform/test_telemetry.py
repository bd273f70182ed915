"""One id follows what somebody asked for: request, outbox rows, jobs, letters; and what a line of the log tells."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.client import HouseClient
from tests.conftest import Cast
from tests.platform.letters import smtp_server
from wholesale.kernel.events import Event
from wholesale.platform import outbox, telemetry
from wholesale.platform.db import db
from wholesale.platform.messages.smtp import SmtpServer
from wholesale.platform.outbox import OutboxRow
from wholesale.platform.rhythm import Periodic
from wholesale.platform.runs import run_periodic


class Lines(logging.Handler):
    """What goes to standard error, a JSON object a line."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(telemetry.JsonFormatter())
        self.text: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("wholesale"):  # the mail server of a test has a log too
            self.text.append(self.format(record))

    def of(self, logger: str) -> list[dict[str, Any]]:
        return [line for line in map(json.loads, self.text) if line["logger"] == logger]


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler, root = Lines(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


@dataclass(frozen=True)
class KettleBoiled(Event):
    """A test's."""

    cups: int


@pytest.fixture
def kettle() -> Iterator[list[str]]:
    """Fails once it is told to, by what stands in the list."""
    fails: list[str] = []

    def pour(_event: KettleBoiled) -> None:
        """Pour."""
        db.session.execute(sa.text("SELECT 1"))
        if fails:
            raise RuntimeError(fails[0])

    outbox.on(KettleBoiled)(pour)
    yield fails
    outbox.off(pour)
    del Event.registry["KettleBoiled"]


def test_one_id_from_the_request_to_the_letter(
    client: HouseClient, house: Flask, cast: Cast, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forgotten password: the request, each row that follows from it, and the letter in the end."""
    with smtp_server() as server:
        smtp = SmtpServer(replace(house.extensions["settings"], mail_url=f"smtp://127.0.0.1:{server.port}"))
        monkeypatch.setitem(house.extensions, "messages", house.extensions["messages"] | {"mail": smtp})
        asked = client.post("/forgot-password", data={"email": cast.amina.email})
        assert asked.status_code == 303
        number = asked.headers["X-Request-Id"]
        outbox.drain()
        [letter] = server.taken
    assert letter["X-Request-Id"] == number
    assert {row.request_id for row in db.session.query(OutboxRow)} == {number}
    [request] = lines.of("wholesale.request")
    rows = lines.of("wholesale.platform.outbox")
    [sent] = lines.of("wholesale.platform.messages.queue")
    assert len(rows) >= 1
    assert {line["request"] for line in (request, *rows, sent)} == {number}
    assert "wholesale.platform.messages.queue.relay" in {row["handler"] for row in rows}
    assert sent["channel"] == "mail"
    assert cast.amina.email not in "".join(lines.text)


def test_a_line_tells_how_long_and_how_often_the_database_was_asked(client_of, cast: Cast, lines: Lines) -> None:
    client_of(cast.amina).get("/cart?private=1")
    [line] = lines.of("wholesale.request")
    assert (line["method"], line["path"], line["status"]) == ("GET", "/cart", 200)
    assert line["queries"] > 1
    assert 0 < line["db_ms"] < line["ms"]


def test_a_row_that_fails_says_so_under_the_id_of_its_request(house: Flask, kettle: list[str], lines: Lines) -> None:
    kettle.append("no water")
    with telemetry.within("0123456789abcdef"):
        outbox.emit(KettleBoiled(cups=2))
    db.session.commit()
    outbox.drain()
    [line] = lines.of("wholesale.platform.outbox")
    assert line["request"] == "0123456789abcdef"
    assert (line["level"], line["result"], line["queries"] >= 1) == ("error", "failed", True)
    assert line["handler"].endswith("pour")
    assert "no water" in line["error"]
    kettle.clear()
    db.session.query(OutboxRow).update({"available_at": sa.func.now()})
    db.session.commit()
    outbox.drain()
    [_, line] = lines.of("wholesale.platform.outbox")
    assert (line["request"], line["result"], line["queries"] >= 1) == ("0123456789abcdef", "done", True)


def test_a_job_says_its_name_how_it_went_and_what_it_took(committed_app: Flask, lines: Lines) -> None:
    def counts() -> str:
        db.session.execute(sa.text("SELECT 1"))
        return "counted"

    def fails() -> str:
        raise RuntimeError("no ink")

    with committed_app.app_context():
        for name, work in (("counts", counts), ("fails", fails)):
            committed_app.extensions["timetable"][name] = Periodic(name, work, every=timedelta(days=1))
            run_periodic(name, by_hand=True)
    told = lines.of("wholesale.platform.runs")
    done, error, failed = told
    assert (done["job"], done["result"], done["queries"] >= 2) == ("counts", "done", True)
    assert (error["job"], error["level"]) == ("fails", "error")
    assert (failed["job"], failed["result"]) == ("fails", "failed")
    assert done["request"] != failed["request"] == error["request"]


def test_what_the_database_refuses_is_told_without_its_values(house: Flask, cast: Cast, lines: Lines) -> None:
    """Neither what it was asked with nor what it says of the row."""
    db.session.flush()
    try:
        with db.session.begin_nested():
            cast.babul.email = cast.amina.email
            db.session.flush()
    except sa.exc.IntegrityError:
        logging.getLogger("wholesale.test").exception("refused")
    [line] = lines.of("wholesale.test")
    assert "UniqueViolation" in line["error"]
    assert cast.amina.email not in line["error"]


def test_a_statement_that_is_refused_was_waited_for_all_the_same(house: Flask) -> None:
    with telemetry.within("a") as work:
        db.session.execute(sa.text("SET LOCAL statement_timeout = 50"))
        with pytest.raises(sa.exc.OperationalError), db.session.begin_nested():
            db.session.execute(sa.text("SELECT pg_sleep(5)"))
    assert work.waited > 0.05


def test_work_within_work_is_its_own(house: Flask) -> None:
    with telemetry.within("a") as outer:
        db.session.execute(sa.text("SELECT 1"))
        before = outer.statements
        with telemetry.within("b") as inner:
            db.session.execute(sa.text("SELECT 1"))
        assert telemetry.request_id() == "a"
        db.session.execute(sa.text("SELECT 1"))
    assert inner.statements == 1
    assert outer.statements == before + 1
    assert telemetry.request_id() is None or telemetry.request_id() not in {"a", "b"}
