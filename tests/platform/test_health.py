"""Alive and ready."""

from __future__ import annotations

from tests.client import HouseClient


def test_alive(client: HouseClient) -> None:
    assert client.get("/healthz").text == "ok\n"


def test_ready_names_its_parts(client: HouseClient) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json == {"database": "ok", "outbox": "ok", "redis": "ok"}


def test_unknown_page_is_404_as_json_too(client: HouseClient) -> None:
    response = client.get("/nowhere", headers={"Accept": "application/json"})
    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"
    assert response.json["request_id"]
