"""Unexpected errors go to Sentry, when SENTRY_DSN is set: of requests, outbox rows and jobs alike.

Whatever is logged as an error with its exception is reported: its class, where in the code it happened, and the id of
the request, by which the log tells the rest. What the exception says, values of variables, forms, cookies, headers,
addresses and names stay here: they may be somebody's. Without the setting nothing of Sentry is imported.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from wholesale.config import Settings
from wholesale.platform import telemetry

if TYPE_CHECKING:
    from sentry_sdk.transport import Transport
    from sentry_sdk.types import Event

_FLUSH_SECONDS = 2
_FRAME = ("filename", "function", "module", "lineno", "in_app")
_KEPT = ("event_id", "timestamp", "platform", "level", "environment", "release", "sdk", "tags")

_handlers: list[logging.Handler] = []


class _Reporter(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            import sentry_sdk

            with sentry_sdk.new_scope() as scope:
                scope.set_tag("request", telemetry.request_id() or "")
                scope.set_tag("logger", record.name)
                for name in ("handler", "job"):
                    if known := getattr(record, "facts", {}).get(name):
                        scope.set_tag(name, known)
                scope.capture_exception(record.exc_info)


def _scrubbed(event: Event, _hint: dict[str, Any]) -> Event:
    """Only what is named here leaves the house."""
    kept: Any = {name: value for name, value in event.items() if name in _KEPT}
    found: Any = event.get("exception") or {}
    kept["exception"] = {
        "values": [
            {
                "type": each.get("type"),
                "module": each.get("module"),
                "stacktrace": {
                    "frames": [
                        {name: frame[name] for name in _FRAME if name in frame}
                        for frame in (each.get("stacktrace") or {}).get("frames", [])
                    ]
                },
            }
            for each in found.get("values", [])
        ]
    }
    return kept  # type: ignore[no-any-return]


def switch_on(dsn: str, environment: str, transport: Transport | None = None) -> None:
    """Report what is logged as an error; once for the process, before it forks."""
    import sentry_sdk

    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        transport=transport,
        default_integrations=False,
        auto_enabling_integrations=False,
        include_local_variables=False,
        include_source_context=False,
        max_breadcrumbs=0,
        max_request_body_size="never",
        send_client_reports=False,
        auto_session_tracking=False,
        before_send=_scrubbed,
    )
    reporter = _Reporter(logging.ERROR)
    logging.getLogger().addHandler(reporter)
    _handlers.append(reporter)


def switch_off() -> None:
    """Report nothing any more."""
    while _handlers:
        import sentry_sdk

        logging.getLogger().removeHandler(_handlers.pop())
        sentry_sdk.get_client().close()


def flush() -> None:
    """Send what waits now: a process that a worker has forked ends without asking anybody."""
    if _handlers:
        import sentry_sdk

        sentry_sdk.flush(_FLUSH_SECONDS)


def init_app(settings: Settings) -> None:
    """After the logs are set up."""
    if settings.sentry_dsn and settings.env != "test" and not _handlers:
        switch_on(settings.sentry_dsn, settings.env)
