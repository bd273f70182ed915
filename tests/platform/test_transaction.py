"""One request is one transaction: a GET cannot write, an error answer cannot commit, a deadlock is tried again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest
import sqlalchemy as sa
from flask import Flask, Response, make_response
from sqlalchemy.exc import InternalError

from wholesale.kernel.errors import ConflictError, DomainError
from wholesale.platform import transaction
from wholesale.platform.access import ANYONE, access, csrf
from wholesale.platform.db import db
from wholesale.platform.patience import SilentServerError

SLUGS = "SELECT array_agg(slug ORDER BY slug) FROM category"


def add(slug: str) -> None:
    db.session.execute(sa.text("INSERT INTO category (slug, name, position) VALUES (:slug, 'A', 0)"), {"slug": slug})


def rename(slug: str, name: str) -> None:
    db.session.execute(sa.text("UPDATE category SET name = :name WHERE slug = :slug"), {"slug": slug, "name": name})


def kept(app: Flask) -> list[str]:
    with app.app_context():
        return db.session.scalar(sa.text(SLUGS)) or []


@pytest.fixture
def route(committed_app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Adds a route that a test makes up; no form token is asked of it."""
    monkeypatch.setattr(csrf, "protect", lambda: None)

    def add_route(view: Callable[[], object]) -> None:
        view = access(ANYONE)(view)
        committed_app.add_url_rule(f"/{view.__name__}", view.__name__, view, methods=["GET", "POST"])

    return add_route


class TestRequests:
    def test_what_went_well_is_kept(self, committed_app: Flask, route) -> None:
        def good() -> str:
            add("good")
            return "ok"

        route(good)
        assert committed_app.test_client().post("/good").status_code == 200
        assert kept(committed_app) == ["good"]

    @pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 500])
    def test_an_error_answer_keeps_nothing(self, committed_app: Flask, route, status) -> None:
        def refused() -> Response:
            add("refused")
            db.session.flush()
            return make_response("no", status)

        route(refused)
        assert committed_app.test_client().post("/refused").status_code == status
        assert kept(committed_app) == []

    def test_a_raised_error_keeps_nothing(self, committed_app: Flask, route) -> None:
        def broken() -> str:
            add("broken")
            raise DomainError("No.")

        route(broken)
        assert committed_app.test_client().post("/broken").status_code == 422
        assert kept(committed_app) == []

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_a_safe_method_cannot_write(self, committed_app: Flask, route, method) -> None:
        """PostgreSQL itself refuses: 25006, read_only_sql_transaction."""
        seen = []

        def peek() -> str:
            seen.append(db.session.scalar(sa.text("SHOW transaction_read_only")))
            try:
                add("peek")
            except InternalError as error:
                seen.append(error.orig.sqlstate)
                raise
            return "ok"

        route(peek)
        assert committed_app.test_client().open("/peek", method=method).status_code == 500
        assert seen == ["on", "25006"]
        assert kept(committed_app) == []

    def test_the_next_request_on_the_same_connection_may_write_again(self, committed_app: Flask, route) -> None:
        def both() -> str:
            from flask import request

            if request.method == "POST":
                add("both")
            return str(db.session.scalar(sa.text("SHOW transaction_read_only")))

        route(both)
        client = committed_app.test_client()
        assert [client.open("/both", method=method).text for method in ("GET", "POST", "GET")] == ["on", "off", "on"]
        assert kept(committed_app) == ["both"]

    def test_what_hangs_on_the_commit_happens_only_with_it(self, committed_app: Flask, route) -> None:
        rung = []

        def ring() -> None:
            rung.append("ring")

        def hooked() -> str:
            from flask import request

            transaction.after_commit(ring)
            transaction.after_commit(ring)  # given twice, runs once
            if request.args.get("fail"):
                raise DomainError("No.")
            return "ok"

        route(hooked)
        client = committed_app.test_client()
        client.post("/hooked?fail=1")
        assert rung == []
        client.post("/hooked")
        assert rung == ["ring"]


