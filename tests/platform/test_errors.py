"""What went wrong, in the right words and the right shape: page, fragment or problem+json."""

from __future__ import annotations

import pytest
from flask import Flask, abort

from tests.client import HTMX, HouseClient
from tests.conftest import Cast
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError, HouseError, NotFoundError
from wholesale.platform import errors

JSON = {"Accept": "application/json"}


def raising(app: Flask, error: Exception) -> Flask:
    """The same application, whose /sources raises."""

    def view() -> str:
        raise error

    view.access = app.view_functions["pages.sources"].access  # type: ignore[attr-defined]
    app.view_functions["pages.sources"] = view
    return app


@pytest.fixture
def break_sources(house: Flask):
    before = house.view_functions["pages.sources"]
    yield lambda error: raising(house, error)
    house.view_functions["pages.sources"] = before


@pytest.mark.parametrize(
    ("error", "status", "title"),
    [
        (DomainError("No {what}.", what="way"), 422, "Please check what you entered"),
        (NotFoundError(), 404, "Not found"),
        (ForbiddenError("No."), 403, "Not for this account"),
        (ConflictError("No."), 409, "Somebody was quicker"),
        (RuntimeError("the password is hunter2"), 500, "Something broke on our side"),
    ],
)
def test_one_mapping_three_shapes(client: HouseClient, break_sources, error, status, title) -> None:
    break_sources(error)
    page, fragment, problem = (
        client.get("/sources"),
        client.get("/sources", headers=HTMX),
        client.get("/sources", headers=JSON),
    )
    assert (page.status_code, fragment.status_code, problem.status_code) == (status,) * 3
    assert "<h1" in page.text
    assert title in page.text
    assert "<html" not in fragment.text
    assert 'id="platform-error"' in fragment.text
    assert problem.mimetype == "application/problem+json"
    assert (problem.json["status"], problem.json["title"]) == (status, title)
    for response in (page, fragment, problem):
        assert response.headers["X-Request-Id"] in response.text
        assert "hunter2" not in response.text
        assert "Traceback" not in response.text


def test_every_kind_of_our_errors_has_its_status() -> None:
    assert {kind for kind in HouseError.__subclasses__() if kind.__module__ == "wholesale.kernel.errors"} == set(
        errors.STATUS
    )


def test_a_wrong_method_names_the_right_ones(client: HouseClient) -> None:
    response = client.post("/products")
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]


def test_a_browser_that_takes_anything_gets_a_page(client: HouseClient) -> None:
    assert client.get("/nowhere", headers={"Accept": "*/*"}).mimetype == "text/html"
    assert client.get("/nowhere", headers={"Accept": "text/html,application/json;q=0.9"}).mimetype == "text/html"


@pytest.mark.parametrize("status", [400, 413, 429, 503])
def test_http_errors_have_our_words(client: HouseClient, house: Flask, status) -> None:
    before = house.view_functions["pages.sources"]

    def view() -> str:
        abort(status)

    view.access = before.access  # type: ignore[attr-defined]
    house.view_functions["pages.sources"] = view
    try:
        response = client.get("/sources")
    finally:
        house.view_functions["pages.sources"] = before
    assert response.status_code == status
    with house.test_request_context():
        assert str(errors.TITLES[status]) in response.text
        assert str(errors.MESSAGES[status]) in response.text


def test_the_step_that_helps_is_offered(cast: Cast, client_of) -> None:
    response = client_of(cast.newcomer).get("/cart")
    assert response.status_code == 403
    assert 'href="/verify-business"' in response.text


@pytest.mark.parametrize(
    ("came_from", "link"),
    [
        ("http://localhost/cart?seen=1", 'href="/cart?seen=1"'),
        ("http://elsewhere.example/cart", None),
        ("http://localhost//elsewhere.example/", None),
        ("http://[", None),
        ("", None),
    ],
)
def test_who_was_refused_is_led_back_to_the_form(cast: Cast, client_of, came_from, link) -> None:
    refused = client_of(cast.dipu).post("/cart/lines", headers={"Referer": came_from})
    assert refused.status_code == 403
    assert ("Back to where you were" in refused.text) == (link is not None)
    assert link is None or link in refused.text


def test_every_answer_has_the_headers_that_protect(client: HouseClient) -> None:
    for path in ("/", "/nowhere", "/login", "/healthz"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        # What everybody may see again is kept, and asked for each time (platform/conditional.py).
        assert path != "/" or headers["Cache-Control"] == "private, no-cache"
        assert path == "/" or "no-store" in headers["Cache-Control"]
