"""Request ids and JSON logs: one id follows a request through its outbox rows, jobs and letters.

What a request, an outbox row or a job asks of the database is counted while it works (`Work`), and stands in its line
of the log and in /metrics.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

import sqlalchemy as sa
from flask import Flask, Response, request

from wholesale.platform import metrics

_DETAIL = re.compile(r"^DETAIL: .*$", re.MULTILINE)  # PostgreSQL's: the values of the row that it has refused
_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_work: ContextVar[Work | None] = ContextVar("work", default=None)
_trace_id: Callable[[], str | None] = lambda: None  # noqa: E731 - replaced when traces are sent
log = logging.getLogger("wholesale.request")


@dataclass(slots=True)
class Work:
    """A request, an outbox row or a job: since when it is at it, and what it has asked of the database so far."""

    began: float = field(default_factory=time.perf_counter)
    statements: int = 0
    waited: float = 0.0
    _asked: float = 0.0

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.began

    def facts(self) -> dict[str, object]:
        """For a line of the log: milliseconds, statements, milliseconds of these."""
        return {
            "ms": round(self.seconds * 1000, 1),
            "queries": self.statements,
            "db_ms": round(self.waited * 1000, 1),
        }

    def end(self) -> None:
        """Add it to what this process has done."""
        metrics.worked(self.statements, self.waited)


def request_id() -> str | None:
    """The id of the request or job being served, None outside of both."""
    return _request_id.get()


@contextmanager
def within(request_id: str | None) -> Iterator[Work]:
    """Carry `request_id` (of the request that caused this work) through the block; what it asks of the database."""
    token, work = _request_id.set(request_id or uuid.uuid4().hex[:16]), Work()
    before = _work.set(work)
    try:
        yield work
    finally:
        _work.reset(before)
        _request_id.reset(token)
        work.end()


def show_trace(find: Callable[[], str | None]) -> None:
    """Let lines of the log carry the trace that they belong to."""
    global _trace_id  # noqa: PLW0603 - one for the process
    _trace_id = find


@sa.event.listens_for(sa.Engine, "before_cursor_execute")
def _asks(*_: Any) -> None:
    work = _work.get()
    if work is not None:
        work.statements += 1
        work._asked = time.perf_counter()  # noqa: SLF001 - of this module


@sa.event.listens_for(sa.Engine, "after_cursor_execute")
def _answered(*_: Any) -> None:
    _waited()


@sa.event.listens_for(sa.Engine, "handle_error")
def _refused(_failure: Any) -> None:
    _waited()  # those that took until their time was up are the longest of all


def _waited() -> None:
    work = _work.get()
    if work is not None and work._asked:  # noqa: SLF001 - of this module
        work.waited += time.perf_counter() - work._asked  # noqa: SLF001
        work._asked = 0.0  # noqa: SLF001


_pools: WeakSet[sa.QueuePool] = WeakSet()


@sa.event.listens_for(sa.QueuePool, "checkout")
def _taken(_connection: Any, _record: Any, taken: Any) -> None:
    _pools.add(taken._pool)  # noqa: SLF001 - it has no other name
    _say_pools()


@sa.event.listens_for(sa.QueuePool, "checkin")
def _given_back(*_: Any) -> None:
    _say_pools(-1)  # it is counted as taken until after this


def _say_pools(more: int = 0) -> None:
    pools = list(_pools)
    metrics.pool_in_use(
        max(0, more + sum(pool.checkedout() for pool in pools)),
        sum(pool.size() + pool._max_overflow for pool in pools),  # noqa: SLF001 - it has no other name
    )


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
        if (trace := _trace_id()) is not None:
            entry["trace"] = trace
        if record.exc_info:
            entry["error"] = _DETAIL.sub("DETAIL: not told", self.formatException(record.exc_info))
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
        _work.set(Work())
        metrics.serving()

    @app.after_request
    def _end(response: Response) -> Response:
        response.headers["X-Request-Id"] = request_id() or ""
        work = _work.get()
        if request.endpoint != "static" and work is not None:
            _work.set(None)  # what a stream asks afterwards is no part of the answer
            route = request.url_rule.rule if request.url_rule else ""
            metrics.request_done(
                method=request.method,
                route=route,
                status=response.status_code,
                seconds=work.seconds,
                statements=work.statements,
                waited=work.waited,
            )
            work.end()
            facts = {
                "method": request.method,
                "path": _shown_path(),
                "status": response.status_code,
                **work.facts(),
            }
            log.info("request", extra={"facts": facts})
        return response
