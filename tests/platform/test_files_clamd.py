"""Where a ClamAV is named, it is asked about every upload as it came; what it does not vouch for is not taken."""

from __future__ import annotations

import io
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.datastructures import FileStorage

from tests.factories import verification as papers
from tests.platform import uploads
from wholesale.kernel.errors import DomainError
from wholesale.platform import files


class Daemon:
    """Speaks INSTREAM as clamd does, and knows one virus."""

    def __init__(self, door: socket.socket, answer: bytes | None) -> None:
        self.door, self.answer, self.seen = door, answer, b""

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                line, _address = self.door.accept()
                with line, line.makefile("rb") as said:
                    assert said.read(10) == b"zINSTREAM\0"
                    self.seen = b""
                    while size := struct.unpack(">I", said.read(4))[0]:
                        self.seen += said.read(size)
                    verdict = b"stream: Win.Test.EICAR_HDB-1 FOUND\0" if uploads.EICAR in self.seen else b"stream: OK\0"
                    line.sendall(verdict if self.answer is None else self.answer)


@contextmanager
def daemon(door: socket.socket, answer: bytes | None = None) -> Iterator[Daemon]:
    made = Daemon(door, answer)
    thread = threading.Thread(target=made.serve)
    thread.start()
    try:
        yield made
    finally:
        with suppress(OSError):
            door.shutdown(socket.SHUT_RDWR)
        door.close()
        thread.join(5)


def send(house: Flask, monkeypatch: pytest.MonkeyPatch, url: str, data: bytes) -> files.StoredFile:
    settings = replace(house.extensions["settings"], clamd_url=url)
    monkeypatch.setitem(house.extensions, "settings", settings)
    return files.accept_document(FileStorage(io.BytesIO(data), filename="licence.pdf"), field="licence")


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_known_virus_is_refused_and_others_pass(
    house: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    if kind == "tcp":
        door = socket.create_server(("127.0.0.1", 0))
        url = f"tcp://127.0.0.1:{door.getsockname()[1]}"
    else:
        door = socket.socket(socket.AF_UNIX)
        door.bind(str(tmp_path / "clamd ctl"))
        door.listen()
        url = f"unix:{tmp_path}/clamd%20ctl"
    with daemon(door) as clam:
        large = papers.PDF + b" " * 500
        assert send(house, monkeypatch, url, large).media_type == "application/pdf"
        assert clam.seen == large
        noisy = uploads.photograph("PNG") + bytes(200_000)
        assert send(house, monkeypatch, url, noisy).media_type == "image/jpeg"
        assert clam.seen == noisy
        with pytest.raises(DomainError, match="known virus") as refused:
            send(house, monkeypatch, url, uploads.photograph() + uploads.EICAR)
        assert refused.value.field == "licence"


@pytest.mark.parametrize("answer", [b"", b"INSTREAM size limit exceeded. ERROR\0", b"stream: OK or not\0"])
def test_without_a_clear_answer_nothing_is_taken(house: Flask, monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    door = socket.create_server(("127.0.0.1", 0))
    with daemon(door, answer), pytest.raises(DomainError, match="cannot be checked for viruses") as refused:
        send(house, monkeypatch, f"tcp://127.0.0.1:{door.getsockname()[1]}", papers.PDF)
    assert refused.value.field == "licence"


def test_while_it_is_away_nothing_is_taken(house: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    for url in (f"tcp://127.0.0.1:{port}", f"unix:{tmp_path}/nobody"):
        with pytest.raises(DomainError, match="cannot be checked for viruses"):
            send(house, monkeypatch, url, papers.PDF)
