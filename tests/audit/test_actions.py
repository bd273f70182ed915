"""Noting what was changed: in the change's transaction, with who, as whom, from where."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from tests.conftest import Cast
from tests.factories import accounts
from wholesale.audit import actions
from wholesale.audit.models import AuditEntry, AuditLink
from wholesale.kernel.actor import ANONYMOUS, SYSTEM, Actor
from wholesale.platform import telemetry, transaction
from wholesale.platform.db import db
from wholesale.platform.transaction import PLATFORM, Scope

WHO = Actor(user_id=7, organization_id=3, role="owner")


def note(actor: Actor = WHO, organization_id: int | None = 3, **given: Any) -> None:
    facts = {"action": "membership.removed", "thing": "membership", "thing_id": 9} | given
    actions.record(actor=actor, organization_id=organization_id, **facts)


def newest() -> AuditEntry:
    return db.session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()


def link_now() -> None:
    """What COMMIT does; a test's commits are savepoints."""
    db.session.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
    db.session.execute(sa.text("SET CONSTRAINTS ALL DEFERRED"))


def links(chain: int = 3) -> list[AuditLink]:
    return list(db.session.scalars(sa.select(AuditLink).where(AuditLink.chain == chain).order_by(AuditLink.seq)))


def test_an_entry_says_who_what_and_why(house: Flask) -> None:
    with telemetry.within("abc123"):
        note(before={"role": "member", "limit": Decimal("12.50")}, after={"until": date(2026, 1, 2)}, reason=" left\0 ")
    entry = newest()
    assert (entry.actor_id, entry.organization_id, entry.on_behalf, entry.staff) == (7, 3, None, False)
    assert (entry.action, entry.thing, entry.thing_id) == ("membership.removed", "membership", "9")
    assert entry.before == {"role": "member", "limit": "12.50"}
    assert entry.after == {"until": "2026-01-02"}
    assert (entry.reason, entry.request_id, entry.address) == ("left", "abc123", "")


def test_the_address_comes_from_the_request(house: Flask) -> None:
    with house.test_request_context(environ_base={"REMOTE_ADDR": "203.0.113.7"}):
        note()
    assert newest().address == "203.0.113.7"


@pytest.mark.parametrize(
    ("actor", "organization_id", "kept"),
    [
        (SYSTEM, None, (None, None, None, False)),
        (ANONYMOUS, None, (None, None, None, False)),
        (Actor(user_id=1, staff_role="admin"), None, (1, None, None, True)),
        (Actor(user_id=1, staff_role="admin"), 3, (1, 3, None, True)),
        (WHO, None, (7, None, None, False)),
        (replace(WHO, on_behalf=True), None, (7, 3, 3, True)),
        (replace(WHO, on_behalf=True), 5, (7, 5, 3, True)),
    ],
)
def test_who_acts_and_for_whom(house: Flask, actor: Actor, organization_id: int | None, kept: tuple[Any, ...]) -> None:
    note(actor, organization_id)
    entry = newest()
    assert (entry.actor_id, entry.organization_id, entry.on_behalf, entry.staff) == kept


def test_nothing_is_noted_of_what_is_taken_back(house: Flask) -> None:
    refused = db.session.begin_nested()
    note()
    refused.rollback()
    note(action="membership.added")
    link_now()
    assert [entry.action for entry in db.session.scalars(sa.select(AuditEntry))] == ["membership.added"]
    assert [link.seq for link in links()] == [1]


def test_each_business_has_a_chain_and_the_platform_its_own(house: Flask) -> None:
    for organization_id in (5, 3, None, 3, None, 3):
        note(organization_id=organization_id)
    link_now()
    assert [len(links(chain)) for chain in (0, 3, 5)] == [2, 3, 1]
    first, second, third = links(3)
    assert (first.prev, second.prev, third.prev) == (bytes(32), first.hash, second.hash)
    assert [link.seq for link in links(3)] == [1, 2, 3]


@pytest.mark.parametrize("scope", [Scope(), Scope(organization_id=8, user_id=7)])
def test_everybody_notes_in_every_chain_but_reads_only_their_own(house: Flask, scope: Scope) -> None:
    db.session.commit()
    transaction.remember_scope(scope)
    try:
        note(organization_id=3)
        note(organization_id=None)
        note(organization_id=8)
        link_now()
        seen = set(db.session.scalars(sa.select(AuditEntry.organization_id)))
        assert seen == ({8} if scope.organization_id else set())
    finally:
        db.session.commit()
        transaction.remember_scope(PLATFORM)
    assert [len(links(chain)) for chain in (0, 3, 8)] == [1, 1, 1]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET reason = 'x'",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
        "UPDATE audit_link SET hash = ''",
        "DELETE FROM audit_link",
        "TRUNCATE audit_link",
        "INSERT INTO audit_link (chain, seq, entry_id, prev, hash) VALUES (3, 2, 1, '', '')",
    ],
)
def test_the_serving_role_may_only_add(house: Flask, statement: str) -> None:
    note()
    link_now()
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), db.session.begin_nested():
        db.session.execute(sa.text(statement))


@pytest.mark.parametrize("table", ["audit_entry", "audit_link"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_owner_is_refused_by_the_triggers(committed_app: Flask, table: str, statement: str) -> None:
    with committed_app.app_context(), transaction.transaction():
        note()
    change = {"audit_entry": "reason = 'x'", "audit_link": "seq = 5"}[table]
    with owner_of(committed_app) as owner:
        owner.execute("SELECT set_config('app.scope', 'platform', false)")
        with pytest.raises(psycopg.Error, match="append-only"):
            owner.execute(statement.format(table, change))


def owner_of(app: Flask) -> psycopg.Connection[Any]:
    """A connection as the role that owns the tables."""
    url = app.extensions["settings"].database_owner_url.replace("postgresql+psycopg://", "postgresql://")
    return psycopg.connect(url, autocommit=True)


def in_threads(app: Flask, count: int, work: Callable[[int], None]) -> list[BaseException]:
    """Run `work(number)` in as many threads, each in a context of its own; what they raised."""
    raised: list[BaseException] = []
    start = threading.Barrier(count)

    def one(number: int) -> None:
        with app.app_context():
            start.wait()
            try:
                work(number)
            except BaseException as error:  # noqa: BLE001 - handed to the test
                raised.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_many_at_once_leave_no_gap_and_no_circle(committed_app: Flask) -> None:
    """Each writes two chains in the one order or in the other: a circle would be a deadlock after a second."""

    def work(number: int) -> None:
        for _ in range(20):
            with transaction.transaction():
                for organization_id in (3, 5) if number % 2 else (5, 3):
                    note(organization_id=organization_id, thing_id=number)

    assert in_threads(committed_app, 6, work) == []
    with committed_app.app_context():
        for chain in (3, 5):
            rows = links(chain)
            assert [row.seq for row in rows] == list(range(1, 121))
            assert [row.prev for row in rows[1:]] == [row.hash for row in rows[:-1]]


def test_a_person_can_be_erased_without_touching_the_log(cast: Cast) -> None:
    note(accounts.actor(cast.amina), cast.shop.id, after={"e-mail": "a…@e….example"})
    text = db.session.scalar(sa.text("SELECT string_agg(to_jsonb(e)::text, '') FROM audit_entry e"))
    assert "Amina" not in text
    assert cast.amina.email not in text
