"""Nothing typed is lost, nothing secret is kept, and nobody is led to another site."""

from __future__ import annotations

import time

import itsdangerous
import pytest
from flask import Flask

from tests.client import HTMX, HouseClient
from wholesale.platform import resume

OURS = {"Origin": "http://localhost"}


@pytest.mark.parametrize(
    "path", ["/", "/products", "/products?q=tea&after=3", "/products/চা", "/a//b", "/a:b", "/?next=https://evil.example"]
)
def test_a_path_of_ours_is_followed(path) -> None:
    assert resume.local_path(path) == path


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "products",
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r/evil.example",
        "/a\0b",
        "javascript:alert(1)",
        "https:evil.example",
        "http:///evil.example",
        " //evil.example",
        "data:text/html,x",
        "/a\\b",
    ],
)
def test_an_address_elsewhere_is_not(url) -> None:
    assert resume.local_path(url) is None


def drafted(app: Flask, data: dict[str, str], path: str = "/cart/lines") -> dict[str, object] | None:
    with app.test_request_context(path, method="POST", data=data, headers=OURS):
        return resume.read(resume.draft())


def test_what_was_typed_comes_back(app: Flask) -> None:
    kept = drafted(app, {"quantity": "৫০", "note": "as usual"})
    assert kept is not None
    assert kept["path"] == "/cart/lines"
    assert [tuple(pair) for pair in kept["fields"]] == [("quantity", "৫০"), ("note", "as usual")]


@pytest.mark.parametrize(
    "name", ["password", "new_password", "csrf_token", "draft", "code", "otp_code", "secret", "Password"]
)
def test_what_is_private_does_not(app: Flask, name) -> None:
    kept = drafted(app, {name: "hunter2", "note": "x"})
    assert kept is not None
    assert [field for field, _ in kept["fields"]] == ["note"]


def test_a_get_has_nothing_to_keep(app: Flask) -> None:
    with app.test_request_context("/products?q=tea"):
        assert resume.draft() == ""


def test_what_is_too_much_is_not_carried(app: Flask) -> None:
    assert drafted(app, {"note": "x" * 60_001}) is None


def test_a_forged_or_foreign_draft_is_none(app: Flask) -> None:
    with app.test_request_context("/cart/lines", method="POST", data={"quantity": "5"}, headers=OURS):
        token = resume.draft()
        assert resume.read(token) is not None
        assert resume.read(token[:-2]) is None
        assert resume.read(token.swapcase()) is None
        assert resume.read("") is None
        other = itsdangerous.URLSafeTimedSerializer(str(app.secret_key), salt="something-else")
        assert resume.read(str(other.dumps({"path": "/", "fields": []}))) is None
        elsewhere = resume._serializer().dumps({"path": "https://evil.example", "fields": []})
        assert resume.read(str(elsewhere)) is None


def test_a_draft_lives_an_hour(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.test_request_context("/cart/lines", method="POST", data={"quantity": "5"}, headers=OURS):
        token, now = resume.draft(), time.time()
        monkeypatch.setattr(itsdangerous.timed.time, "time", lambda: now + 3599)
        assert resume.read(token) is not None
        monkeypatch.setattr(itsdangerous.timed.time, "time", lambda: now + 3602)
        assert resume.read(token) is None


def test_a_visitor_is_led_to_the_login_and_back(client: HouseClient) -> None:
    response = client.get("/orders?state=placed")
    assert (response.status_code, response.location) == (303, "/login?next=/orders?state%3Dplaced")
    fragment = client.get("/orders", headers=HTMX)
    assert (fragment.status_code, fragment.headers["HX-Redirect"]) == (204, "/login?next=/orders")


def test_a_visitors_form_travels_through_the_login(client: HouseClient) -> None:
    response = client.post("/cart/lines", data={"variant_id": "7", "quantity": "60"})
    assert response.status_code == 401
    assert 'name="draft"' in response.text
    whole = client.post("/cart/lines", data={"variant_id": "7", "quantity": "60"}, headers=HTMX)
    assert whole.headers["HX-Retarget"] == "body"


def test_a_stale_token_shows_what_was_typed_with_one_button(client: HouseClient) -> None:
    response = client.post("/login", data={"email": "amina@shop.example", "password": "hunter2"}, csrf=False)
    assert response.status_code == 400
    assert "amina@shop.example" in response.text
    assert "hunter2" not in response.text


@pytest.mark.parametrize(
    "referrer", ["https://evil.example/steal", "http://localhost/\\evil.example", "javascript:alert(1)"]
)
def test_the_page_before_is_only_followed_when_it_is_ours(client: HouseClient, referrer) -> None:
    text = client.post("/cart/lines", data={"quantity": "1"}, headers={"Referer": referrer}).text
    assert "evil.example" not in text
    assert "javascript:" not in text
