"""Text messages by an HTTP gateway: one POST of a form, no redirects, no second try of what may have been taken."""

from __future__ import annotations

import http.client
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from wholesale.config import Settings
from wholesale.platform.messages.transports import LaterError, Outgoing, RefusedError, UnclearError, at_most

_LATER = {http.HTTPStatus.TOO_MANY_REQUESTS, http.HTTPStatus.SERVICE_UNAVAILABLE}


@dataclass(frozen=True)
class SmsGateway:
    """The gateway of SMS_URL. It gets `to`, `text` and `id`, by which it can tell a repeated message."""

    settings: Settings = field(repr=False)
    timeout: float = 5
    deadline: float = 15
    tls: ssl.SSLContext | None = None

    def deliver(self, message: Outgoing) -> None:
        url = urlsplit(self.settings.sms_url)
        port = url.port or (443 if url.scheme == "https" else 80)
        gateway: http.client.HTTPConnection = (
            http.client.HTTPSConnection(
                url.hostname or "", port, timeout=self.timeout, context=self.tls or ssl.create_default_context()
            )
            if url.scheme == "https"
            else http.client.HTTPConnection(url.hostname or "", port, timeout=self.timeout)
        )
        try:
            with at_most(self.deadline, lambda: gateway.sock):
                _judge(self._answer(gateway, url.path or "/", url.query, message))
        finally:
            with suppress(OSError):
                gateway.close()

    def _answer(self, gateway: http.client.HTTPConnection, path: str, query: str, message: Outgoing) -> int:
        form = urlencode({"to": message.to, "text": message.body, "id": message.reference})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "*/*"}
        if self.settings.sms_token:
            headers["Authorization"] = f"Bearer {self.settings.sms_token}"
        try:
            gateway.connect()
        except OSError as error:
            raise LaterError(f"The gateway cannot be reached: {error}", unreachable=True) from error
        try:
            gateway.request("POST", f"{path}?{query}" if query else path, form, headers)
            return gateway.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise UnclearError(f"The gateway did not answer: {type(error).__name__}") from error


def _judge(status: int) -> None:
    """2xx: it has it. Only 429 and 503 say that it has not and may have it later; another 5xx says nothing at all."""
    text = f"The gateway answered {status}."
    if status in _LATER:
        raise LaterError(text, unreachable=True)
    if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        raise UnclearError(text)
    if not http.HTTPStatus.OK <= status < http.HTTPStatus.MULTIPLE_CHOICES:
        raise RefusedError(text)
