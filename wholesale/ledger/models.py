"""Accounts, journals, postings. The triggers that guard them are in migration 0001."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.platform.db import Amount, Base, Currency, Id


class LedgerAccount(Base):
    """An account of the chart (`rules.CHART`), for one business or (NULL) for the platform."""

    __tablename__ = "ledger_account"
    __table_args__ = (sa.UniqueConstraint("code", "organization_id", "currency", postgresql_nulls_not_distinct=True),)

    id: Mapped[Id] = mapped_column(init=False)
    code: Mapped[str]
    organization_id: Mapped[int | None] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    currency: Mapped[Currency]


class LedgerJournal(Base):
    """One business event, posted once: `key` names it, such as `order:ORD-2026-000017:placed`."""

    __tablename__ = "ledger_journal"

    id: Mapped[Id] = mapped_column(init=False)
    key: Mapped[str] = mapped_column(unique=True)
    reference: Mapped[str] = mapped_column(index=True)
    memo: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app_user.id"))
    at: Mapped[datetime] = mapped_column(default_factory=clock.now, index=True)


class LedgerPosting(Base):
    """An amount on an account: debit positive, credit negative, never zero."""

    __tablename__ = "ledger_posting"
    __table_args__ = (sa.CheckConstraint("amount <> 0", name="amount"),)

    id: Mapped[Id] = mapped_column(init=False)
    journal_id: Mapped[int] = mapped_column(sa.ForeignKey("ledger_journal.id"), index=True)
    account_id: Mapped[int] = mapped_column(sa.ForeignKey("ledger_account.id"), index=True)
    amount: Mapped[Amount]
    currency: Mapped[Currency]


class LedgerProof(Base):
    """One run of the proof: what was replayed, and what was wrong, one sentence each (empty: nothing)."""

    __tablename__ = "ledger_proof"

    id: Mapped[Id] = mapped_column(init=False)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime]
    journals: Mapped[int]
    postings: Mapped[int]
    problems: Mapped[list[Any]] = mapped_column(JSONB)

    @property
    def is_clean(self) -> bool:
        return not self.problems
