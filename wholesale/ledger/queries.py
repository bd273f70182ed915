"""Balances and the ledger's own proof."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from wholesale.kernel.money import Money
from wholesale.ledger.models import LedgerAccount, LedgerJournal, LedgerPosting, LedgerProof
from wholesale.ledger.rules import CHART, Account
from wholesale.organizations.models import Organization
from wholesale.platform import runs
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


def counted() -> tuple[int, int]:
    """How many journals there are, and postings."""
    journals = sa.select(sa.func.count()).select_from(LedgerJournal).scalar_subquery()
    postings = sa.select(sa.func.count()).select_from(LedgerPosting).scalar_subquery()
    row = db.session.execute(sa.select(journals, postings)).one()
    return int(row[0]), int(row[1])


# --- what the admin's pages show --------------------------------------------------------------------------

PAGE_SIZE = 30
JOB = "ledger-proof"  # on the timetable


def proofs(limit: int = 10) -> list[LedgerProof]:
    """The last runs of the proof, newest first."""
    return list(db.session.scalars(sa.select(LedgerProof).order_by(LedgerProof.id.desc()).limit(limit)))


def starter(proof: LedgerProof) -> str:
    """Who had a proof run: the timetable (night), somebody who pressed the button (hand), or neither (console)."""
    run = db.session.scalar(
        sa.select(runs.JobRun)
        .where(
            runs.JobRun.name == JOB,
            runs.JobRun.started_at <= proof.started_at,
            sa.or_(runs.JobRun.finished_at.is_(None), runs.JobRun.finished_at >= proof.finished_at),
        )
        .order_by(runs.JobRun.started_at.desc())
        .limit(1)
    )
    if run is None:
        return "console"
    return "night" if runs.is_on_time(run) else "hand"


@dataclass(frozen=True, slots=True)
class Balance:
    """What stands on an account of the chart in one currency, all businesses together. Debit positive."""

    account: Account
    debits: Money
    credits: Money

    @property
    def left(self) -> Money:
        return self.debits + self.credits


@dataclass(frozen=True, slots=True)
class Trial:
    """All accounts of one currency, and their sums; `left` is zero, or the ledger is broken."""

    currency: str
    rows: list[Balance]

    @property
    def debits(self) -> Money:
        return Money.total((row.debits for row in self.rows), self.currency)

    @property
    def credits(self) -> Money:
        return Money.total((row.credits for row in self.rows), self.currency)

    @property
    def left(self) -> Money:
        return self.debits + self.credits


def trial_balance() -> list[Trial]:
    """Every account that was ever used, in the order of the chart, a table for each currency."""
    debits = sa.func.coalesce(sa.func.sum(LedgerPosting.amount).filter(LedgerPosting.amount > 0), 0)
    credits_ = sa.func.coalesce(sa.func.sum(LedgerPosting.amount).filter(LedgerPosting.amount < 0), 0)
    rows = db.session.execute(
        sa.select(LedgerAccount.code, LedgerAccount.currency, debits, credits_)
        .join(LedgerPosting, LedgerPosting.account_id == LedgerAccount.id)
        .group_by(LedgerAccount.code, LedgerAccount.currency)
    )
    of: dict[str, list[Balance]] = {}
    for code, currency, debit, credit in rows:
        of.setdefault(currency, []).append(Balance(CHART[code], Money(debit, currency), Money(credit, currency)))
    order = list(CHART)
    return [
        Trial(currency, sorted(found, key=lambda each: order.index(each.account.code)))
        for currency, found in sorted(of.items())
    ]


@dataclass(frozen=True, slots=True)
class Holder:
    """What stands on one business's account."""

    organization_id: int
    name: str
    left: Money


def holders(code: str) -> list[Holder]:
    """The businesses on whose account of this kind something stands, the largest first, at most two hundred."""
    left = sa.func.sum(LedgerPosting.amount)
    rows = db.session.execute(
        sa.select(LedgerAccount.organization_id, Organization.name, LedgerAccount.currency, left)
        .join(LedgerPosting, LedgerPosting.account_id == LedgerAccount.id)
        .join(Organization, Organization.id == LedgerAccount.organization_id)
        .where(LedgerAccount.code == code)
        .group_by(LedgerAccount.organization_id, Organization.name, LedgerAccount.currency)
        .having(left != 0)
        .order_by(sa.func.abs(left).desc(), LedgerAccount.organization_id)
        .limit(200)
    )
    return [Holder(of or 0, name, Money(amount, currency)) for of, name, currency, amount in rows]


@dataclass(frozen=True, slots=True)
class Line:
    """A posting as people read it; `holder` is the business, None: the platform."""

    account: Account
    holder: str | None
    amount: Money


@dataclass(frozen=True, slots=True)
class Entry:
    """A journal with its postings."""

    id: int
    key: str
    reference: str
    memo: str
    at: datetime
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Page:
    """Some journals, newest first, and the key at which the next page begins."""

    entries: list[Entry]
    older: int | None
    newest: bool


def journals(
    *, sought: str = "", code: str | None = None, organization_id: int | None = None, before: int | None = None
) -> Page:
    """Journals by key; of a reference or key that begins so, or that touch one account."""
    statement = sa.select(LedgerJournal.id).order_by(LedgerJournal.id.desc()).limit(PAGE_SIZE + 1)
    if sought:
        statement = statement.where(
            sa.or_(
                LedgerJournal.reference.startswith(sought, autoescape=True),
                LedgerJournal.key.startswith(sought, autoescape=True),
            )
        )
    if code is not None:
        on_account = (
            sa.select(LedgerPosting.journal_id)
            .join(LedgerAccount, LedgerAccount.id == LedgerPosting.account_id)
            .where(LedgerAccount.code == code)
        )
        if organization_id is not None:
            on_account = on_account.where(LedgerAccount.organization_id == organization_id)
        statement = statement.where(LedgerJournal.id.in_(on_account))
    if before is not None:
        statement = statement.where(LedgerJournal.id < before)
    ids = list(db.session.scalars(statement))
    more, ids = len(ids) > PAGE_SIZE, ids[:PAGE_SIZE]
    return Page(_entries(LedgerJournal.id.in_(ids))[::-1], ids[-1] if more else None, before is None)


def journals_of(reference: str) -> list[Entry]:
    """Every journal of one business event's reference, such as an order's number, in the order they were posted."""
    return _entries(LedgerJournal.reference == reference)


def _entries(which: sa.ColumnElement[bool]) -> list[Entry]:
    rows = db.session.execute(
        sa.select(
            LedgerJournal.id,
            LedgerJournal.key,
            LedgerJournal.reference,
            LedgerJournal.memo,
            LedgerJournal.at,
            LedgerAccount.code,
            Organization.name,
            LedgerPosting.amount,
            LedgerPosting.currency,
        )
        .join(LedgerPosting, LedgerPosting.journal_id == LedgerJournal.id)
        .join(LedgerAccount, LedgerAccount.id == LedgerPosting.account_id)
        .outerjoin(Organization, Organization.id == LedgerAccount.organization_id)
        .where(which)
        .order_by(LedgerJournal.id, LedgerPosting.id)
    )
    found: dict[int, Entry] = {}
    for row in rows:
        entry = found.setdefault(row.id, Entry(row.id, row.key, row.reference, row.memo, row.at, []))
        entry.lines.append(Line(CHART[row.code], row.name, Money(row.amount, row.currency)))
    return list(found.values())
