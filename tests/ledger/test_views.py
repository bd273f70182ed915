"""The ledger's pages: balances, journals, proofs; for admins only (tests/house covers who gets in)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.conftest import Cast
from tests.factories import accounts, catalog, orders, organizations
from wholesale.accounts.models import User
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM
from wholesale.ledger import jobs, queries
from wholesale.ledger.models import LedgerProof
from wholesale.orders import actions as order_actions
from wholesale.orders import queries as order_queries
from wholesale.orders.models import Order
from wholesale.platform import jobs as jobs_table
from wholesale.platform import runs
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction


@pytest.fixture
def number(cast: Cast) -> str:
    bag = catalog.product(cast.trader)
    return orders.placed(accounts.actor(cast.amina), {bag: 100})[0].number


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true", "HX-Request-Type": "partial"}])
def test_balances_add_up_to_zero(client_of, cast: Cast, number: str, headers: dict[str, str]) -> None:  # type: ignore[no-untyped-def]
    answer = client_of(cast.esha).get("/admin/ledger", headers=headers)
    assert answer.status_code == 200
    assert "buyer_receivable" in answer.text
    assert "Owed by buyers" in answer.text
    assert "With a minus it is a credit" in answer.text
    assert "Nothing has been proved yet" in answer.text
    (trial,) = queries.trial_balance()
    assert trial.left.is_zero
    assert not trial.debits.is_zero


def test_an_empty_ledger_says_so(client_of, cast: Cast) -> None:  # type: ignore[no-untyped-def]
    assert "Nothing is posted yet" in client_of(cast.esha).get("/admin/ledger").text


def test_journals_are_found_by_order(client_of, cast: Cast, number: str) -> None:  # type: ignore[no-untyped-def]
    admin = client_of(cast.esha)
    assert f"order:{number}:placed" in admin.get("/admin/ledger/journals", query_string={"q": number}).text
    assert "No journals" in admin.get("/admin/ledger/journals?q=ORD-1999").text
    for odd in ("before=x", "before=-1", "before=" + "9" * 40, "q=%00", "q=" + "x" * 5000, "before=০"):
        assert admin.get(f"/admin/ledger/journals?{odd}").status_code == 200


def test_an_account_lists_whose_it_is(client_of, cast: Cast, number: str) -> None:  # type: ignore[no-untyped-def]
    admin = client_of(cast.esha)
    page = admin.get("/admin/ledger/accounts/buyer_receivable").text
    assert cast.shop.name in page
    assert number in admin.get(f"/admin/ledger/accounts/buyer_receivable?business={cast.shop.id}").text
    assert number not in admin.get(f"/admin/ledger/accounts/buyer_receivable?business={cast.other_shop.id}").text
    assert admin.get("/admin/ledger/accounts/piggy_bank").status_code == 404


def test_pages_go_by_key(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "PAGE_SIZE", 2)
    bag = catalog.product(cast.trader)
    numbers = [orders.placed(accounts.actor(cast.amina), {bag: 10})[0].number for _ in range(3)]
    first = queries.journals()
    second = queries.journals(before=first.older)
    assert [entry.reference for entry in first.entries + second.entries] == numbers[::-1]
    assert second.older is None


def test_each_proof_is_kept(committed_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with committed_app.app_context():
        assert jobs.prove().startswith("0 journals")
        monkeypatch.setattr(jobs, "PROOFS", [*jobs.PROOFS, lambda: ["order X is wrong"]])
        with pytest.raises(AssertionError, match="order X is wrong"):
            jobs.prove()
        db.session.rollback()
        kept = queries.proofs()
        assert [(type(proof), proof.is_clean) for proof in kept] == [(LedgerProof, False), (LedgerProof, True)]


def test_what_happens_while_it_runs_is_not_wrong(committed_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of the proof sees one moment: an order that is delivered in the middle of it has no wrong postings."""
    with committed_app.app_context():
        with transaction():
            amina = accounts.user("Amina")
            owners: dict[User, str] = {amina: "owner"}
            organizations.business("Amina Store", members=owners)
            bag = catalog.product(organizations.business("Dipu Traders", kind="seller"))
            [order] = orders.placed(accounts.actor(amina), {bag: 100})
            number = order.number
            for state in ("confirmed", "shipped"):
                order_actions.move_order(actor=SYSTEM, number=number, to=state)
        db.session.remove()
    read = order_queries.postings_of

    def deliver() -> None:
        with committed_app.app_context():
            with transaction():
                order_actions.move_order(actor=SYSTEM, number=number, to="delivered")
            db.session.remove()

    def slowly(found: Sequence[Order]) -> dict[str, order_queries.Postings]:
        with ThreadPoolExecutor(1) as other:
            other.submit(deliver).result()
        return read(found)

    monkeypatch.setattr(order_queries, "postings_of", slowly)
    with committed_app.app_context():
        with transaction():
            found = [problem for problem in jobs.proved().problems if "postings" in problem]
        db.session.remove()
        assert found == []
        assert db.session.scalar(sa.select(Order.state)) == "delivered"
        assert db.session.scalar(sa.text("SHOW transaction_isolation")) == "read committed"
        db.session.remove()


