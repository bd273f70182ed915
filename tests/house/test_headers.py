"""Every answer carries the security headers: each route for each role, errors, static files (ASVS 3.4)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask

from tests.client import HTMX, HouseClient
from tests.conftest import Cast
from tests.house import access_table as table
from tests.house.world import World, build, routes
from wholesale.app import create_app

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
# A page that is reached by a secret in its address never tells the address, not even to us.
STRICTER = {"Referrer-Policy": {"same-origin", "strict-origin"}}
UNSAFE = ("unsafe-inline", "unsafe-eval", "unsafe-hashes", "data:", "http:", "https:", "*")
# Kept by caches because they are the same for everybody and hold nothing private.
PUBLIC = {"pages.media", "health.alive", "health.ready"}


@pytest.fixture
def world(house: Flask, cast: Cast) -> World:
    return build(house, cast)


def missing(response) -> list[str]:
    found = [name for name, value in ALWAYS.items() if response.headers.get(name) not in STRICTER.get(name, {value})]
    policy = response.headers.get("Content-Security-Policy", "")
    if "default-src 'none'" not in policy or any(word in policy for word in UNSAFE):
        found.append(f"Content-Security-Policy: {policy}")
    return found


@pytest.mark.parametrize("role", table.ROLES)
@pytest.mark.parametrize("kind", [{}, HTMX], ids=["page", "fragment"])
def test_every_route_answers_with_the_headers(world: World, role, kind) -> None:
    wrong = []
    for rule, method in routes(world.app):
        with world.undone():
            response = world.stranger(role).open(world.url(rule), method=method, headers=kind)
        lacks = missing(response)
        kept = response.headers.get("Cache-Control", "")
        if rule.endpoint not in PUBLIC and "no-store" not in kept and "no-cache" not in kept:
            lacks.append(f"Cache-Control: {kept}")
        if lacks:
            wrong.append((method, rule.rule, response.status_code, lacks))
    assert wrong == []


@pytest.mark.parametrize("path", ["/nothing-here", "/cart?x=%00", "/%2e%2e/etc/passwd"])
def test_errors_carry_them_too(client: HouseClient, path) -> None:
    assert missing(client.get(path)) == []


@pytest.mark.parametrize("path", ["css/site.css", "js/site.js", "img/logo.svg"])
def test_static_files_carry_them_too(client: HouseClient, path) -> None:
    response = client.get(f"/static/{path}")
    assert response.status_code == 200
    assert [name for name, value in ALWAYS.items() if response.headers.get(name) != value] == []
    assert "Access-Control-Allow-Origin" not in response.headers
    response.close()


def test_scripts_are_named_with_what_they_must_be(client: HouseClient) -> None:
    page = client.get("/login").text
    assert page.count("<script ") == page.count('integrity="sha384-') > 0


def test_over_https_cookies_are_secure_and_https_is_demanded(app: Flask) -> None:
    settings = replace(app.extensions["settings"], public_url="https://paikar.example")
    over_tls = create_app(settings)
    over_tls.test_client_class = HouseClient
    response = over_tls.test_client().get("/login", base_url="https://paikar.example")
    assert response.headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"
    assert missing(response) == []
    cookies = response.headers.getlist("Set-Cookie")
    assert cookies
    for cookie in cookies:
        assert cookie.startswith("__Host-"), cookie
        assert "Secure" in cookie
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Domain=" not in cookie
