"""Two at once, with real commits: numbers without gaps, one order of one wish, goods that come in once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import sleep
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.factories import accounts, catalog, organizations, purchasing
from wholesale.catalog.models import Variant
from wholesale.inventory import queries as inventory
from wholesale.inventory.models import InventoryLog, Stock
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.errors import DomainError, HouseError
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction
from wholesale.purchasing import actions, queries
from wholesale.purchasing.models import PurchaseDelivery, PurchaseOrder, PurchaseOrderLine, SupplierItem
from wholesale.purchasing.rules import Arrived, ItemFacts, SupplierFacts

AT_ONCE = 8
OTHERS_COME = 0.4
"""Seconds before a commit in which the others run into it."""


class KilledError(Exception):
    """As a process that dies before its commit."""


def together(app: Flask, work: Callable[[int], Any], count: int = AT_ONCE) -> list[Any]:
    """What came of doing `work` in so many threads at once; an error of the house, or a kill, is an answer too."""
    gate = threading.Barrier(count)

    def one(number: int) -> Any:
        with app.app_context():
            gate.wait()
            try:
                with transaction():
                    return work(number)
            except (HouseError, KilledError) as error:
                return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


@pytest.fixture
def shop(committed_app: Flask) -> dict[str, int]:
    with committed_app.app_context():
        seller = organizations.business("Dipu Traders", kind="seller", members={accounts.user("Dipu"): "owner"})
        tea = catalog.product(seller, stock=15)
        of = purchasing.supplier(seller)
        db.session.commit()
        return {"seller": seller.id, "supplier": of.id, "variant": catalog.variants_of(tea)[0]}


def raised(shop: dict[str, int], key: str | None) -> int:
    return actions.raise_order(
        actor=SYSTEM,
        seller_id=shop["seller"],
        supplier_id=shop["supplier"],
        pieces={shop["variant"]: 100},
        key=key,
    ).sequence


def sequences() -> list[int]:
    return list(db.session.scalars(sa.select(PurchaseOrder.sequence).order_by(PurchaseOrder.sequence)))


def test_numbers_have_no_gaps_though_every_third_dies(committed_app: Flask, shop: dict[str, int]) -> None:
    def work(number: int) -> int:
        sequence = raised(shop, None)
        if number % 3 == 0:
            raise KilledError
        return sequence

    answers = together(committed_app, work, 9) + together(committed_app, work, 9)
    kept = [answer for answer in answers if isinstance(answer, int)]
    assert sorted(kept) == list(range(1, 13))
    with committed_app.app_context():
        assert sequences() == list(range(1, 13))


def test_one_wish_is_one_order(committed_app: Flask, shop: dict[str, int]) -> None:
    assert together(committed_app, lambda _number: raised(shop, "alert-1")) == [1] * AT_ONCE
    with committed_app.app_context():
        assert sequences() == [1]


def test_the_first_orders_share_one_unnamed_supplier(committed_app: Flask, shop: dict[str, int]) -> None:
    def work(number: int) -> int:
        order = actions.raise_order(
            actor=SYSTEM, seller_id=shop["seller"], supplier_id=None, pieces={shop["variant"]: 100}, key=f"w{number}"
        )
        return order.supplier_id

    assert len(set(together(committed_app, work))) == 1


def test_a_new_supplier_clicked_twice_is_one(committed_app: Flask, shop: dict[str, int]) -> None:
    facts = SupplierFacts(name="Chattogram Rice", currency="BDT")

    def work(_number: int) -> int:
        made = actions.add_supplier(actor=SYSTEM, seller_id=shop["seller"], facts=facts).id
        sleep(OTHERS_COME)
        return made

    answers = together(committed_app, work)
    assert sum(isinstance(answer, int) for answer in answers) == 1
    told = {answer.message for answer in answers if isinstance(answer, DomainError)}
    assert told == {"You have a supplier of this name already."}


def test_goods_come_from_one_supplier_whoever_says_so_at_once(committed_app: Flask, shop: dict[str, int]) -> None:
    with committed_app.app_context(), transaction():
        seller = db.session.get_one(Organization, shop["seller"])
        suppliers = [purchasing.supplier(seller, f"Supplier {number}").id for number in range(AT_ONCE)]
        sku = db.session.get_one(Variant, shop["variant"]).sku

    def work(number: int) -> int:
        items = [ItemFacts(sku=sku, preferred=True)]
        written = actions.save_items(actor=SYSTEM, supplier_id=suppliers[number], items=items)
        sleep(OTHERS_COME)
        return written

    answers = together(committed_app, work)
    assert all(isinstance(answer, int | DomainError) for answer in answers)
    assert any(isinstance(answer, DomainError) for answer in answers), "nobody came second: let them sleep longer"
    with committed_app.app_context(), transaction():
        preferred = sa.select(SupplierItem).filter_by(variant_id=shop["variant"], preferred=True)
        assert len(db.session.scalars(preferred).all()) == 1


def sent(committed_app: Flask, shop: dict[str, int]) -> tuple[int, int, int]:
    with committed_app.app_context(), transaction():
        order = actions.raise_order(
            actor=SYSTEM, seller_id=shop["seller"], supplier_id=shop["supplier"], pieces={shop["variant"]: 100}
        )
        actions.send(actor=SYSTEM, order_id=order.id)
        line = db.session.scalars(sa.select(PurchaseOrderLine.id).filter_by(order_id=order.id)).one()
        return order.id, line, order.revision


def state_of_things(app: Flask, shop: dict[str, int]) -> tuple[int, int, int]:
    """On hand, how many deliveries, how many rows of the log."""
    with app.app_context(), transaction():
        assert inventory.proof() == []
        on_hand = db.session.scalar(sa.select(sa.func.sum(Stock.on_hand)).where(Stock.variant_id == shop["variant"]))
        deliveries = db.session.scalar(sa.select(sa.func.count()).select_from(PurchaseDelivery))
        rows = db.session.scalar(
            sa.select(sa.func.count()).where(InventoryLog.kind == "PURCHASE", InventoryLog.reference != "OPENING")
        )
        return int(on_hand or 0), int(deliveries or 0), int(rows or 0)


def test_the_same_form_twice_comes_in_once(committed_app: Flask, shop: dict[str, int]) -> None:
    order, line, revision = sent(committed_app, shop)

    def work(_number: int) -> int:
        return actions.receive_once(
            actor=SYSTEM, order_id=order, key="form-1", arrived={line: Arrived(good=40)}, revision=revision
        )

    assert len(set(together(committed_app, work))) == 1
    assert state_of_things(committed_app, shop) == (55, 1, 1)


def test_two_people_receive_the_same_goods_at_once(committed_app: Flask, shop: dict[str, int]) -> None:
    order, line, revision = sent(committed_app, shop)

    def work(number: int) -> int:
        return actions.receive_once(
            actor=SYSTEM, order_id=order, key=f"form-{number}", arrived={line: Arrived(good=100)}, revision=revision
        )

    answers = together(committed_app, work)
    assert sum(isinstance(answer, int) for answer in answers) == 1
    assert state_of_things(committed_app, shop) == (115, 1, 1)


def test_cancelled_or_received_and_never_both(committed_app: Flask, shop: dict[str, int]) -> None:
    order, line, _revision = sent(committed_app, shop)

    def work(number: int) -> str:
        if number % 2:
            actions.cancel(actor=SYSTEM, order_id=order, reason="Too dear")
            return "cancelled"
        actions.receive(actor=SYSTEM, order_id=order, arrived={line: Arrived(good=100)})
        return "received"

    answers = {answer for answer in together(committed_app, work) if isinstance(answer, str)}
    assert len(answers) == 1
    with committed_app.app_context(), transaction():
        assert db.session.get_one(PurchaseOrder, order).state == answers.pop()
        assert queries.on_order([shop["variant"]]) == {}


def test_a_delivery_that_dies_leaves_nothing(committed_app: Flask, shop: dict[str, int]) -> None:
    order, line, _revision = sent(committed_app, shop)

    def work(_number: int) -> None:
        actions.receive(actor=SYSTEM, order_id=order, arrived={line: Arrived(good=100)})
        raise KilledError

    [answer] = together(committed_app, work, 1)
    assert isinstance(answer, KilledError)
    assert state_of_things(committed_app, shop) == (15, 0, 0)
