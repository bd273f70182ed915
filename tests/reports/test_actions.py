"""Counting: from orders to figures, to the last unit, however often and whoever is quicker; and the proof of it."""

from __future__ import annotations

import threading
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.conftest import Cast
from tests.factories import accounts, catalog, order_life, organizations, reports
from wholesale.catalog import actions as catalog_actions
from wholesale.kernel import clock
from wholesale.kernel.money import Money
from wholesale.ledger import jobs as ledger_jobs
from wholesale.orders.answers import actions as answers
from wholesale.orders.answers.rules import Reply
from wholesale.platform import outbox, transaction
from wholesale.platform.db import db
from wholesale.platform.transaction import Scope
from wholesale.reports import actions, queries, rules
from wholesale.reports.models import CountedDay, Mark, Rollup
from wholesale.reports.queries import PLATFORM, Reader
from wholesale.reports.rules import Asked, Period

NOON = "2026-10-14T12:00+06:00"
DAY = date(2026, 10, 14)


def bdt(amount: str) -> Money:
    return Money(Decimal(amount), "BDT")


def of_day(day: date, whose: Reader = PLATFORM) -> rules.Figures:
    period = Period(day, day)
    return queries.totals(whose, Asked(period, rules.earlier(period)), "BDT")[0]


def test_example_2_and_3_arrive_to_the_last_poisha(house: Flask, cast: Cast) -> None:
    shared = reports.product(cast.trader)
    commission = reports.product(cast.trader, "Rice", settlement=catalog.COMMISSION)
    [order] = reports.sold(cast.amina, {shared: 100, commission: 100}, NOON)
    reports.counted()
    figures = of_day(DAY)
    own = figures.platform
    assert own is not None
    assert (figures.orders, figures.pieces, figures.sales) == (1, 200, bdt("27000"))
    assert (own.fee, own.commission, own.rest, own.cost) == (bdt("825"), bdt("1080"), bdt("3740"), bdt("8000"))
    assert (own.gross_profit, own.margin, own.commission_rate) == (bdt("5500"), Decimal("40.74"), Decimal("8.00"))
    assert figures.receives == bdt("935") + bdt("8000") + bdt("12420") + figures.delivery
    assert figures.delivery == Money(order.delivery_fee, "BDT")
    sold = figures.sales + figures.tax + figures.delivery
    assert sold == Money(order.total, "BDT")
    assert queries.proof() == []


def test_each_thing_has_its_own_figures(house: Flask, cast: Cast) -> None:
    bag, rice = reports.product(cast.trader), reports.product(cast.trader, "Rice", tiers=((10, "50"),), cost="40")
    other_seller = organizations.business("Other Traders", kind="seller", members={accounts.user("Omar"): "owner"})
    lamp = reports.product(other_seller, "Lamp", tiers=((10, "200"),))
    reports.sold(cast.amina, {bag: 100, rice: 20, lamp: 10}, NOON)
    reports.sold(cast.chandni, {rice: 10}, "2026-10-15T12:00+06:00")
    reports.counted()
    october = Asked(Period(date(2026, 10, 1), date(2026, 10, 31)), Period(date(2026, 9, 1), date(2026, 9, 30)))

    def parts(whose: Reader, by: str) -> dict[int, tuple[int, Money]]:
        rows = queries.breakdown(whose, by, october, "BDT").rows
        return {part.key_id: (part.figures.orders, part.figures.sales) for part in rows}

    assert parts(PLATFORM, "product") == {
        bag.id: (1, bdt("13500")), rice.id: (2, bdt("1500")), lamp.id: (1, bdt("2000")),
    }  # fmt: skip
    assert parts(PLATFORM, "seller") == {cast.trader.id: (2, bdt("15000")), other_seller.id: (1, bdt("2000"))}
    assert parts(PLATFORM, "buyer") == {cast.shop.id: (2, bdt("16500")), cast.other_shop.id: (1, bdt("500"))}
    own = Reader(cast.trader.id)
    assert parts(own, "product") == {bag.id: (1, bdt("13500")), rice.id: (2, bdt("1500"))}
    assert parts(own, "buyer") == {cast.shop.id: (1, bdt("14500")), cast.other_shop.id: (1, bdt("500"))}
    assert queries.totals(own, october, "BDT")[0].sales == bdt("15000")
    assert queries.totals(PLATFORM, october, "BDT")[0].sales == bdt("17000")


