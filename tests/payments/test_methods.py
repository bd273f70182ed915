"""A third way to pay finds its place without a change anywhere: checkout, receipt, order page, refund."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa

from tests.client import HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, organizations
from tests.payments.placed import taka
from wholesale.accounts.models import User
from wholesale.config import ROOT
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.ledger import jobs as ledger_jobs
from wholesale.ledger import queries as ledger
from wholesale.ledger.rules import Leg, credit, debit
from wholesale.orders import actions as orders
from wholesale.orders.models import Order, Purchase
from wholesale.orders.rules import Instructions
from wholesale.payments import actions, methods, queries
from wholesale.payments.methods import Audience, Awaited, RefundOrder
from wholesale.payments.models import Receipt, Refund
from wholesale.platform import outbox
from wholesale.platform.db import db


@dataclass
class Pigeon:
    """Money by carrier pigeon; pays back by itself, at once or when the bird is home."""

    code: str = "pigeon"
    label: str = "Pigeon post"
    meaning: str = "A bird brings it."
    offered: bool = True
    receipt: str = "pigeon"
    per_order: bool = False
    noted_by_hand: bool = False
    refunds_itself: bool = True
    at_once: bool = True
    asked: list[RefundOrder] = field(default_factory=list)

    def instructions(self, purchase_number: str, amount: Money) -> Instructions:
        return Instructions("Send a bird", (("Amount", amount), ("Ring", purchase_number)))

    def paid_into(self, amount: Money, seller_id: int | None) -> Leg:  # noqa: ARG002 - the interface's
        return debit("bank", amount)

    def paid_back_from(self, amount: Money, seller_id: int | None) -> Leg:  # noqa: ARG002 - the interface's
        return credit("bank", amount)

    def reference(self, typed: str) -> str:
        return typed.strip()

    def start_refund(self, refund: RefundOrder) -> str | None:
        self.asked.append(refund)
        return f"BIRD-{refund.refund_id}" if self.at_once else None

    def awaits(self, money: Awaited, audience: Audience) -> str:
        return f"A bird with {money.owed.amount:.2f} is awaited ({audience})"


@pytest.fixture
def pigeon() -> Iterator[Pigeon]:
    made = Pigeon()
    methods.register(made)
    yield made
    methods.unregister(made.code)


@pytest.fixture
def number(pigeon: Pigeon, cast: Cast, client_of: Callable[[User], HouseClient]) -> str:
    """Amina chooses it in the checkout and orders 100 bags; the purchase's number."""
    bag = catalog.product(cast.trader)
    address = organizations.address(cast.shop)
    db.session.commit()
    amina = client_of(cast.amina)
    amina.post("/cart/lines", data={"variant_id": catalog.variants_of(bag)[0], "quantity": 100})
    page = amina.get("/checkout/payment")
    assert "Pigeon post: A bird brings it." in text_of(page.text)
    for path, data in (
        ("/checkout/address", {"address_id": address.id}),
        ("/checkout/delivery", {f"seller-{cast.trader.id}": "delivery"}),
        ("/checkout/payment", {"payment_method": "pigeon", "if_short": "ask"}),
    ):
        assert amina.post(path, data=data).status_code == 303
    review = amina.get("/checkout/review")
    assert "Pigeon post" in text_of(review.text)
    inputs = parse(review.text).iter("{http://www.w3.org/1999/xhtml}input")
    form = {each.get("name"): each.get("value") for each in inputs if each.get("name") in {"key", "seen", "shown"}}
    placed = amina.post("/checkout/review", data=form)
    assert placed.status_code == 303
    words = text_of(amina.get(placed.headers["Location"]).text)
    assert "Send a bird" in words
    purchase = db.session.scalars(sa.select(Purchase)).one()
    assert purchase.payment_method == "pigeon"
    return purchase.number