ASKED = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def proof_at(at: datetime, *, by: datetime | None = None) -> None:
    """A proof that ran then, in a run of the timetable's job with that period, or in none."""
    db.session.add(LedgerProof(started_at=at, finished_at=at, journals=1234, postings=5000, problems=[]))
    if by is not None:
        db.session.add(runs.JobRun(name=queries.JOB, period=by, started_at=at, finished_at=at))
    db.session.flush()


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true", "HX-Request-Type": "partial"}])
def test_who_waits_for_a_proof_sees_it_come(client_of, cast: Cast, headers: dict[str, str]) -> None:  # type: ignore[no-untyped-def]
    admin, page = client_of(cast.esha), f"/admin/ledger?asked={int(ASKED.timestamp() * 1000)}"
    proof_at(ASKED - timedelta(hours=7))
    with clock.at(ASKED + timedelta(seconds=3)):
        waiting = admin.get(page, headers=headers).text
        assert 'hx-trigger="every 3s"' in waiting
        assert "The proof runs." in waiting
        proof_at(ASKED + timedelta(seconds=1))
        there = admin.get(page, headers=headers).text
        assert "every 3s" not in there, "it stops by itself"
        assert "The proof runs." not in there


def test_nobody_is_made_to_wait_for_ever(client_of, cast: Cast) -> None:  # type: ignore[no-untyped-def]
    admin, page = client_of(cast.esha), f"/admin/ledger?asked={int(ASKED.timestamp() * 1000)}"
    with clock.at(ASKED + timedelta(minutes=3)):
        text = admin.get(page).text
    assert "every 3s" not in text
    assert "has not ended yet" in text
    for odd in ("x", "-1", "9" * 40, ""):
        text = admin.get(f"/admin/ledger?asked={odd}").text
        assert "every 3s" not in text
        assert "has not ended yet" not in text


def test_asking_for_a_proof_leads_to_where_it_appears(  # type: ignore[no-untyped-def]
    client_of, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_table, "ring_by_hand", lambda name: name == queries.JOB)
    with clock.at(ASKED):
        answer = client_of(cast.esha).post("/admin/ledger/proofs")
    assert answer.status_code == 303
    assert answer.location.endswith(f"/admin/ledger?asked={int(ASKED.timestamp() * 1000)}")


@pytest.mark.parametrize(
    ("period", "how"),
    [
        (datetime(2026, 11, 20, 20, 0, tzinfo=UTC), "by the nightly job"),  # 2:00 in Dhaka
        (datetime(2026, 11, 21, 8, 59, 1, 250, tzinfo=UTC), "by hand"),
        (None, "from the console"),
    ],
)
def test_the_banner_says_when_and_who(client_of, cast: Cast, period: datetime | None, how: str) -> None:  # type: ignore[no-untyped-def]
    proof_at(datetime(2026, 11, 21, 8, 59, 2, tzinfo=UTC), by=period)
    words = client_of(cast.esha).get("/admin/ledger").text
    assert f"Proved on 21 Nov 2026, 14:59, started {how}: 1,234 journals balance" in words
