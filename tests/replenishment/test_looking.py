"""Looks: alerts are raised once, move with the stock, and close themselves."""

from __future__ import annotations

import random
import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.conftest import Cast
from tests.factories import accounts, catalog, organizations
from tests.factories import replenishment as goods
from tests.queries_counted import queries_counted
from wholesale.catalog.models import Product, Variant
from wholesale.inventory import actions as inventory
from wholesale.inventory.models import InventoryLog, Stock
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM
from wholesale.platform import outbox
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction
from wholesale.purchasing import actions as purchasing
from wholesale.replenishment import actions, queries, rules
from wholesale.replenishment.models import ReorderPoint, StockAlert, StockAlertMove, StockWatch


def moves(alert: StockAlert) -> list[str]:
    found = sa.select(StockAlertMove.what).where(StockAlertMove.alert_id == alert.id).order_by(StockAlertMove.id)
    return list(db.session.scalars(found))


def test_the_example_raises_one_critical_alert(cast: Cast) -> None:
    tea = goods.tea(cast.trader)
    assert actions.look().raised == 1
    alert = goods.alert_of(tea)
    assert (alert.severity, alert.available, alert.level, alert.short, alert.own_level) == ("critical", 15, 20, 5, True)
    assert (alert.closed_at, alert.closed_why, alert.told) == (None, "", 0)
    assert moves(alert) == ["raised"]


def test_looking_again_changes_nothing(cast: Cast) -> None:
    tea = goods.tea(cast.trader)
    before = goods.alerted(tea).changed_at
    with clock.at(clock.now() + timedelta(hours=1)):
        assert actions.look() == actions.Looked()
    assert goods.alert_of(tea).changed_at == before
    assert db.session.query(StockAlert).count() == 1


def test_an_alert_gets_worse_and_better_and_closes_with_its_history(cast: Cast) -> None:
    tea = goods.tea(cast.trader, stock=25)
    alert = goods.alerted(tea)
    told = []
    for pieces in (20, 19, 0, 21, 31, 40):
        goods.set_stock(tea, pieces)
        actions.look(variant_ids=catalog.variants_of(tea))
        alert = goods.alert_of(tea)
        told.append((pieces, alert.severity, alert.available))
    assert told == [
        (20, "critical", 20),
        (19, "critical", 19),
        (0, "out", 0),
        (21, "low", 21),
        (31, "low", 31),  # as it was when it was closed
        (40, "low", 31),
    ]
    assert moves(alert) == ["raised", "worse", "worse", "better", "closed"]
    assert alert.closed_why == "stock"
    goods.set_stock(tea, 0)
    actions.look()
    again = goods.alert_of(tea)
    assert again.id != alert.id
    assert moves(again) == ["raised"]


def test_an_alert_closes_when_its_level_is_taken_away_and_when_the_goods_are(cast: Cast) -> None:
    tea, rice = goods.tea(cast.trader), goods.tea(cast.trader, "Rice")
    actions.look()
    tea.reorder_level, rice.state = 3, "archived"
    db.session.flush()
    assert actions.look().closed == 2
    assert (goods.alert_of(tea).closed_why, goods.alert_of(rice).closed_why) == ("level", "gone")


def test_no_level_no_alert_and_what_was_never_there_is_out_of_stock(cast: Cast) -> None:
    goods.tea(cast.trader, "Unset", level=None, stock=0)
    goods.tea(cast.trader, "Zero", level=0, stock=0)
    new = goods.tea(cast.trader, "New", stock=0)
    assert actions.look().raised == 1
    assert goods.alert_of(new).severity == "out"


def test_a_reorder_point_stands_in_for_a_level(cast: Cast) -> None:
    tea = goods.tea(cast.trader, level=None)
    [variant] = catalog.variants_of(tea)
    db.session.add(ReorderPoint(variant_id=variant, seller_id=cast.trader.id, level=16))
    alert = goods.alerted(tea)
    assert (alert.severity, alert.level, alert.own_level) == ("critical", 16, False)
    tea.reorder_level = 10  # the product's own comes first
    alert = goods.alerted(tea)
    assert (alert.severity, alert.level, alert.own_level) == ("low", 10, True)


def test_each_variant_has_its_own_alert_and_all_locations_count(cast: Cast) -> None:
    shirt = catalog.product(cast.trader, "Shirt", stock=15, variants=[("S", "Small"), ("L", "Large")])
    shirt.reorder_level = 20
    db.session.flush()
    small, large = catalog.variants_of(shirt)
    from wholesale.inventory import actions as inventory

    shop = inventory.open_location(organization_id=cast.trader.id, name="Shop", district="Dhaka")
    inventory.receive(actor=SYSTEM, location_id=shop.id, quantities={large: 16}, reference="X")
    actions.look()
    assert [row.variant_id for row in db.session.query(StockAlert)] == [small]