def test_it_walks_from_the_checkout_to_the_refund(
    pigeon: Pigeon, cast: Cast, number: str, client_of: Callable[[User], HouseClient]
) -> None:
    amina = client_of(cast.amina)
    order = db.session.scalars(sa.select(Order)).one()
    words = text_of(amina.get(f"/orders/{order.number}/payment").text)
    assert "A bird with 13500.00 is awaited (buyer)" in words
    assert f"Ring {number}" in words
    assert "Pigeon post" in text_of(amina.get(f"/orders/{order.number}").text)
    # The provider's callback: the same bird twice is one receipt.
    for expected in (True, False):
        assert actions.receive(actor=SYSTEM, purchase_number=number, amount=taka("13500"), reference="B-7") is expected
    assert db.session.scalars(sa.select(Receipt.method)).all() == ["pigeon"]
    assert "Paid" in text_of(amina.get(f"/orders/{order.number}/payment").text)
    orders.move_order(actor=SYSTEM, number=order.number, to="cancelled", reason="sold out")
    db.session.commit()
    admin = client_of(cast.esha)
    page = admin.get("/admin/refunds")
    assert "Pigeon post" in text_of(page.text)
    answer = admin.post(f"/admin/refunds/{number}", data={"amount": "13500", "reference": "", "key": "one"})
    assert answer.status_code == 303
    assert db.session.scalars(sa.select(Refund.state)).one() == "due"
    outbox.drain()
    [asked] = pigeon.asked
    assert (asked.receipt_reference, asked.amount) == ("B-7", taka("13500"))
    db.session.expire_all()
    made = db.session.scalars(sa.select(Refund)).one()
    assert (made.state, made.reference) == ("paid", f"BIRD-{made.id}")
    assert ledger.balance("bank", None, "BDT").is_zero
    assert ledger.balance("buyer_receivable", cast.shop.id, "BDT").is_zero
    assert "৳13,500.00 was paid back on" in text_of(amina.get(f"/orders/{order.number}/payment").text)
    assert ledger_jobs.problems() == []


def test_a_provider_that_answers_later(pigeon: Pigeon, number: str) -> None:
    pigeon.at_once = False
    actions.receive(actor=SYSTEM, purchase_number=number, amount=taka("13500"), reference="B-7")
    order = db.session.scalars(sa.select(Order)).one()
    orders.move_order(actor=SYSTEM, number=order.number, to="cancelled", reason="sold out")
    actions.refund(actor=SYSTEM, purchase_number=number, amount=taka("1000"), reference="", key="one")
    db.session.commit()
    outbox.drain()
    assert db.session.scalars(sa.select(Refund.state)).one() == "due"
    assert actions.pay_refund(actor=SYSTEM, key="one", reference="HOME-1") is True
    assert queries.proof() == []


def test_what_is_not_offered_any_more_cannot_be_chosen_and_keeps_its_name(
    pigeon: Pigeon, cast: Cast, number: str, client_of: Callable[[User], HouseClient]
) -> None:
    pigeon.offered = False
    with pytest.raises(DomainError) as refusal:
        orders.choose_payment(actor=accounts.actor(cast.amina), method="pigeon", buyer_reference="", note="")
    assert refusal.value.field == "payment_method"
    order = db.session.scalars(sa.select(Order)).one()
    assert "Pigeon post" in text_of(client_of(cast.amina).get(f"/orders/{order.number}").text)
    assert number


def test_the_two_of_the_house_say_what_they_mean() -> None:
    assert [method.code for method in methods.every()] == ["pay_on_delivery", "bank_transfer"]
    for method in methods.every():
        assert method.label
        assert method.meaning
        assert methods.by_receipt(method.receipt) is method


def test_nobody_asks_for_a_method_by_its_name() -> None:
    """A method's own rules stand in the registry; on these pages a comparison would forget the next one."""
    named = re.compile(r"""["'](pay_on_delivery|bank_transfer)["']""")
    found = [
        str(path.relative_to(ROOT))
        for folder in (
            "wholesale/orders",
            "wholesale/payments",
            "wholesale/cart",
            "templates/orders",
            "templates/payments",
        )
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".html"} and named.search(path.read_text())
    ]
    assert found == ["wholesale/payments/methods.py"]
