"""What happens to orders marks its day; a week that is over is written about."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from wholesale.orders import rules as orders
from wholesale.orders.answers.events import LineSubstituted
from wholesale.orders.events import OrderCredited, OrderPlaced
from wholesale.orders.models import Order, OrderCredit, OrderLine
from wholesale.platform.db import db
from wholesale.platform.outbox import on
from wholesale.reports import actions
from wholesale.reports.events import WeekEnded


@on(OrderPlaced)
def mark_placed(event: OrderPlaced) -> None:
    """The day of the placement is counted anew."""
    number = db.session.scalars(sa.select(Order.number).where(Order.id == event.order_id)).one()
    actions.mark([orders.placed_key(number)])


@on(OrderCredited)
def mark_credited(event: OrderCredited) -> None:
    """The day of the taking back is counted anew."""
    number, sequence = db.session.execute(
        sa.select(Order.number, OrderCredit.sequence)
        .join(OrderCredit, OrderCredit.order_id == Order.id)
        .where(OrderCredit.id == event.credit_id)
    ).one()
    actions.mark([orders.credit_key(number, sequence)])


@on(LineSubstituted)
def mark_substituted(event: LineSubstituted) -> None:
    """The day on which the buyer took something else is counted anew."""
    number, position = db.session.execute(
        sa.select(Order.number, OrderLine.position)
        .join(OrderLine, OrderLine.order_id == Order.id)
        .where(OrderLine.id == event.line_id)
    ).one()
    actions.mark([orders.substituted_key(number, position)])


@on(WeekEnded)
def send_weekly(event: WeekEnded) -> None:
    """Make the week's report and write to whoever gets it."""
    actions.send_weekly(monday=date.fromisoformat(event.monday), seller_id=event.seller_id)
