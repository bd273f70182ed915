"""Posting: the only way money moves."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.money import Money
from wholesale.ledger.models import LedgerAccount, LedgerJournal, LedgerPosting
from wholesale.ledger.rules import Leg, balanced
from wholesale.platform.db import db
from wholesale.platform.transaction import as_platform

AccountKey = tuple[str, int | None, str]


def post(*, actor: Actor, key: str, reference: str, memo: str, legs: Sequence[Leg]) -> bool:
    """Post one business event; False when `key` has been posted before (nothing is changed then).

    Raises ValueError unless the legs balance; PostgreSQL checks the same at COMMIT.
    """
    kept = balanced(legs)
    if not kept:
        return False
    with as_platform():  # an event's money moves between the accounts of several businesses
        return _post(actor, key, reference, memo, kept)


def _post(actor: Actor, key: str, reference: str, memo: str, kept: Sequence[Leg]) -> bool:
    journal_id = db.session.execute(
        insert(LedgerJournal)
        .values(key=key, reference=reference, memo=memo, user_id=actor.user_id, at=clock.now())
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(LedgerJournal.id)
    ).scalar_one_or_none()
    if journal_id is None:
        return False
    accounts = _accounts({(leg.code, leg.organization_id, leg.amount.currency) for leg in kept})
    db.session.execute(
        sa.insert(LedgerPosting),
        [
            {
                "journal_id": journal_id,
                "account_id": accounts[leg.code, leg.organization_id, leg.amount.currency],
                "amount": leg.amount.amount,
                "currency": leg.amount.currency,
            }
            for leg in kept
        ],
    )
    return True


def _accounts(keys: set[AccountKey]) -> dict[AccountKey, int]:
    """The ids of these accounts; those that were never used before are opened."""
    found = _find(keys)
    missing = sorted(keys - found.keys(), key=str)
    if missing:
        db.session.execute(
            insert(LedgerAccount)
            .values([{"code": code, "organization_id": of, "currency": currency} for code, of, currency in missing])
            .on_conflict_do_nothing()
        )
        found = _find(keys)
    return found


def _find(keys: set[AccountKey]) -> dict[AccountKey, int]:
    rows = db.session.execute(
        sa.select(LedgerAccount.code, LedgerAccount.organization_id, LedgerAccount.currency, LedgerAccount.id).where(
            LedgerAccount.code.in_({key[0] for key in keys}),
            sa.or_(
                LedgerAccount.organization_id.is_(None),
                LedgerAccount.organization_id.in_({key[1] for key in keys if key[1] is not None}),
            ),
        )
    )
    return {(row[0], row[1], row[2]): row[3] for row in rows if (row[0], row[1], row[2]) in keys}


def reverse(*, actor: Actor, key: str, of: str, memo: str) -> bool:
    """Post the exact opposite of the journal whose key is `of`; False when `key` has been posted before."""
    with as_platform():
        return _reverse(actor, key, of, memo)


def _reverse(actor: Actor, key: str, of: str, memo: str) -> bool:
    legs = db.session.execute(
        sa.select(LedgerAccount.code, LedgerAccount.organization_id, LedgerPosting.amount, LedgerPosting.currency)
        .join(LedgerPosting, LedgerPosting.account_id == LedgerAccount.id)
        .join(LedgerJournal, LedgerJournal.id == LedgerPosting.journal_id)
        .where(LedgerJournal.key == of)
    ).all()
    if not legs:
        raise ValueError(f"There is no journal {of!r} to reverse.")
    reference = db.session.execute(sa.select(LedgerJournal.reference).where(LedgerJournal.key == of)).scalar_one()
    return post(
        actor=actor,
        key=key,
        reference=reference,
        memo=memo,
        legs=[Leg(row.code, row.organization_id, Money(-row.amount, row.currency)) for row in legs],
    )
