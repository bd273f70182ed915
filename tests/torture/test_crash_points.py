"""A process that dies at any statement leaves nothing behind, and whoever tries again has it done once.

The process is forked, and ends by itself (`os._exit`) right before its n-th statement, before its COMMIT, or after it
when nobody has heard of it yet. Nothing of this is in the product: the driver's events tell when. In the suite it dies
at every fourth step, `CRASHES=1` takes every one there is.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.factories import accounts, catalog, order_life, organizations, purchasing
from tests.factories import orders as factory
from wholesale.inventory import queries as inventory
from wholesale.invoicing import actions as invoicing
from wholesale.invoicing.models import Invoice
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.money import Money
from wholesale.ledger import jobs as ledger
from wholesale.orders import actions as orders
from wholesale.orders.models import Order
from wholesale.orders.returns import actions as returns
from wholesale.orders.returns import queries as return_queries
from wholesale.orders.returns.rules import Arrival, Wish
from wholesale.payments import actions as payments
from wholesale.platform.db import Base, db
from wholesale.platform.transaction import transaction
from wholesale.purchasing import actions as buying
from wholesale.purchasing.models import PurchaseOrderLine
from wholesale.purchasing.rules import Arrived

pytestmark = pytest.mark.torture
EACH = int(os.environ.get("CRASHES", "4"))
DEAD, REFUSED, DONE = 9, 1, 0


Work = Callable[[], object]  # what one transaction does


def people() -> tuple[Any, Any, Any]:
    amina, dipu, esha = accounts.user("Amina"), accounts.user("Dipu"), accounts.user("Esha", staff_role="admin")
    organizations.business("Amina Store", members={amina: "owner"})
    trader = organizations.business("Dipu Traders", kind="seller", members={dipu: "owner"})
    return accounts.actor(amina), accounts.actor(dipu), (trader, accounts.actor(esha))


def checkout() -> Work:
    amina, _, (trader, _) = people()
    goods = [catalog.product(trader, f"Bag {number}", stock=500) for number in range(3)]
    key, seen = factory.ready_to_place(amina, dict.fromkeys(goods, 20))
    return lambda: orders.place_order(actor=amina, key=key, seen=seen)


def invoice() -> Work:
    amina, dipu, (trader, _) = people()
    order = factory.placed(amina, {catalog.product(trader, stock=500): 20})[0]
    orders.move_order(actor=dipu, number=order.number, to="confirmed")
    order_id = order.id
    return lambda: invoicing.issue(order_id)


def document() -> Work:
    amina, dipu, (trader, _) = people()
    order = factory.placed(amina, {catalog.product(trader, stock=500): 20})[0]
    orders.move_order(actor=dipu, number=order.number, to="confirmed")
    invoicing.issue(order.id)
    db.session.flush()
    invoice_id = db.session.scalars(sa.select(Invoice.id)).one()
    return lambda: invoicing.make_document(invoice_id)


def refund() -> Work:
    amina, _, (trader, esha) = people()
    order = factory.placed(amina, {catalog.product(trader, stock=500): 100}, payment="bank_transfer")[0]
    number, paid = order.purchase.number, Money(Decimal(13500), "BDT")
    payments.receive(actor=SYSTEM, purchase_number=number, amount=paid, reference="FT-1")
    orders.move_order(actor=SYSTEM, number=order.number, to="cancelled", reason="sold out")
    return lambda: payments.refund(actor=esha, purchase_number=number, amount=paid, reference="RF-1", key="refund-1")


def taking_back() -> Work:
    amina, dipu, (trader, _) = people()
    order = order_life.delivered(amina, dipu, {catalog.product(trader, stock=500): 100})
    number = order_life.asked_back(amina, order, Wish(30, "damaged"))
    returns.decide(actor=dipu, number=number, approve=True)
    db.session.flush()
    db.session.expire_all()
    [line] = return_queries.request(number).lines
    arrivals = {line.line_id: Arrival(30, 25)}
    return lambda: returns.receive(actor=dipu, number=number, arrivals=arrivals)


def receiving() -> Work:
    _, dipu, (trader, _) = people()
    bought = purchasing.supplier(trader)
    bag = catalog.product(trader, stock=10)
    purchasing.sells(bought, bag)
    order_id = purchasing.sent(bought, bag).id
    line_id = db.session.scalars(sa.select(PurchaseOrderLine.id).where(PurchaseOrderLine.order_id == order_id)).one()
    arrived = {line_id: Arrived(good=60, unit_cost=Decimal(82))}
    return lambda: buying.receive_once(actor=dipu, order_id=order_id, key="k" * 32, arrived=arrived)


def in_a_child(app: Flask, work: Work, dies_before: int | None) -> int:
    """Do it in a process of its own that ends before its n-th step, the last of them after COMMIT: its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        with app.app_context():
            db.engine.dispose(close=False)  # the parent's connections are the parent's
            steps = _Steps(dies_before)
            sa.event.listen(db.engine, "before_cursor_execute", steps)
            sa.event.listen(db.engine, "commit", steps)
            with transaction():
                work()
            steps()
            os._exit(DONE)
    finally:
        traceback.print_exc()
        os._exit(REFUSED)


class _Steps:
    def __init__(self, last: int | None) -> None:
        self.left = last

    def __call__(self, *_: object) -> None:
        if self.left == 0:
            os._exit(DEAD)
        if self.left is not None:
            self.left -= 1


def everything() -> dict[str, str]:
    """A digest of each table."""
    return dict(db.session.execute(_DIGESTS).all())  # type: ignore[arg-type]  # rows of two


_DIGESTS = sa.text(
    " UNION ALL ".join(
        f"SELECT '{name}', md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {name} t"
        for name in sorted(Base.metadata.tables)
    )
)


@pytest.mark.parametrize(
    "flow", [checkout, invoice, document, refund, taking_back, receiving], ids=lambda f: f.__name__
)
def test_a_death_at_any_statement(committed_app: Flask, flow: Callable[[], Work]) -> None:
    with committed_app.app_context():
        with transaction():
            work = flow()
        db.session.remove()
        with transaction():
            before = everything()
        db.session.remove()
        step, deaths, committed = len(flow.__name__) % EACH, 0, False
        while True:
            code = in_a_child(committed_app, work, step)
            assert code in {DEAD, DONE}, f"{flow.__name__} failed at step {step}"
            with transaction():
                changed = {name for name, digest in everything().items() if digest != before[name]}
            db.session.remove()
            if changed:
                committed = True
                break
            assert code == DEAD, "it was done, and nothing has changed"
            deaths += 1
            step += EACH
        assert committed
        assert deaths >= (8 if EACH == 1 else 1), "too short to prove anything"
        proved()
        # Whoever has not heard that it is done asks again: nothing happens twice.
        with transaction():
            after = everything()
        db.session.remove()
        assert in_a_child(committed_app, work, None) in {DONE, REFUSED}
        with transaction():
            assert everything() == after
        db.session.remove()
        proved()


def proved() -> None:
    with transaction():
        assert ledger.problems() == []
        assert inventory.proof() == []
        assert db.session.query(Order).count() <= 1
    db.session.remove()
