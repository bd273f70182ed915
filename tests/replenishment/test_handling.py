"""What people do with alerts, at the same time, twice, and while looks go on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date

import pytest
from flask import Flask
from sqlalchemy.exc import DBAPIError

from tests.conftest import Cast
from tests.factories import accounts, organizations
from tests.factories import replenishment as goods
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, ForbiddenError, HouseError, NotFoundError
from wholesale.platform import transaction
from wholesale.platform.db import db
from wholesale.purchasing.models import PurchaseOrder
from wholesale.replenishment import actions, queries, rules
from wholesale.replenishment.errors import MisfitsError
from wholesale.replenishment.models import StockAlert, StockAlertMove


def at_once(app: Flask, works: list[Callable[[], object]]) -> list[object]:
    """Each in a thread and a transaction of its own; what they gave or raised."""
    barrier, found = threading.Barrier(len(works)), [None] * len(works)

    def run(number: int, work: Callable[[], object]) -> None:
        with app.app_context():
            barrier.wait()
            try:

                def attempt() -> object:
                    with transaction.transaction():
                        return work()

                found[number] = transaction.run(attempt)
            except (DBAPIError, HouseError) as error:
                found[number] = error

    threads = [threading.Thread(target=run, args=each) for each in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def a_seller(app: Flask, many: int) -> tuple[Actor, list[int]]:
    with app.app_context(), transaction.transaction():
        dipu = accounts.user("Dipu")
        seller = organizations.business("Dipu Traders", kind="seller", members={dipu: "owner"})
        products = [goods.tea(seller, f"Tea {number}") for number in range(many)]
        goods.supplier(seller, *products)
        actions.look()
        return accounts.actor(dipu), [goods.alert_of(product).id for product in products]


def test_the_same_click_ten_times_at_once_is_one_order(committed_app: Flask) -> None:
    dipu, [alert] = a_seller(committed_app, 1)
    found = at_once(
        committed_app, [lambda: actions.order(actor=dipu, key="k" * 32, quantities={alert: 100}) for _ in range(8)]
    )
    assert {type(each) for each in found} == {actions.Ordered}
    assert len({each.orders[0].order_id for each in found}) == 1  # type: ignore[union-attr]
    with committed_app.app_context():
        assert db.session.query(PurchaseOrder).count() == 1
        assert db.session.query(StockAlertMove).filter_by(what="ordered").count() == 1


def test_many_put_off_give_away_order_and_look_without_a_deadlock(committed_app: Flask) -> None:
    dipu, alerts = a_seller(committed_app, 12)
    works: list[Callable[[], object]] = []
    for number in range(4):
        some = alerts[number:] + alerts[:number]
        works += [
            lambda some=some: actions.snooze(actor=dipu, alert_ids=some, days=3),
            lambda some=some: actions.assign(actor=dipu, alert_ids=some, user_id=dipu.user_id),
            actions.look,
            lambda some=some, number=number: actions.order(
                actor=dipu, key=f"{number}" * 32, quantities=dict.fromkeys(some[:3], 100)
            ),
        ]
    found = at_once(committed_app, works)
    assert [each for each in found if isinstance(each, Exception)] == []
    with committed_app.app_context():
        assert db.session.query(StockAlertMove).filter_by(what="snoozed").count() == 12
        assert db.session.query(StockAlertMove).filter_by(what="assigned").count() == 12
        numbers = sorted(order.number for order in db.session.query(PurchaseOrder))
        assert numbers == [f"PO-{queries.today().year}-00{number}" for number in range(1, 5)]


def test_the_same_key_for_other_goods_is_another_order(cast: Cast) -> None:
    """Whoever comes back to the page finds the same key in it, and orders the next row."""
    first, second = goods.alerted(goods.tea(cast.trader)), goods.alerted(goods.tea(cast.trader, "Rice"))
    dipu = accounts.actor(cast.dipu)
    one = actions.order(actor=dipu, key="k", quantities={first.id: 100})
    two = actions.order(actor=dipu, key="k", quantities={second.id: 100})
    assert one.orders[0].order_id != two.orders[0].order_id
    with pytest.raises(DomainError):
        actions.order(actor=dipu, key="k", quantities={first.id: 200})


@pytest.mark.parametrize("days", [2, -1, 31])
def test_for_how_long_it_can_be_put_off(cast: Cast, days: int) -> None:
    alert = goods.alerted(goods.tea(cast.trader))
    with pytest.raises(DomainError):
        actions.snooze(actor=accounts.actor(cast.dipu), alert_ids=[alert.id], days=days)


def test_not_more_than_can_be_looked_through(cast: Cast) -> None:
    with pytest.raises(DomainError):
        actions.snooze(actor=accounts.actor(cast.dipu), alert_ids=range(rules.MOST_AT_ONCE + 1), days=3)


def test_whose_alerts_they_are(cast: Cast) -> None:
    alert = goods.alerted(goods.tea(cast.trader))
    farid = accounts.user("Farid")
    organizations.business("Farid Traders", kind="seller", members={farid: "owner"})
    for work in (
        lambda actor: actions.snooze(actor=actor, alert_ids=[alert.id], days=3),
        lambda actor: actions.assign(actor=actor, alert_ids=[alert.id], user_id=None),
        lambda actor: actions.order(actor=actor, key="k", quantities={alert.id: 100}),
        lambda actor: actions.write_note(actor=actor, alert_id=alert.id, text="Mine", seen=""),
    ):
        with pytest.raises(NotFoundError):
            work(accounts.actor(farid))
    with pytest.raises(ForbiddenError):
        actions.snooze(actor=accounts.actor(cast.amina), alert_ids=[alert.id], days=3)
    assert db.session.get_one(StockAlert, alert.id).snoozed_until is None


def test_a_seller_without_a_supplier_has_no_dead_end(cast: Cast) -> None:
    alert = goods.alerted(goods.tea(cast.trader, moq=None, lead=None))
    made = actions.order(actor=accounts.actor(cast.dipu), key="k", quantities={alert.id: 100})
    assert made.orders[0].number.endswith("-001")
    row = queries.row(accounts.actor(cast.dipu), alert.id)
    assert (row.supplier, row.waits) == ("", True)


def test_what_somebody_else_has_ordered_since_is_not_ordered_again_unseen(cast: Cast) -> None:
    tea = goods.tea(cast.trader)
    goods.supplier(cast.trader, tea)
    alert = goods.alerted(tea)
    dipu = accounts.actor(cast.dipu)
    for key in ("a", "b"):  # two pages that were opened at the same moment
        seen = {alert.id: "0"}
        if key == "a":
            actions.order(actor=dipu, key=key, quantities={alert.id: 100}, seen=seen)
            continue
        with pytest.raises(MisfitsError) as refused:
            actions.order(actor=dipu, key=key, quantities={alert.id: 100}, seen=seen)
        assert refused.value.field == f"line-{alert.id}-quantity"
    assert len(actions.order(actor=dipu, key="c", quantities={alert.id: 10}, seen={alert.id: "100"}).orders) == 1


def test_two_deliveries_on_their_way_count_together(cast: Cast) -> None:
    tea = goods.tea(cast.trader)
    goods.supplier(cast.trader, tea)
    alert = goods.alerted(tea)
    dipu = accounts.actor(cast.dipu)
    actions.order(actor=dipu, key="a", quantities={alert.id: 10})
    actions.order(actor=dipu, key="b", quantities={alert.id: 30})
    row = queries.row(dipu, alert.id)
    assert row.arrival
    assert (row.arrival.pieces, row.facts.on_order) == (40, 40)
    assert isinstance(row.arrival.expected, date)
