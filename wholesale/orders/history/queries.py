"""Orders as they were looked for, page by page and as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.orm import aliased

from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import Money
from wholesale.kernel.words import N_
from wholesale.orders.history import rules
from wholesale.orders.history.models import OrderExport
from wholesale.orders.history.rules import Filters
from wholesale.orders.models import LineProgress, Order, OrderLine, Purchase
from wholesale.orders.queries import PAGE_SIZE, Page
from wholesale.platform import i18n
from wholesale.platform.db import db
from wholesale.platform.sheets import Cell, Sheet

_BATCH = 200

HEAD = (
    N_("Order"), N_("Purchase"), N_("Placed"), N_("State"), N_("Buyer"), N_("Seller"), N_("Buyer's order number"),
    N_("SKU"), N_("Product"), N_("Unit"), N_("Ordered"), N_("Cancelled"), N_("Returned"), N_("Price each"), N_("Goods"),
    N_("Goods taken back"), N_("Tax"), N_("Tax, per cent"), N_("Tax on top"), N_("Tax in the price"), N_("Currency"),
    N_("Delivery"), N_("Order's total"), N_("Cancelled and returned"), N_("Left to pay for"),
)  # fmt: skip
_TEXT_COLUMNS = frozenset({0, 1, 6, 7})
_WIDTHS = (18, 18, 17, 12, 24, 24, 18, 16, 34, *[12] * 16)


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose orders: of a business on its side, or everybody's."""

    side: str
    organization_id: int | None

    @classmethod
    def of(cls, actor: Actor) -> Whose:
        """Raises NotFoundError for who belongs to no business."""
        if actor.is_staff:
            return cls("staff", None)
        if actor.organization_id is None:
            raise NotFoundError
        return cls("seller" if actor.is_seller else "buyer", actor.organization_id)

    @property
    def condition(self) -> sa.ColumnElement[bool]:
        if self.side == "staff":
            return sa.true()
        column = Order.seller_id if self.side == "seller" else Order.buyer_id
        return column == self.organization_id


def zone() -> str:
    return str(current_app.extensions["settings"].time_zone)


def _latin(text: str) -> str:
    """Numbers are kept in Latin digits, however they are typed."""
    return "".join(str(int(each)) if each.isdecimal() else each for each in text)


def conditions(whose: Whose, filters: Filters) -> list[sa.ColumnElement[bool]]:
    """What an order must be like."""
    found = [whose.condition]
    if filters.state:
        found.append(Order.state == filters.state)
    if filters.since:
        found.append(Order.placed_at >= rules.begin(filters.since, zone()))
    if filters.until:
        found.append(Order.placed_at < rules.begin(filters.until, zone()) + timedelta(days=1))
    if filters.who:
        names = {"buyer": (Order.seller_name,), "seller": (Order.buyer_name,)}
        pattern = rules.containing(filters.who)
        sides = names.get(whose.side, (Order.seller_name, Order.buyer_name))
        found.append(sa.or_(*(name.ilike(pattern) for name in sides)))
    if filters.q:
        found.append(_told_by(filters.q))
    return found


def _told_by(q: str) -> sa.ColumnElement[bool]:
    words, code = rules.containing(q), rules.containing(_latin(q))
    line = aliased(OrderLine)  # the table that is asked for may have lines itself
    of_line = sa.select(line.id).where(
        line.order_id == Order.id, sa.or_(line.sku.ilike(code), line.name.ilike(words), line.name_bn.ilike(words))
    )
    of_purchase = sa.select(Purchase.id).where(
        Purchase.id == Order.purchase_id,
        sa.or_(
            Purchase.number.ilike(code), Purchase.buyer_reference.ilike(code), Purchase.buyer_reference.ilike(words)
        ),
    )
    return sa.or_(
        Order.number.ilike(code),
        Order.buyer_name.ilike(words),
        Order.seller_name.ilike(words),
        of_purchase.exists(),
        of_line.exists(),
    )


def page(actor: Actor, filters: Filters, *, before: int | None = None) -> Page:
    """The orders that were looked for, newest first, by key."""
    try:
        whose = Whose.of(actor)
    except NotFoundError:
        return Page([], None, newest=True)
    statement = sa.select(Order).where(*conditions(whose, filters)).order_by(Order.id.desc()).limit(PAGE_SIZE + 1)
    if before is not None:
        statement = statement.where(Order.id < before)
    rows = list(db.session.scalars(statement))
    more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
    return Page(rows, rows[-1].id if more else None, before is None)


