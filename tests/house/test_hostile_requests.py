"""Requests that no page of ours sends: forged, replayed, oversized, and made to lead people elsewhere."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask, request, request_started
from werkzeug.test import TestResponse

from tests.client import HTMX, HouseClient
from tests.factories import accounts
from tests.house.forms_found import Forms, unhurried
from tests.house.world import World, routes
from tests.queries_counted import statements
from wholesale.platform.crypto import hash_password
from wholesale.platform.db import db

ELSEWHERE = (
    "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https:evil.example",
    "https://evil.example/", "HTTPS://evil.example", "/\t/evil.example", "/%09/evil.example", "/%2F/evil.example",
    "/%5Cevil.example", "%2F%2Fevil.example", "javascript:alert(1)", "data:text/html,evil", "//evil.example%00/",
    "/\n/evil.example", "/.//evil.example", "http://localhost@evil.example",
    "//localhost.evil.example", "/;@evil.example",
)  # fmt: skip
ALL_THE_WAYS = ("next", "heading", "url", "return", "continue", "redirect", "path")


@pytest.fixture
def world(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    unhurried(monkeypatch)
    return world


def leads_elsewhere(response: TestResponse) -> str:
    """Where an answer sends the browser, when that is another host."""
    for header in ("Location", "HX-Redirect", "HX-Location", "Refresh"):
        target = response.headers.get(header)
        if target is None:
            continue
        # As browsers read it: a backslash is a slash, and tabs and line ends are not there.
        seen = "".join(char for char in target if char not in "\t\r\n\0").strip().replace("\\", "/")
        parts = urlsplit(seen)
        if parts.scheme not in {"", "http"} or ((parts.netloc or seen[:2] == "//") and parts.netloc != "localhost"):
            return f"{header}: {target}"
    return ""


# --- forged and replayed ----------------------------------------------------------------------------------


def test_the_token_of_another_session_is_none(world: World) -> None:
    """For the login and the logout too: nobody is signed in or out by a form that somebody else prepared."""
    forms = Forms(world)
    other = world.app.test_client()
    assert isinstance(other, HouseClient)
    strange = other.csrf_token()
    wrong = []
    for form in forms:
        with world.undone(), statements() as sent:
            response = forms.send(form, {**form.plain, "csrf_token": strange})
        wrote = [sql for sql in sent if sql.startswith(("INSERT", "UPDATE", "DELETE")) and "login_session" not in sql]
        if response.status_code != 400 or wrote:
            wrong.append((str(form), response.status_code, wrote))
    assert wrong == []
    assert {"accounts.check_login", "accounts.logout"} <= {form.endpoint for form in forms}


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "\x00", "9" * 5000])
def test_a_token_that_is_none(client: HouseClient, token) -> None:
    assert client.post("/login", data={"email": "a@b.example", "csrf_token": token}).status_code == 400


def test_a_token_in_the_address_does_not_count(client: HouseClient) -> None:
    token = client.csrf_token()
    assert client.post(f"/logout?csrf_token={token}", data={"csrf_token": ""}).status_code == 400


def test_over_https_another_sites_page_is_refused_even_with_our_token(world: World) -> None:
    """Browsers name the page that a form came from; over https that must be one of ours."""
    client = world.owner("buyer")
    site = {"base_url": "https://localhost", "data": {"csrf_token": client.csrf_token()}}
    for referrer in ("https://evil.example/", "https://localhost.evil.example/", ""):
        refused = client.post("/account/sessions/others/removal", headers={"Referer": referrer}, **site)
        assert refused.status_code == 400, referrer


def test_other_methods_are_not_taken_for_a_post(world: World) -> None:
    """Neither by a header nor by a field: the method is the one of the request line."""
    client = world.owner("buyer")
    for headers in ({"X-HTTP-Method-Override": "POST"}, {"X-Method-Override": "DELETE"}, {"X-HTTP-Method": "PUT"}):
        assert client.get("/logout", headers=headers).status_code == 405
    assert client.get("/logout?_method=POST").status_code == 405
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND"):
        assert client.open("/account", method=method).status_code == 405, method


# --- oversized ----------------------------------------------------------------------------------------------


class Endless(io.RawIOBase):
    """A body that goes on, and counts how much of it was asked for."""

    def __init__(self) -> None:
        self.read_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        buffer[:] = b"a" * len(buffer)
        self.read_bytes += len(buffer)
        return len(buffer)


@pytest.mark.parametrize("path", ["/login", "/register", "/forgot-password"])
def test_a_body_over_the_limit_is_refused_by_its_length_alone(client: HouseClient, path) -> None:
    limit = client.application.config["MAX_CONTENT_LENGTH"]
    for kind, most in (("multipart/form-data; boundary=x", limit), ("application/x-www-form-urlencoded", 500_000)):
        body = Endless()
        sent = {"wsgi.input": body, "CONTENT_LENGTH": str(most + 1), "CONTENT_TYPE": kind}
        assert client.open(path, method="POST", csrf=False, environ_overrides=sent).status_code == 413
        assert body.read_bytes < 1_000_000


@pytest.mark.parametrize("path", ["/login", "/register"])
def test_a_form_of_half_a_megabyte_of_text_is_refused(client: HouseClient, path) -> None:
    assert client.post(path, data={"email": "x" * 600_000}).status_code == 413


def test_a_form_of_thousands_of_parts_is_refused(client: HouseClient) -> None:
    parts = {f"field-{number}": "x" for number in range(1500)}
    assert client.post("/register", data=parts, content_type="multipart/form-data").status_code == 413


def test_a_body_that_is_cut_off_or_no_form_is_no_fault(client: HouseClient) -> None:
    for body, kind in (
        (b"--x\r\nContent-Disposition: form-data; name=", "multipart/form-data; boundary=x"),
        (b"", "multipart/form-data"),
        (b"\xff\xfe%zz&=&&&", "application/x-www-form-urlencoded"),
        (b"{", "application/json"),
        (b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", "application/xml"),
    ):
        response = client.open("/login", method="POST", csrf=False, data=body, content_type=kind)
        assert response.status_code in {400, 413}, (kind, response.status_code)


# --- led elsewhere --------------------------------------------------------------------------------------------


def in_turn(place: int, count: int) -> list[str]:
    """So many of the targets for the route or form at that place, other ones for its neighbour: over all, all of them.

    (tests/platform asks the one function that decides about every one of them.)
    """
    return [ELSEWHERE[(place * count + step) % len(ELSEWHERE)] for step in range(count)]


def test_no_page_leads_to_another_host(world: World) -> None:
    wrong, redirects = [], 0
    for place, (rule, method) in enumerate(routes(world.app)):
        if method != "GET":
            continue
        for who in ("buyer", None):
            client = world.owner(who) if who else world.stranger("visitor")
            for target in in_turn(place, 4 if who is None else 2):
                with world.undone():
                    answer = client.get(
                        world.url(rule),
                        query_string=dict.fromkeys(ALL_THE_WAYS, target),
                        headers={"Referer": f"http://evil.example/{target.encode('ascii', 'ignore').hex()}"},
                    )
                redirects += "Location" in answer.headers
                if found := leads_elsewhere(answer):
                    wrong.append((rule.rule, who, target, found))
    assert wrong == []
    assert redirects > 100


def test_no_form_leads_to_another_host(world: World) -> None:
    forms = Forms(world)
    wrong = []
    for place, form in enumerate(forms):
        for target, headers in zip(in_turn(place, 2), ({"Referer": "http://evil.example/"}, HTMX), strict=True):
            with world.undone():
                answer = forms.send(form, {**form.plain, **dict.fromkeys(ALL_THE_WAYS, target)}, headers=headers)
            if found := leads_elsewhere(answer):
                wrong.append((str(form), target, found))
    assert wrong == []


@pytest.mark.parametrize("target", ELSEWHERE)
def test_nor_does_the_login_that_succeeds(client: HouseClient, house: Flask, target) -> None:
    accounts.user("Login", password_hash=hash_password(accounts.PASSWORD))
    db.session.commit()
    data = {"email": "login@test.example", "password": accounts.PASSWORD, "next": target}
    answer = client.post("/login", data=data)
    assert answer.status_code == 303
    assert leads_elsewhere(answer) == ""


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost:99999", "localhost@evil.example", "a" * 300, "[", "x..y", "*"]
)
def test_a_strange_host_gets_into_no_answer(client: HouseClient, host) -> None:
    for path in ("/cart", "/login", "/language/bn", "/nothing"):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code < 500
        assert "evil" not in answer.text
        assert "evil" not in answer.headers.get("Location", "")
        assert not answer.headers.get("Location", "").startswith("http://a")


# --- told by nobody, served to nobody ---------------------------------------------------------------------------


def test_nobody_says_for_themselves_where_they_come_from(client: HouseClient) -> None:
    """No proxy is named in the settings, so none is believed."""
    seen = []

    def look(_sender: Flask, **_: object) -> None:
        seen.append((request.remote_addr, request.host, request.scheme))

    claims = {
        "X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9", "Forwarded": "for=203.0.113.9;host=evil.example",
        "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/evil",
    }  # fmt: skip
    with request_started.connected_to(look, client.application):
        answer = client.get("/login", headers=claims)
    assert seen == [("127.0.0.1", "localhost", "http")]
    assert "evil" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/.git/HEAD", "/.git/config", "/.env", "/.data/demo/secret_key", "/wsgi.py", "/requirements.txt", "/static/",
        "/static", "/static/../wsgi.py", "/static/%2e%2e/wsgi.py", "/static/..%2fwsgi.py", "/static/js/",
        "/static//etc/passwd", "/server-status", "/debug", "/console", "/swagger.json",
        "/static/css/site.css.map", "/static/js/site.js~",
    ],
)  # fmt: skip
def test_only_what_is_meant_to_be_served_is(client: HouseClient, path) -> None:
    assert client.get(path, follow_redirects=True).status_code == 404


def test_the_way_out_is_on_every_page(world: World) -> None:
    """Whatever page a signed-in person is on, the form that logs them out is there."""
    wrong, pages = [], 0
    for rule, method in routes(world.app):
        if method != "GET" or rule.endpoint == "pages.styleguide":
            continue
        for who in ("buyer", "seller"):
            with world.undone():
                answer = world.owner(who).get(world.url(rule))
            if answer.status_code == 200 and answer.data[:15].lower() == b"<!doctype html>":
                pages += 1
                if 'action="/logout"' not in answer.text:
                    wrong.append((who, rule.rule))
    assert wrong == []
    assert pages > 20