def test_the_database_judges_as_the_rule_does(cast: Cast) -> None:
    dice = random.Random(4)
    made = {}
    for number in range(40):
        available, level = dice.randrange(0, 40), dice.choice([None, 0, 1, 7, 20, 21])
        made[goods.tea(cast.trader, f"Tea {number}", stock=available, level=level)] = (available, level or 0)
    actions.look()
    for product, (available, level) in made.items():
        alert = goods.alert_of(product)
        assert (alert.severity if alert else rules.NONE) == rules.severity(available, level), (available, level)


def test_a_snoozed_alert_wakes_when_it_gets_worse_and_not_when_it_gets_better(cast: Cast) -> None:
    tea = goods.tea(cast.trader)
    alert = goods.alerted(tea)
    dipu = accounts.actor(cast.dipu)
    actions.snooze(actor=dipu, alert_ids=[alert.id], days=7)
    goods.set_stock(tea, 25)
    assert goods.alerted(tea).snoozed_until is not None
    goods.set_stock(tea, 0)
    assert goods.alerted(tea).snoozed_until is None
    assert moves(alert) == ["raised", "snoozed", "better", "worse", "woken"]


def test_history_cannot_be_changed(cast: Cast) -> None:
    goods.alerted(goods.tea(cast.trader))
    db.session.commit()
    with pytest.raises(sa.exc.DBAPIError), db.session.begin_nested():
        db.session.execute(sa.update(StockAlertMove).values(what="closed"))
    with pytest.raises(sa.exc.DBAPIError), db.session.begin_nested():
        db.session.execute(sa.delete(StockAlertMove))


def test_what_is_better_is_told_of_anew_when_it_gets_worse_again(cast: Cast) -> None:
    tea = goods.tea(cast.trader)
    goods.alerted(tea).told = 2
    goods.set_stock(tea, 25)
    assert goods.alerted(tea).told == 1


# --- the watch --------------------------------------------------------------------------------------------


def test_the_first_watch_looks_at_everything_then_it_follows_the_log(cast: Cast) -> None:
    tea = goods.tea(cast.trader, stock=50)
    assert actions.watch() == "everything: 0 raised, 0 worse, 0 better, 0 closed"
    goods.set_stock(tea, 15)
    assert actions.watch().endswith("1 raised, 0 worse, 0 better, 0 closed")
    assert actions.watch().endswith("0 raised, 0 worse, 0 better, 0 closed")


def test_the_watch_does_not_look_at_what_has_not_moved(cast: Cast) -> None:
    still, moving = goods.tea(cast.trader, "Still", stock=50), goods.tea(cast.trader, "Moving", stock=50)
    old = clock.now() - timedelta(days=2)
    db.session.execute(sa.update(Product).values(updated_at=old))
    actions.watch()
    db.session.execute(sa.update(Stock).where(Stock.variant_id.in_(catalog.variants_of(still))).values(on_hand=1))
    goods.set_stock(moving, 15)
    assert actions.watch() == "1 variants: 1 raised, 0 worse, 0 better, 0 closed"
    assert goods.alert_of(still) is None


def test_an_entry_with_a_smaller_number_that_comes_later_is_seen(cast: Cast) -> None:
    """Of two transactions the one that took its number first may commit last."""
    tea = goods.tea(cast.trader, stock=50)
    db.session.execute(sa.update(Product).values(updated_at=clock.now() - timedelta(days=2)))
    actions.watch()
    first = db.session.scalars(sa.select(sa.func.max(InventoryLog.id))).one()
    mark = db.session.query(StockWatch).one()
    with clock.at(clock.now() + timedelta(minutes=6)):
        actions.watch()
        # Somebody was ahead by a thousand entries when this one's turn came.
        mark.log_id = first + 1000
        db.session.flush()
        goods.set_stock(tea, 15)
        assert "1 raised" in actions.watch()


def test_a_changed_level_is_seen_within_a_minute(cast: Cast) -> None:
    tea = goods.tea(cast.trader, stock=50)
    db.session.execute(sa.update(Product).values(updated_at=clock.now() - timedelta(days=2)))
    actions.watch()
    tea.reorder_level, tea.updated_at = 60, clock.now()
    assert "1 raised" in actions.watch()


