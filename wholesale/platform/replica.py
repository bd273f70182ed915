"""Reads that a streaming replica may answer, without anybody noticing that it was not the primary.

Only what `@replica_may_answer` says: pages of the catalogue. Everything else, and whatever decides about money or
goods, is the primary's. A replica answers a request only if it has *replayed all that was committed anywhere before
the request began*: each commit leaves its place in the write-ahead log in Redis (the *mark*), and a request compares
that with how far the replica is, by one look of a round trip. So a person reads back what they just wrote, a changed
price is on the next page of everybody, and a login that was ended opens nothing, as if there were no replica. One
that is behind, away or broken is passed over (each of its answers has 0.25 s) and left alone for a while.

What Redis loses is asked of the primary. The one thing that can be late, by the replica's lag, is a commit whose mark
did not reach Redis, for others than the process that made it.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import psycopg
import sqlalchemy as sa
from flask import Flask, current_app
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from wholesale.config import Settings
from wholesale.platform.connections import NoAnswerError, ask, driver, engine_options
from wholesale.platform.db import db
from wholesale.platform.patience import Patience

log = logging.getLogger(__name__)
V = TypeVar("V", bound=Callable[..., Any])

PATIENCE_SECONDS = 0.25
"""The longest that a request waits for a replica before it goes to the primary."""
_AWAY_SECONDS = 5.0
_BEHIND_SECONDS = 1.0
_STATEMENT_SECONDS = 5.0  # a statement of a catalogue page takes milliseconds: over this the primary is asked
_SPARED_SECONDS = 2.0  # of Redis, after it has not answered
_BUCKET_SECONDS = 300  # a mark is forgotten after two of them: one that is too high (a restored backup) heals itself

_PLACE = "SELECT pg_current_wal_insert_lsn() - '0/0'"
_REPLAYED = "SELECT pg_last_wal_replay_lsn() - '0/0'"
_FIT = (
    "SELECT pg_is_in_recovery(), NOT (rolsuper OR rolbypassrls), (SELECT system_identifier FROM pg_control_system())"
    " FROM pg_roles WHERE rolname = current_user"
)


def replica_may_answer(view: V) -> V:
    """Declare that a safe request of this view may be read from a replica. Stands below `@access`.

    For pages of the catalogue. Nothing that prepares a decision about money or goods carries it (kept by a test).
    """
    view.replica_may_answer = True  # type: ignore[attr-defined]  # the declaration travels with the function
    return view


@dataclass
class _Replica:
    """One host, and what this process knows of it."""

    number: int
    engine: sa.Engine
    left_alone_until: float = 0.0
    reason: str = ""
    target: int = 0
    behind_since: float | None = None

    @property
    def name(self) -> str:
        return f"replica {self.number}"

    def leave_alone(self, seconds: float, reason: str) -> None:
        if reason != self.reason:
            log.warning("%s is passed over: %s", self.name, reason)
        self.reason = reason
        self.left_alone_until = time.monotonic() + seconds

    def lag(self, replayed: int, wanted: int) -> float:
        """For how many seconds it has not reached what was wanted of it; 0 when it has."""
        now, since = time.monotonic(), self.behind_since  # read once: other threads write it
        if replayed >= wanted:
            since, self.target = None, wanted
        elif since is None or replayed >= self.target:
            since, self.target = now, wanted
        self.behind_since = since
        return 0.0 if since is None else now - since

    def works(self) -> None:
        if self.reason:
            log.warning("%s answers again", self.name)
        self.reason = ""


@dataclass
class _Replicas:
    """All of them, the way to the marks, and the last mark that this process has set or seen."""

    each: list[_Replica]
    redis: Redis
    key: str
    max_lag: float
    own: int = 0
    spared_until: float = 0.0
    system: str = ""
    turn: itertools.count[int] = field(default_factory=itertools.count)


@dataclass(frozen=True)
class State:
    """Of one replica, for /readyz and /metrics: `lag` in seconds (None: unknown), and why it is passed over."""

    name: str
    lag: float | None
    problem: str


# --- a request ---------------------------------------------------------------------------------------------


def enter(session: Session) -> None:
    """Let the session's next transaction be one of a replica that has everything; else it is the primary's."""
    them = _replicas()
    if them is None or session.in_transaction():
        return
    now = time.monotonic()
    usable = [each for each in them.each if each.left_alone_until <= now]
    wanted = _mark(them) if usable else None
    if wanted is None:
        return
    replica = usable[next(them.turn) % len(usable)]
    if replica.reason:  # one request tries whether it is back, the others go on as before
        replica.left_alone_until = now + _AWAY_SECONDS
    session.info["replica"] = replica.engine
    connection = None
    try:
        connection = session.connection()
        replayed = _look(driver(connection))
    except (SQLAlchemyError, psycopg.Error) as error:
        if connection is not None:
            connection.invalidate()
        _leave(session)
        if not isinstance(error, sa.exc.TimeoutError):  # all its connections are in use: no fault of its own
            replica.leave_alone(_AWAY_SECONDS, _words(error))
        return
    lag = replica.lag(replayed, wanted)
    if not lag and replayed >= wanted:
        replica.works()
        return
    _leave(session)
    if lag > them.max_lag:
        replica.leave_alone(_BEHIND_SECONDS, f"more than {them.max_lag:.0f} s behind")


def _leave(session: Session) -> None:
    session.close()  # nothing was read yet
    session.info.pop("replica", None)


def failed(session: Session, error: DBAPIError) -> bool:
    """Whether it was a replica over which a transaction broke that the primary can answer; it is left alone then.

    A replica may take back a long read because the primary has removed what it reads (40001), or be shut down.
    """
    engine, them = session.info.pop("replica", None), _replicas()
    if engine is None or them is None:
        return False
    state = getattr(error.orig, "sqlstate", None) or ""
    if error.connection_invalidated or state.startswith(("57", "08")):
        for each in them.each:
            if each.engine is engine:
                each.leave_alone(_AWAY_SECONDS, _words(error))
        return True
    return state == "40001"


def is_current() -> bool:
    """Whether the current transaction now sees all that is committed: what it reads may be kept for others."""
    session, them = db.session(), _replicas()
    if them is None or "replica" not in session.info:
        return True
    wanted = _mark(them)
    return wanted is not None and int(session.scalar(sa.text(_REPLAYED)) or 0) >= wanted


def _look(connection: psycopg.Connection[Any]) -> int:
    """How far the replica has replayed, in bytes since the beginning of the log."""
    place = ask(connection, _REPLAYED, PATIENCE_SECONDS)[0]
    if not place:
        raise psycopg.OperationalError("it is no replica")
    return int(place)


def _words(error: Exception) -> str:
    """The kind of error: its text may hold addresses."""
    original = getattr(error, "orig", None) or error
    return str(original) if isinstance(original, _UnfitError | NoAnswerError) else type(original).__name__


# --- the mark ----------------------------------------------------------------------------------------------


def committed() -> None:
    """Leave word how far a replica must be to have what was just committed. Before anybody is told of the commit."""
    them = _replicas()
    if them is None:
        return
    try:
        place = _place_of_primary()
    except (SQLAlchemyError, psycopg.Error) as error:
        log.warning("a commit could not be marked for the replicas: %s", _words(error))
        return
    them.own = max(them.own, place)
    _set_mark(them, place)


def _place_of_primary() -> int:
    connection = db.engine.raw_connection()
    try:
        return int(ask(cast("psycopg.Connection[Any]", connection.dbapi_connection), _PLACE, _SPARED_SECONDS)[0])
    finally:
        connection.close()


def _set_mark(them: _Replicas, place: int) -> None:
    """Never lower than it was: of two commits the earlier may come here later."""
    key = _buckets(them)[0]
    try:
        with them.redis.pipeline(transaction=False) as pipe:
            pipe.zadd(key, {"place": place}, gt=True)
            pipe.expire(key, 3 * _BUCKET_SECONDS)
            pipe.execute()
    except RedisError:
        them.spared_until = time.monotonic() + _SPARED_SECONDS


def _mark(them: _Replicas) -> int | None:
    """How far a replica must be; None when that cannot be told, because Redis is away."""
    if time.monotonic() < them.spared_until:
        return None
    try:
        with them.redis.pipeline(transaction=False) as pipe:
            for key in _buckets(them):
                pipe.zscore(key, "place")
            places = [int(place) for place in pipe.execute() if place is not None]
    except RedisError:
        them.spared_until = time.monotonic() + _SPARED_SECONDS
        return None
    if places:
        return max(*places, them.own)
    try:
        place = _place_of_primary()
    except (SQLAlchemyError, psycopg.Error):
        return None
    them.own = place  # may be lower than it was: the database may have been restored
    _set_mark(them, place)
    return place


def _buckets(them: _Replicas) -> tuple[str, str]:
    # The machine's own time: the house's clock may stand in the past, while a demonstration is loaded.
    number = int(time.clock_gettime(time.CLOCK_REALTIME) // _BUCKET_SECONDS)
    return f"{them.key}:{number}", f"{them.key}:{number - 1}"


# --- for whoever watches -----------------------------------------------------------------------------------


def states() -> list[State]:
    """How the replicas are, by looking at each now; none where there are none."""
    them = _replicas()
    if them is None:
        return []
    wanted = _mark(them)
    return [_state(each, wanted, them.max_lag) for each in them.each]


def _state(replica: _Replica, wanted: int | None, max_lag: float) -> State:
    if wanted is None:
        return State(replica.name, None, "not used: Redis or the primary is away")
    try:
        with replica.engine.connect() as connection:
            lag = replica.lag(_look(driver(connection)), wanted)
    except (SQLAlchemyError, psycopg.Error) as error:
        return State(replica.name, None, f"away: {_words(error)}")
    return State(replica.name, lag, f"{lag:.0f} s behind" if lag > max_lag else "")


# --- connections -------------------------------------------------------------------------------------------


class _UnfitError(psycopg.OperationalError):
    """It answers, but must not be read from."""


Made = queue.SimpleQueue["psycopg.Connection[Any] | psycopg.Error"]


def _in_time(connect: Callable[[], psycopg.Connection[Any]], late: Made) -> psycopg.Connection[Any]:
    """A connection within PATIENCE_SECONDS, or NoAnswerError: libpq itself waits for two seconds at least.

    What comes later goes into `late`, for the next who wants one.
    """
    made, given_up = Made(), threading.Event()

    def work() -> None:
        try:
            made.put(connect())
        except psycopg.Error as error:
            made.put(error)
        if given_up.is_set():
            with suppress(queue.Empty):
                late.put(made.get_nowait())

    threading.Thread(target=work, name="connects to a replica", daemon=True).start()
    try:
        outcome = made.get(timeout=PATIENCE_SECONDS)
    except queue.Empty:
        given_up.set()
        raise NoAnswerError("it does not answer") from None
    if isinstance(outcome, psycopg.Error):
        raise outcome
    return outcome


def _check(them: _Replicas, connection: psycopg.Connection[Any]) -> None:
    """Refuse what is no replica of ours, and a role that row-level security does not bind."""
    _, bound, system = ask(connection, _FIT, PATIENCE_SECONDS)
    if bound != "t":
        raise _UnfitError("its role may read every row: use the one that serves requests")
    if not them.system:
        try:
            with db.engine.connect() as primary:
                them.system = ask(driver(primary), _FIT, _SPARED_SECONDS)[2]
        except (SQLAlchemyError, psycopg.Error):
            return  # while the primary is away nothing is committed that the replica could lack
    if system != them.system:
        raise _UnfitError("it is a copy of another database")


def _prepare(them: _Replicas, engine: sa.Engine) -> None:
    late = Made()

    @sa.event.listens_for(engine, "do_connect")
    def _connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
        try:
            connection = late.get_nowait()
        except queue.Empty:
            connection = _in_time(lambda: Patience.connect(*arguments, **options), late)
        if isinstance(connection, psycopg.Error):
            raise connection
        return connection

    @sa.event.listens_for(engine, "connect")
    def _made(connection: Any, _record: Any) -> None:
        """Whoever made it."""
        if isinstance(connection, Patience):
            connection.seconds = _STATEMENT_SECONDS
        _check(them, connection)


def binds(settings: Settings) -> dict[str, dict[str, Any]]:
    """An engine for each host of DATABASE_REPLICA_URL, for SQLALCHEMY_BINDS."""
    if not settings.database_replica_url:
        return {}
    url = sa.make_url(settings.database_replica_url)
    _, options = url.get_dialect()().create_connect_args(url)
    hosts = str(options.get("host") or "").split(",")
    ports = str(options.get("port") or "").split(",")
    query = {name: value for name, value in url.query.items() if name not in {"host", "port", "target_session_attrs"}}
    found = {}
    for number, host in enumerate(hosts, 1):
        place = {"host": host, "port": ports[(number - 1) % len(ports)]}
        one = url.set(host=None, port=None, query=query | {name: value for name, value in place.items() if value})
        text = one.render_as_string(hide_password=False)
        # At most as many as there are threads; whoever finds none free reads from the primary.
        found[f"replica-{number}"] = {
            **engine_options(settings, text),
            "url": text,
            "max_overflow": 0,
            "pool_timeout": 0,
        }
    return found


def _replicas() -> _Replicas | None:
    return cast("_Replicas | None", current_app.extensions.get("replicas"))


def init_app(app: Flask, settings: Settings, redis: Redis) -> None:
    """After the database: its engines are made there."""
    if not settings.database_replica_url:
        return
    url = sa.make_url(settings.database_url)
    with app.app_context():
        engines = [engine for name, engine in db.engines.items() if name is not None]
    them = _Replicas(
        [_Replica(number, engine) for number, engine in enumerate(engines, 1)],
        redis,
        f"replica:{url.database}",
        float(settings.replica_max_lag),
    )
    for engine in engines:
        _prepare(them, engine)
    app.extensions["replicas"] = them
