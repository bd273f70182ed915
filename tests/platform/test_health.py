"""Alive and ready."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.client import HouseClient
from wholesale.kernel import clock
from wholesale.platform import health, transaction
from wholesale.platform.backup import BackupState


def test_alive(client: HouseClient) -> None:
    assert client.get("/healthz").text == "ok\n"


def test_ready_names_its_parts(client: HouseClient) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json == {
        "database": "ok",
        "outbox": "ok",
        "scheduler": "has not run yet: nothing of the timetable begins by itself",
        "worker": "ok",
        "jobs": "ok",
        "redis": "ok",
        "documents": "ok",
    }


def test_a_role_that_the_policies_do_not_bind_is_not_ready(
    client: HouseClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A DATABASE_URL with a superuser would switch row-level security off without a word."""
    assert transaction.is_bound()
    monkeypatch.setattr(transaction, "BOUND", transaction.BOUND.replace("rolsuper OR rolbypassrls", "true"))
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "bound by the policies" in response.json["database"]


def test_unknown_page_is_404_as_json_too(client: HouseClient) -> None:
    response = client.get("/nowhere", headers={"Accept": "application/json"})
    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"
    assert response.json["request_id"]


def test_without_the_database_it_lives_but_is_not_ready(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise sa.exc.OperationalError("SELECT 1", {}, Exception("connection refused"))

    monkeypatch.setattr(sa.Engine, "connect", away)
    browser = app.test_client()
    assert browser.get("/healthz").status_code == 200
    assert browser.get("/readyz").status_code == 503
    with browser.session_transaction() as session:
        session["login"] = "somebody"
    answer = browser.get("/products")
    assert answer.status_code == 503
    assert "not answering" in answer.text


def test_a_database_that_lacks_migrations_is_not_ready_and_one_that_is_ahead_is(
    client: HouseClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, newest = health._revisions()
    assert len(newest) == 1
    monkeypatch.setattr(health, "_revisions", lambda: (known | {"9999"}, frozenset({"9999"})))
    behind = client.get("/readyz")
    assert (behind.status_code, "db upgrade" in behind.json["database"]) == (503, True)
    before = known - newest
    monkeypatch.setattr(health, "_revisions", lambda: (before, frozenset({max(before)})))
    ahead = client.get("/readyz")
    assert (ahead.status_code, ahead.json["database"]) == (200, "ok")


def test_a_disk_that_is_nearly_full_is_told(client: HouseClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "space_for_documents", lambda: health.Space(300 * 1024**2, 10 * 1024**3))
    response = client.get("/readyz")
    assert (response.status_code, response.json["documents"]) == (200, "nearly full: 300 MB left")
    monkeypatch.setattr(health, "space_for_documents", lambda: health.Space(40 * 1024**3, 1000 * 1024**3))
    assert "nearly full" in client.get("/readyz").json["documents"]
    monkeypatch.setattr(health, "space_for_documents", lambda: None)
    assert client.get("/readyz").json["documents"] == "ok"


def test_backups_that_are_late_are_told(client: HouseClient, monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.now()
    late = BackupState(now - timedelta(days=3), now - timedelta(seconds=2), None)
    monkeypatch.setattr(health.backup, "state", lambda: late)
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json["backup"] == f"no base since {now - timedelta(days=3):%Y-%m-%d %H:%M}Z; no drill yet"
    monkeypatch.setattr(health.backup, "state", lambda: BackupState(now, now, now))
    assert client.get("/readyz").json["backup"] == "ok"