def test_a_category_counts_for_all_above_it_and_an_order_once(house: Flask, cast: Cast) -> None:
    top = catalog_actions.add_category(slug="home", name="Home")
    below = catalog_actions.add_category(slug="lamps", name="Lamps", parent_id=top.id)
    bag, lamp = reports.product(cast.trader), reports.product(cast.trader, "Lamp", tiers=((10, "200"),))
    shade = reports.product(cast.trader, "Shade", tiers=((10, "100"),))
    lamp.category_id, shade.category_id = below.id, top.id
    reports.sold(cast.amina, {bag: 10, lamp: 10, shade: 10}, NOON)
    reports.counted()
    period = Asked(Period(DAY, DAY), Period(DAY - timedelta(days=1), DAY - timedelta(days=1)))
    for whose in (PLATFORM, Reader(cast.trader.id)):
        tops = {p.key_id: p.figures for p in queries.breakdown(whose, "category", period, "BDT").rows}
        assert (tops[top.id].sales, tops[top.id].orders) == (bdt("3000"), 1)
        assert sum(figures.sales.amount for figures in tops.values()) == of_day(DAY, whose).sales.amount
        inside = queries.breakdown(whose, "category", period, "BDT", category_id=top.id).rows
        assert [(p.key_id, p.figures.sales) for p in inside] == [(below.id, bdt("2000"))]
    assert [each.name for each in queries.path(below.id)] == ["Home", "Lamps"]


def test_what_is_taken_back_comes_off_the_day_it_was_taken_back(house: Flask, cast: Cast) -> None:
    seller = organizations.business("Near Traders", kind="seller", delivery_fee="60")
    bag = reports.product(seller)
    [order] = reports.sold(cast.amina, {bag: 100}, NOON)
    reports.taken_back(order, "2026-11-02T09:00+06:00", pieces=30, delivery=bdt("10"))
    reports.counted()
    then, later = of_day(DAY), of_day(date(2026, 11, 2))
    assert (then.pieces, then.sales, then.taken_back) == (100, bdt("13500"), bdt("0"))
    assert (later.orders, later.pieces, later.sales, later.taken_back) == (0, -30, bdt("-4050"), bdt("4050"))
    assert later.delivery == bdt("-10")
    both = queries.totals(
        PLATFORM, Asked(Period(DAY, date(2026, 11, 2)), Period(date(2026, 9, 1), DAY - timedelta(days=1))), "BDT"
    )[0]
    assert (both.sales, both.pieces, both.orders, both.delivery) == (bdt("9450"), 70, 1, bdt("50"))
    assert queries.proof() == []


def test_a_day_begins_at_midnight_of_the_platforms_zone(house: Flask, cast: Cast) -> None:
    bag = reports.product(cast.trader)
    reports.sold(cast.amina, {bag: 10}, "2026-10-31T23:59:59+06:00")
    reports.sold(cast.amina, {bag: 20}, "2026-11-01T00:00:00+06:00")
    reports.counted()
    assert (of_day(date(2026, 10, 31)).pieces, of_day(date(2026, 11, 1)).pieces) == (10, 20)
    assert queries.proof() == []


def test_an_event_marks_its_day_and_the_job_counts_it_once_for_all(house: Flask, cast: Cast) -> None:
    bag = reports.product(cast.trader)
    [order] = reports.sold(cast.amina, {bag: 100}, NOON)
    db.session.commit()
    assert of_day(DAY).is_nothing
    outbox.drain()
    assert set(db.session.scalars(sa.select(Mark.day))) == {DAY}
    assert actions.recompute() == "1 days counted"
    assert of_day(DAY).sales == bdt("13500")
    assert queries.waiting() == 0
    reports.taken_back(order, "2026-10-14T13:00+06:00", pieces=10)
    db.session.commit()
    outbox.drain()
    actions.recompute()
    first = [tuple(row) for row in db.session.execute(sa.select(Rollup.__table__)).all()]
    assert of_day(DAY).sales == bdt("12150")
    actions.count(DAY, DAY)
    assert sorted(map(str, db.session.execute(sa.select(Rollup.__table__)).all())) == sorted(map(str, first))
    assert actions.recompute() == "0 days counted"


