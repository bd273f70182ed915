"""The ledger's pages: balances, journals, proofs; for admins only (tests/house covers who gets in)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.conftest import Cast
from tests.factories import accounts, catalog, orders, organizations
from wholesale.accounts.models import User
from wholesale.kernel.actor import SYSTEM
from wholesale.ledger import jobs, queries
from wholesale.ledger.models import LedgerProof
from wholesale.orders import actions as order_actions
from wholesale.orders import queries as order_queries
from wholesale.orders.models import Order
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
