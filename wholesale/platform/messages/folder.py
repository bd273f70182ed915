"""A folder in place of the world: letters and text messages of the demonstration, for developers to read."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from heapq import nlargest
from pathlib import Path

from wholesale.config import Settings
from wholesale.kernel.errors import NotFoundError
from wholesale.platform.messages.letters import compose
from wholesale.platform.messages.transports import LaterError, Outgoing

log = logging.getLogger(__name__)

_NAME = re.compile(r"[0-9]{1,19}-(mail|sms)")
_LINK = re.compile(r"https?://[^\s<>\"']+")
_SHOWN = 50


@dataclass(frozen=True)
class Piece:
    """A stretch of text; with `href` it is a link."""

    text: str
    href: str | None = None


@dataclass(frozen=True)
class Kept:
    """A message that lies in the folder."""

    name: str
    channel: str
    to: str
    subject: str
    body: str
    at: datetime

    @property
    def paragraphs(self) -> list[list[list[Piece]]]:
        """The text as paragraphs of lines, with its addresses apart."""
        paragraphs = self.body.strip().split("\n\n")
        return [[list(_pieces(line)) for line in paragraph.splitlines()] for paragraph in paragraphs]


def _pieces(line: str) -> Iterator[Piece]:
    end = 0
    for found in _LINK.finditer(line):
        yield Piece(line[end : found.start()])
        yield Piece(found[0], found[0])
        end = found.end()
    yield Piece(line[end:])


@dataclass(frozen=True)
class Folder:
    """Writes each message into a file, completely or not at all. A text message also goes to the log."""

    settings: Settings = field(repr=False)

    @property
    def path(self) -> Path:
        return self.settings.outbox_dir

    def deliver(self, message: Outgoing) -> None:
        if message.channel == "sms":
            log.info("text message to %s: %s", message.to, message.body)
            letter = EmailMessage(policy=SMTP)
            letter["X-Phone"] = message.to
            letter.set_content(message.body)
        else:
            _, _, letter = compose(self.settings, message)
        try:
            self._write(f"{message.id}-{message.channel}", letter.as_bytes())
        except OSError as error:
            raise LaterError(f"The folder for messages cannot be written: {error.strerror}") from error

    def _write(self, name: str, data: bytes) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self.path / f"{name}.part"
        with open(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:  # noqa: PTH123
            file.write(data)
        part.rename(self.path / f"{name}.eml")

    def newest(self, limit: int = _SHOWN) -> list[Kept]:
        files = [path for path in self.path.glob("*.eml") if _NAME.fullmatch(path.stem)]
        return [_read(path) for path in nlargest(limit, files, key=lambda path: (path.stat().st_mtime_ns, path.stem))]

    def find(self, name: str) -> Kept:
        """Raises NotFoundError; a name that is no message's never becomes a path."""
        path = self.path / f"{name}.eml"
        if not _NAME.fullmatch(name) or not path.is_file():
            raise NotFoundError
        return _read(path)


def _read(path: Path) -> Kept:
    letter = message_from_bytes(path.read_bytes(), policy=default)
    assert isinstance(letter, EmailMessage), "the default policy makes these"
    body = letter.get_body(("plain",))
    return Kept(
        name=path.stem,
        channel=path.stem.partition("-")[2],
        to=str(letter["To"] or letter["X-Phone"] or ""),
        subject=str(letter["Subject"] or ""),
        body="" if body is None else body.get_content().replace("\r\n", "\n"),
        at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
    )