def test_a_mark_that_was_lost_is_found_at_night(house: Flask, cast: Cast) -> None:
    reports.sold(cast.amina, {reports.product(cast.trader): 100}, NOON)
    db.session.commit()
    assert queries.stale_days(None) == [DAY]
    assert actions.recompute() == "0 days counted"
    assert actions.recompute(everything_stale=True) == "1 days counted"
    assert of_day(DAY).sales == bdt("13500")
    assert queries.stale_days(None) == []


def test_what_the_last_two_days_lack_needs_no_mark(house: Flask, cast: Cast) -> None:
    reports.sold(cast.amina, {reports.product(cast.trader): 100}, NOON)
    db.session.commit()
    with clock.at(datetime.fromisoformat("2026-10-15T09:00+06:00")):
        assert actions.recompute() == "1 days counted"


def test_currencies_are_apart(house: Flask, cast: Cast) -> None:
    kampala = organizations.business("Kampala Traders", kind="seller", members={accounts.user("Kato"): "owner"})
    kampala.currency = "UGX"
    coffee = reports.product(kampala, "Coffee", tiers=((10, "14500"),), cost="8000")
    reports.sold(cast.amina, {reports.product(cast.trader): 100}, NOON)
    reports.sold(cast.amina, {coffee: 10}, NOON)
    reports.counted()
    assert set(queries.currencies(PLATFORM)) == {"BDT", "UGX"}
    assert queries.currencies(Reader(kampala.id)) == ["UGX"]
    assert of_day(DAY).sales == bdt("13500")
    period = Period(DAY, DAY)
    ugx = queries.totals(PLATFORM, Asked(period, rules.earlier(period)), "UGX")[0]
    assert ugx.sales == Money(Decimal(145000), "UGX")
    assert queries.proof() == []


def test_a_substitute_counts_on_the_day_it_was_accepted(house: Flask, cast: Cast) -> None:
    """The order once, on its day; the new goods, and those they replace, on the day the buyer took them."""
    bag = reports.product(cast.trader)
    basket = reports.product(cast.trader, "Basket", tiers=((10, "130"),), settlement=catalog.COMMISSION)
    [order] = reports.sold(cast.amina, {bag: 100}, NOON)
    number, buyer, seller = order.number, accounts.actor(cast.amina), accounts.actor(cast.dipu)
    db.session.expunge(order)
    with clock.at(datetime.fromisoformat("2026-10-15T12:00+06:00")):
        found = order_life.fresh(number)
        order_life.answered(seller, found, Reply("substitute", quantity=90, unit_price=bdt("130"), sku="BASKET"))
        answers.accept(actor=buyer, number=number, seen=order_life.proposed(found).seen)
    db.session.commit()
    outbox.drain()
    assert set(db.session.scalars(sa.select(Mark.day))) == {DAY, date(2026, 10, 15)}
    actions.recompute()
    first, second = of_day(DAY), of_day(date(2026, 10, 15))
    assert (first.orders, first.sales) == (1, bdt("13500"))
    assert (second.orders, second.pieces, second.sales, second.taken_back) == (0, -10, bdt("-1800"), bdt("13500"))
    assert second.platform is not None
    assert second.platform.commission == bdt("936")
    next_day = Period(date(2026, 10, 15), date(2026, 10, 15))
    parts = queries.breakdown(PLATFORM, "product", Asked(next_day, rules.earlier(next_day)), "BDT").rows
    assert {part.key_id: part.figures.sales for part in parts} == {basket.id: bdt("11700"), bag.id: bdt("-13500")}
    assert queries.proof() == []


# --- proof ------------------------------------------------------------------------------------------------------


def test_the_proof_is_the_ledgers_too(house: Flask) -> None:
    assert queries.proof in ledger_jobs.PROOFS


