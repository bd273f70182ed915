"""The staff's page of messages and the developers' outbox: what they show, and where there is none."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask

from tests.client import HTMX, HouseClient, parse, text_of
from tests.conftest import Cast
from tests.platform.letters import Server, send_by, smtp_server, the
from wholesale.accounts.models import User
from wholesale.config import ROOT
from wholesale.platform import mail, outbox, sms
from wholesale.platform.db import db

ClientOf = Callable[[User], HouseClient]
PAGE = "/admin/messages"


@pytest.fixture
def desk(house: Flask, tmp_path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    settings = replace(house.extensions["settings"], data_dir=tmp_path)
    monkeypatch.setitem(house.extensions, "messages", mail.transports(settings))
    return house


@pytest.fixture
def server(desk: Flask) -> Iterator[Server]:
    with smtp_server() as running:
        send_by(desk, f"smtp://127.0.0.1:{running.port}")
        yield running


@pytest.fixture
def admin(desk: Flask, cast: Cast, client_of: ClientOf) -> HouseClient:
    return client_of(cast.esha)


def post(key: str, to: str = "amina@shop.example") -> None:
    mail.send(key=key, to=to, template="test_message")
    db.session.commit()


@pytest.mark.parametrize(("headers", "whole"), [({}, True), (HTMX, False)])
def test_page_and_fragment(admin: HouseClient, server: Server, headers, whole) -> None:
    server.answers = ["550 100% full <amina@shop.example>", "451 later"]
    post("failed")
    post("later")
    outbox.drain()
    response = admin.get(PAGE, headers=headers)
    assert response.status_code == 200
    assert ("<html" in response.text) is whole
    words = text_of(response.text)
    for word in (
        "a…@shop.example",
        "test message",
        "550 100% full <a…@shop.example>",
        "Send again",
        "Failed (1)",
        "Next try:",
    ):
        assert word in words
    assert "amina@shop.example" not in response.text


def test_nothing_yet(admin: HouseClient) -> None:
    assert "There is nothing in this list." in text_of(admin.get(PAGE).text)


def test_a_state_alone_and_pages_of_it(admin: HouseClient, server: Server) -> None:
    server.answers = ["550 no"] * 35
    for number in range(40):
        post(f"k{number}")
    outbox.drain()
    first = admin.page(f"{PAGE}?state=failed")
    assert len(lines(first)) == 30
    [further] = [link for link in first.iter() if link.get("rel") == "next"]
    second = admin.page(str(further.get("href")))
    assert len(lines(second)) == 5
    assert not lines(first) & lines(second)
    assert len(lines(admin.page(f"{PAGE}?state=sent"))) == 5


def lines(page) -> set[str]:
    return {str(row.get("id")) for row in page.iter() if str(row.get("id")).startswith("message-")}


@pytest.mark.parametrize("query", ["state=nonsense", "before=-1", "before=9" * 30, "before=১২", "state=%00", "before="])
def test_nonsense_shows_the_newest(admin: HouseClient, query) -> None:
    post("k")
    assert len(lines(admin.page(f"{PAGE}?{query}"))) == 1


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_failed_letter_is_sent_again_and_the_list_stays_where_it_was(
    admin: HouseClient, server: Server, headers
) -> None:
    server.answers = ["550 no"]
    post("k")
    outbox.drain()
    forms = [each.get("action") for each in admin.page(f"{PAGE}?state=failed").iter() if each.get("method") == "post"]
    [again] = [str(action) for action in forms if "/restart" in str(action)]
    response = admin.post(again, headers=headers)
    assert (response.status_code, response.location) == (303, f"{PAGE}?state=failed")
    outbox.drain()
    assert the("k").state == "sent"
    repeated = admin.post(again, follow_redirects=True)
    assert "This one cannot be sent again any more." in text_of(repeated.text)
    assert len(server.taken) == 1


def test_what_was_sent_has_no_button(admin: HouseClient, server: Server) -> None:
    post("k")
    outbox.drain()
    assert not [each for each in admin.page(PAGE).iter() if "/restart" in str(each.get("action"))]


def test_the_page_of_jobs_leads_here(admin: HouseClient) -> None:
    assert f'href="{PAGE}"' in admin.get("/admin/jobs").text


# --- the developers' outbox -------------------------------------------------------------------------------


def test_a_person_who_tries_the_demo_reads_their_letter(desk: Flask, client: HouseClient) -> None:
    assert "Nothing was sent yet" in text_of(client.get("/dev/outbox").text)
    post("k")
    sms.send(key="k", to="+8801711000678", text="Your code is <b>123456</b>.")
    db.session.commit()
    outbox.drain()
    response = client.get("/dev/outbox")
    assert response.headers["X-Robots-Tag"] == "noindex"
    assert response.headers["Cache-Control"] == "private, no-store"
    assert '<meta name="robots" content="noindex">' in response.text
    links = [str(link.get("href")) for link in parse(response.text).iter() if "/dev/outbox/" in str(link.get("href"))]
    message, letter = (client.get(link) for link in links)
    assert "Your code is <b>123456</b>." in text_of(message.text)
    assert "A test letter from Paikar" in text_of(letter.text)
    assert '<a href="http://127.0.0.1:5000/">http://127.0.0.1:5000/</a>' in letter.text
    assert letter.headers["X-Robots-Tag"] == "noindex"


def test_fifty_letters_fit_into_one_round_trip(desk: Flask, client: HouseClient) -> None:
    style = len(gzip.compress((ROOT / "static" / "css" / "site.css").read_bytes(), 6))
    for number in range(55):
        post(f"k{number}", to=f"person{number * 7919}@shop.example")
    outbox.drain()
    response = client.get("/dev/outbox")
    assert response.text.count("/dev/outbox/") == 50
    assert len(gzip.compress(response.data, 6)) + style <= 14_000


def test_it_is_not_there_when_letters_go_to_a_real_server(desk: Flask, server: Server, client: HouseClient) -> None:
    assert client.get("/dev/outbox").status_code == 404
    assert client.get("/dev/outbox/1-mail").status_code == 404


def test_it_is_not_there_in_production(desk: Flask, client: HouseClient, monkeypatch: pytest.MonkeyPatch) -> None:
    post("k")
    outbox.drain()
    assert client.get("/dev/outbox").status_code == 200
    monkeypatch.setitem(desk.extensions, "settings", replace(desk.extensions["settings"], env="production"))
    assert client.get("/dev/outbox").status_code == 404
    assert client.get(f"/dev/outbox/{the('k').id}-mail").status_code == 404