class TestRaces:
    @pytest.fixture
    def two(self, committed_app: Flask) -> Flask:
        with committed_app.app_context(), transaction.transaction():
            add("one")
            add("two")
        return committed_app

    def in_threads(self, *works: Callable[[], None]) -> list[BaseException | None]:
        failed: list[BaseException | None] = [None] * len(works)

        def guarded(index: int) -> None:
            try:
                works[index]()
            except BaseException as error:  # noqa: BLE001 - it is the answer
                failed[index] = error

        threads = [threading.Thread(target=guarded, args=(index,)) for index in range(len(works))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        return failed

    def test_a_deadlock_is_tried_again_and_both_get_through(self, two: Flask) -> None:
        meet = threading.Barrier(2)
        tries = []

        def worker(first: str, second: str) -> Callable[[], None]:
            def once() -> None:
                tries.append(first)
                rename(first, f"by {first}")
                if len(tries) <= 2:
                    meet.wait(10)  # each holds what the other wants next
                rename(second, f"by {first}")
                transaction.finish(keep=True)

            def run() -> None:
                with two.app_context():
                    # A deadlock is found after 1 s; the lock time-out must not be quicker here.
                    db.session.execute(sa.text("SET lock_timeout = '20s'"))
                    db.session.commit()
                    transaction.run(once)

            return run

        assert self.in_threads(worker("one", "two"), worker("two", "one")) == [None, None]
        assert len(tries) == 3

    def test_a_lock_that_takes_too_long_is_a_conflict(self, two: Flask) -> None:
        holding, enough = threading.Event(), threading.Event()

        def holder() -> None:
            with two.app_context(), transaction.transaction():
                rename("one", "held")
                holding.set()
                enough.wait(20)

        def late() -> None:
            with two.app_context():
                assert holding.wait(10)
                try:
                    transaction.run(lambda: rename("one", "late"))
                finally:
                    enough.set()

        held, waited = self.in_threads(holder, late)
        assert held is None
        assert isinstance(waited, ConflictError)

    @pytest.mark.usefixtures("house")
    def test_what_stays_in_deadlock_ends_as_a_conflict_after_three_retries(self) -> None:
        tries = []

        class DeadlockError(Exception):
            sqlstate = "40P01"

        def always() -> None:
            tries.append(1)
            raise sa.exc.OperationalError("UPDATE", {}, DeadlockError())

        with pytest.raises(ConflictError, match="Many people want this at once"):
            transaction.run(always)
        assert len(tries) == 4

    @pytest.mark.usefixtures("house")
    def test_another_database_error_is_not_tried_again(self) -> None:
        tries = []

        def wrong() -> None:
            tries.append(1)
            db.session.execute(sa.text("SELECT 1/0"))

        with pytest.raises(sa.exc.DataError):
            transaction.run(wrong)
        assert len(tries) == 1


class TestBlocks:
    def test_commits_at_the_end_and_rolls_back_on_an_error(self, committed_app: Flask) -> None:
        with committed_app.app_context():
            with transaction.transaction():
                add("kept")
            with pytest.raises(RuntimeError), transaction.transaction():  # noqa: PT012 - what ran before counts
                add("lost")
                raise RuntimeError
        assert kept(committed_app) == ["kept"]

    def test_an_independent_write_survives_a_refusal(self, committed_app: Flask) -> None:
        with committed_app.app_context(), pytest.raises(RuntimeError), transaction.transaction():  # noqa: PT012 - likewise
            add("lost")
            with transaction.independent() as session:
                session.execute(sa.text("INSERT INTO category (slug, name, position) VALUES ('noted', 'A', 0)"))
            raise RuntimeError
        assert kept(committed_app) == ["noted"]


def test_a_connection_that_breaks_when_a_scope_is_left_is_said_so(committed_app: Flask) -> None:
    """Not swallowed: the next statement would be called a mistake of ours, and nobody would try again."""

    def work() -> None:
        with transaction.transaction():
            transaction.remember_scope(transaction.Scope(organization_id=1))
            with transaction.as_platform():
                db.session.execute(sa.text("SELECT 1"))
                driver = db.session.connection().connection.driver_connection
                assert driver is not None
                driver.close()

    with committed_app.app_context():
        with pytest.raises(sa.exc.DBAPIError):
            work()
        transaction.remember_scope(transaction.PLATFORM)
        db.session.remove()


class Cut(Exception):  # noqa: N818 - as psycopg tells it
    pass


def cut(kind: Exception) -> sa.exc.OperationalError:
    return sa.exc.OperationalError("SELECT 1", {}, kind, connection_invalidated=True)


@pytest.mark.usefixtures("house")
def test_what_hangs_on_a_commit_cannot_have_it_done_again() -> None:
    """The commit is through: a step behind it that breaks must not lead back to the beginning."""
    tries: list[int] = []

    class DeadlockError(Exception):
        sqlstate = "40P01"

    for error in (cut(Cut()), sa.exc.OperationalError("UPDATE", {}, DeadlockError())):

        def broken(error: sa.exc.OperationalError = error) -> None:
            raise error

        def work(broken: Callable[[], None] = broken) -> None:
            tries.append(1)
            with transaction.transaction():
                transaction.after_commit(broken)

        with pytest.raises(sa.exc.OperationalError):
            transaction.run(work)
    assert len(tries) == 2, "one for each kind of error"


@pytest.mark.usefixtures("house")
def test_a_server_that_hangs_is_waited_for_once() -> None:
    """A connection that broke is replaced at once; one that fell silent has cost half a minute already."""
    tries: list[Exception] = []

    def work(kind: Exception) -> None:
        tries.append(kind)
        raise cut(kind)

    for kind in (Cut(), SilentServerError("the database has not answered for 35 s")):
        with pytest.raises(sa.exc.OperationalError):
            transaction.run(partial(work, kind))
    assert [type(kind) for kind in tries] == [Cut] * 4 + [SilentServerError]
