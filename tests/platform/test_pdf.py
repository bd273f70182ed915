"""The renderer: Bangla and ৳ are in the document, and nothing outside of the template gets in."""

from __future__ import annotations

import re
import socket
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from wholesale.platform import pdf

SECRET = "the-content-of-a-file-that-no-invoice-may-show"


def inside(document: bytes) -> bytes:
    """The document with its streams unpacked, so that one can look for what was drawn or attached."""
    parts = [document]
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", document, re.DOTALL):
        try:
            parts.append(zlib.decompress(stream))
        except zlib.error:
            parts.append(stream)
    return b"\n".join(parts)


class Listener:
    """A server on the loopback that counts who calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.calls += 1
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            connection.close()

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()


@pytest.fixture
def listener() -> Iterator[Listener]:
    server = Listener()
    yield server
    server.close()


@pytest.fixture
def secret(tmp_path: Path) -> str:
    path = tmp_path / "secret.txt"
    path.write_text(SECRET)
    (tmp_path / "secret.svg").write_text(f'<svg xmlns="http://www.w3.org/2000/svg"><text y="9">{SECRET}</text></svg>')
    return path.as_uri()


HTML = [
    '<img src="{target}" width="9" height="9">',
    '<link rel="stylesheet" href="{target}">',
    '<link rel="attachment" href="{target}">',
    '<a rel="attachment" href="{target}">x</a>',
    '<object data="{target}"></object><embed src="{target}">',
    '<p style="background-image: url({target})">x</p>',
    "<style>@import url({target}); @font-face {{ font-family: a; src: url({target}) }} p {{ font: 9pt a }}</style><p>x",
    '<svg xmlns="http://www.w3.org/2000/svg" width="9"><image href="{target}"/><use href="{target}#a"/></svg>',
    '<base href="{target}"><img src="other.png"><link rel="attachment" href="">',
]
CSS = [
    "@import url({target});",
    "p::before {{ content: url({target}) }}",
    "@page {{ background: url({target}) }}",
    "@font-face {{ font-family: b; src: url({target}) }} p {{ font-family: b }}",
    "li {{ list-style: url({target}) }}",
]


@pytest.mark.parametrize("html", HTML)
def test_html_opens_no_file_and_no_connection(html: str, secret: str, listener: Listener) -> None:
    for target in (secret, secret.replace(".txt", ".svg"), f"{listener.url}/x", f"ftp{listener.url[4:]}/x"):
        document = pdf.render(html.format(target=target) + "<p>word", "")
        assert SECRET.encode() not in inside(document)
        assert b"/EmbeddedFile" not in inside(document)
    assert listener.calls == 0


@pytest.mark.parametrize("css", CSS)
def test_css_opens_no_file_and_no_connection(css: str, secret: str, listener: Listener) -> None:
    for target in (secret, f"{listener.url}/x"):
        document = pdf.render("<p>word<ul><li>x</ul>", css.format(target=target))
        assert SECRET.encode() not in inside(document)
    assert listener.calls == 0


def test_an_address_without_a_scheme_leads_nowhere(secret: str) -> None:
    path = secret.removeprefix("file://")
    document = pdf.render(f'<img src="{path}"><link rel="attachment" href="{path}"><p>word', "")
    assert SECRET.encode() not in inside(document)
    assert b"/EmbeddedFile" not in inside(document)


def test_a_picture_that_is_brought_along_brings_nothing_else(secret: str, listener: Listener) -> None:
    for target in (secret, listener.url):
        picture = f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="{target}"/></svg>'
        entity = (
            f'<!DOCTYPE svg [<!ENTITY e SYSTEM "{target}">]><svg xmlns="http://www.w3.org/2000/svg"><text>&e;</text>'
        )
        for svg in (picture, f"{entity}</svg>"):
            document = pdf.render(f'<img src="data:image/svg+xml,{quote(svg)}"><p>word', "")
            assert SECRET.encode() not in inside(document)
    assert listener.calls == 0


def test_the_listener_would_notice(listener: Listener) -> None:
    with socket.create_connection(listener.socket.getsockname()) as connection:
        connection.recv(100)
    assert listener.calls == 1


@pytest.mark.skipif(not pdf.font_faces(), reason="set-up could not fetch the fonts")
def test_bangla_and_taka_are_drawn_in_the_fonts_brought_along() -> None:
    document = pdf.render("<p>৳135 ক্ষুদ্র</p>", "p { font-family: 'House latin', 'House bengali' }")
    assert set(re.findall(rb"/BaseFont\s*/[A-Z]{6}\+([\w-]+)", inside(document))) == {b"House-latin", b"House-bengali"}
    assert b"<09f3>" in inside(document).lower(), "৳ can be copied out of the document"


def test_a_machine_without_pango_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    real = builtins.__import__

    def without(name: str, *args: object, **kwargs: object) -> object:
        if name == "weasyprint":
            raise OSError("cannot load library 'libpango-1.0-0'")
        return real(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    pdf._weasyprint.cache_clear()
    try:
        with pytest.raises(pdf.RendererMissingError, match="apt-get install libpango"):
            pdf.render("<p>word", "")
    finally:
        monkeypatch.undo()
        pdf._weasyprint.cache_clear()