def lines_up_to(actor: Actor, filters: Filters, most: int) -> int:
    """How many lines the table would have, counted no further than one above `most`."""
    lines = (
        sa.select(OrderLine.id)
        .join(Order, Order.id == OrderLine.order_id)
        .where(*conditions(Whose.of(actor), filters))
        .limit(most + 1)
    )
    return db.session.scalar(sa.select(sa.func.count()).select_from(lines.subquery())) or 0


def rows(whose: Whose, filters: Filters) -> Iterator[list[Cell]]:
    """A row for each line, the newest order first; no more than some orders are in memory at a time."""
    where = conditions(whose, filters)
    last: int | None = None
    while True:
        statement = sa.select(Order.id).where(*where).order_by(Order.id.desc()).limit(_BATCH)
        ids = db.session.scalars(statement if last is None else statement.where(Order.id < last)).all()
        if not ids:
            return
        last = ids[-1]
        lines = db.session.execute(
            sa.select(Order, Purchase.number, Purchase.buyer_reference, OrderLine, LineProgress)
            .join(Purchase, Purchase.id == Order.purchase_id)
            .join(OrderLine, OrderLine.order_id == Order.id)
            .join(LineProgress, LineProgress.line_id == OrderLine.id)
            .where(Order.id.in_(ids))
            .order_by(Order.id.desc(), OrderLine.position)
        ).all()
        for _order_id, of_order in groupby(lines, key=lambda row: row[0].id):
            for number, row in enumerate(of_order):
                yield _row(*row, is_first=number == 0)


def _row(
    order: Order, purchase: str, reference: str, line: OrderLine, progress: LineProgress, *, is_first: bool
) -> list[Cell]:
    on_top = Decimal(0) if line.tax_included else line.tax_amount
    own: list[Cell] = [None] * 4
    if is_first:
        own = [Money(each, order.currency) for each in (order.delivery_fee, order.total, order.credited, order.due)]
    return [
        order.number,
        purchase,
        f"{order.placed_at.astimezone(ZoneInfo(zone())):%Y-%m-%d %H:%M}",
        i18n.gettext(order.state),
        order.buyer_name,
        order.seller_name,
        reference,
        line.sku,
        i18n.local_name(line),
        line.unit,
        line.quantity,
        progress.cancelled,
        progress.returned,
        Money(line.unit_price, order.currency),
        Money(line.line_total, order.currency),
        Money(progress.credited, order.currency),
        line.tax_name,
        line.tax_percent if line.tax_name else None,
        Money(on_top, order.currency),
        Money(line.tax_amount - on_top, order.currency),
        order.currency,
        *own,
    ]


@dataclass
class Counted:
    """Passes rows on and counts them."""

    inner: Iterator[list[Cell]]
    count: int = field(default=0)

    def __iter__(self) -> Iterator[list[Cell]]:
        for row in self.inner:
            self.count += 1
            yield row


def head() -> list[str]:
    """The names of the columns in the reader's language."""
    return [i18n.gettext(each) for each in HEAD]


def sheet(found: Any) -> Sheet:
    """The rows as a sheet of a workbook."""
    return Sheet(i18n.gettext("Orders"), head(), found, _WIDTHS, _TEXT_COLUMNS)


def export(actor: Actor, export_id: int) -> OrderExport:
    """A table that was asked for, for whoever sees its orders; of the platform's, for whoever asked.

    Raises NotFoundError.
    """
    found = db.session.get(OrderExport, export_id)
    whose = Whose.of(actor)
    if found is None or (found.side, found.organization_id) != (whose.side, whose.organization_id):
        raise NotFoundError
    if whose.side == "staff" and found.user_id != actor.user_id:
        raise NotFoundError
    return found


def _is_being_made() -> sa.ColumnElement[bool]:
    return sa.and_(OrderExport.ready_at.is_(None), OrderExport.asked_at >= clock.now() - rules.LATE)


def waiting(user_id: int) -> int:
    """How many tables are being made for the person."""
    return (
        db.session.scalar(
            sa.select(sa.func.count()).select_from(OrderExport).where(OrderExport.user_id == user_id, _is_being_made())
        )
        or 0
    )


def being_made(whose: Whose, user_id: int, kind: str, filters: Filters) -> int | None:
    """The same table, where it is being made for the same person already."""
    return db.session.scalar(
        sa.select(OrderExport.id)
        .where(
            OrderExport.user_id == user_id,
            OrderExport.side == whose.side,
            OrderExport.organization_id.is_not_distinct_from(whose.organization_id),
            OrderExport.kind == kind,
            OrderExport.filters == filters.query,
            _is_being_made(),
        )
        .limit(1)
    )
