"""The transaction boundary: the only place that commits or rolls back (kept by a test).

A web request is one transaction: GET, HEAD and OPTIONS read-only; an answer of 400 or above rolls back,
the rest commits once. Jobs and commands use `with transaction():`. A deadlock or serialization failure is
tried again, at most three times; after that, and for a lock that takes over 2 s, people read 409. When the connection
breaks before COMMIT was sent, nothing was saved, and the work is done again on a new one: a primary that was killed and
a replica that takes its place are nothing that people see. When it breaks over COMMIT itself nobody knows, and only
what counts once however often it is sent (a safe request, a form with its key) is done again.

Every transaction says whose rows it may touch (`Scope`), and PostgreSQL's row-level security keeps it: a
request has the scope of its actor, and nobody's until the actor is known; jobs and commands have the platform's.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

import sqlalchemy as sa
from flask import Flask, Response, request
from sqlalchemy.exc import DBAPIError, OperationalError, PendingRollbackError
from sqlalchemy.orm import Session, SessionTransaction

from wholesale.kernel.errors import ConflictError
from wholesale.platform import replica
from wholesale.platform.db import db
from wholesale.platform.patience import SilentServerError

T = TypeVar("T")
Hook = Callable[[], None]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
RETRIES = 3
_RETRYABLE = {"40001", "40P01"}  # serialization_failure, deadlock_detected
_BUSY = _RETRYABLE | {"55P03"}  # lock_not_available: lock_timeout ran out
_FIRST_ERROR_STATUS = 400
_UNKNOWN = "outcome_is_unknown"
_RECONNECT_PAUSES = (0.0, 0.3, 0.7)  # seconds; those who come while the database is away do not wait for it at all


@dataclass(frozen=True)
class Scope:
    """Whose rows a transaction may touch: one business's, those of a person, or all (`platform`)."""

    organization_id: int | None = None
    user_id: int | None = None
    platform: bool = False

    @property
    def settings(self) -> dict[str, str]:
        """The settings that the policies read (migration 0010); empty where there is nobody."""
        return {
            "app.org": str(self.organization_id or ""),
            "app.user": str(self.user_id or ""),
            "app.scope": "platform" if self.platform else "",
        }


NOBODY = Scope()
PLATFORM = Scope(platform=True)
_SET_SCOPE = sa.text(  # as SET LOCAL
    "SELECT set_config('app.org', :org, true), set_config('app.user', :user, true),"
    " set_config('app.scope', :scope, true)"
)


def scope() -> Scope:
    """The scope of the current session."""
    current: Scope = db.session().info.get("scope", PLATFORM)
    return current


def remember_scope(scope: Scope) -> None:
    """Let the session's next transactions have this scope; the running one has been told already."""
    db.session().info["scope"] = scope


BOUND = "SELECT NOT (rolsuper OR rolbypassrls) FROM pg_roles WHERE rolname = current_user"


def is_bound() -> bool:
    """Whether row-level security holds for the role that serves; a superuser would go around it unseen."""
    return bool(db.session.scalar(sa.text(BOUND)))


@contextmanager
def as_platform() -> Iterator[None]:
    """The platform's scope for a step that touches two businesses' rows on purpose, such as posting an order's money.

    Every use is listed and explained in docs/security.md (kept by a test).
    """
    before = scope()
    if before.platform:
        yield
        return
    session = db.session()
    session.flush()
    _enter(PLATFORM)
    try:
        yield
        session.flush()
    except BaseException:
        # Refused by the database: the transaction is lost, and its scope with it; what it said goes on its way.
        with suppress(DBAPIError, PendingRollbackError):
            _enter(before)
        raise
    _enter(before)  # a connection that breaks over this is said so, or the next statement would be blamed for it


def _enter(scope: Scope) -> None:
    remember_scope(scope)
    if db.session().in_transaction():
        _tell(db.session().connection(), scope)


def _tell(connection: sa.Connection, scope: Scope) -> None:
    told = scope.settings
    connection.execute(_SET_SCOPE, {"org": told["app.org"], "user": told["app.user"], "scope": told["app.scope"]})


@sa.event.listens_for(Session, "after_begin")
def _begin_in_scope(session: Session, unit: SessionTransaction, connection: sa.Connection) -> None:
    """SET LOCAL, so that a pooled connection never carries one person's scope to the next."""
    scope = session.info.get("scope", PLATFORM)
    joined = isinstance(session.get_bind(), sa.Connection)  # in a test's transaction, which has a scope already
    if not unit.nested and (scope != NOBODY or joined):
        _tell(connection, scope)


class House(Flask):
    """Flask whose view runs inside one transaction."""

    def dispatch_request(self) -> Response:
        def attempt() -> Response:
            begin(read_only=request.method in SAFE_METHODS)
            response: Response = self.make_response(super(House, self).dispatch_request())
            finish(keep=response.status_code < _FIRST_ERROR_STATUS)
            return response

        return run(attempt)


