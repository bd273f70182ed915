"""A price changes while an order is placed: the order has the price that was agreed, or there is none; never a mix."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier

import sqlalchemy as sa
from flask import Flask

from tests.factories import accounts, catalog, orders, organizations, prices
from wholesale.accounts.models import User
from wholesale.kernel.errors import HouseError
from wholesale.orders import actions as ordering
from wholesale.orders.models import OrderLine
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction


def test_the_order_has_the_agreed_price_or_is_refused(committed_app: Flask) -> None:
    with committed_app.app_context(), transaction():
        amina, dipu = accounts.user("Amina"), accounts.user("Dipu")
        organizations.business("Amina Store", members={amina: "owner"})
        trader = organizations.business("Dipu Traders", kind="seller", members={dipu: "owner"})
        goods = [catalog.product(trader, f"Thing {n}", sku=f"T-{n}", stock=100_000) for n in range(4)]
        ids = (amina.id, dipu.id)
        wanted = {product.id: 60 for product in goods}
    outcomes = []
    for _round in range(4):
        with committed_app.app_context(), transaction():
            buyer = accounts.actor(db.session.get_one(User, ids[0]))
            things = [db.session.get_one(type(goods[0]), product_id) for product_id in wanted]
            key, seen = orders.ready_to_place(buyer, dict.fromkeys(things, 60))
            seller = accounts.actor(db.session.get_one(User, ids[1]))
            before = _orders()
        barrier = Barrier(2)

        def place(buyer=buyer, key=key, seen=seen, barrier=barrier) -> str:
            with committed_app.app_context():
                barrier.wait()
                try:
                    with transaction():
                        return ordering.place_order(actor=buyer, key=key, seen=seen)
                except HouseError:
                    return "refused"

        def rise(seller=seller, barrier=barrier) -> str:
            with committed_app.app_context():
                barrier.wait()
                with transaction():
                    prices.confirmed(seller, prices.change("10"))
                return "risen"

        with ThreadPoolExecutor(2) as pool:
            placed, _risen = pool.submit(place), pool.submit(rise)
            outcomes.append(placed.result())
        with committed_app.app_context(), transaction():
            lines = db.session.execute(
                sa.select(OrderLine.order_id, sa.func.array_agg(sa.distinct(OrderLine.unit_price))).group_by(
                    OrderLine.order_id
                )
            ).all()
            assert all(len(found) == 1 for _order, found in lines), "the prices of two moments in one order"
            assert len(lines) == before + (outcomes[-1] != "refused")
            assert all(found[0] > Decimal(100) for _order, found in lines)
    assert len(outcomes) == 4


def _orders() -> int:
    return db.session.scalar(sa.select(sa.func.count(sa.distinct(OrderLine.order_id)))) or 0