@pytest.mark.parametrize(
    ("dimension", "column", "word"),
    [
        ("total", "goods", "buyers owe"),
        ("total", "platform_rest", "the platform has"),
        ("seller", "seller_share", "a seller has"),
        ("product", "goods", "by product"),
        ("seller", "orders", "the month by seller"),
    ],
)
def test_one_poisha_too_much_is_found_on_its_first_day(house: Flask, cast: Cast, dimension, column, word) -> None:
    bag = reports.product(cast.trader)
    reports.sold(cast.amina, {bag: 100}, NOON)
    reports.sold(cast.amina, {bag: 100}, "2026-10-20T12:00+06:00")
    reports.counted()
    assert queries.proof() == []
    table = Rollup.__table__
    step = 1 if column == "orders" else Decimal("0.01")
    for day in (DAY, date(2026, 10, 20)):
        db.session.execute(
            sa.update(table)
            .where(table.c.dimension == dimension, table.c.grain == "day", table.c.starts == day)
            .values({column: table.c[column] + step})
        )
    found = queries.proof()
    assert word in found[0]
    assert "2026-10-14" in found[0] or column == "orders"


def test_days_that_wait_are_left_out_of_the_proof(house: Flask, cast: Cast) -> None:
    bag = reports.product(cast.trader)
    reports.sold(cast.amina, {bag: 100}, NOON)
    reports.counted()
    reports.sold(cast.amina, {bag: 50}, NOON)
    assert queries.stale_days(None) == [DAY]
    assert queries.proof() == []
    db.session.execute(sa.update(CountedDay).values(journals=2))
    assert "2026-10-14" in queries.proof()[0]


def test_a_rebuild_forgets_what_the_ledger_does_not_know(house: Flask, cast: Cast) -> None:
    reports.sold(cast.amina, {reports.product(cast.trader): 100}, NOON)
    reports.counted()
    db.session.execute(sa.update(Rollup.__table__).values(orders=7))
    db.session.add(CountedDay(day=date(2020, 1, 1), journals=3))
    db.session.commit()
    assert actions.rebuild() == 1
    assert of_day(DAY).orders == 1
    assert set(db.session.scalars(sa.select(CountedDay.day))) == {DAY}


# --- whose ------------------------------------------------------------------------------------------------------


def test_a_seller_reaches_no_row_of_another_nor_the_platforms(house: Flask, cast: Cast) -> None:
    reports.sold(cast.amina, {reports.product(cast.trader): 100}, NOON)
    reports.counted()
    own, dipu, others = cast.trader.id, cast.dipu.id, [cast.other_shop.id, cast.shop.id]
    db.session.commit()
    for organization_id, seen in ((own, {own}), *((other, set()) for other in others)):
        transaction.remember_scope(Scope(organization_id, dipu))
        assert set(db.session.scalars(sa.select(Rollup.seller_id))) == seen
        db.session.rollback()
    transaction.remember_scope(transaction.PLATFORM)


# --- races ------------------------------------------------------------------------------------------------------


def test_two_who_count_at_once_count_once(committed_app: Flask) -> None:
    """Each in a transaction of its own, at the same instant; and orders placed meanwhile are not lost."""
    with committed_app.app_context(), transaction.transaction():
        amina, dipu = accounts.user("Amina"), accounts.user("Dipu")
        organizations.business("Amina Store", members={amina: "owner"})
        trader = organizations.business("Dipu Traders", kind="seller", members={dipu: "owner"})
        bag = reports.product(trader)
        amina_id, bag_id = amina.id, bag.id
    start, counted = threading.Barrier(3), []

    def count() -> None:
        with committed_app.app_context():
            start.wait()
            for _ in range(5):
                with transaction.transaction():
                    actions.recompute()
                counted.append(1)

    def place() -> None:
        from wholesale.accounts.models import User
        from wholesale.catalog.models import Product

        with committed_app.app_context():
            start.wait()
            for _ in range(5):
                with transaction.transaction():
                    user, product = db.session.get_one(User, amina_id), db.session.get_one(Product, bag_id)
                    reports.orders.placed(accounts.actor(user), {product: 10})
                outbox.drain()

    threads = [threading.Thread(target=work) for work in (count, count, place)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counted) == 10
    with committed_app.app_context():
        with transaction.transaction():
            actions.recompute()
        with transaction.transaction():
            assert queries.stale_days(None) == []
            assert queries.proof() == []
            assert queries.currencies(PLATFORM) == ["BDT"]
            today = clock.today("Asia/Dhaka")
            around = Period(today - timedelta(days=1), today)
            assert queries.totals(PLATFORM, Asked(around, rules.earlier(around)), "BDT")[0].orders == 5