def begin(*, read_only: bool = False) -> None:
    """Set the mode of the transaction that the session opens with its first statement; none is opened here."""
    session = db.session()
    session.info["read_only"] = read_only
    if read_only and not session.in_transaction() and isinstance(session.get_bind(), sa.Connection):
        session.execute(sa.text("SET TRANSACTION READ ONLY"))  # joined to a test's transaction: in its savepoint


def one_moment() -> None:
    """Let the transaction that begins with the next statement see one moment, however many statements it has.

    For what compares many rows while people work. One that has begun already goes on as it is.
    """
    session = db.session()
    if not session.in_transaction() and not isinstance(session.get_bind(), sa.Connection):
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def is_reading() -> bool:
    """Whether the current transaction is one that cannot write: a safe request's."""
    return bool(db.session().info.get("read_only"))


def finish(*, keep: bool) -> None:
    """Commit and run the after-commit hooks, or roll back."""
    info = db.session().info
    hooks: list[Hook] = info.pop("after_commit", [])
    counts_once = bool(info.pop("counts_once", False)) or is_reading()
    if not keep:
        db.session.rollback()
        info.pop("replica", None)
        return
    db.session.flush()
    try:
        db.session.commit()
    except DBAPIError as error:
        if error.connection_invalidated and not counts_once:
            setattr(error, _UNKNOWN, True)
        raise
    info.pop("replica", None)
    if not is_reading():
        replica.committed()  # before the hooks, and before anybody is answered
    for hook in hooks:
        try:
            hook()
        except DBAPIError as error:
            setattr(error, _UNKNOWN, True)  # what it hangs on is saved: none of it may be done again
            raise


def counts_once() -> None:
    """Say of the current transaction that doing it twice does no more than once (see `idempotency.once`)."""
    db.session().info["counts_once"] = True


def may_have_been_saved(error: BaseException) -> bool:
    """Whether the connection broke over the COMMIT itself, so that nobody knows, or later."""
    return bool(getattr(error, _UNKNOWN, False))


def abandon() -> None:
    """Take back everything since the transaction began; a form does this when a rule refuses."""
    finish(keep=False)


def after_commit(hook: Hook) -> None:
    """Run `hook` once the current transaction is committed; it is forgotten on rollback.

    A hook given twice runs once.
    """
    hooks: list[Hook] = db.session().info.setdefault("after_commit", [])
    if hook not in hooks:
        hooks.append(hook)


def run(work: Callable[[], T]) -> T:
    """Call `work`; roll back on any error; again after a deadlock or on a new connection; else say 409, or raise."""
    tries, reconnections = 0, 0
    while True:
        try:
            return work()
        except DBAPIError as error:
            from_replica = replica.failed(db.session(), error)
            abandon()
            if from_replica:
                continue  # the primary answers it
            if may_have_been_saved(error):
                raise
            if _is_cut(error, reconnections) and reconnections < len(_RECONNECT_PAUSES):
                time.sleep(_RECONNECT_PAUSES[reconnections])
                reconnections += 1
                continue
            state = getattr(error.orig, "sqlstate", None)
            if state not in _BUSY:
                raise
            if state not in _RETRYABLE or tries == RETRIES:
                raise ConflictError("Many people want this at once. Nothing was changed: please try again.") from error
            tries += 1
            time.sleep(random.uniform(0.01, 0.05) * tries)  # noqa: S311 - jitter, not a secret
        except BaseException:
            abandon()
            raise


def _is_cut(error: DBAPIError, reconnections: int) -> bool:
    """Whether the connection broke before COMMIT was sent; or, after that, no new one could be had yet.

    A server that hangs is not asked again: people have waited long enough.
    """
    if error.connection_invalidated:
        return not isinstance(error.orig, SilentServerError)
    return reconnections > 0 and isinstance(error, OperationalError) and error.statement is None


@contextmanager
def transaction() -> Iterator[None]:
    """One transaction for a job, a command or a test: commits at the end, rolls back on an error."""
    try:
        yield
        finish(keep=True)
    except BaseException:
        abandon()
        raise


@contextmanager
def independent() -> Iterator[Session]:
    """A transaction of its own beside the current one, for the rare write that must survive a refusal."""
    info = {"scope": scope()}
    with Session(db.engine, join_transaction_mode="create_savepoint", info=info) as session:
        with session.begin():
            yield session
        replica.committed()


def init_app(app: Flask) -> None:
    """Let the first statement of a safe request open a read-only transaction."""

    @app.before_request
    def _open() -> None:
        remember_scope(NOBODY)
        begin(read_only=request.method in SAFE_METHODS)
        if is_reading() and getattr(app.view_functions.get(request.endpoint or ""), "replica_may_answer", False):
            replica.enter(db.session())

    @app.teardown_request
    def _leave(_error: BaseException | None) -> None:
        if app.testing:  # the test goes on with the same session, as itself
            remember_scope(PLATFORM)

    @app.after_request
    def _close(response: Response) -> Response:
        if db.session().in_transaction():  # answered before the view ran (a refusal), or an error page that read
            abandon()
        return response

    @app.cli.command("ping-database")
    def _ping() -> None:
        """Say whether the database answers."""
        with transaction():
            db.session.execute(sa.text("SELECT 1"))
