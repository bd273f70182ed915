"""News for a page that is open: a stream (server-sent events) that says when something has changed, and no more.

What a topic's stamp says is kept in Redis (see `cache.drop`): a stream asks for it once a second and holds neither a
transaction nor a connection to the database. It does hold a thread of the web server, so there are few at a time, and
each ends after a while, or at once when the server is told to stop: the browser then asks again.
Whoever finds no place, or no Redis, is told to leave it (204); pages ask now and then anyway, by themselves.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from flask import Response, current_app

from wholesale.platform import cache, leaving, metrics

MOST = 2
"""Streams at a time of each process, of its eight threads."""
LIFE_SECONDS = 12.0
_PAUSE_SECONDS = 1.0
_RETRY_MILLISECONDS = 3000
_SIGN_OF_LIFE = 5  # pauses: whoever has gone away is noticed by it

_places = threading.BoundedSemaphore(MOST)
_counting = threading.Lock()
_open = [0]


def announce(topic: str) -> None:
    """Let the pages that follow `topic` know, once the current transaction is committed."""
    cache.drop(topic)


def stream(topic: str) -> Response:
    """An answer that goes on for a while and says each time that `topic` was announced."""
    stamp = cache.stamp(topic)
    if stamp is None or not _places.acquire(blocking=False):
        return Response("", 204)
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - werkzeug's way to the object

    def ask() -> bytes | None:
        with app.app_context():
            return cache.stamp(topic)

    answer = Response(_news(ask, stamp), mimetype="text/event-stream")
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Accel-Buffering"] = "no"  # a proxy in front passes each word on at once
    answer.call_on_close(_end)
    _say(1)
    return answer


def _end() -> None:
    _places.release()
    _say(-1)


def _say(more: int) -> None:
    """How many there are, for /metrics."""
    with _counting:
        _open[0] += more
        metrics.streams_open(_open[0])


def _news(ask: object, known: bytes) -> Iterator[str]:
    assert callable(ask), "asked for the stamp again and again"
    end = time.monotonic() + LIFE_SECONDS
    yield f"retry: {_RETRY_MILLISECONDS}\n\n"
    pauses = 0
    while time.monotonic() < end and not leaving.wait(_PAUSE_SECONDS):
        pauses += 1
        stamp = ask()
        if stamp is None:
            return
        if stamp != known:
            known = stamp
            yield "data: changed\n\n"
        elif pauses % _SIGN_OF_LIFE == 0:
            yield ":\n\n"
