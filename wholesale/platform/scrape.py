"""/metrics, for Prometheus: what all processes have counted (`metrics`), and figures of how things stand.

Read only from the networks of METRICS_ALLOW or with METRICS_TOKEN; for everybody else there is nothing at this address.
A figure is asked for anew after its time, and never more often than would take a hundredth of one processor: one that
takes a second is good for a hundred. While the database is away its figures are missing and `wholesale_up` says so.
"""

from __future__ import annotations

import hmac
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address, ip_network
from typing import cast

from flask import Blueprint, Flask, Response, current_app, make_response, request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from wholesale.config import Settings
from wholesale.kernel.errors import NotFoundError
from wholesale.platform import backup, health, metrics, outbox, pulse, replica, runs, transaction, watch
from wholesale.platform.access import Rule, access
from wholesale.platform.messages import queue

bp = Blueprint("metrics", __name__)
log = logging.getLogger(__name__)

# The view itself finds out from where it is asked: an actor tells nothing of that.
MONITORING = Rule("who monitors", lambda _: True, asks_who=False)
_GOING = ("08", "57P")  # SQL states of a connection that is lost, of a server that stops or starts
_SHARE = 100  # a figure is kept at least so many times as long as it took
_TURN_SECONDS = 1.0
_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_PASSED_ON = ("X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via")

Values = Iterable[tuple[tuple[str, ...], float]]


@dataclass(frozen=True)
class Figure:
    """How something stands: `read` gives a value per combination of labels, in the platform's scope.

    `every`: for so many seconds it is good.
    """

    name: str
    about: str
    read: Callable[[], Values]
    labels: tuple[str, ...] = ()
    every: float = 30


@dataclass
class _Kept:
    until: float = 0.0
    values: list[tuple[tuple[str, ...], float]] = field(default_factory=list)


# --- figures of the platform itself -----------------------------------------------------------------------


def _outbox() -> Values:
    state = outbox.state()
    return [(("waiting",), state.waiting), (("dead",), state.dead)]


def _outbox_age() -> Values:
    return [((), outbox.state().oldest_seconds)]


def _messages() -> Values:
    state = queue.state()
    return [((name,), getattr(state, name)) for name in ("queued", "sending", "failed", "unknown")]


def _processes() -> Values:
    return [
        ((process,), at.timestamp())
        for process, (_, at) in pulse.beats().items()
        if process in {pulse.SCHEDULER, pulse.WORKER}
    ]


def _jobs() -> Values:
    now = watch.state()
    return [((kind,), len(now.names(kind))) for kind in ("overdue", "failing")]


def _last_success() -> Values:
    return [
        ((run.name,), run.finished_at.timestamp())
        for run in runs.last_runs().values()
        if run.finished_at is not None and run.error is None
    ]


def _free_space() -> Values:
    space = health.space_for_documents()
    return [] if space is None else [((), space.free)]


def _backups() -> Values:
    saved = backup.state()
    if saved is None:
        return []
    moments = (("base", saved.base_at), ("log", saved.log_at), ("drill", saved.verified_at))
    return [((what,), 0.0 if at is None else at.timestamp()) for what, at in moments]  # never: very long ago


def _replica_lag() -> Values:
    return [((each.name,), each.lag) for each in replica.states() if each.lag is not None]


def _replica_used() -> Values:
    return [((each.name,), not each.problem) for each in replica.states()]


OWN = (
    Figure("outbox_rows_open", "Outbox rows that are due, and that failed for good", _outbox, ("state",), every=5),
    Figure("outbox_oldest_seconds", "Since the oldest row that people wait for was due", _outbox_age, every=5),
    Figure("messages_open", "Letters and text messages that are not sent", _messages, ("state",)),
    Figure("process_seen_timestamp_seconds", "When a process last said that it lives", _processes, ("process",), 5),
    Figure("jobs_troubled", "Jobs of the timetable that are late, or fail each time", _jobs, ("trouble",)),
    Figure("documents_free_bytes", "Disk space left where documents lie", _free_space),
    Figure("backup_timestamp_seconds", "Up to when the backups go; when a drill went well", _backups, ("what",)),
    Figure("replica_lag_seconds", "How far a replica is behind", _replica_lag, ("replica",), 10),
    Figure("replica_used", "Whether a replica is read from", _replica_used, ("replica",), 10),
    Figure("job_success_timestamp_seconds", "When a job last went well", _last_success, ("name",)),
)


# --- the page ---------------------------------------------------------------------------------------------


