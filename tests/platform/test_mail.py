"""Letters against real servers: sent once, tried again, given up, never garbled, never in the clear by mistake."""

from __future__ import annotations

import logging
import socket
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from email import message_from_bytes
from email.header import decode_header, make_header

import pytest
import sqlalchemy as sa
from flask import Flask
from jinja2 import ChoiceLoader, DictLoader

from tests.platform.letters import (
    SAMPLE,
    Server,
    certificate,
    free_port,
    pass_time,
    polite,
    scripted,
    send_by,
    smtp_server,
    the,
)
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import Money
from wholesale.platform import mail, outbox, transaction
from wholesale.platform.db import db
from wholesale.platform.messages import letters, queue
from wholesale.platform.messages.queue import OutgoingMessage
from wholesale.platform.messages.transports import Outgoing, one_line, several_lines
from wholesale.platform.outbox import OutboxRow

TO = "amina@shop.example"


@pytest.fixture
def desk(house: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The application with a sample template, whose ways out of the house a test may change."""
    return _furnished(house, monkeypatch)


def _furnished(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setitem(app.extensions, "messages", dict(app.extensions["messages"]))
    loader = app.jinja_env.loader
    assert loader is not None
    monkeypatch.setattr(app.jinja_env, "loader", ChoiceLoader([DictLoader({"mail/sample.txt": SAMPLE}), loader]))
    return app


@pytest.fixture
def server(desk: Flask) -> Iterator[Server]:
    """A mail server that takes everything, and the application that sends by it."""
    with smtp_server() as running:
        send_by(desk, f"smtp://127.0.0.1:{running.port}")
        yield running


def post(key: str = "k", to: str = TO, what: str = "jute", **values: object) -> bool:
    queued = mail.send(key=key, to=to, template="sample", what=what, **values)
    db.session.commit()
    return queued


# --- sent -------------------------------------------------------------------------------------------------


def test_a_letter_arrives_once_and_is_emptied(desk: Flask, server: Server) -> None:
    assert post(name="Amina")
    assert the("k").state == "queued"
    outbox.drain()
    outbox.drain()
    [letter] = server.taken
    assert server.envelopes == [("no-reply@127.0.0.1", [TO])]
    assert str(letter["From"]) == "Paikar <no-reply@127.0.0.1>"
    assert (str(letter["To"]), str(letter["Subject"])) == (TO, "About jute")
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Date"]
    text = letter.get_body(("plain",))
    assert text is not None
    words = text.get_content().replace("\r\n", "\n")
    assert words.startswith("Hello Amina,\n\njute\n\nhttp://127.0.0.1:5000/login?next=/orders\n\nYou get this letter")
    assert words.endswith("\n\n--\nPaikar\nhttp://127.0.0.1:5000\n")
    row = the("k")
    assert (row.state, row.body, row.attempts, row.error) == ("sent", None, 1, None)
    assert row.finished_at is not None


def test_the_html_part_is_the_same_text_and_loads_nothing(desk: Flask, server: Server) -> None:
    post(what='<img src="https://evil.example/x.png"> http://evil.example/')
    outbox.drain()
    part = server.taken[0].get_body(("html",))
    assert part is not None
    page = part.get_content()
    assert "&lt;img src=" in page
    assert "<img" not in page
    assert page.count("<a href=") == 2, "only our own addresses become links"
    assert '<a href="http://127.0.0.1:5000/login?next=/orders">' in page


def test_the_same_key_is_one_letter(desk: Flask, server: Server) -> None:
    assert post()
    assert not post(what="something else")
    outbox.drain()
    assert not post()
    outbox.drain()
    assert server.subjects == ["About jute"]
    assert db.session.scalar(sa.select(sa.func.count()).select_from(OutgoingMessage)) == 1


def test_what_is_taken_back_is_not_sent(desk: Flask, server: Server) -> None:
    mail.send(key="k", to=TO, template="sample", what="jute")
    transaction.abandon()
    outbox.drain()
    assert server.taken == []


@pytest.mark.torture
def test_two_who_tell_the_same_at_once_send_one_letter(committed_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits for the first and finds it done; then two workers drain, and one letter goes out."""
    app = _furnished(committed_app, monkeypatch)
    gate = threading.Barrier(2)
    told: list[bool] = []

    def tell() -> None:
        with app.app_context():
            with transaction.transaction():
                gate.wait(10)
                told.append(mail.send(key="k", to=TO, template="sample", what="jute"))
            gate.wait(10)
            outbox.drain()
            db.session.remove()

    with smtp_server() as server:
        send_by(app, f"smtp://127.0.0.1:{server.port}")
        threads = [threading.Thread(target=tell) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sorted(told) == [False, True]
        assert len(server.taken) == 1


def test_it_leaves_outside_of_any_transaction_and_after_its_mark_is_kept(
    committed_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = _furnished(committed_app, monkeypatch)
    seen: list[object] = []

    class Watching:
        def deliver(self, _message: Outgoing) -> None:
            seen.append(db.session().in_transaction())
            with db.engine.connect() as other:
                seen.append(other.scalar(sa.text("SELECT set_config('app.scope', 'platform', true)")))
                seen.append(other.scalar(sa.text("SELECT state FROM outgoing_message")))
                idle = (
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
                )
                seen.append(other.scalar(sa.text(idle)))

    app.extensions["messages"]["mail"] = Watching()
    with app.app_context():
        post()
        outbox.drain()
        assert seen == [False, "platform", "sending", 0]
        assert the("k").state == "sent"
        db.session.remove()


def test_people_come_before_the_background(desk: Flask, server: Server) -> None:
    with outbox.background():
        for number in range(20):
            post(f"news:{number}", what=f"news {number}")
    for number in range(5):
        post(f"code:{number}", what=f"code {number}")
    assert outbox.drain() == 25
    assert server.subjects == [f"About code {n}" for n in range(5)] + [f"About news {n}" for n in range(20)]


def test_what_waits_in_the_background_stays_there_when_it_is_tried_again(desk: Flask, server: Server) -> None:
    server.answers = ["451 later"]
    with outbox.background():
        post()
    outbox.drain()
    waiting = db.session.scalars(sa.select(OutboxRow).where(OutboxRow.done_at.is_(None))).one()
    assert waiting.priority == 9


# --- not at once ------------------------------------------------------------------------------------------


def test_a_temporary_refusal_is_tried_again_with_growing_pauses(desk: Flask, server: Server) -> None:
    server.answers = ["451 greylisted, amina@shop.example", "452 full", "250 OK"]
    post()
    outbox.drain()
    first = the("k")
    assert (first.state, first.error) == ("queued", "451 greylisted, a…@shop.example")
    assert timedelta(seconds=29) < first.due_at - first.tried_at <= timedelta(seconds=31)
    assert outbox.drain() == 0, "not before its pause is over"
    pass_time(timedelta(seconds=31))
    outbox.drain()
    second = the("k")
    assert timedelta(seconds=59) < second.due_at - second.tried_at <= timedelta(seconds=61)
    pass_time(timedelta(seconds=61))
    outbox.drain()
    assert (the("k").state, the("k").attempts) == ("sent", 3)
    assert len(server.taken) == 1


def test_every_attempt_has_the_same_message_id(desk: Flask, server: Server) -> None:
    post()
    outbox.drain()
    row = the("k")
    row.state, row.finished_at = "unknown", None
    row.body = queue.vault.seal(b"again", place="outgoing_message|body|mail:k")
    db.session.commit()
    assert mail.restart(row.id)
    db.session.commit()
    outbox.drain()
    post("other")
    outbox.drain()
    ids = [str(letter["Message-ID"]) for letter in server.taken]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0].startswith(f"<{row.id}.")


def test_after_four_hours_it_is_given_up(desk: Flask, server: Server) -> None:
    server.answers = ["451 later"] * 40
    post()
    hours = timedelta()
    while the("k").state == "queued":
        assert hours < timedelta(hours=5)
        outbox.drain()
        pass_time(timedelta(minutes=10))
        hours += timedelta(minutes=10)
    row = the("k")
    assert (row.state, row.error) == ("failed", "451 later")
    assert timedelta(hours=3) < hours <= timedelta(hours=4, minutes=10)
    assert 8 <= row.attempts <= 12
    assert row.body is not None, "so that somebody can send it again"


def test_a_permanent_refusal_fails_at_once_and_can_be_sent_again_by_hand(desk: Flask, server: Server) -> None:
    server.answers = ["550 no such person <amina@shop.example>"]
    post()
    outbox.drain()
    row = the("k")
    assert (row.state, row.attempts, row.error) == ("failed", 1, "550 no such person <a…@shop.example>")
    pass_time(timedelta(hours=1))
    assert outbox.drain() == 0
    assert mail.state().failed == 1
    assert mail.restart(row.id)
    db.session.commit()
    outbox.drain()
    assert the("k").state == "sent"
    assert not mail.restart(row.id), "what was sent is not sent again"
    assert not mail.restart(2**62)


def hang(connection: socket.socket) -> None:
    connection.recv(1)


def drip(connection: socket.socket) -> None:
    """A byte at a time, each well within the time-out."""
    while True:
        connection.sendall(b"2")
        time.sleep(0.05)


@pytest.mark.parametrize("play", [hang, drip, lambda _: None, lambda c: c.sendall(b"554 go away\r\n")])
def test_a_server_that_is_no_use_costs_one_try_and_the_others_wait(desk: Flask, play) -> None:
    with scripted(play) as (port, callers):
        send_by(desk, f"smtp://127.0.0.1:{port}", timeout=0.3, deadline=0.6)
        for number in range(10):
            post(f"k{number}")
        begin = time.monotonic()
        outbox.drain()
        assert time.monotonic() - begin < 3
        assert len(callers) == 1
    assert [the(f"k{n}").state for n in range(10)] == ["queued"] * 10
    assert "The mail server cannot be used" in (the("k0").error or "")
    assert [the(f"k{n}").attempts for n in range(10)] == [1] + [0] * 9
    with smtp_server() as server:
        send_by(desk, f"smtp://127.0.0.1:{server.port}")
        pass_time(timedelta(minutes=2))
        outbox.drain()
        assert len(server.taken) == 10
    assert mail.state().queued == 0


def test_nobody_listens(desk: Flask) -> None:
    send_by(desk, f"smtp://127.0.0.1:{free_port()}")
    post()
    outbox.drain()
    row = the("k")
    assert row.state == "queued"
    assert "ConnectionRefusedError" in (row.error or "")


def test_with_the_server_away_for_hours_all_are_given_up_and_one_by_hand_goes_through(desk: Flask) -> None:
    send_by(desk, f"smtp://127.0.0.1:{free_port()}")
    post("a")
    post("b")
    for _ in range(30):
        outbox.drain()
        pass_time(timedelta(minutes=10))
    assert {the("a").state, the("b").state} == {"failed"}
    with smtp_server() as server:
        send_by(desk, f"smtp://127.0.0.1:{server.port}")
        mail.restart(the("b").id)
        db.session.commit()
        outbox.drain()
        assert len(server.taken) == 1


def test_a_connection_lost_after_the_letter_is_unknown_and_not_sent_again(desk: Flask) -> None:
    with scripted(polite) as (port, callers):
        send_by(desk, f"smtp://127.0.0.1:{port}", timeout=2)
        post()
        outbox.drain()
        row = the("k")
        assert row.state == "unknown"
        assert "after the letter was handed over" in (row.error or "")
        pass_time(timedelta(hours=1))
        assert (outbox.drain(), len(callers)) == (0, 1)
    assert mail.state().unknown == 1
    assert mail.sweep().startswith("0 cut off, 0 asked")


@pytest.mark.parametrize(("answer", "state"), [(b"452 full", "queued"), (b"554 spam", "failed"), (b"250 ok", "sent")])
def test_what_is_answered_to_the_letter_counts(desk: Flask, answer, state) -> None:
    def judge(connection: socket.socket) -> None:
        polite(connection)
        connection.sendall(answer + b"\r\n")

    with scripted(judge) as (port, _):
        send_by(desk, f"smtp://127.0.0.1:{port}", timeout=2)
        post()
        outbox.drain()
    assert the("k").state == state


class Killed(BaseException):
    """Nothing of the house catches it, as nothing catches kill -9."""


class Deadly:
    def deliver(self, _message: Outgoing) -> None:
        raise Killed


def test_a_worker_killed_between_sending_and_noting_leaves_a_letter_that_is_found(desk: Flask, server: Server) -> None:
    way = desk.extensions["messages"]["mail"]
    desk.extensions["messages"]["mail"] = Deadly()
    post()
    with pytest.raises(Killed):
        outbox.drain()
    desk.extensions["messages"]["mail"] = way
    assert the("k").state == "sending"
    assert (outbox.drain(), server.taken) == (0, [])
    assert mail.sweep() == "0 cut off, 0 asked for again", "it may still be under way"
    pass_time(timedelta(minutes=6))
    assert mail.sweep() == "1 cut off, 0 asked for again"
    assert the("k").state == "unknown"
    mail.restart(the("k").id)
    db.session.commit()
    outbox.drain()
    assert len(server.taken) == 1


def test_a_mistake_of_ours_is_no_reason_to_send_twice(desk: Flask, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def deliver(self, _message: Outgoing) -> None:
            raise KeyError("oops")

    desk.extensions["messages"]["mail"] = Broken()
    post()
    outbox.drain()
    assert (the("k").state, the("k").error) == ("unknown", "KeyError: 'oops'")
    assert "oops" in caplog.text


def test_an_answer_that_comes_after_the_sweep_still_counts(desk: Flask) -> None:
    class Slow:
        def deliver(self, _message: Outgoing) -> None:
            db.session.execute(sa.update(OutgoingMessage).values(state="unknown"))
            db.session.commit()

    desk.extensions["messages"]["mail"] = Slow()
    post()
    outbox.drain()
    assert the("k").state == "sent"


def test_the_sweep_asks_again_for_what_the_outbox_lost_or_gave_up(desk: Flask, server: Server) -> None:
    post("lost")
    post("dead")
    post("waits")
    db.session.execute(sa.delete(OutboxRow).where(OutboxRow.payload["key"].astext == "lost"))
    db.session.execute(
        sa.update(OutboxRow).where(OutboxRow.payload["key"].astext == "dead").values(dead_at=sa.func.now())
    )
    db.session.commit()
    assert mail.sweep() == "0 cut off, 0 asked for again"
    pass_time(timedelta(minutes=11))
    assert mail.sweep() == "0 cut off, 2 asked for again"
    db.session.commit()
    outbox.drain()
    assert len(server.taken) == 3


def test_what_is_over_is_forgotten(desk: Flask, server: Server) -> None:
    server.answers = ["550 no", "250 OK"]
    post("failed")
    post("sent")
    outbox.drain()
    pass_time(timedelta(days=8))
    mail.sweep()
    assert the("failed").body is None
    assert not mail.restart(the("failed").id)
    pass_time(timedelta(days=83))
    mail.sweep()
    assert mail.recent().rows == []


# --- what people type -------------------------------------------------------------------------------------

BREAKS = ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\0", "\x00\r\n "]


@pytest.mark.parametrize("line_break", BREAKS)
def test_no_name_gets_into_a_header(desk: Flask, server: Server, line_break) -> None:
    evil = f"jute{line_break}Bcc: thief@evil.example{line_break}{line_break}<b>Pay here</b>"
    post(what=evil, name=evil)
    desk.extensions["messages"]["mail"] = replace(
        desk.extensions["messages"]["mail"],
        settings=replace(
            desk.extensions["messages"]["mail"].settings, site_name=f"Paikar{line_break}Cc: x@evil.example"
        ),
    )
    outbox.drain()
    [letter] = server.taken
    assert server.envelopes[0][1] == [TO]
    assert not {"bcc", "cc"} & {name.lower() for name in letter}
    assert str(letter["Subject"]) == "About jute Bcc: thief@evil.example <b>Pay here</b>"
    text = letter.get_body(("plain",))
    assert text is not None
    assert text.get_content().splitlines()[0] == "Hello jute Bcc: thief@evil.example <b>Pay here</b>,"


@pytest.mark.parametrize(
    "to",
    [
        "amina@shop.example\nBcc: thief@evil.example",
        "amina@shop.example\r\nRCPT TO:<thief@evil.example>",
        "amina@shop.example\u2028Bcc: x",
        "amina@shop.example, thief@evil.example",
        "Amina <amina@shop.example>",
        "amina@shop.example>\0<thief@evil.example",
        "\udcff@shop.example",
        "আমিনা@shop.example",
        "no address",
        "",
    ],
)
def test_what_is_no_address_fails_where_staff_can_see_it(desk: Flask, server: Server, to) -> None:
    post(to=to)
    outbox.drain()
    assert server.taken == []
    assert the("k").state == "failed"
    assert "thief" not in (mail.recent().rows[0].to)


def test_a_host_in_bangla_is_written_as_servers_know_it(desk: Flask, server: Server) -> None:
    post(to="amina@দোকান.example")
    outbox.drain()
    assert server.envelopes[0][1] == ["amina@" + "দোকান".encode("idna").decode() + ".example"]


def test_bangla_arrives_as_it_was_written(desk: Flask, server: Server) -> None:
    what = "পাটের ব্যাগ, ৪ × ৬ ফুট – নকশি কাঁথা " * 3
    settings = replace(desk.extensions["messages"]["mail"].settings, site_name="পাইকার, পাইকারি বাজার ও কারখানা – লিমিটেড")
    desk.extensions["messages"]["mail"] = replace(desk.extensions["messages"]["mail"], settings=settings)
    post(what=what, name="আমিনা বেগম", language="bn")
    outbox.drain()
    [letter] = server.taken
    assert what.strip() in str(letter["Subject"])
    # Read by the older reader: the newer one puts spaces between the parts of a long name.
    sender = str(make_header(decode_header(message_from_bytes(server.raw[0])["From"])))
    assert sender == f"{settings.site_name} <no-reply@127.0.0.1>"
    assert all(len(line) <= 78 for line in server.raw[0].splitlines() if not line.startswith(b"http"))
    assert letter["Content-Language"] == "bn"
    for kind in ("plain", "html"):
        part = letter.get_body((kind,))
        assert part is not None
        assert what.strip() in part.get_content()
        assert "আমিনা বেগম" in part.get_content()


def test_a_line_that_is_a_dot_does_not_end_the_letter(desk: Flask, server: Server) -> None:
    post(what=".")
    post("list", what="x", lines=["."])
    outbox.drain()
    text = server.taken[0].get_body(("plain",))
    assert text is not None
    assert "\n.\n" in text.get_content().replace("\r\n", "\n")


def test_a_letter_is_written_in_the_receivers_language_not_in_the_askers(
    desk: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = "{{ amount|money }}\n{{ count|number }} {% for line in lines %}[{{ line }}]{% endfor %}"
    loader = desk.jinja_env.loader
    assert loader is not None
    monkeypatch.setattr(desk.jinja_env, "loader", ChoiceLoader([DictLoader({"mail/figures.txt": template}), loader]))
    values = {"amount": Money(Decimal("1234567.50"), "BDT"), "count": 12, "lines": ["a\nb", "c"]}
    settings = desk.extensions["settings"]
    with desk.test_request_context("/", headers={"Accept-Language": "bn"}):
        assert letters.write(settings, "figures", "en", values) == ("৳12,34,567.50", "12 [a b][c]")
    assert letters.write(settings, "figures", "bn", values) == ("১২,৩৪,৫৬৭.৫০৳", "১২ [a b][c]")


def test_links_come_from_the_public_address_whatever_a_request_claims(desk: Flask) -> None:
    with desk.test_request_context("/", base_url="http://evil.example"):
        assert mail.link("accounts.login", next="/cart") == "http://127.0.0.1:5000/login?next=/cart"
    below = replace(desk.extensions["settings"], public_url="https://paikar.example/shop")
    assert letters.link(below, "accounts.login") == "https://paikar.example/shop/login"


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        (" a \t b ", "a b"),
        ("a\u2028b\u0085c", "a b c"),
        ("\u202egpj.exe", "gpj.exe"),
        ("ক্\u200cষ", "ক্\u200cষ"),  # the joiners of Bangla are kept
        ("a\udcffb", "a b"),
        ("", ""),
    ],
)
def test_one_line(typed, line) -> None:
    assert one_line(typed) == line


def test_several_lines() -> None:
    assert several_lines("\n\na\n\n\n\nb\x0bc\t \n") == "a\n\nb\nc"


# --- passwords and ciphers --------------------------------------------------------------------------------


def test_without_starttls_nothing_goes_out_in_the_clear(desk: Flask) -> None:
    said: list[bytes] = []

    def listen(connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        connection.sendall(b"220 hello\r\n")
        for line in stream:
            said.append(line)
            connection.sendall(b"250-fine\r\n250 AUTH PLAIN LOGIN\r\n")

    with scripted(listen) as (port, _):
        send_by(desk, f"smtp+starttls://shop:hunter2@127.0.0.1:{port}", timeout=2)
        post()
        outbox.drain()
    assert (the("k").state, the("k").attempts) == ("queued", 1)
    assert "STARTTLS" in (the("k").error or "")
    assert {line[:4].upper() for line in said} <= {b"EHLO", b"HELO", b"QUIT", b"RSET"}


def test_starttls_with_a_certificate_that_is_trusted(desk: Flask, tmp_path) -> None:
    server_side, client_side = certificate(tmp_path)
    with smtp_server(tls_context=server_side, require_starttls=True, login=True) as server:
        send_by(desk, f"smtp+starttls://shop:right%20p%40ss@localhost:{server.port}", tls=client_side)
        post()
        outbox.drain()
        assert the("k").error is None
        assert (server.subjects, server.encrypted, server.logins) == (["About jute"], [True], ["shop"])


def test_tls_from_the_first_byte(desk: Flask, tmp_path) -> None:
    server_side, client_side = certificate(tmp_path)
    with smtp_server(ssl_context=server_side) as server:
        send_by(desk, f"smtps://localhost:{server.port}", tls=client_side)
        post()
        outbox.drain()
        assert the("k").error is None
        assert server.subjects == ["About jute"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_certificate_of_somebody_else_is_refused(desk: Flask, tmp_path, scheme, host) -> None:
    """Not trusted at all, or trusted for another name."""
    server_side, client_side = certificate(tmp_path)
    options = {"ssl_context": server_side} if scheme == "smtps" else {"tls_context": server_side}
    trust = {} if host == "localhost" else {"tls": client_side}
    with smtp_server(**options) as server:
        send_by(desk, f"{scheme}://shop:hunter2@{host}:{server.port}", timeout=2, **trust)
        post()
        outbox.drain()
        assert (the("k").state, server.taken, server.logins) == ("queued", [], [])
    assert "CERTIFICATE_VERIFY_FAILED" in (the("k").error or "")


def test_the_password_and_what_a_letter_says_stand_in_no_log(
    desk: Flask, tmp_path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "wholesale")
    server_side, client_side = certificate(tmp_path)
    with smtp_server(tls_context=server_side, require_starttls=True, login=True) as server:
        send_by(desk, f"smtp+starttls://shop:hunter2@localhost:{server.port}", tls=client_side)
        post(what="reset-token-123")
        outbox.drain()
        assert server.taken == []
    row = the("k")
    assert row.state == "queued", "the server's trouble, not the letter's"
    assert "535" in (row.error or "")
    everything = caplog.text + repr(desk.extensions["messages"]["mail"]) + (row.error or "")
    assert "is queued" in caplog.text
    for secret in ("hunter2", "reset-token-123", TO):
        assert secret not in everything


# --- what the database keeps ------------------------------------------------------------------------------


def test_what_a_letter_says_is_sealed(desk: Flask) -> None:
    post(what="reset-token-123")
    raw = db.session.execute(sa.text("SELECT body, payload FROM outgoing_message, outbox")).one()
    assert b"reset-token-123" not in bytes(raw.body)
    assert raw.payload == {"channel": "mail", "key": "k"}


def test_anybody_may_write_one_down_and_only_the_platform_reads_them(desk: Flask, server: Server) -> None:
    transaction.remember_scope(transaction.NOBODY)
    try:
        assert post()
        assert not post()
        assert db.session.scalars(sa.select(OutgoingMessage)).all() == []
        assert db.session.execute(sa.delete(OutgoingMessage)).rowcount == 0  # type: ignore[attr-defined]
        db.session.commit()
    finally:
        transaction.remember_scope(transaction.PLATFORM)
    outbox.drain()
    assert len(server.taken) == 1


def test_a_letter_sealed_under_a_lost_key_fails(desk: Flask, server: Server) -> None:
    post()
    db.session.execute(sa.update(OutgoingMessage).values(body=b"nonsense"))
    db.session.commit()
    outbox.drain()
    assert (the("k").state, server.taken) == ("failed", [])


def test_pages_of_messages(desk: Flask, server: Server) -> None:
    server.answers = ["550 no"]
    for number in range(5):
        post(f"k{number}")
    outbox.drain()
    first = mail.recent(limit=2)
    second = mail.recent(limit=2, before=first.next_before)
    third = mail.recent(limit=2, before=second.next_before)
    ids = [row.id for page in (first, second, third) for row in page.rows]
    assert ids == sorted(ids, reverse=True)
    assert (len(ids), third.next_before) == (5, None)
    assert [row.may_restart for row in mail.recent(state="failed").rows] == [True]
    assert [row.to for row in third.rows] == ["a…@shop.example"]


# --- the folder and the command ---------------------------------------------------------------------------


@pytest.fixture
def folder(desk: Flask, tmp_path) -> mail.Folder:
    settings = replace(desk.extensions["settings"], data_dir=tmp_path / "data")
    desk.extensions["messages"]["mail"] = mail.Folder(settings)
    found = mail.outbox_folder()
    assert found is not None
    return found


def test_a_folder_takes_letters_for_people_to_read(folder: mail.Folder) -> None:
    post("first", what="পাট")
    post("second", what="tea")
    outbox.drain()
    newest, oldest = folder.newest()
    assert (newest.subject, oldest.subject, oldest.to) == ("About tea", "About পাট", TO)
    assert folder.find(newest.name) == newest
    links = [piece.href for paragraph in newest.paragraphs for line in paragraph for piece in line if piece.href]
    assert links == ["http://127.0.0.1:5000/login?next=/orders", "http://127.0.0.1:5000"]
    assert stat.S_IMODE((folder.path / f"{newest.name}.eml").stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["1-letter", "../secret_key", "..", "", "1-mail/../1-mail", "\0", "99999999-mail"])
def test_a_name_from_elsewhere_finds_nothing(folder: mail.Folder, name) -> None:
    (folder.path.parent).mkdir(exist_ok=True)
    (folder.path.parent / "secret_key.eml").write_text("secret")
    with pytest.raises(NotFoundError):
        folder.find(name)


def test_a_folder_that_cannot_be_written_is_tried_later(folder: mail.Folder) -> None:
    folder.path.parent.mkdir()
    folder.path.write_text("a file where the folder should be")
    post()
    outbox.drain()
    assert the("k").state == "queued"


def test_the_command_says_what_became_of_its_letter(desk: Flask, server: Server) -> None:
    said = desk.test_cli_runner().invoke(args=["mail", "test", "--to", TO])
    assert (said.exit_code, said.output) == (0, "Sent to a…@shop.example.\n")
    assert server.subjects == ["A test letter from Paikar"]
    server.answers = ["550 not here"]
    said = desk.test_cli_runner().invoke(args=["mail", "test", "--to", TO])
    assert said.exit_code == 1
    assert "is failed: 550 not here" in said.output
    server.answers = ["451 later"]
    said = desk.test_cli_runner().invoke(args=["mail", "test", "--to", TO])
    assert "is queued: 451 later. It is tried again." in said.output
