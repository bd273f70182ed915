"""Text messages by a gateway that answers this or that, and into the log of the demonstration."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
from flask import Flask

from tests.platform.letters import certificate, free_port, pass_time, scripted, the
from wholesale.platform import mail, outbox, sms
from wholesale.platform.db import db
from wholesale.platform.messages.gateway import SmsGateway

TO = "+8801711000678"


@dataclass
class Gateway:
    """A real HTTP server. `answers` come one after the other, then 200; `asked` are path, form and headers."""

    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    port: int = 0


@contextmanager
def http_gateway(tls: object = None) -> Iterator[Gateway]:
    gateway = Gateway()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: value for name, [value] in parse_qs(text, keep_blank_values=True).items()}
            gateway.asked.append((self.path, form, dict(self.headers)))
            status, headers = gateway.answers.pop(0) if gateway.answers else (200, {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)  # type: ignore[attr-defined]
    gateway.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture
def desk(house: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setitem(house.extensions, "messages", dict(house.extensions["messages"]))
    return house


def send_by(app: Flask, url: str, token: str = "", **options: object) -> None:
    settings = replace(app.extensions["settings"], sms_url=url, sms_token=token)
    app.extensions["messages"]["sms"] = SmsGateway(settings, **options)  # type: ignore[arg-type]


@pytest.fixture
def gateway(desk: Flask) -> Iterator[Gateway]:
    with http_gateway() as running:
        send_by(desk, f"http://127.0.0.1:{running.port}/send?account=7", token="bearer-secret")
        yield running


def post(key: str = "k", text: str = "Your code is 123456.") -> bool:
    queued = sms.send(key=key, to=TO, text=text)
    db.session.commit()
    return queued


def test_it_arrives_once(desk: Flask, gateway: Gateway) -> None:
    assert post(text="আপনার কোড ১২৩৪৫৬ & more")
    assert not post()
    outbox.drain()
    outbox.drain()
    [(path, form, headers)] = gateway.asked
    assert path == "/send?account=7"
    assert (form["to"], form["text"]) == (TO, "আপনার কোড ১২৩৪৫৬ & more")
    assert headers["Authorization"] == "Bearer bearer-secret"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    row = the("k", "sms")
    assert (row.state, row.body) == ("sent", None)
    assert form["id"].startswith(f"{row.id}.")


def test_a_letter_and_a_text_message_may_have_the_same_key(desk: Flask, gateway: Gateway) -> None:
    post()
    assert mail.send(key="k", to="a@shop.example", template="test_message")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (200, "sent"),
        (202, "sent"),
        (301, "failed"),
        (307, "failed"),
        (400, "failed"),
        (401, "failed"),
        (429, "queued"),
        (500, "unknown"),
        (502, "unknown"),
        (503, "queued"),
    ],
)
def test_what_an_answer_means(desk: Flask, gateway: Gateway, status, state) -> None:
    gateway.answers = [(status, {"Location": f"http://127.0.0.1:{gateway.port}/elsewhere"})]
    post()
    outbox.drain()
    assert (the("k", "sms").state, len(gateway.asked)) == (state, 1), "no redirect is followed"
    pass_time(timedelta(minutes=3))
    outbox.drain()
    again = state == "queued"
    assert len(gateway.asked) == 1 + again
    if again:
        assert the("k", "sms").state == "sent"
        assert gateway.asked[0][1]["id"] == gateway.asked[1][1]["id"], "so that the gateway can tell it is the same"


def hang(connection: socket.socket) -> None:
    connection.recv(100_000)
    connection.recv(1)


def drip(connection: socket.socket) -> None:
    connection.recv(100_000)
    connection.sendall(b"HTTP/1.1 ")
    pause = threading.Event()
    while not pause.wait(0.05):
        connection.sendall(b"a")


@pytest.mark.parametrize("play", [hang, drip, lambda c: c.recv(10), lambda c: c.sendall(b"nonsense\r\n\r\n")])
def test_without_an_answer_nobody_knows(desk: Flask, play) -> None:
    with scripted(play) as (port, callers):
        send_by(desk, f"http://127.0.0.1:{port}/", timeout=0.3, deadline=0.6)
        post()
        outbox.drain()
        assert the("k", "sms").state == "unknown"
        pass_time(timedelta(hours=1))
        assert (outbox.drain(), len(callers)) == (0, 1)
    assert mail.restart(the("k", "sms").id), "a person may decide to"


def test_nobody_listens(desk: Flask) -> None:
    send_by(desk, f"http://127.0.0.1:{free_port()}/")
    post()
    outbox.drain()
    assert the("k", "sms").state == "queued"


def test_the_gateways_certificate_is_checked(desk: Flask, tmp_path) -> None:
    server_side, client_side = certificate(tmp_path)
    with http_gateway(server_side) as gateway:
        send_by(desk, f"https://localhost:{gateway.port}/", token="bearer-secret")
        post()
        outbox.drain()
        assert (the("k", "sms").state, gateway.asked) == ("queued", [])
        send_by(desk, f"https://localhost:{gateway.port}/", tls=client_side)
        pass_time(timedelta(minutes=3))
        outbox.drain()
        assert the("k", "sms").state == "sent"


def test_a_broken_gateway_holds_no_letters_up(desk: Flask, tmp_path) -> None:
    settings = replace(desk.extensions["settings"], data_dir=tmp_path)
    desk.extensions["messages"]["mail"] = mail.Folder(settings)
    send_by(desk, f"http://127.0.0.1:{free_port()}/")
    post()
    mail.send(key="k", to="a@shop.example", template="test_message")
    db.session.commit()
    outbox.drain()
    assert (the("k", "sms").state, the("k").state) == ("queued", "sent")


def test_long_texts_are_cut_and_lines_joined(desk: Flask, gateway: Gateway) -> None:
    post(text="কোড\n" + "x" * 1000)
    outbox.drain()
    text = gateway.asked[0][1]["text"]
    assert len(text) == sms.LONGEST
    assert text.startswith("কোড x")
    assert text.endswith("x…")


def test_the_token_the_number_and_the_text_stand_in_no_log(
    desk: Flask, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "wholesale")
    gateway.answers = [(500, {}), (400, {})]
    post("a")
    post("b")
    outbox.drain()
    everything = caplog.text + repr(desk.extensions["messages"]["sms"]) + str(mail.recent())
    assert "is failed" in caplog.text
    for secret in ("bearer-secret", TO, "123456", "account=7"):
        assert secret not in everything


def test_the_console_writes_it_into_the_log_and_the_folder(
    desk: Flask, tmp_path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wholesale")
    folder = mail.Folder(replace(desk.extensions["settings"], data_dir=tmp_path))
    desk.extensions["messages"]["sms"] = folder
    post(text="কোড 123456")
    outbox.drain()
    [kept] = folder.newest()
    assert (kept.channel, kept.to, kept.body.strip(), kept.subject) == ("sms", TO, "কোড 123456", "")
    assert f"text message to {TO}: কোড 123456" in caplog.text


def test_without_a_gateway_it_fails_where_staff_can_see_it(desk: Flask) -> None:
    settings = replace(desk.extensions["settings"], sms_url="")
    desk.extensions["messages"] = mail.transports(settings)
    post()
    outbox.drain()
    [row] = mail.recent(state="failed").rows
    assert (row.to, row.error) == ("…678", "Text messages are not set up: SMS_URL is not set.")
