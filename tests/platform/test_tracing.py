"""Traces, seen by an exporter in memory and by a server that speaks OTLP; switched off there are none."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import sqlalchemy as sa
from flask import Flask
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from tests.client import HouseClient
from tests.conftest import Cast, in_a_transaction, make_cast
from tests.platform.letters import free_port, smtp_server
from wholesale.app import create_app
from wholesale.config import ROOT
from wholesale.platform import outbox, telemetry, tracing
from wholesale.platform.db import db
from wholesale.platform.messages.smtp import SmtpServer
from wholesale.platform.outbox import OutboxRow


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    tracing.switch_on(exporter)
    try:
        yield exporter
    finally:
        tracing.switch_off()


@pytest.fixture
def traced(app: Flask, spans: InMemorySpanExporter) -> Iterator[Flask]:
    """The application, made while traces are sent."""
    made = create_app(app.extensions["settings"])
    made.test_client_class = HouseClient
    yield from in_a_transaction(made)
    with made.app_context():
        db.engine.dispose()


def kinds(spans: InMemorySpanExporter, kind: SpanKind) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.kind == kind]


def test_a_request_and_its_statements_are_one_trace(traced: Flask, spans: InMemorySpanExporter) -> None:
    theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    response = traced.test_client().get("/products?q=private", headers={"traceparent": theirs})
    [request] = kinds(spans, SpanKind.SERVER)
    assert request.name == "GET /products"
    assert dict(request.attributes) == {
        "http.request.method": "GET",
        "http.route": "/products",
        "http.response.status_code": 200,
        "request.id": response.headers["X-Request-Id"],
    }
    assert f"{request.context.trace_id:032x}" != theirs.split("-")[1], "a stranger does not choose"
    statements = [span for span in kinds(spans, SpanKind.CLIENT) if span.parent is not None]
    assert statements
    assert {span.context.trace_id for span in statements} == {request.context.trace_id}
    assert {span.parent.span_id for span in statements} == {request.context.span_id}
    assert all(span.attributes["db.system.name"] == "postgresql" for span in statements)
    assert "private" not in "".join(span.attributes["db.query.text"] for span in statements)


def test_a_trace_goes_on_through_outbox_and_letter(
    traced: Flask, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast = make_cast()
    with smtp_server() as server:
        smtp = SmtpServer(replace(traced.extensions["settings"], mail_url=f"smtp://127.0.0.1:{server.port}"))
        monkeypatch.setitem(traced.extensions, "messages", traced.extensions["messages"] | {"mail": smtp})
        spans.clear()
        asked = traced.test_client().post("/forgot-password", data={"email": cast.amina.email})
        assert asked.status_code == 303
        assert all(row.traceparent for row in db.session.query(OutboxRow))
        outbox.drain()
        assert len(server.taken) == 1
        assert "traceparent" not in server.taken[0], "it is nobody's business outside"
    [request] = kinds(spans, SpanKind.SERVER)
    rows = kinds(spans, SpanKind.CONSUMER)
    [letter] = [span for span in spans.get_finished_spans() if span.name == "send mail"]
    trace = request.context.trace_id
    assert rows
    assert {span.context.trace_id for span in (*rows, letter)} == {trace}
    assert rows[0].parent.span_id == request.context.span_id
    assert {span.attributes["request.id"] for span in (*rows, letter)} == {asked.headers["X-Request-Id"]}
    assert cast.amina.email not in "".join(span.to_json() for span in spans.get_finished_spans())


def test_what_fails_is_marked_without_what_it_said(traced: Flask, spans: InMemorySpanExporter) -> None:
    with pytest.raises(sa.exc.DBAPIError), tracing.job("count"):
        db.session.execute(sa.text("SELECT CAST(:secret AS int)"), {"secret": "Amina"})
    db.session.rollback()
    [job] = kinds(spans, SpanKind.INTERNAL)
    [statement] = [span for span in kinds(spans, SpanKind.CLIENT) if "CAST" in span.attributes["db.query.text"]]
    assert job.status.status_code == statement.status.status_code == StatusCode.ERROR
    assert job.attributes["error.type"] == "DataError"
    assert statement.attributes["db.response.status_code"] == "22P02"
    assert "Amina" not in job.to_json() + statement.to_json()


def test_the_log_names_the_trace(traced: Flask, spans: InMemorySpanExporter) -> None:
    with tracing.job("count"):
        told = tracing.trace_id()
        assert telemetry._trace_id() == told
    assert told == f"{kinds(spans, SpanKind.INTERNAL)[0].context.trace_id:032x}"


def test_switched_off_there_is_nothing(house: Flask, client: HouseClient, cast: Cast) -> None:
    assert tracing.carried() is None
    assert telemetry._trace_id() is None
    client.post("/forgot-password", data={"email": cast.amina.email})
    assert {row.traceparent for row in db.session.query(OutboxRow)} == {None}
    assert not any(tracing._begin in hooks for hooks in house.before_request_funcs.values())


def test_switched_off_nothing_of_it_is_imported() -> None:
    """But what the client of Redis imports by itself where it finds it."""
    program = "import sys; from wholesale.platform import crash_reports, outbox, tracing; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "wholesale.platform.tracing" in loaded
    assert not {"sentry_sdk", "opentelemetry.sdk.trace", "opentelemetry.exporter.otlp"} & loaded


class Collector(BaseHTTPRequestHandler):
    """Takes traces as a collector does."""

    taken: list[tuple[str, bytes]] = []  # noqa: RUF012 - a subclass of each test has its own

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.taken.append((self.path, gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_spans_arrive_where_the_setting_says() -> None:
    """By the real exporter, from a process that ends as those do which a worker forks: after `flush`."""
    handler = type("Handler", (Collector,), {"taken": []})
    server = HTTPServer(("127.0.0.1", free_port()), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    program = """
        import os
        from wholesale.platform import tracing
        tracing.switch_on()
        if not os.fork():
            with tracing.job("count-words"):
                pass
            tracing.flush()
            os._exit(0)
        os.wait()
        os._exit(0)
    """
    try:
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)],
            cwd=ROOT,
            env=os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}"},
            check=True,
            timeout=60,
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    [(path, body)] = handler.taken
    assert path == "/v1/traces"
    assert b"job count-words" in body
    assert b"wholesale" in body