def test_ordering_watches_nothing(cast: Cast) -> None:
    """A checkout's transaction has no word for alerts."""
    tea = goods.tea(cast.trader, stock=50)
    actions.watch()
    with queries_counted() as sent:
        goods.set_stock(tea, 15)
    assert not [statement for statement in sent if "stock_alert" in statement]


# --- what other rooms announce ----------------------------------------------------------------------------


def test_receiving_closes_the_alert_at_once(cast: Cast) -> None:
    tea = goods.tea(cast.trader)
    goods.supplier(cast.trader, tea)
    alert = goods.alerted(tea)
    dipu = accounts.actor(cast.dipu)
    made = actions.order(actor=dipu, key="k1", quantities={alert.id: 100})
    [order] = made.orders
    assert order.number == f"PO-{queries.today().year}-001"
    purchasing.send(actor=dipu, order_id=order.order_id)
    lines = db.session.execute(
        sa.text("SELECT id, quantity FROM purchase_order_line WHERE order_id = :id"), {"id": order.order_id}
    ).all()
    assert [line.quantity for line in lines] == [100]
    from wholesale.purchasing.rules import Arrived

    purchasing.receive(actor=dipu, order_id=order.order_id, arrived={lines[0].id: Arrived(good=100)})
    db.session.commit()
    outbox.drain()
    alert = goods.alert_of(tea)
    assert (alert.closed_why, alert.available) == ("stock", 115)
    entry = db.session.query(InventoryLog).order_by(InventoryLog.id.desc()).first()
    assert (entry.kind, entry.quantity, entry.previous, entry.new, entry.reference) == (
        "PURCHASE", 100, 15, 115, order.number,
    )  # fmt: skip


# --- at the same time -------------------------------------------------------------------------------------


def test_two_looks_at_once_change_nothing_twice(committed_app: Flask) -> None:
    app = committed_app
    with app.app_context(), transaction():
        seller = organizations.business("Dipu Traders", kind="seller", members={accounts.user("Dipu"): "owner"})
        for number in range(30):
            goods.tea(seller, f"Tea {number}", stock=number)
    barrier, found = threading.Barrier(4), []

    def look() -> None:
        with app.app_context():
            barrier.wait()
            with transaction():
                found.append(actions.look())

    for _round in range(2):
        found.clear()
        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with app.app_context(), transaction():
            assert len(found) == 4
            assert sum(each.raised for each in found) == (30 if _round == 0 else 0)
            assert sum(each.worse for each in found) == (0 if _round == 0 else 9)
            open_ones = db.session.query(StockAlert).filter(StockAlert.closed_at.is_(None)).count()
            assert open_ones == 30
            assert db.session.query(StockAlertMove).count() == (30 if _round == 0 else 39)
            lows = sa.select(StockAlert.variant_id).where(StockAlert.urgency == 1)
            db.session.execute(sa.update(Stock).where(Stock.variant_id.in_(lows)).values(on_hand=5))


def test_a_level_for_goods_without_one(cast: Cast) -> None:
    tea = goods.tea(cast.trader, level=None)
    dipu = accounts.actor(cast.dipu)
    actions.take_level(actor=dipu, product_id=tea.id, level=20)
    actions.take_level(actor=dipu, product_id=tea.id, level=30)  # it has one now
    assert tea.reorder_level == 20
    assert db.session.query(Variant).filter_by(product_id=tea.id).count() == 1


def test_after_a_clock_that_was_ahead_pages_and_the_watch_go_on(house: Flask, cast: Cast) -> None:
    tea = goods.tea(cast.trader)
    dipu = accounts.actor(cast.dipu)
    with clock.at(clock.now() + timedelta(days=2)):
        actions.look()
        actions.watch()
    goods.set_stock(tea, 0)
    before = queries.mark(dipu, queries.Filters())
    assert actions.watch().startswith("everything: 0 raised, 1 worse")
    assert queries.mark(dipu, queries.Filters()) != before
    assert db.session.get_one(StockWatch, "inventory log").log_at <= clock.now()


def test_more_pieces_than_a_number_holds_stop_nobodys_look(house: Flask, cast: Cast) -> None:
    tea = goods.tea(cast.trader)
    [variant] = catalog.variants_of(tea)
    for name in ("A", "B", "C"):
        place = inventory.open_location(organization_id=cast.trader.id, name=name, district="Dhaka")
        db.session.add(Stock(variant_id=variant, location_id=place.id, on_hand=1_000_000_000))
    db.session.flush()
    assert actions.look().raised == 0
