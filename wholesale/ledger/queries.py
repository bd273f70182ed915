"""Balances and the ledger's own proof."""

from __future__ import annotations

import sqlalchemy as sa

from wholesale.kernel.money import Money
from wholesale.ledger.models import LedgerAccount, LedgerJournal, LedgerPosting
from wholesale.platform.db import db


def balance(code: str, organization_id: int | None, currency: str) -> Money:
    """The sum of an account's postings: debit positive, credit negative; zero when it was never used."""
    of = (
        LedgerAccount.organization_id.is_(None)
        if organization_id is None
        else (LedgerAccount.organization_id == organization_id)
    )
    total = db.session.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(LedgerPosting.amount), 0))
        .join(LedgerAccount, LedgerAccount.id == LedgerPosting.account_id)
        .where(LedgerAccount.code == code, LedgerAccount.currency == currency, of)
    )
    assert total is not None, "a coalesced sum is never NULL"
    return Money(total, currency)


def unsettled(organization_id: int) -> bool:
    """Whether a business owes anything, or is owed anything: one of its accounts is not at zero."""
    open_accounts = (
        sa.select(LedgerPosting.account_id)
        .join(LedgerAccount, LedgerAccount.id == LedgerPosting.account_id)
        .where(LedgerAccount.organization_id == organization_id)
        .group_by(LedgerPosting.account_id)
        .having(sa.func.sum(LedgerPosting.amount) != 0)
    )
    return bool(db.session.scalar(sa.select(open_accounts.exists())))


def proof() -> list[str]:
    """Replay every journal: what is wrong, one sentence each; empty when all balance and have their legs."""
    unbalanced = db.session.execute(
        sa.select(LedgerJournal.key, LedgerPosting.currency, sa.func.sum(LedgerPosting.amount).label("left"))
        .join(LedgerPosting, LedgerPosting.journal_id == LedgerJournal.id)
        .group_by(LedgerJournal.key, LedgerPosting.currency)
        .having(sa.func.sum(LedgerPosting.amount) != 0)
        .limit(20)
    )
    problems = [f"journal {row.key} leaves {row.left} {row.currency}" for row in unbalanced]
    thin = db.session.execute(
        sa.select(LedgerJournal.key)
        .outerjoin(LedgerPosting, LedgerPosting.journal_id == LedgerJournal.id)
        .group_by(LedgerJournal.key)
        .having(sa.func.count(LedgerPosting.id) < 2)  # noqa: PLR2004 - double entry
        .limit(20)
    )
    problems += [f"journal {row.key} has fewer than two postings" for row in thin]
    mixed = db.session.execute(
        sa.select(LedgerPosting.id)
        .join(LedgerAccount, LedgerAccount.id == LedgerPosting.account_id)
        .where(LedgerAccount.currency != LedgerPosting.currency)
        .limit(20)
    )
    return problems + [f"posting {row.id} is in another currency than its account" for row in mixed]


def counted() -> int:
    """How many journals there are."""
    return db.session.scalar(sa.select(sa.func.count()).select_from(LedgerJournal)) or 0
