"""A price changes while an order is placed: the order has the price that was agreed, or there is none; never a mix."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import chain, pairwise
from threading import Barrier

import sqlalchemy as sa
from flask import Flask

from tests.factories import accounts, catalog, orders, organizations, prices
from wholesale.accounts.models import User
from wholesale.catalog.actions import products
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import HouseError
from wholesale.kernel.money import Money
from wholesale.orders import actions as ordering
from wholesale.orders.models import OrderLine
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction
from wholesale.pricing import actions, jobs, queries
from wholesale.pricing.actions.bulk import set_ladders
from wholesale.pricing.models import DatedPrice, PriceHistory


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


def save(seller: Actor, bags: list[int], number: int) -> None:
    product = products.locked(bags[0], seller_id=seller.acting_organization)
    steps = [(10, Money(Decimal(150 + number), "BDT")), (60, Money(Decimal(130), "BDT"))]
    actions.set_tiers(product=product, tiers=steps, actor=seller)


def read_file(seller: Actor, bags: list[int], number: int) -> None:
    ladders = {product_id: [(10, Decimal(200 + number)), (70, Decimal(180))] for product_id in reversed(bags)}
    set_ladders(actor=seller, ladders=ladders)


def change(seller: Actor, _bags: list[int], number: int) -> None:
    prices.confirmed(seller, prices.change(str(1 + number)))


def schedule(seller: Actor, _bags: list[int], number: int) -> None:
    prices.confirmed(seller, prices.change(str(30 + number), starts_on=prices.day(1)))
    db.session.execute(sa.update(DatedPrice).where(DatedPrice.ended_at.is_(None)).values(valid_from=clock.now()))


def follow(_seller: Actor, _bags: list[int], _number: int) -> None:
    jobs.follow_dates()


def test_saves_files_changes_and_dates_of_one_product_at_once(committed_app: Flask) -> None:
    """Nobody waits for nobody (no deadlock, no price written twice), and each change begins where another ended."""
    with committed_app.app_context(), transaction():
        dipu = accounts.user("Dipu")
        trader = organizations.business("Dipu Traders", kind="seller", members={dipu: "owner"})
        bags = [catalog.product(trader, f"Bag {n}", sku=f"B-{n}").id for n in range(3)]
        user_id = dipu.id
    barrier = Barrier(5)

    def again_and_again(do: Callable[[Actor, list[int], int], None]) -> list[str]:
        failed = []
        for number in range(4):
            with committed_app.app_context():
                barrier.wait()
                try:
                    with transaction():
                        do(accounts.actor(db.session.get_one(User, user_id)), bags, number)
                except HouseError:
                    continue
                except sa.exc.DBAPIError as error:
                    state = getattr(error.orig, "sqlstate", "")
                    if state != "55P03":  # waited for two seconds on a busy machine: refused, to be tried again
                        failed.append(f"{do.__name__}: {state}")
        return failed

    with ThreadPoolExecutor(5) as pool:
        failed = pool.map(again_and_again, [save, read_file, change, schedule, follow])
        assert list(chain.from_iterable(failed)) == []
    with committed_app.app_context(), transaction():
        jobs.follow_dates()
        for product_id in bags:
            told = db.session.scalars(
                sa.select(PriceHistory).where(PriceHistory.product_id == product_id).order_by(PriceHistory.id)
            ).all()
            assert len(told) > 1
            assert all(later.before == earlier.after for earlier, later in pairwise(told))
            kept = queries.regular_ladders([product_id])[product_id]
            assert [[quantity, f"{price:.4f}"] for quantity, price in kept] == told[-1].after


def _orders() -> int:
    return db.session.scalar(sa.select(sa.func.count(sa.distinct(OrderLine.order_id)))) or 0
