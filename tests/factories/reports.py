"""Counted days, and orders on chosen days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tests.factories import accounts, catalog, orders
from wholesale.accounts.models import User
from wholesale.catalog.models import Product
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.money import Money
from wholesale.orders import actions as order_actions
from wholesale.orders.models import Order
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.reports import actions

LONG_AGO = datetime.fromisoformat("2025-01-01T12:00+06:00")


def product(seller: Organization, name: str = "Jute bag", **how: Any) -> Product:
    """As the catalogue's, there for long, so that it could be bought on any day since."""
    with clock.at(LONG_AGO):
        return catalog.product(seller, name, **how)


def sold(buyer: User, wanted: Mapping[Product, int], at: str) -> list[Order]:
    """A purchase placed at that instant (ISO, with its zone)."""
    with clock.at(datetime.fromisoformat(at)):
        return orders.placed(accounts.actor(buyer), wanted)


def taken_back(order: Order, at: str, *, pieces: int = 0, delivery: Money | None = None) -> None:
    """So many pieces of the order's first line, and of its delivery."""
    number = order.number
    db.session.expunge(order)  # so that it is read anew, with its lines, as in a request of its own
    with clock.at(datetime.fromisoformat(at)):
        locked = order_actions.locked(actor=SYSTEM, number=number)
        wanted = {locked.lines[0].id: pieces} if pieces else {}
        order_actions.take_back(
            actor=SYSTEM, order=locked, kind="cancelled", reason="Broken.", pieces=wanted, delivery=delivery
        )
    db.session.flush()


def counted() -> None:
    """Everything is counted, as the job would have done it."""
    actions.rebuild()
    db.session.commit()
