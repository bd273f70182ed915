"""What is reported of an unexpected error, and what is not."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sentry_sdk.transport import Transport

from tests.client import HouseClient
from tests.conftest import Cast
from wholesale.pages.views import shop
from wholesale.platform import crash_reports, outbox
from wholesale.platform.db import db
from wholesale.platform.messages import queue

log = logging.getLogger("wholesale.test")


class Kept(Transport):
    """What would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Any) -> None:
        event = envelope.get_event()
        assert event is not None, "only errors are reported, neither sessions nor reports of the client"
        self.events.append(json.loads(json.dumps(event, default=str)))

    def flush(self, timeout: float, callback: Any = None) -> None:
        pass


@pytest.fixture
def reports() -> Iterator[Kept]:
    kept = Kept()
    crash_reports.switch_on("https://key@sentry.example/1", "test", kept)
    try:
        yield kept
    finally:
        crash_reports.switch_off()


def test_an_error_of_a_request_is_reported_without_anything_private(
    client_of, cast: Cast, reports: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "Amina's secret"

    def breaks(*_: object, **__: object) -> None:
        local = secret
        raise ValueError(f"{local} of {cast.amina.email}")

    browser = client_of(cast.amina)
    monkeypatch.setattr(shop, "show", breaks)
    answer = browser.get(f"/sources?q={secret}", headers={"X-Private": secret, "User-Agent": secret})
    assert answer.status_code == 500
    [event] = reports.events
    [error] = event["exception"]["values"]
    assert error["type"] == "ValueError"
    assert error["stacktrace"]["frames"][-1]["function"] == "breaks"
    assert event["tags"]["request"] == answer.headers["X-Request-Id"]
    text = json.dumps(event)
    for private in (secret, cast.amina.email, "session", "cookie", "User-Agent", "server_name"):
        assert private not in text
    assert event.keys() <= set(crash_reports._KEPT) | {"exception"}


def test_an_error_of_an_outbox_row_is_reported_with_the_id_of_its_request(
    client: HouseClient, house: Flask, cast: Cast, reports: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError(cast.amina.email)

    asked = client.post("/forgot-password", data={"email": cast.amina.email})
    monkeypatch.setattr(queue, "_take", breaks)
    outbox.drain()
    assert reports.events
    for event in reports.events:
        assert event["tags"]["request"] == asked.headers["X-Request-Id"]
        assert event["tags"]["handler"] == "wholesale.platform.messages.queue.relay"
        assert cast.amina.email not in json.dumps(event)


def test_what_a_statement_was_given_stays_here(house: Flask, reports: Kept) -> None:
    try:
        db.session.execute(sa.text("SELECT CAST(:secret AS int)"), {"secret": "Amina"})
    except sa.exc.DBAPIError:
        log.exception("Amina could not be counted")
    db.session.rollback()
    [event] = reports.events
    assert [each["type"] for each in event["exception"]["values"]][-1] == "DataError"
    assert "Amina" not in json.dumps(event)


def test_what_is_no_unexpected_error_is_not_reported(client: HouseClient, reports: Kept) -> None:
    assert client.get("/nowhere").status_code == 404
    log.error("something is wrong, but nothing was raised")
    log.warning("hm")
    assert reports.events == []


def test_switched_off_nothing_listens() -> None:
    assert crash_reports._handlers == []
    crash_reports.flush()
