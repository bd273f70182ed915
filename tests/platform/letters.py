"""Mail servers that answer as told, and a template to write letters by."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask

from wholesale.platform.db import db
from wholesale.platform.messages.queue import OutgoingMessage
from wholesale.platform.messages.smtp import SmtpServer
from wholesale.platform.outbox import OutboxRow

SAMPLE = """{% extends "mail/_frame.txt" %}
{% block subject %}{{ _("About %(what)s", what=what) }}{% endblock %}
{% block body %}
{{ what }}

{{ url("accounts.login", next="/orders") }}
{% endblock %}
"""


@dataclass
class Server:
    """A real SMTP server. `answers` are what it says to RCPT, one after the other; afterwards it takes everything.

    For each letter it takes `seconds`.
    """

    answers: list[str] = field(default_factory=list)
    taken: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    port: int = 0
    seconds: float = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        letter = message_from_bytes(envelope.content or b"", policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.taken.append(letter)
        self.raw.append(envelope.content or b"")
        self.envelopes.append((str(envelope.mail_from), list(envelope.rcpt_tos)))
        self.encrypted.append(session.ssl is not None)
        await asyncio.sleep(self.seconds)
        return "250 taken"

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login.decode())
        return AuthResult(success=data.password == b"right p@ss", handled=data.password == b"right p@ss")

    @property
    def subjects(self) -> list[str]:
        return [str(letter["Subject"]) for letter in self.taken]


def free_port() -> int:
    """Below the ephemeral range, so that no client socket can take it."""
    for port in range(21_003, 31_000, 11):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")


@contextmanager
def smtp_server(**options: object) -> Iterator[Server]:
    server = Server()
    if options.pop("login", False):
        options |= {"authenticator": server.authenticate, "auth_required": True}
    for attempt in range(20):
        server.port = free_port()
        controller = Controller(server, hostname="127.0.0.1", port=server.port, **options)  # type: ignore[arg-type]
        try:
            controller.start()
            break
        except OSError:
            if attempt == 19:
                raise
    try:
        yield server
    finally:
        controller.stop()


@contextmanager
def scripted(play: Callable[[socket.socket], None]) -> Iterator[tuple[int, list[int]]]:
    """A server that does `play` with each connection and hangs up: its port, and a list as long as it had callers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))
        listener.listen()
        callers: list[int] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                callers.append(1)
                with connection, suppress(OSError):
                    play(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1], callers
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def polite(connection: socket.socket, until: bytes = b".\r\n") -> None:
    """Speak SMTP up to the letter's last line, and answer nothing to that."""
    stream = connection.makefile("rb")
    connection.sendall(b"220 hello\r\n")
    for line in stream:
        if line[:4].upper() == b"DATA":
            connection.sendall(b"354 go on\r\n")
            for text in stream:
                if text == until:
                    return
        connection.sendall(b"250 fine\r\n")


def send_by(app: Flask, url: str, **options: object) -> None:
    """Let the application's letters go to the server at `url`."""
    settings = replace(app.extensions["settings"], mail_url=url)
    app.extensions["messages"]["mail"] = SmtpServer(settings, **options)  # type: ignore[arg-type]


def the(key: str, channel: str = "mail") -> OutgoingMessage:
    found = db.session.scalars(
        sa.select(OutgoingMessage)
        .where(OutgoingMessage.channel == channel, OutgoingMessage.key == key)
        .execution_options(populate_existing=True)
    ).one()
    db.session.commit()
    return found


def pass_time(time: timedelta) -> None:
    """Everything that is written down happened that much earlier."""
    for table in (OutboxRow.__table__, OutgoingMessage.__table__):
        moved = {c.name: c - time for c in table.columns if isinstance(c.type, sa.DateTime)}
        db.session.execute(sa.update(table).values(moved))  # type: ignore[arg-type]
    db.session.commit()


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's side and that of a client who trusts it, for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain = folder / "server.pem"
    chain.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(chain)
    return server, ssl.create_default_context(cadata=made.public_bytes(serialization.Encoding.PEM).decode())
