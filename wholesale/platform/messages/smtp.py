"""Letters by SMTP, one connection each: what was refused, what may be tried again, and what nobody can know."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from wholesale.config import Settings
from wholesale.platform.messages.letters import compose
from wholesale.platform.messages.transports import LaterError, Outgoing, RefusedError, UnclearError, at_most

_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_OK, _FORWARDED, _GO_AHEAD, _CLOSING, _PERMANENT = 250, 251, 354, 421, 500


@dataclass(frozen=True)
class SmtpServer:
    """The server of MAIL_URL. `timeout` is for each answer, `deadline` for the whole letter."""

    settings: Settings = field(repr=False)
    timeout: float = 10
    deadline: float = 60
    tls: ssl.SSLContext | None = None

    def deliver(self, message: Outgoing) -> None:
        sender, receiver, letter = compose(self.settings, message)
        with self._connected() as server:
            for step, address in ((server.mail, sender), (server.rcpt, receiver)):
                code, answer = step(address)
                if code not in {_OK, _FORWARDED}:
                    raise _refusal(code, answer)
            code, answer = server.docmd("DATA")
            if code != _GO_AHEAD:
                raise _refusal(code, answer)
            _hand_over(server, letter.as_bytes())

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        """A connection that has said hello and, if asked to, is encrypted and logged in.

        While nothing is handed over, whatever breaks is the server's trouble and not this letter's.
        """
        url = urlsplit(self.settings.mail_url)
        host, port = url.hostname or "", url.port or _PORTS[url.scheme]
        hello = urlsplit(self.settings.public_url).hostname
        tls = self.tls or ssl.create_default_context()
        server = (
            smtplib.SMTP_SSL(timeout=self.timeout, local_hostname=hello, context=tls)
            if url.scheme == "smtps"
            else smtplib.SMTP(timeout=self.timeout, local_hostname=hello)
        )
        server._host = host  # type: ignore[attr-defined]  # noqa: SLF001 - else only its constructor, which connects, tells it whose certificate to ask for
        try:
            with at_most(self.deadline, lambda: server.sock):
                server.connect(host, port)
                server.ehlo_or_helo_if_needed()
                if url.scheme == "smtp+starttls":
                    server.starttls(context=tls)  # raises when it is not offered: nothing goes out in the clear
                    server.ehlo()
                if url.username:
                    server.login(unquote(url.username), unquote(url.password or ""))
                yield server
        except (OSError, smtplib.SMTPException) as error:
            raise LaterError(f"The mail server cannot be used: {_said(error)}", unreachable=True) from error
        finally:
            with suppress(OSError, smtplib.SMTPException):
                server.close()


def _hand_over(server: smtplib.SMTP, letter: bytes) -> None:
    """From here on only an answer tells whether the server has it."""
    try:
        server.send(re.sub(rb"(?m)^\.", b"..", letter) + b".\r\n")
        code, answer = server.getreply()
    except (OSError, smtplib.SMTPException) as error:
        raise UnclearError(f"The connection broke after the letter was handed over: {_said(error)}") from error
    if code != _OK:
        raise _refusal(code, answer)
    with suppress(OSError, smtplib.SMTPException):
        server.quit()


def _refusal(code: int, answer: bytes) -> RefusedError | LaterError:
    text = f"{code} {answer.decode('utf-8', 'replace')}"
    if code >= _PERMANENT:
        return RefusedError(text)
    return LaterError(text, unreachable=code in {_CLOSING, -1})


def _said(error: Exception) -> str:
    """What a server said, or what the system says; never what we sent."""
    if isinstance(error, smtplib.SMTPResponseException):
        answer = error.smtp_error
        return f"{error.smtp_code} {answer.decode('utf-8', 'replace') if isinstance(answer, bytes) else answer}"
    return f"{type(error).__name__}: {error}"
