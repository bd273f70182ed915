"""Posting: the only way money moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.money import Money
from wholesale.ledger.models import LedgerAccount, LedgerJournal, LedgerPosting
from wholesale.ledger.rules import Entry, Leg, balanced
from wholesale.platform.db import db
from wholesale.platform.transaction import as_platform

AccountKey = tuple[str, int | None, str]


def post(*, actor: Actor, key: str, reference: str, memo: str, legs: Sequence[Leg]) -> bool:
    """Post one business event; False when `key` has been posted before (nothing is changed then).

    Raises ValueError unless the legs balance; PostgreSQL checks the same at COMMIT.
    """
    return bool(post_many(actor=actor, entries=[Entry(key, reference, memo, legs)]))


def post_many(*, actor: Actor, entries: Sequence[Entry]) -> set[str]:
    """`post` several business events together; the keys of those that had not been posted before."""
    kept = {entry.key: legs for entry in entries if (legs := balanced(entry.legs))}
    if not kept:
        return set()
    with as_platform():  # an event's money moves between the accounts of several businesses
        return _post(actor, [entry for entry in entries if entry.key in kept], kept)


def _post(actor: Actor, entries: Sequence[Entry], kept: Mapping[str, Sequence[Leg]]) -> set[str]:
    accounts = _accounts({_account(leg) for legs in kept.values() for leg in legs})
    postings = [(key, accounts[_account(leg)], leg.amount) for key, legs in kept.items() for leg in legs]
    posted = db.session.scalars(
        _POST,
        {
            "keys": [entry.key for entry in entries],
            "references": [entry.reference for entry in entries],
            "memos": [entry.memo for entry in entries],
            "user_id": actor.user_id,
            "at": clock.now(),
            "of": [key for key, _, _ in postings],
            "accounts": [account for _, account, _ in postings],
            "amounts": [amount.amount for _, _, amount in postings],
            "currencies": [amount.currency for _, _, amount in postings],
        },
    )
    return set(posted)


# Whoever posts a key that another transaction is posting waits here, and then finds it posted.
_POST = sa.text(
    """
    WITH journal AS (
        INSERT INTO ledger_journal (key, reference, memo, user_id, at)
        SELECT key, reference, memo, :user_id, :at
        FROM unnest(:keys, :references, :memos) AS entry (key, reference, memo)
        ON CONFLICT (key) DO NOTHING RETURNING id, key
    ), posting AS (
        INSERT INTO ledger_posting (journal_id, account_id, amount, currency)
        SELECT journal.id, leg.account_id, leg.amount, leg.currency
        FROM unnest(:of, :accounts, :amounts, :currencies) WITH ORDINALITY
             AS leg (key, account_id, amount, currency, place)
        JOIN journal ON journal.key = leg.key ORDER BY place
    )
    SELECT key FROM journal
    """
).bindparams(
    sa.bindparam("keys", type_=sa.ARRAY(sa.Text)),
    sa.bindparam("references", type_=sa.ARRAY(sa.Text)),
    sa.bindparam("memos", type_=sa.ARRAY(sa.Text)),
    sa.bindparam("user_id", type_=sa.BigInteger),
    sa.bindparam("at", type_=sa.DateTime(timezone=True)),
    sa.bindparam("of", type_=sa.ARRAY(sa.Text)),
    sa.bindparam("accounts", type_=sa.ARRAY(sa.BigInteger)),
    sa.bindparam("amounts", type_=sa.ARRAY(sa.Numeric(18, 4))),
    sa.bindparam("currencies", type_=sa.ARRAY(sa.Text)),
)


def _account(leg: Leg) -> AccountKey:
    return leg.code, leg.organization_id, leg.amount.currency


def _accounts(keys: set[AccountKey]) -> dict[AccountKey, int]:
    """The ids of these accounts; those that were never used before are opened."""
    found = _find(keys)
    missing = sorted(keys - found.keys(), key=str)
    if missing:
        columns = [list(column) for column in zip(*missing, strict=True)]
        opened = db.session.execute(_OPEN, dict(zip(("codes", "businesses", "currencies"), columns, strict=True)))
        found |= {(row[0], row[1], row[2]): row[3] for row in opened}
        if keys - found.keys():  # somebody else has opened one at this moment
            found = _find(keys)
    return found


_OPEN = sa.text(
    """
    INSERT INTO ledger_account (code, organization_id, currency)
    SELECT * FROM unnest(:codes, :businesses, :currencies)
    ON CONFLICT DO NOTHING RETURNING code, organization_id, currency, id
    """
).bindparams(
    sa.bindparam("codes", type_=sa.ARRAY(sa.Text)),
    sa.bindparam("businesses", type_=sa.ARRAY(sa.BigInteger)),
    sa.bindparam("currencies", type_=sa.ARRAY(sa.Text)),
)


def _find(keys: set[AccountKey]) -> dict[AccountKey, int]:
    known = {"codes": [key[0] for key in keys], "businesses": [key[1] for key in keys if key[1] is not None]}
    rows = db.session.execute(_FIND, known)
    return {(row[0], row[1], row[2]): row[3] for row in rows if (row[0], row[1], row[2]) in keys}


_FIND = sa.text(
    "SELECT code, organization_id, currency, id FROM ledger_account"
    " WHERE code = ANY(:codes) AND (organization_id IS NULL OR organization_id = ANY(:businesses))"
).bindparams(sa.bindparam("codes", type_=sa.ARRAY(sa.Text)), sa.bindparam("businesses", type_=sa.ARRAY(sa.BigInteger)))


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
