"""What every way out of the house has in common: what it is given, and how it says what became of it."""

from __future__ import annotations

import socket
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

# Letters that reorder what is read around them: a name must not turn a sentence about it round.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BREAKING = {"Cc", "Cs", "Zl", "Zp"}


@dataclass(frozen=True)
class Outgoing:
    """One message on its way, detached from the database. `reference` is the same whenever it is sent again.

    `attachment`: the name and the bytes of a PDF that goes with a letter.
    """

    id: int
    channel: str
    to: str = field(repr=False)
    subject: str = field(repr=False)
    body: str = field(repr=False)
    language: str
    reference: str
    tried_at: datetime
    attachment: tuple[str, bytes] | None = field(default=None, repr=False)


class Transport(Protocol):
    """A way out. Returns once the other side has taken the message; else raises one of the errors below."""

    def deliver(self, message: Outgoing) -> None: ...


class RefusedError(Exception):
    """It will never be taken like this: the message has failed."""


class LaterError(Exception):
    """It was certainly not taken; trying again may help. `unreachable`: not this message, the server is the trouble."""

    def __init__(self, text: str, *, unreachable: bool = False) -> None:
        self.unreachable = unreachable
        super().__init__(text)


class UnclearError(Exception):
    """The other side may have it or not."""


def one_line(text: str) -> str:
    """`text` without anything that breaks a line or controls a terminal or the direction of reading."""
    kept = (" " if unicodedata.category(c) in _BREAKING else c for c in text if c not in _TURNING)
    return " ".join("".join(kept).split())


def several_lines(text: str) -> str:
    """The same for what may have several lines: only the plain line break stays, and never more than one empty line."""
    lines = [" ".join(one_line(part) for part in line.split("\t")).rstrip() for line in text.splitlines()]
    return "\n".join(line for number, line in enumerate(lines) if line or (number and lines[number - 1])).strip("\n")


@contextmanager
def at_most(seconds: float, connection: Callable[[], socket.socket | None]) -> Iterator[None]:
    """End the connection when the block takes longer: a time-out alone never ends one that gives a byte a second."""

    def end() -> None:
        with suppress(OSError):
            if (open_one := connection()) is not None:
                open_one.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(seconds, end)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()
