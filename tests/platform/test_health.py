"""Alive and ready."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.client import HouseClient
from wholesale.platform import transaction


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
