"""The report's figures, and its proof against the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import current_app

from wholesale.kernel.actor import Actor
from wholesale.kernel.money import Money
from wholesale.ledger.models import LedgerAccount, LedgerJournal, LedgerPosting
from wholesale.orders.models import Order, OrderCredit, OrderCreditLine, OrderLine
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.taxes import queries as taxes
from wholesale.taxes.rules import Rate

_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class Row:
    """What one rate came to in one month. `rate` None: goods for which none was set. `back`: taken back of it."""

    month: date
    country: str
    rate: Rate | None
    net: Money
    tax: Money
    net_back: Money
    tax_back: Money

    @property
    def net_left(self) -> Money:
        return self.net - self.net_back

    @property
    def tax_left(self) -> Money:
        return self.tax - self.tax_back


@dataclass(frozen=True, slots=True)
class Report:
    """A year's rows, the newest month first; what each currency adds up to; what waits for its confirmation now."""

    year: int
    rows: list[Row]
    totals: list[Money]
    unconfirmed: list[Money]


def this_year() -> int:
    """The year that the platform's calendar shows."""
    return taxes.today().year


def _zone() -> str:
    return str(current_app.extensions["settings"].time_zone)


def _net(goods: Any, tax: Any, included: Any) -> sa.ColumnElement[Decimal]:
    return sa.func.sum(goods - sa.case((included, tax), else_=sa.literal(0)))


# Of an order's credit: when its order's tax is taken back, which is never before that was charged.
_BACK_AT = sa.func.greatest(OrderCredit.at, Order.confirmed_at)
_OF_RATE = (
    OrderLine.tax_name,
    OrderLine.tax_kind,
    OrderLine.tax_percent,
    OrderLine.tax_included,
    OrderLine.tax_reason,
)


def _charged(*columns: Any) -> sa.Select[Any]:
    """The lines of confirmed orders, by these columns: their net and their tax."""
    return (
        sa.select(
            *columns,
            _net(OrderLine.line_total, OrderLine.tax_amount, OrderLine.tax_included).label("net"),
            sa.func.sum(OrderLine.tax_amount).label("tax"),
        )
        .select_from(Order)
        .join(OrderLine, OrderLine.order_id == Order.id)
        .join(Organization, Organization.id == Order.seller_id)
        .where(Order.confirmed_at.is_not(None))
        .group_by(*columns)
    )


def _taken_back(*columns: Any) -> sa.Select[Any]:
    """What was taken back of confirmed orders, by these columns: net and tax."""
    return (
        sa.select(
            *columns,
            _net(OrderCreditLine.goods, OrderCreditLine.tax, OrderCreditLine.tax_included).label("net"),
            sa.func.sum(OrderCreditLine.tax).label("tax"),
        )
        .select_from(OrderCredit)
        .join(Order, Order.id == OrderCredit.order_id)
        .join(OrderCreditLine, OrderCreditLine.credit_id == OrderCredit.id)
        .join(OrderLine, OrderLine.id == OrderCreditLine.line_id)
        .join(Organization, Organization.id == Order.seller_id)
        .where(Order.confirmed_at.is_not(None))
        .group_by(*columns)
    )


def report(actor: Actor, year: int) -> Report:
    """The year's months: of the actor's own sales, or of everybody's for the platform's staff."""
    zone = ZoneInfo(_zone())
    first, end = datetime(year, 1, 1, tzinfo=zone), datetime(year + 1, 1, 1, tzinfo=zone)
    whose = sa.true() if actor.is_staff else Order.seller_id == actor.acting_organization

    def month(at: Any) -> Any:
        return sa.func.date_trunc("month", sa.func.timezone(_zone(), at)).label("month")

    columns = (Organization.country, Order.currency, *_OF_RATE)
    charged = _charged(month(Order.confirmed_at), *columns).where(
        whose, Order.confirmed_at >= first, Order.confirmed_at < end
    )
    back = _taken_back(month(_BACK_AT), *columns).where(whose, first <= _BACK_AT, end > _BACK_AT)
    rows = _rows(db.session.execute(charged).all(), db.session.execute(back).all())
    totals: dict[str, Money] = {}
    for row in rows:
        totals[row.tax.currency] = totals.get(row.tax.currency, Money.zero(row.tax.currency)) + row.tax_left
    return Report(year, rows, [totals[currency] for currency in sorted(totals)], _unconfirmed(whose))