class _State:
    """A collector of figures; one for each process, which remembers them."""

    def __init__(self, figures: Iterable[Figure]) -> None:
        self.figures = tuple(figures)
        self._kept = {figure.name: _Kept() for figure in self.figures}
        self._lock = threading.Lock()
        self._database: bool | None = None

    def collect(self) -> Iterator[Metric]:
        # Two who ask at once read once. Who reads for long is not waited for: scrapes would take one thread after
        # another, until nobody serves pages.
        if self._lock.acquire(timeout=_TURN_SECONDS):
            try:
                self._database = self._refresh()
            finally:
                self._lock.release()
        yield _family("up", "Whether a part answers", ("part",), _parts(database=self._database))
        for figure in self.figures:
            yield _family(figure.name, figure.about, figure.labels, self._kept[figure.name].values)

    def _refresh(self) -> bool:
        """Whether the database answers, as far as it had to be asked."""
        now = time.monotonic()
        due = [figure for figure in self.figures if self._kept[figure.name].until <= now]
        try:
            with transaction.as_platform():
                transaction.is_bound()
                for figure in due:
                    began = time.monotonic()
                    values = _read(figure)
                    ended = time.monotonic()
                    self._kept[figure.name] = _Kept(ended + max(figure.every, _SHARE * (ended - began)), values)
        except SQLAlchemyError as error:
            transaction.abandon()
            log.warning("the figures for /metrics could not be read: %s", type(error).__name__)
            for figure in self.figures:
                self._kept[figure.name] = _Kept()  # what was true a while ago would look like now
            return False
        return True


def _read(figure: Figure) -> list[tuple[tuple[str, ...], float]]:
    """Its values; none when the database has refused it (its time was up, say): no reason to hide the others."""
    try:
        return list(figure.read())
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None)
        if state is None or state.startswith(_GOING):
            raise
        transaction.abandon()
        log.warning("the figure %s could not be read: %s", figure.name, state)
        return []


def _parts(*, database: bool | None) -> Iterator[tuple[tuple[str, ...], float]]:
    if database is not None:  # else nobody knows yet
        yield ("database",), database
    try:
        yield ("redis",), bool(current_app.extensions["doorbell"].ping())
    except RedisError:
        yield ("redis",), False


def _family(name: str, about: str, labels: tuple[str, ...], values: Values) -> Metric:
    family = GaugeMetricFamily(f"wholesale_{name}", about, labels=labels)
    for of, value in values:
        family.add_metric(of, float(value))
    return family


def is_allowed(settings: Settings) -> bool:
    """Whether whoever asks may read it: by their network, or by the token."""
    bearer = request.authorization if request.authorization and request.authorization.type == "bearer" else None
    if _knows(settings, (bearer.token if bearer else None) or ""):
        return True
    # A proxy on this machine that nobody has told us of (TRUSTED_PROXIES) would make every visitor look local.
    passed_on = any(name in request.headers for name in _PASSED_ON)
    return _is_near(settings, request.remote_addr or "", passed_on=passed_on)


def _knows(settings: Settings, token: str) -> bool:
    return bool(settings.metrics_token) and hmac.compare_digest(token.encode(), settings.metrics_token.encode())


def _is_near(settings: Settings, remote: str, *, passed_on: bool = False) -> bool:
    try:
        address = ip_address(remote)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_loopback and passed_on:
        return False
    return any(address in ip_network(network) for network in settings.metrics_allow)


@bp.get("/metrics")
@access(MONITORING)
def show() -> Response:
    """Everything, as text for Prometheus."""
    if not is_allowed(cast("Settings", current_app.extensions["settings"])):
        raise NotFoundError
    return make_response(read(), 200, {"Content-Type": _TEXT})


def read() -> bytes:
    """What /metrics says."""
    registry = CollectorRegistry()
    registry.register(cast("_State", current_app.extensions["figures"]))
    registry.register(metrics.Counted())
    return generate_latest(registry)


def labels() -> dict[str, set[str]]:
    """Of every name that can stand in /metrics, its labels."""
    state = cast("_State", current_app.extensions["figures"])
    figures = {f"wholesale_{figure.name}": set(figure.labels) for figure in state.figures}
    return {"wholesale_up": {"part"}} | figures | metrics.known()


def names() -> list[str]:
    """Every name that can stand in /metrics."""
    return sorted(labels())


class _Plain(BaseHTTPRequestHandler):
    """/metrics of a process that has no web server: what it and its like have counted, without the figures."""

    settings: Settings
    timeout = 5

    def do_GET(self) -> None:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        allowed = _knows(self.settings, token if kind.lower() == "bearer" else "") or _is_near(
            self.settings, self.client_address[0]
        )
        if self.path != "/metrics" or not allowed:
            self.send_error(404)
            return
        registry = CollectorRegistry()
        registry.register(metrics.Counted())
        text = generate_latest(registry)
        self.send_response(200)
        self.send_header("Content-Type", _TEXT)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Not into the log: it would be a line every few seconds."""


def serve_beside(settings: Settings) -> None:
    """Let worker and scheduler answer /metrics themselves at METRICS_PORT, where no web server of theirs does.

    A port that another has already is no reason not to work.
    """
    if settings.metrics_port:
        handler = type("Handler", (_Plain,), {"settings": settings})
        try:
            server = ThreadingHTTPServer(("", settings.metrics_port), handler)
        except OSError as error:
            log.error("nobody can read /metrics at METRICS_PORT %s: %s", settings.metrics_port, error.strerror)  # noqa: TRY400
            return
        threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()


def init_app(app: Flask, settings: Settings, figures: Iterable[Figure]) -> None:
    """`figures`: those of the rooms, which the platform does not know."""
    if settings.env != "test":
        metrics.keep_in(settings.prometheus_multiproc_dir)
    app.extensions["figures"] = _State([*OWN, *figures])
    app.register_blueprint(bp)
