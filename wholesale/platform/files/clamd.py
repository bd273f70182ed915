"""Asks ClamAV about an upload, where CLAMD_URL names one (clamd's INSTREAM, spoken by hand)."""

from __future__ import annotations

import logging
import socket
import struct
from urllib.parse import unquote, urlsplit

from wholesale.kernel.errors import UnavailableError
from wholesale.kernel.words import N_

log = logging.getLogger(__name__)

CANNOT_CHECK = N_("Files cannot be checked for viruses at the moment. Try again in a few minutes.")
_PORT = 3310
_CONNECT_SECONDS, _SECONDS = 2.0, 10.0
_CHUNK = 64 * 1024


def is_clean(url: str, data: bytes) -> bool:
    """Whether it finds nothing. Raises UnavailableError when it does not say: what was not checked is not taken."""
    try:
        with _line(url) as line:
            line.settimeout(_SECONDS)
            line.sendall(b"zINSTREAM\0")
            for start in range(0, len(data), _CHUNK):
                chunk = data[start : start + _CHUNK]
                line.sendall(struct.pack(">I", len(chunk)) + chunk)
            line.sendall(struct.pack(">I", 0))
            answer = line.recv(4096).rstrip(b"\0\n").decode("utf-8", "replace")
    except OSError as error:
        log.error("ClamAV does not answer: %s", error)  # noqa: TRY400 - the trace tells nothing
        raise UnavailableError(CANNOT_CHECK) from error
    if answer.endswith(" FOUND"):
        log.warning("an upload was refused: %s", answer)
        return False
    if answer != "stream: OK":
        log.error("ClamAV answers: %s", answer)
        raise UnavailableError(CANNOT_CHECK)
    return True


def _line(url: str) -> socket.socket:
    parts = urlsplit(url)
    if parts.scheme == "tcp":
        return socket.create_connection((parts.hostname or "", parts.port or _PORT), timeout=_CONNECT_SECONDS)
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(_CONNECT_SECONDS)
    try:
        line.connect(unquote(parts.path))
    except OSError:
        line.close()
        raise
    return line
