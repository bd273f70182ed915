"""The ledger's guards: ours and PostgreSQL's own."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.conftest import Cast
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.money import Money
from wholesale.ledger import actions, queries
from wholesale.ledger.models import LedgerAccount, LedgerJournal, LedgerPosting
from wholesale.ledger.rules import balanced, credit, debit
from wholesale.platform.db import db


def taka(amount: str) -> Money:
    return Money(Decimal(amount), "BDT")


def post(key: str, amount: str = "100") -> bool:
    return actions.post(
        actor=SYSTEM,
        key=key,
        reference="T",
        memo="Test",
        legs=[debit("bank", taka(amount)), credit("platform_fee", taka(amount))],
    )


def test_a_business_event_is_posted_once(house: Flask) -> None:
    assert post("one") is True
    assert post("one") is False
    assert queries.balance("bank", None, "BDT") == taka("100")


def test_reversal_is_exact_and_once(house: Flask) -> None:
    post("one", "13500.55")
    for expected in (True, False):
        assert actions.reverse(actor=SYSTEM, key="back", of="one", memo="Back") is expected
    assert queries.balance("bank", None, "BDT").is_zero
    with pytest.raises(ValueError, match="no journal"):
        actions.reverse(actor=SYSTEM, key="x", of="nothing", memo="")


def test_legs_must_balance_in_each_currency() -> None:
    with pytest.raises(ValueError, match="leave"):
        balanced([debit("bank", taka("1")), credit("platform_fee", taka("2"))])
    with pytest.raises(ValueError, match="leave"):
        balanced([debit("bank", taka("1")), credit("platform_fee", Money(Decimal(1), "UGX"))])
    with pytest.raises(ValueError, match="per business"):
        balanced([debit("buyer_receivable", taka("1")), credit("platform_fee", taka("1"))])
    with pytest.raises(ValueError, match="finer"):
        balanced([debit("bank", taka("0.001")), credit("platform_fee", taka("0.001"))])
    assert balanced([debit("bank", taka("0")), credit("platform_fee", taka("0"))]) == []


def _account(code: str) -> int:
    account = LedgerAccount(code=code, organization_id=None, currency="BDT")
    db.session.add(account)
    db.session.flush()
    return account.id


def _journal(*amounts: str, currency: str = "BDT") -> None:
    """A journal written past our own checks, as a forgotten leg would be; then what COMMIT would check."""
    account = _account("bank")
    journal = LedgerJournal(key="raw", reference="T", memo="", user_id=None)
    db.session.add(journal)
    db.session.flush()
    db.session.add_all(
        LedgerPosting(journal_id=journal.id, account_id=account, amount=Decimal(amount), currency=currency)
        for amount in amounts
    )
    db.session.flush()
    db.session.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))


@pytest.mark.parametrize("amounts", [("100",), ("100", "-99"), ()])
def test_postgresql_refuses_what_does_not_balance(house: Flask, amounts: tuple[str, ...]) -> None:
    with pytest.raises(sa.exc.IntegrityError, match=r"does not balance|fewer than two"):
        _journal(*amounts)
    db.session.rollback()


def test_postgresql_refuses_another_currency_than_the_accounts(house: Flask) -> None:
    with pytest.raises(sa.exc.IntegrityError, match="another currency"):
        _journal("100", "-100", currency="UGX")
    db.session.rollback()


@pytest.mark.parametrize("table", [LedgerPosting, LedgerJournal, LedgerAccount])
@pytest.mark.parametrize("statement", ["update", "delete"])
def test_nothing_is_changed_or_deleted(house: Flask, table: type, statement: str) -> None:
    post("one")
    order = sa.delete(table) if statement == "delete" else sa.update(table).values(id=table.id + 1000)
    with pytest.raises(sa.exc.DBAPIError, match=r"append-only|permission denied"):
        db.session.execute(order)
    db.session.rollback()


def test_a_later_leg_of_an_old_journal_is_caught(house: Flask) -> None:
    post("one")
    journal = db.session.scalars(sa.select(LedgerJournal.id)).one()
    account = db.session.scalars(sa.select(LedgerAccount.id)).first()
    db.session.add(LedgerPosting(journal_id=journal, account_id=account or 0, amount=Decimal(5), currency="BDT"))
    db.session.flush()
    with pytest.raises(sa.exc.IntegrityError, match="does not balance"):
        db.session.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
    db.session.rollback()


def test_the_role_that_serves_requests_is_not_the_owner(house: Flask, cast: Cast) -> None:
    role = db.session.execute(sa.text("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")).one()
    assert tuple(role) == (False, False)
    owner = db.session.scalar(sa.text("SELECT tableowner = current_user FROM pg_tables WHERE tablename = 'purchase'"))
    assert owner is False
