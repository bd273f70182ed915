"""Purchases to be paid, placed by the real actions."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tests.conftest import Cast
from tests.factories import accounts, catalog, orders, organizations
from wholesale.catalog.models import Product
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.kernel.money import Money
from wholesale.orders import actions
from wholesale.orders.models import Order
from wholesale.platform.db import db


def taka(amount: str) -> Money:
    return Money(Decimal(amount), "BDT")


@dataclass(frozen=True)
class Placed:
    """One purchase of two sellers: 100 bags for ৳13,500 of Dipu Traders, 10 soaps for ৳500 of Meghna Mills."""

    buyer: Actor
    number: str
    purchase_id: int
    bags: Order
    soap: Order


def purchase(cast: Cast, payment: str = "bank_transfer") -> Placed:
    buyer = accounts.actor(cast.amina)
    bag, soap = db.session.query(Product).order_by(Product.id).all() or _goods(cast)
    made = orders.placed(buyer, {bag: 100, soap: 10}, payment=payment)
    first, second = sorted(made, key=lambda order: order.total, reverse=True)
    assert (first.total, second.total) == (Decimal(13500), Decimal(500))
    placed = Placed(buyer, first.purchase.number, first.purchase_id, first, second)
    db.session.commit()
    return placed


def _goods(cast: Cast) -> tuple[Product, Product]:
    mill = organizations.business("Meghna Mills", kind="seller")
    return (
        catalog.product(cast.trader),
        catalog.product(mill, "Soap", tiers=((10, "50"),), cost="30", settlement=catalog.COMMISSION),
    )


def deliver(order: Order) -> None:
    for state in ("confirmed", "shipped", "delivered"):
        actions.move_order(actor=SYSTEM, number=order.number, to=state)
    db.session.commit()


def cancel(order: Order) -> None:
    actions.move_order(actor=SYSTEM, number=order.number, to="cancelled", reason="sold out")
    db.session.commit()
