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
    legs = [(key, leg) for key, some in kept.items() for leg in some]
    given = {
        "keys": [entry.key for entry in entries],
        "references": [entry.reference for entry in entries],
        "memos": [entry.memo for entry in entries],
        "user_id": actor.user_id,
        "at": clock.now(),
        "of": [key for key, _ in legs],
        "codes": [leg.code for _, leg in legs],
        "businesses": [leg.organization_id for _, leg in legs],
        "amounts": [leg.amount.amount for _, leg in legs],
        "currencies": [leg.amount.currency for _, leg in legs],
    }
    posted = db.session.scalars(_POST, given).all()
    if None in posted:  # somebody else has opened one of the accounts at this moment: now it can be seen
        posted = db.session.scalars(_POST, given).all()
    if None in posted:
        raise AssertionError("an account can be neither found nor opened")
    return set(posted)


# Finds the accounts, opens those that were never used before, and posts: all or nothing, then one NULL. Whoever posts a
# key that another transaction is posting waits here, and then finds it posted.
_POST = sa.text(
    """
    WITH leg AS (
        SELECT leg.*, CASE
            WHEN organization_id IS NULL THEN (
                SELECT id FROM ledger_account
                WHERE code = leg.code AND organization_id IS NULL AND currency = CAST(leg.currency AS char(3)))
            ELSE (
                SELECT id FROM ledger_account
                WHERE code = leg.code AND organization_id = leg.organization_id
                  AND currency = CAST(leg.currency AS char(3)))
            END AS known_account
        FROM unnest(:of, :codes, :businesses, :amounts, :currencies) WITH ORDINALITY
             AS leg (key, code, organization_id, amount, currency, place)
    ), opened AS (
        INSERT INTO ledger_account (code, organization_id, currency)
        SELECT DISTINCT code, organization_id, currency FROM leg WHERE known_account IS NULL ORDER BY 1, 2, 3
        ON CONFLICT DO NOTHING RETURNING id, code, organization_id, currency
    ), booked AS MATERIALIZED (
        SELECT leg.*, coalesce(known_account, opened.id) AS account_id
        FROM leg LEFT JOIN opened
          ON opened.code = leg.code AND opened.organization_id IS NOT DISTINCT FROM leg.organization_id
         AND opened.currency = leg.currency
    ), journal AS (
        INSERT INTO ledger_journal (key, reference, memo, user_id, at)
        SELECT key, reference, memo, :user_id, :at
        FROM unnest(:keys, :references, :memos) AS entry (key, reference, memo)
        WHERE NOT EXISTS (SELECT FROM booked WHERE account_id IS NULL)
        ON CONFLICT (key) DO NOTHING RETURNING id, key
    ), posting AS (
        INSERT INTO ledger_posting (journal_id, account_id, amount, currency)
        SELECT journal.id, booked.account_id, booked.amount, booked.currency
        FROM booked JOIN journal ON journal.key = booked.key ORDER BY booked.place
    )
    SELECT key FROM journal UNION ALL SELECT NULL WHERE EXISTS (SELECT FROM booked WHERE account_id IS NULL)
    """
).bindparams(
    sa.bindparam("keys", type_=sa.ARRAY(sa.Text)),
    sa.bindparam("references", type_=sa.ARRAY(sa.Text)),
    sa.bindparam("memos", type_=sa.ARRAY(sa.Text)),
    sa.bindparam("user_id", type_=sa.BigInteger),
    sa.bindparam("at", type_=sa.DateTime(timezone=True)),
    sa.bindparam("of", type_=sa.ARRAY(sa.Text)),
    sa.bindparam("codes", type_=sa.ARRAY(sa.Text)),
    sa.bindparam("businesses", type_=sa.ARRAY(sa.BigInteger)),
    sa.bindparam("amounts", type_=sa.ARRAY(sa.Numeric(18, 4))),
    sa.bindparam("currencies", type_=sa.ARRAY(sa.Text)),
)


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
