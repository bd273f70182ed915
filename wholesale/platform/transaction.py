"""The transaction boundary: the only place that commits or rolls back (kept by a test).

A web request is one transaction: GET, HEAD and OPTIONS read-only; an answer of 400 or above rolls back,
the rest commits once. Jobs and commands use `with transaction():`. A deadlock or serialization failure is
tried again, at most three times; after that, and for a lock that takes over 2 s, people read 409.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import sqlalchemy as sa
from flask import Flask, Response, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from wholesale.kernel.errors import ConflictError
from wholesale.platform.db import db

T = TypeVar("T")
Hook = Callable[[], None]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
RETRIES = 3
_RETRYABLE = {"40001", "40P01"}  # serialization_failure, deadlock_detected
_BUSY = _RETRYABLE | {"55P03"}  # lock_not_available: lock_timeout ran out
_FIRST_ERROR_STATUS = 400


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


def finish(*, keep: bool) -> None:
    """Commit and run the after-commit hooks, or roll back."""
    hooks: list[Hook] = db.session().info.pop("after_commit", [])
    if not keep:
        db.session.rollback()
        return
    db.session.commit()
    for hook in hooks:
        hook()


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
    """Call `work`; roll back on any error; try again after a deadlock; say 409 when that does not help."""
    for attempt in range(RETRIES + 1):
        try:
            return work()
        except DBAPIError as error:
            abandon()
            state = getattr(error.orig, "sqlstate", None)
            if state not in _BUSY:
                raise
            if state not in _RETRYABLE or attempt == RETRIES:
                raise ConflictError("Many people want this at once. Nothing was changed: please try again.") from error
            time.sleep(random.uniform(0.01, 0.05) * (attempt + 1))  # noqa: S311 - jitter, not a secret
        except BaseException:
            abandon()
            raise
    raise AssertionError("unreachable")


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
    with Session(db.engine, join_transaction_mode="create_savepoint") as session, session.begin():
        yield session


def init_app(app: Flask) -> None:
    """Let the first statement of a safe request open a read-only transaction."""

    @app.before_request
    def _open() -> None:
        begin(read_only=request.method in SAFE_METHODS)

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
