"""Errors, static files and answers over https carry the security headers; of every route test_access sees to it."""

from __future__ import annotations

import gzip
from dataclasses import replace

import brotli
import pytest
from flask import Flask

from tests.client import HouseClient
from tests.house.headers import ALWAYS, missing
from wholesale.app import create_app
from wholesale.config import ROOT


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


@pytest.mark.parametrize(("encoding", "unpack"), [("br", brotli.decompress), ("gzip", gzip.decompress)])
def test_the_style_sheet_comes_compressed_and_whole(client: HouseClient, encoding, unpack) -> None:
    """Pages that fit into one round trip with it were measured so (test_weight): so it must be sent so."""
    plain = client.get("/static/css/site.css")
    packed = client.get("/static/css/site.css", headers={"Accept-Encoding": encoding})
    assert packed.headers["Content-Encoding"] == encoding
    assert [name for name, value in ALWAYS.items() if packed.headers.get(name) != value] == []
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert unpack(packed.data) == plain.data == (ROOT / "static" / "css" / "site.css").read_bytes()
    assert len(packed.data) < 6_000
    for response in (plain, packed):
        response.close()


def test_what_fits_into_a_packet_is_sent_as_it_is(client: HouseClient) -> None:
    response = client.get("/static/img/logo.svg", headers={"Accept-Encoding": "br, gzip"})
    assert "Content-Encoding" not in response.headers
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
