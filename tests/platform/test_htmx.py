"""When a fragment is wanted and when a page, as htmx 4 says it and as htmx 2 did."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.client import BOOSTED, HTMX, HouseClient
from wholesale.platform import htmx


@pytest.mark.parametrize(
    ("headers", "fragment"),
    [
        ({}, False),
        (HTMX, True),
        (BOOSTED, False),
        ({"HX-Request-Type": "partial"}, False),  # a header that anybody may send does not make it htmx
        ({"HX-Request": "true", "HX-Request-Type": "full"}, False),
        ({"HX-Request": "true", "HX-Request-Type": "nonsense"}, False),
        ({"HX-Request": "true"}, True),
        ({"HX-Request": "true", "HX-Boosted": "true"}, False),
        ({"HX-Request": "true", "HX-History-Restore-Request": "true"}, False),
    ],
)
def test_page_or_fragment(app: Flask, headers, fragment) -> None:
    with app.test_request_context("/", headers=headers):
        assert htmx.current().is_fragment is fragment


@pytest.mark.parametrize(
    ("header", "known"),
    [("input#q", "q"), ("#q", "q"), ("q", "q"), ("button", "button"), ("div#", None), ("", None), (None, None)],
)
def test_which_element_asked(app: Flask, header, known) -> None:
    headers = {} if header is None else {"HX-Source": header, "HX-Target": header}
    with app.test_request_context("/", headers=headers):
        assert htmx.current().source_id == htmx.current().target_id == known


def test_a_cache_cannot_mistake_one_for_the_other(client: HouseClient) -> None:
    page, fragment = client.get("/products"), client.get("/products", headers=HTMX)
    for response in (page, fragment):
        assert {"HX-Request", "HX-Request-Type"} <= set(response.vary)
    assert fragment.headers["Cache-Control"] == "no-store"
    assert "<html" in page.text
    assert "<html" not in fragment.text


def test_the_page_includes_the_very_fragment(client: HouseClient) -> None:
    fragment, _, title = client.get("/products", headers=HTMX).text.partition("<title>")
    assert title.strip() == "Products – Paikar</title>"  # a page has its own in the head
    assert " ".join(fragment.split()) in " ".join(client.get("/products").text.split())


def test_after_a_change_a_303_leads_to_a_page_with_a_toast(client: HouseClient) -> None:
    response = client.post("/logout")
    assert response.status_code == 303
    assert "You are logged out." in client.get(response.location).text
    assert "You are logged out." not in client.get(response.location).text  # once


def test_a_fragment_brings_its_toasts_along(client: HouseClient) -> None:
    client.post("/logout")
    text = client.get("/products", headers=HTMX).text
    assert "You are logged out." in text
    assert "hx-swap-oob" in text