def _rows(charged: Iterable[Any], back: Iterable[Any]) -> list[Row]:
    found: dict[tuple[Any, ...], list[Money]] = {}
    for place, rows in ((0, charged), (2, back)):
        for *key, net, tax in rows:
            currency = key[2]
            sums = found.setdefault(tuple(key), [Money.zero(currency)] * 4)
            sums[place], sums[place + 1] = Money(net, currency), Money(tax, currency)
    made = []
    for (month, country, _currency, name, kind, percent, included, reason), sums in found.items():
        rate = Rate(name, kind, percent, included, reason) if name else None
        made.append(Row(month.date(), country, rate, *sums))
    return sorted(
        made,
        key=lambda row: (
            -row.month.toordinal(),
            row.country,
            row.net.currency,
            -(row.rate.percent if row.rate else Decimal(-1)),
            row.rate.seen if row.rate else (),
        ),
    )


def _unconfirmed(whose: sa.ColumnElement[bool]) -> list[Money]:
    """The tax of orders that are placed and not confirmed, less what was taken back of them."""
    rows = db.session.execute(
        sa.select(Order.currency, sa.func.sum(_left()).label("tax"))
        .join(OrderLine, OrderLine.order_id == Order.id)
        .where(whose, Order.confirmed_at.is_(None), Order.state == "placed", OrderLine.tax_amount > 0)
        .group_by(Order.currency)
        .order_by(Order.currency)
    )
    return [Money(row.tax, row.currency) for row in rows if row.tax]


def _left() -> sa.ColumnElement[Decimal]:
    gone = (
        sa.select(sa.func.coalesce(sa.func.sum(OrderCreditLine.tax), 0))
        .where(OrderCreditLine.line_id == OrderLine.id)
        .correlate(OrderLine)
        .scalar_subquery()
    )
    return OrderLine.tax_amount - gone


def proof() -> list[str]:
    """What reports say of each seller must be what the ledger holds of its orders; what is wrong, a sentence each."""
    said: dict[tuple[int, str], Decimal] = {}
    of = (Order.seller_id, Order.currency)
    waiting = (
        sa.select(*of, sa.literal(0), sa.func.sum(_left()))
        .join(OrderLine, OrderLine.order_id == Order.id)
        .where(Order.confirmed_at.is_(None), OrderLine.tax_amount > 0)
        .group_by(*of)
    )
    for sign, statement in ((1, _charged(*of)), (-1, _taken_back(*of)), (1, waiting)):
        for seller_id, currency, _net_sum, tax in db.session.execute(statement):
            said[seller_id, currency] = said.get((seller_id, currency), Decimal(0)) + sign * tax
    held = {
        (row.organization_id, row.currency): -row.amount
        for row in db.session.execute(
            sa.select(
                LedgerAccount.organization_id, LedgerAccount.currency, sa.func.sum(LedgerPosting.amount).label("amount")
            )
            .join(LedgerPosting, LedgerPosting.account_id == LedgerAccount.id)
            .join(LedgerJournal, LedgerJournal.id == LedgerPosting.journal_id)
            .where(LedgerAccount.code.in_(("tax_pending", "tax_payable")), LedgerJournal.key.like("order:%"))
            .group_by(LedgerAccount.organization_id, LedgerAccount.currency)
        )
    }
    wrong = [
        f"taxes of seller {seller} in {currency}: reports say {said.get((seller, currency), Decimal(0))},"
        f" the ledger {held.get((seller, currency), Decimal(0))}"
        for seller, currency in sorted(said.keys() | held.keys())
        if said.get((seller, currency), Decimal(0)) != held.get((seller, currency), Decimal(0))
    ]
    return wrong[:_AT_MOST]
