"""Traces by OpenTelemetry, when OTEL_EXPORTER_OTLP_ENDPOINT is set: requests, statements, outbox rows, jobs, letters.

A trace goes on through the outbox: the row carries its `traceparent` (W3C Trace Context). Nobody outside begins one of
ours: what a client sends as traceparent is not read. A span holds a route's pattern, names and SQL without its values;
nothing of a person. Without the setting nothing of OpenTelemetry is imported, and these functions return at once.

SQL has spans of our own, by events of the engine: OpenTelemetry's instrumentation does not take SQLAlchemy 2.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import Token
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from flask import Flask, Response, g, request

from wholesale.config import Settings
from wholesale.platform import telemetry

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

_LONGEST_STATEMENT = 2000
_FLUSH_MILLISECONDS = 2000
_SERVER_ERROR = 500


@dataclass
class _Tracing:
    """What makes spans, once it has been switched on."""

    provider: TracerProvider
    tracer: Tracer


_on: _Tracing | None = None


def switch_on(exporter: SpanExporter | None = None, *, service: str = "wholesale") -> None:
    """Send spans by `exporter`, else as OTEL_… say; once for the process, before it forks.

    Spans are sent in the background, some at a time, so that nobody waits for whoever takes them.
    """
    global _on  # noqa: PLW0603 - one for the process
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": service}))  # OTEL_SERVICE_NAME goes before
    provider.add_span_processor(
        SimpleSpanProcessor(exporter) if exporter is not None else BatchSpanProcessor(OTLPSpanExporter())
    )
    _on = _Tracing(provider, provider.get_tracer("wholesale"))
    telemetry.show_trace(trace_id)
    sa.event.listen(sa.Engine, "before_cursor_execute", _statement_begins)
    sa.event.listen(sa.Engine, "after_cursor_execute", _statement_ends)
    sa.event.listen(sa.Engine, "handle_error", _statement_fails)


def switch_off() -> None:
    """Send what waits, and make no more spans."""
    global _on  # noqa: PLW0603 - one for the process
    if _on is None:
        return
    sa.event.remove(sa.Engine, "before_cursor_execute", _statement_begins)
    sa.event.remove(sa.Engine, "after_cursor_execute", _statement_ends)
    sa.event.remove(sa.Engine, "handle_error", _statement_fails)
    telemetry.show_trace(lambda: None)
    _on.provider.shutdown()
    _on = None


def flush() -> None:
    """Send what waits now: a process that a worker has forked ends without asking anybody."""
    if _on is not None:
        _on.provider.force_flush(_FLUSH_MILLISECONDS)


# --- what is traced ---------------------------------------------------------------------------------------


def outbox_row(handler: str, row_id: int, traceparent: str | None) -> AbstractContextManager[object]:
    """The block does a row of the outbox, in the trace of whoever announced it."""
    if _on is None:
        return nullcontext()
    from opentelemetry.trace import SpanKind

    name = handler.removeprefix("wholesale.")
    return _span(f"outbox {name}", SpanKind.CONSUMER, {"outbox.row": row_id}, parent=_read(traceparent))


def job(name: str) -> AbstractContextManager[object]:
    """The block runs a job of the timetable."""
    if _on is None:
        return nullcontext()
    from opentelemetry.trace import SpanKind

    return _span(f"job {name}", SpanKind.INTERNAL, {})


def message(channel: str, message_id: int) -> AbstractContextManager[object]:
    """The block hands a letter or a text message over; neither whom it goes to nor what it says is told."""
    if _on is None:
        return nullcontext()
    from opentelemetry.trace import SpanKind

    return _span(f"send {channel}", SpanKind.CLIENT, {"message.id": message_id})


def carried() -> str | None:
    """The traceparent of what is going on, for whoever goes on with it; None where nothing is traced."""
    if _on is None:
        return None
    from opentelemetry import trace

    here = trace.get_current_span().get_span_context()
    return f"00-{here.trace_id:032x}-{here.span_id:016x}-{here.trace_flags:02x}" if here.is_valid else None


def trace_id() -> str | None:
    """The trace that this belongs to, for the log."""
    here = carried()
    return here.split("-")[1] if here else None


def _read(traceparent: str | None) -> Context:
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {"traceparent": traceparent} if traceparent else {}
    return TraceContextTextMapPropagator().extract(carrier, Context())


@contextmanager
def _span(name: str, kind: Any, facts: dict[str, Any], parent: Context | None = None) -> Iterator[Span]:
    """A span that an exception marks by its class alone: what it says may name somebody."""
    assert _on is not None, "only while traces are sent"
    from opentelemetry.trace import StatusCode

    with _on.tracer.start_as_current_span(
        name, parent, kind, facts | _request(), record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(StatusCode.ERROR)
            raise


def _request() -> dict[str, str]:
    found = telemetry.request_id()
    return {"request.id": found} if found else {}


# --- statements -------------------------------------------------------------------------------------------


def _statement_begins(_connection: Any, _cursor: Any, statement: str, _values: Any, context: Any, _many: Any) -> None:
    from opentelemetry import trace

    if _on is None or context is None or not trace.get_current_span().is_recording():
        return
    verb = statement.split(None, 1)[0].upper() if statement.strip() else ""
    context.span = _on.tracer.start_span(
        verb,
        kind=trace.SpanKind.CLIENT,
        attributes={"db.system.name": "postgresql", "db.query.text": statement[:_LONGEST_STATEMENT]},
    )


def _statement_ends(_connection: Any, _cursor: Any, _statement: str, _values: Any, context: Any, _many: Any) -> None:
    span = getattr(context, "span", None)
    if span is not None:
        span.end()


def _statement_fails(failure: Any) -> None:
    span = getattr(failure.execution_context, "span", None)
    if span is not None:
        from opentelemetry.trace import StatusCode

        span.set_attribute("db.response.status_code", str(getattr(failure.original_exception, "sqlstate", "")))
        span.set_status(StatusCode.ERROR)
        span.end()


# --- requests ---------------------------------------------------------------------------------------------


def _begin() -> None:
    """Open the request's span; static files have none."""
    if _on is None or request.endpoint == "static":
        return
    from opentelemetry import context, trace

    route = request.url_rule.rule if request.url_rule else ""
    facts = {"http.request.method": request.method, "http.route": route}
    span = _on.tracer.start_span(
        f"{request.method} {route}".strip(), context.Context(), trace.SpanKind.SERVER, attributes=facts
    )
    g.trace = (span, context.attach(trace.set_span_in_context(span)))


def _end(response: Response) -> Response:
    found: tuple[Span, Token[Context]] | None = g.pop("trace", None)
    if found is not None:
        from opentelemetry import context
        from opentelemetry.trace import StatusCode

        span, token = found
        span.set_attributes({"http.response.status_code": response.status_code, **_request()})
        if response.status_code >= _SERVER_ERROR:
            span.set_status(StatusCode.ERROR)
        span.end()
        context.detach(token)
    return response


def init_app(app: Flask, settings: Settings) -> None:
    """Before `telemetry`, so that the request's line in the log still belongs to the trace."""
    if settings.otel_exporter_otlp_endpoint and settings.env != "test" and _on is None:
        switch_on()
    if _on is not None:
        app.before_request(_begin)
        app.after_request(_end)
