"""What another sharing of revenue would have meant for last month's orders, and what was sold below cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from wholesale.catalog.models import Product
from wholesale.catalog.queries import below
from wholesale.kernel import clock
from wholesale.kernel.money import Money
from wholesale.merchandising.profit.queries import Scope
from wholesale.merchandising.profit.rules import Preview, Sold, gives_way, preview
from wholesale.orders.models import Order, OrderLine
from wholesale.platform.db import db
from wholesale.pricing import queries as pricing
from wholesale.pricing.rules import Settlement

DAYS = 30
MOST_LINES = 20_000
MOST_LOSSES = 20

_NET = OrderLine.line_total - sa.case((OrderLine.tax_included, OrderLine.tax_amount), else_=0)
_OWN_GOODS = sa.case((OrderLine.goods_owner == "seller", OrderLine.owner_recovers), else_=0)


@dataclass(frozen=True, slots=True)
class Meant:
    """The preview per currency. `is_sample`: there were more lines, the newest of them were taken."""

    previews: list[Preview]
    is_sample: bool


@dataclass(frozen=True, slots=True)
class Loss:
    """A product that was sold below cost: so many pieces, for so much less than they cost."""

    product_id: int
    name: str
    pieces: int
    revenue: Money
    cost: Money

    @property
    def lost(self) -> Money:
        return self.cost - self.revenue


def meant(scope: Scope, settlement: Settlement | None, starts: datetime | None) -> Meant:
    """The lines of the last 30 days that a rule for the scope would have touched, shared by `settlement`.

    Those are the ones whose frozen rule is not more specific. None: by the more general rule that will hold then.
    Orders that were cancelled whole are left out; all is taken from what was frozen.
    """
    statement = (
        _lines(scope)
        .with_only_columns(
            OrderLine.product_id,
            Order.seller_id,
            Product.category_id,
            Order.seller_name,
            Order.currency,
            _NET.label("net"),
            OrderLine.unit_cost,
            OrderLine.quantity,
            (OrderLine.seller_share + _OWN_GOODS).label("seller_got"),
        )
        .where(sa.func.split_part(OrderLine.settlement_source, ":", 1).in_(gives_way(scope.kind)))
        .order_by(OrderLine.id.desc())
        .limit(MOST_LINES + 1)
    )
    rows = db.session.execute(statement).all()
    return Meant(preview(_shared(rows[:MOST_LINES], _chosen(scope, settlement, starts))), len(rows) > MOST_LINES)


def _chosen(
    scope: Scope, settlement: Settlement | None, starts: datetime | None
) -> Callable[[Sold], Settlement | None]:
    if settlement is not None and scope.kind != "category":
        return lambda _line: settlement
    rules = pricing.all_rules(starts)

    def more_general(line: Sold) -> Settlement | None:
        if scope.kind == "category" and rules.nearest(line.category_id, under=scope.id) is not None:
            return None  # a category in between has a rule of its own
        if settlement is not None:
            return settlement
        rule = rules.find(line, without=(scope.kind, scope.id))
        return pricing.as_settlement(rule) if rule is not None else None

    return more_general


def _shared(rows: Any, chosen: Callable[[Sold], Settlement | None]) -> Iterator[tuple[Sold, Settlement]]:
    for row in rows:
        line = Sold(
            product_id=row.product_id,
            seller_id=row.seller_id,
            category_id=row.category_id,
            seller_name=row.seller_name,
            revenue=Money(row.net, row.currency),
            cost=(Money(row.unit_cost, row.currency) * row.quantity).rounded(),
            seller_got=Money(row.seller_got, row.currency),
        )
        settlement = chosen(line)
        if settlement is not None:
            yield line, settlement


def losses(scope: Scope) -> list[Loss]:
    """Products of the scope that were sold below cost in the last 30 days, the largest loss first."""
    cost = OrderLine.unit_cost * OrderLine.quantity
    statement = (
        _lines(scope)
        .with_only_columns(
            OrderLine.product_id,
            Product.name,
            Order.currency,
            sa.func.sum(OrderLine.quantity).label("pieces"),
            sa.func.sum(_NET).label("revenue"),
            sa.func.sum(cost).label("cost"),
        )
        .where(cost > _NET)
        .group_by(OrderLine.product_id, Product.name, Order.currency)
        .order_by(sa.func.sum(_NET - cost), OrderLine.product_id)
        .limit(MOST_LOSSES)
    )
    found = [
        Loss(
            row.product_id,
            row.name,
            row.pieces,
            Money(row.revenue, row.currency),
            Money(row.cost, row.currency).rounded(),
        )
        for row in db.session.execute(statement)
    ]
    return [each for each in found if each.lost.amount > 0]  # less than the smallest unit is none


def _lines(scope: Scope) -> sa.Select[Any]:
    """The lines of the scope that were ordered in the last 30 days, without orders that were cancelled whole."""
    statement = (
        sa.select(OrderLine.id)
        .join(Order, Order.id == OrderLine.order_id)
        .join(Product, Product.id == OrderLine.product_id)
        .where(Order.placed_at >= clock.now() - timedelta(days=DAYS), Order.state != "cancelled")
    )
    if scope.kind == "product":
        return statement.where(OrderLine.product_id == scope.id)
    if scope.kind == "seller":
        return statement.where(Order.seller_id == scope.id)
    return statement.where(Product.category_id.in_(below(scope.id))) if scope.kind == "category" else statement
