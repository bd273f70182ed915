"""The daily check and its letters: one a day to each, and none when there is nothing new."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from wholesale.platform import mail, outbox
from wholesale.platform.db import db
from wholesale.replenishment import queries, rules
from wholesale.replenishment.actions.looking import look
from wholesale.replenishment.events import StockChecked
from wholesale.replenishment.models import StockAlert

_MOST_TOLD = 15
"""Goods that a letter names; of more it tells the number."""


def check() -> str:
    """Look at everything, then have those told for whom something is new or has got worse."""
    looked = look()
    sellers = queries.sellers_with_news()
    day = queries.today().isoformat()
    for seller_id in sellers:
        outbox.emit(StockChecked(seller_id=seller_id, day=day), priority=outbox.LONG_WORK)
    if sellers:
        outbox.emit(StockChecked(seller_id=None, day=day), priority=outbox.LONG_WORK)
    return f"{looked.words}; {len(sellers)} sellers to tell"


def tell(*, seller_id: int, day: date) -> int:
    """Write the day's letter to the seller's people: what is new, worse, and gone before more can come; how many.

    What is told of is marked in the same transaction, so that it is told of once. After a second check on one day
    nobody gets a second letter: what was new by then is told of on the next.
    """
    found, total = queries.news(seller_id, rules.MOST_AT_ONCE)
    alerts = [_told(row) for row in found]
    if not rules.has_news(alerts):
        return 0
    sent = 0
    told = list(zip(found, alerts, strict=True))
    fresh = [row for row, alert in told if alert.is_new][:_MOST_TOLD]
    worse = [row for row, alert in told if alert.is_worse][:_MOST_TOLD]
    for reader in queries.readers(seller_id):
        sent += mail.send(
            key=f"stock-digest:{day}:{seller_id}:{reader.user_id}",
            to=reader.email,
            template="stock_digest",
            language=reader.language,
            name=reader.name,
            business=found[0].seller_name,
            fresh=fresh,
            worse=worse,
            before_delivery=[row for row, alert in told if alert.runs_out][:_MOST_TOLD],
            others=total - len(fresh) - len(worse),
            titles=rules.TITLES,
        )
    if not sent:
        return 0
    db.session.execute(
        sa.update(StockAlert)
        .where(StockAlert.id.in_([row.alert.id for row in found]))
        .values(told=StockAlert.urgency)
        .execution_options(synchronize_session=False)
    )
    return sent


def tell_admins(*, day: date) -> int:
    """Write the day's letter to the platform's admins: how many alerts each seller has, by severity."""
    rows = queries.by_seller()
    sent = 0
    for reader in queries.readers(None) if rows else ():
        sent += mail.send(
            key=f"stock-digest:{day}:platform:{reader.user_id}",
            to=reader.email,
            template="stock_digest_admin",
            language=reader.language,
            name=reader.name,
            sellers=rows[:_MOST_TOLD],
            others=max(0, len(rows) - _MOST_TOLD),
        )
    return sent


def _told(row: queries.Row) -> rules.Told:
    arrives = row.arrival.expected if row.arrival else None
    return rules.Told(
        urgency=row.alert.urgency,
        told_urgency=row.alert.told,
        runs_out=rules.runs_out_before(row.facts, queries.today(), arrives),
    )
