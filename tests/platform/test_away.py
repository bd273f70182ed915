"""The database is away: a light page in the reader's language that keeps what was typed, and no 500."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import lxml.html
import pytest
import sqlalchemy as sa
from flask import Flask

from tests.client import HTMX, HouseClient
from tests.conftest import Cast
from wholesale.accounts.models import User
from wholesale.platform import errors
from wholesale.platform.transaction import abandon

Browser = Callable[[User], HouseClient]


class Gone(Exception):  # noqa: N818 - as psycopg tells it
    pass


@pytest.fixture
def gone(house: Flask) -> Iterator[Callable[[type[Exception]], None]]:
    """Let whoever asks who is there find no database."""
    load = house.extensions["load_actor"]

    def break_it(kind: type[Exception]) -> None:
        def away() -> None:
            abandon()
            if kind is sa.exc.TimeoutError:
                raise sa.exc.TimeoutError("QueuePool limit of size 5 overflow 5 reached")
            raise kind("SELECT 1", {}, Gone("server closed the connection"), connection_invalidated=True)  # type: ignore[call-arg]

        house.extensions["load_actor"] = away

    yield break_it
    house.extensions["load_actor"] = load


@pytest.mark.parametrize("kind", [sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError])
def test_who_reads_is_told_to_try_again(client: HouseClient, gone, kind: type[Exception]) -> None:
    gone(kind)
    response = client.get("/products?q=tea&page=2")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert "no-store" in response.headers["Cache-Control"]
    page = lxml.html.fromstring(response.text)
    assert [link.get("href") for link in page.iter("a")] == ["/products?q=tea&page=2"]
    assert response.headers["X-Request-Id"] in response.text
    assert len(response.data) < 6000


def test_the_way_to_try_again_does_not_lead_to_another_site(house: Flask) -> None:
    with house.test_request_context("/%5Celsewhere.example/x"):
        page = lxml.html.fromstring(errors.render_away().get_data(as_text=True))
    assert [link.get("href") for link in page.iter("a")] == []


def test_in_the_persons_language(client: HouseClient, gone) -> None:
    client.set_cookie("language", "bn")
    gone(sa.exc.OperationalError)
    assert '<html lang="bn"' in client.get("/products").text


def test_a_fragment_and_json_are_told_so_too(client: HouseClient, gone) -> None:
    gone(sa.exc.OperationalError)
    fragment = client.get("/products", headers=HTMX)
    assert (fragment.status_code, fragment.headers["Retry-After"]) == (503, "5")
    assert 'id="platform-error"' in fragment.text
    assert client.get("/products", headers={"Accept": "application/json"}).json["status"] == 503


def test_what_was_typed_is_sent_again_as_it_was(house: Flask, client_of: Browser, cast: Cast, gone) -> None:
    """Its key and token go along, so that the button does what the first press would have done."""
    amina = client_of(cast.amina)
    amina.get("/account")
    token = amina.csrf_token()
    gone(sa.exc.OperationalError)
    form = {"csrf_token": token, "key": "k" * 32, "name": "Amina Begum", "password": "not to be shown"}
    response = amina.post("/account?from=menu", data=form, headers={"Sec-Fetch-Site": "same-origin"})
    assert response.status_code == 503
    assert "Nothing was saved." in response.text
    assert "not to be shown" not in response.text
    [again] = lxml.html.fromstring(response.text).iter("form")
    assert (again.get("method"), again.get("action")) == ("post", "/account?from=menu")
    sent = {field.get("name"): field.get("value") for field in again.iter("input")}
    assert sent == {"csrf_token": token, "key": "k" * 32, "name": "Amina Begum"}
    assert "Amina Begum" in lxml.html.fromstring(response.text).text_content()


def test_what_another_site_sends_is_not_offered(client: HouseClient, gone) -> None:
    gone(sa.exc.OperationalError)
    response = client.post("/login", data={"email": "a@shop.example"}, headers={"Origin": "https://evil.example"})
    assert response.status_code == 503
    assert "<form" not in response.text
    assert "a@shop.example" not in response.text


@pytest.mark.parametrize(
    ("form", "told"), [({"key": "a" * 32}, "sent twice, it counts once"), ({}, "Look at the page before")]
)
def test_nobody_is_told_that_nothing_was_saved_when_it_may_have_been(
    house: Flask, client_of: Browser, cast: Cast, form: dict[str, str], told: str
) -> None:
    amina = client_of(cast.amina)
    before = house.view_functions["accounts.account"]

    def view() -> str:
        raise sa.exc.OperationalError("COMMIT", {}, Gone("server closed the connection"))

    view.access = before.access  # type: ignore[attr-defined]
    house.view_functions["accounts.account"] = view
    try:
        response = amina.post("/account", data=form)
    finally:
        house.view_functions["accounts.account"] = before
    assert response.status_code == 503
    assert told in response.text
    assert "Nothing was saved" not in response.text


def test_a_mistake_of_ours_is_still_a_500(house: Flask, client: HouseClient) -> None:
    before = house.view_functions["pages.sources"]

    def view() -> str:
        raise sa.exc.ProgrammingError("SELECT nonsense", {}, Gone("no such column"))

    view.access = before.access  # type: ignore[attr-defined]
    house.view_functions["pages.sources"] = view
    try:
        assert client.get("/sources").status_code == 500
    finally:
        house.view_functions["pages.sources"] = before
