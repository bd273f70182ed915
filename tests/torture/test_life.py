"""Any life an order may have: whatever people do in whatever order, every taka and every piece is accounted for.

After each step the whole ledger and the whole stock are proved, and what the buyer owes is compared with a model that
knows nothing of journals. `LIVES=2000 bin/test tests/torture/test_life.py` is the long form.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.factories import accounts, catalog, organizations, taxes
from tests.factories import orders as placing
from wholesale.accounts.models import User
from wholesale.catalog.models import Product
from wholesale.inventory import queries as inventory
from wholesale.inventory.models import Stock
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.kernel.errors import HouseError
from wholesale.kernel.money import Money
from wholesale.ledger import jobs as ledger
from wholesale.ledger import queries as balances
from wholesale.orders import actions, queries
from wholesale.orders.answers import actions as answers
from wholesale.orders.answers import queries as answer_queries
from wholesale.orders.answers.rules import Reply
from wholesale.orders.events import OrderMoved
from wholesale.orders.models import LineProgress, Order, Purchase
from wholesale.orders.returns import actions as returns
from wholesale.orders.returns import queries as return_queries
from wholesale.orders.returns.models import ReturnRequest
from wholesale.orders.returns.rules import Arrival, Wish
from wholesale.payments import actions as payments
from wholesale.payments import queries as payment_queries
from wholesale.payments.handlers import take_cash
from wholesale.platform.db import db
from wholesale.pricing.rules import Settlement

LIVES = int(os.environ.get("LIVES", "12"))
STEPS = 14
PLATFORM_GOODS = Settlement(
    "profit_share", platform_percent=Decimal("12.5"), seller_percent=Decimal(33), goods_owner="platform"
)
yes_or_no = st.sampled_from([True, False])
any_order = st.integers(0, 99)
share = st.integers(0, 100)


class Life(RuleBasedStateMachine):
    """Two sellers, a buyer and an admin, who do what comes to mind."""

    house: Flask

    def __init__(self) -> None:
        super().__init__()
        self.connection = db.engine.connect()
        self.outer = self.connection.begin()
        self.engine = db.engines[None]
        db.engines[None] = self.connection
        self.serial = 0

    def teardown(self) -> None:
        db.session.remove()
        db.engines[None] = self.engine
        self.outer.rollback()
        self.connection.close()

    @initialize(on_top=yes_or_no)
    def open_the_market(self, *, on_top: bool) -> None:
        amina, dipu, rafi, esha = (accounts.user(name) for name in ("Amina", "Dipu", "Rafi", "Esha"))
        self.shop_id = organizations.business("Amina Store", members={amina: "owner"}).id
        trader = organizations.business("Dipu Traders", kind="seller", members={dipu: "owner"}, delivery_fee="60")
        other = organizations.business("Rafi Mills", kind="seller", members={rafi: "owner"}, delivery_fee="35.50")
        esha.staff_role = "admin"
        taxes.rate("15", country="BD", category_id=catalog.category("taxed", "Taxed").id, included=not on_top)
        goods = [
            catalog.product(trader, "Jute bag"),
            catalog.product(trader, "Odd screw", tiers=((1, "0.1250"), (7, "0.1111")), cost="0.1"),
            catalog.product(other, "Tea", tiers=((3, "99.99"),), cost="101", settlement=PLATFORM_GOODS),
            catalog.product(other, "Rope", tiers=((1, "33.33"),), cost="20", settlement=catalog.COMMISSION),
        ]
        goods[2].category_id = goods[1].category_id = catalog.category("taxed", "Taxed").id
        db.session.commit()
        self.goods = [product.id for product in goods]
        self.people = {"amina": amina.id, "dipu": dipu.id, "rafi": rafi.id, "esha": esha.id}
        self.sellers = {trader.id: "dipu", other.id: "rafi"}

    # --- who does what ------------------------------------------------------------------------------------

    def _as(self, name: str) -> Actor:
        return accounts.actor(db.session.get_one(User, self.people[name]))

    def _seller(self, order: Order) -> Actor:
        return self._as(self.sellers[order.seller_id])

    def _pick(self, number: int, *states: str) -> Order | None:
        found = db.session.scalars(sa.select(Order.number).where(Order.state.in_(states)).order_by(Order.id)).all()
        return queries.order(SYSTEM, found[number % len(found)]) if found else None

    def _try(self, do: Callable[[], Any]) -> None:
        """Whoever may not, is told so, and nothing of it is left."""
        try:
            with db.session.begin_nested():
                do()
                db.session.flush()
            db.session.commit()
        except HouseError:
            db.session.rollback()
        db.session.expire_all()

    @rule(
        wanted=st.dictionaries(st.integers(0, 3), st.integers(10, 220), min_size=1, max_size=4),
        payment=st.sampled_from(["pay_on_delivery", "bank_transfer"]),
        if_short=st.sampled_from(["ask", "take_less", "back_order", "cancel"]),
    )
    def place(self, wanted: dict[int, int], payment: str, if_short: str) -> None:
        def do() -> None:
            for order in placing.placed(
                self._as("amina"),
                {db.session.get_one(Product, self.goods[which]): pieces for which, pieces in wanted.items()},
                payment=payment,
            ):
                db.session.get_one(Purchase, order.purchase_id).if_short = if_short

        self._try(do)

    @rule(number=any_order, to=st.sampled_from(["confirmed", "processing", "shipped", "delivered", "completed"]))
    def go_on(self, number: int, to: str) -> None:
        order = self._pick(number, "placed", "confirmed", "processing", "partly_shipped", "shipped", "delivered")
        if order is None:
            return
        before = order.state
        who = self._as("amina") if to == "completed" else self._seller(order)

        def do() -> None:
            actions.move_order(actor=who, number=order.number, to=to)
            take_cash(OrderMoved(order_id=order.id, before=before, after=to))

        self._try(do)

    @rule(number=any_order, shares=st.lists(share, min_size=4, max_size=4))
    def ship_a_part(self, number: int, shares: list[int]) -> None:
        order = self._pick(number, "confirmed", "processing", "partly_shipped")
        if order is not None:
            pieces = _parts(order, shares, "open")
            self._try(lambda: actions.ship(actor=self._seller(order), number=order.number, pieces=pieces))

    @rule(number=any_order, shares=st.lists(share, min_size=4, max_size=4), by_buyer=yes_or_no)
    def cancel_pieces(self, number: int, shares: list[int], *, by_buyer: bool) -> None:
        order = self._pick(number, "placed", "confirmed", "processing", "partly_shipped", "shipped")
        if order is not None:
            who = self._as("amina") if by_buyer else self._seller(order)
            pieces = _parts(order, shares, "open")
            self._try(lambda: actions.cancel_pieces(actor=who, number=order.number, pieces=pieces, reason="Wet"))

    @rule(number=any_order, by_buyer=yes_or_no)
    def cancel(self, number: int, *, by_buyer: bool) -> None:
        order = self._pick(number, "placed", "confirmed", "processing", "shipped")
        if order is not None:
            who = self._as("amina") if by_buyer else self._seller(order)
            self._try(lambda: actions.move_order(actor=who, number=order.number, to="cancelled", reason="No"))

    @rule(number=any_order, kinds=st.lists(st.sampled_from(["accept", "less", "refuse", "substitute"]), min_size=4,
                                           max_size=4), shares=st.lists(share, min_size=4, max_size=4))  # fmt: skip
    def answer(self, number: int, kinds: list[str], shares: list[int]) -> None:
        order = self._pick(number, "placed", "confirmed")
        if order is None:
            return
        replies = {}
        for line, kind, part in zip(order.lines, kinds, shares, strict=False):
            few = max(1, line.progress.open * part // 100)
            if kind == "substitute":
                sku = db.session.scalar(
                    sa.text(
                        "SELECT v.sku FROM variant v JOIN product p ON p.id = v.product_id"
                        " WHERE p.seller_id = :seller AND p.id <> :id"
                    ),
                    {"seller": order.seller_id, "id": line.product_id},
                )
                price = (line.line_total / few / 2).quantize(Decimal("0.0001"))
                replies[line.id] = Reply(kind, few, sku=str(sku), unit_price=Money(price, order.currency))
            else:
                replies[line.id] = Reply(kind, few if kind == "less" else None)
        seen = answer_queries.seen_by_seller(order)
        self._try(lambda: answers.give(actor=self._seller(order), number=order.number, seen=seen, replies=replies))

    @rule(number=any_order, yes=yes_or_no)
    def decide(self, number: int, *, yes: bool) -> None:
        order = self._pick(number, "placed", "confirmed")
        waiting = None if order is None else answer_queries.newest(order.id)
        if order is None or waiting is None:
            return
        amina = self._as("amina")

        def do() -> None:
            proposal = answer_queries.page_of(amina, order.number)[2]
            seen = proposal.seen if proposal else ""
            (answers.accept if yes else answers.decline)(actor=amina, number=order.number, seen=seen)

        self._try(do)

    @rule(number=any_order, ruined=share)
    def refuse_at_the_door(self, number: int, ruined: int) -> None:
        order = self._pick(number, "shipped")
        if order is not None:
            written_off = {line.id: line.progress.shipped * ruined // 100 for line in order.lines}
            seen = return_queries.seen(order)
            self._try(
                lambda: returns.refuse_at_door(
                    actor=self._seller(order), number=order.number, seen=seen, reason="Closed", written_off=written_off
                )
            )

    @rule(number=any_order, shares=st.lists(share, min_size=4, max_size=4))
    def ask_to_return(self, number: int, shares: list[int]) -> None:
        order = self._pick(number, "delivered", "completed")
        if order is not None:
            wishes = {line: Wish(pieces, "damaged") for line, pieces in _parts(order, shares, "kept").items()}
            seen = return_queries.seen(order)
            self._try(lambda: returns.ask(actor=self._as("amina"), number=order.number, seen=seen, wishes=wishes))

    @rule(number=any_order, part=share, ruined=share)
    def take_returned_goods(self, number: int, part: int, ruined: int) -> None:
        rows: Sequence[ReturnRequest] = db.session.scalars(
            sa.select(ReturnRequest)
            .where(ReturnRequest.state.in_(("requested", "approved")))
            .order_by(ReturnRequest.id)
        ).all()
        if not rows:
            return
        asked = rows[number % len(rows)]
        order = queries.order_by_id(asked.order_id)
        seller, its = self._seller(order), asked.number
        lines = db.session.execute(
            sa.text("SELECT line_id, pieces FROM return_line WHERE return_id = :id"), {"id": asked.id}
        ).all()
        came = {}
        for line_id, pieces in lines:
            arrived = max(1, pieces * part // 100)
            came[line_id] = Arrival(arrived, arrived * ruined // 100)

        def do() -> None:
            if asked.state == "requested":
                returns.decide(actor=seller, number=its, approve=True)
            returns.receive(actor=seller, number=its, arrivals=came)

        self._try(do)

    @rule(number=any_order, amount=st.decimals("0.01", "900", places=2))
    def let_something_off(self, number: int, amount: Decimal) -> None:
        order = self._pick(number, "delivered", "completed")
        if order is not None:
            seen, amounts = return_queries.seen(order), {order.lines[0].id: Money(amount, order.currency)}
            seller = self._seller(order)
            self._try(
                lambda: returns.allow(actor=seller, number=order.number, seen=seen, amounts=amounts, reason="A dent")
            )

    @rule(number=any_order, part=st.integers(1, 100))
    def pay(self, number: int, part: int) -> None:
        purchase = self._purchase(number, "bank_transfer")
        if purchase is not None:
            owed = payment_queries.balance(purchase.id).owed
            amount = Money(owed.amount * part / 100, owed.currency).rounded()
            self.serial += 1
            reference = f"T{self.serial}"
            self._try(
                lambda: payments.record_transfer(
                    actor=self._as("esha"), purchase_number=purchase.number, amount=amount, bank_reference=reference
                )
            )

    @rule(number=any_order, part=st.integers(1, 130))
    def give_money_back(self, number: int, part: int) -> None:
        purchase = self._purchase(number, "bank_transfer")
        if purchase is not None:
            excess = payment_queries.balance(purchase.id).excess
            amount = Money(excess.amount * part / 100, excess.currency).rounded()
            self.serial += 1
            key = f"refund-{self.serial}"
            self._try(
                lambda: payments.refund(
                    actor=self._as("esha"), purchase_number=purchase.number, amount=amount, reference=key, key=key
                )
            )

    @rule(number=any_order)
    def give_cash_back(self, number: int) -> None:
        order = self._pick(number, "delivered", "completed", "returned")
        if order is not None:
            self.serial += 1
            key, seller = f"cash-{self.serial}", self._seller(order)
            amount = Money(order.credited, order.currency)
            self._try(lambda: payments.give_cash_back(actor=seller, number=order.number, amount=amount, key=key))

    def _purchase(self, number: int, method: str) -> Purchase | None:
        found = db.session.scalars(
            sa.select(Purchase).where(Purchase.payment_method == method).order_by(Purchase.id)
        ).all()
        return found[number % len(found)] if found else None

    # --- what must always be so ---------------------------------------------------------------------------

    @invariant()
    def everything_is_accounted_for(self) -> None:
        if not hasattr(self, "goods"):
            return
        self.connection.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
        self.connection.execute(sa.text("SET CONSTRAINTS ALL DEFERRED"))
        problems = [problem for problem in ledger.problems() if "document" not in problem and "invoice" not in problem]
        assert problems == []
        assert inventory.proof() == []

    @invariant()
    def a_model_without_journals_agrees(self) -> None:
        if not hasattr(self, "goods"):
            return
        owed = Money.zero("BDT")
        for purchase in db.session.scalars(sa.select(Purchase)):
            found = payment_queries.balance(purchase.id)
            assert found.refunded is None or Money.zero("BDT") <= found.refunded <= found.paid
            owed += found.due - found.kept
        assert owed == balances.balance("buyer_receivable", self.shop_id, "BDT")
        for order in db.session.scalars(sa.select(Order)):
            assert 0 <= order.credited <= order.total
            if order.state in {"cancelled", "returned"}:
                assert order.due <= order.delivery_fee
        held = sum(each.open for each in db.session.scalars(sa.select(LineProgress)))
        waiting = db.session.scalar(
            sa.text(
                "SELECT coalesce(sum(quantity - shipped - released), 0) FROM allocation WHERE reference LIKE 'ORD-%'"
            )
        )
        assert held == waiting
        assert all(0 <= row.allocated <= row.on_hand for row in db.session.scalars(sa.select(Stock)))


def _parts(order: Order, shares: list[int], of: str) -> dict[int, int]:
    """Of each line some of its open or kept pieces."""
    parts = {line.id: getattr(line.progress, of) * part // 100 for line, part in zip(order.lines, shares, strict=False)}
    return {line_id: pieces for line_id, pieces in parts.items() if pieces}


@pytest.mark.torture
def test_whatever_becomes_of_orders_every_taka_is_accounted_for(app: Flask) -> None:
    with app.app_context():
        run_state_machine_as_test(
            Life,
            settings=settings(
                max_examples=LIVES,
                stateful_step_count=STEPS,
                deadline=None,
                phases=(Phase.generate,) if LIVES <= 100 else tuple(Phase),
                derandomize=LIVES <= 100,
                suppress_health_check=list(HealthCheck),
            ),
        )
