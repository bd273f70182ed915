"""Request ids and JSON logs: one id follows a request through its outbox rows and jobs."""

from __future__ import annotations

import json
import logging
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from flask import Flask, Response, g, request

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
log = logging.getLogger("wholesale.request")


def request_id() -> str | None:
    """The id of the request or job being served, None outside of both."""
    return _request_id.get()


@contextmanager
def within(request_id: str | None) -> Iterator[None]:
    """Carry `request_id` (of the request that caused this work) through the block."""
    token = _request_id.set(request_id or uuid.uuid4().hex[:16])
    try:
        yield
    finally:
        _request_id.reset(token)


class JsonFormatter(logging.Formatter):
    """One JSON object a line. Nothing private: paths without query strings, no form values, no headers."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "request": _request_id.get(),
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


def configure_logging() -> None:
    """Send everything from INFO up to standard error as JSON; called once per process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    handler.formatter.converter = time.gmtime  # type: ignore[union-attr]  # set one line above
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("rq").setLevel(logging.WARNING)  # a line per doorbell would drown the rest
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    logging.getLogger("weasyprint").setLevel(logging.ERROR)


def _shown_path() -> str:
    """The path; where the route has a place for a `token`, without it: who reads logs must not be let in by them."""
    token = (request.view_args or {}).get("token")
    return request.path.replace(str(token), "…") if token else request.path


def init_app(app: Flask) -> None:
    @app.before_request
    def _begin() -> None:
        # Ours, never the client's: an id that people quote must not be forgeable.
        _request_id.set(uuid.uuid4().hex[:16])
        g.started = time.perf_counter()

    @app.after_request
    def _end(response: Response) -> Response:
        response.headers["X-Request-Id"] = request_id() or ""
        if request.endpoint != "static":
            facts = {
                "method": request.method,
                "path": _shown_path(),
                "status": response.status_code,
                "ms": round((time.perf_counter() - g.get("started", time.perf_counter())) * 1000, 1),
            }
            log.info("request", extra={"facts": facts})
        return response
