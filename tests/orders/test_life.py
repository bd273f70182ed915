"""Every way after placing, for the single and the grouped order: stock, money and split stay exact after each step."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from tests.conftest import Cast
from tests.factories import accounts, catalog, orders, organizations
from tests.orders.test_actions import available, taka
from wholesale.catalog.models import Product
from wholesale.inventory import actions as stock
from wholesale.inventory import queries as inventory
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from wholesale.ledger import jobs as ledger
from wholesale.ledger.queries import balance
from wholesale.orders import actions, jobs, queries
from wholesale.orders.actions import keepers
from wholesale.orders.models import Order, OrderCredit, OrderLine
from wholesale.platform.db import db
from wholesale.platform.outbox import OutboxRow


def prove() -> None:
    """Deferred constraints hold, the ledger agrees with the orders, the log with the stock."""
    db.session.flush()
    db.session.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
    db.session.execute(sa.text("SET CONSTRAINTS ALL DEFERRED"))
    db.session.expire_all()
    assert ledger.problems() == []
    assert inventory.proof() == []


class Shop:
    """An order of 60 bags and 7 cups; in a grouped purchase also 7 sacks of rice of another seller, on commission."""

    def __init__(self, cast: Cast, *, grouped: bool) -> None:
        self.amina, self.dipu = accounts.actor(cast.amina), accounts.actor(cast.dipu)
        self.chandni = accounts.actor(cast.chandni)
        bag = catalog.product(cast.trader, stock=100)
        cup = catalog.product(cast.trader, "Cup", tiers=((5, "33.3333"),), cost="20", stock=50)
        wanted = {bag: 60, cup: 7}
        if grouped:
            farid = accounts.user("Farid")
            mills = organizations.business("Farid Mills", kind="seller", delivery_fee="120", members={farid: "owner"})
            rice = catalog.product(
                mills, "Rice", tiers=((5, "60.1250"),), cost="50", settlement=catalog.COMMISSION, stock=20
            )
            wanted[rice] = 7
        placed = orders.placed(self.amina, wanted)
        # Ids and numbers only: proving forgets what was loaded.
        self.bag, self.cup = bag.id, cup.id
        self.number = next(order.number for order in placed if order.seller_id == cast.trader.id)
        self.others = {order.number: order.total for order in placed if order.number != self.number}
        self.buyer_id, self.seller_id = cast.shop.id, cast.trader.id

    def order(self) -> Order:
        db.session.expire_all()
        return queries.order(SYSTEM, self.number)

    def line(self, product_id: int) -> OrderLine:
        return next(line for line in self.order().lines if line.product_id == product_id)

    def owed(self) -> Decimal:
        return balance("buyer_receivable", self.buyer_id, "BDT").amount

    def move(self, *states: str) -> None:
        for state in states:
            actions.move_order(actor=self.dipu, number=self.number, to=state, reason="Because")
            prove()


@pytest.fixture(params=[False, True], ids=["single", "grouped"])
def shop(request: pytest.FixtureRequest, cast: Cast) -> Shop:
    made = Shop(cast, grouped=request.param)
    prove()
    return made


def others_owe(shop: Shop) -> Decimal:
    return sum(shop.others.values(), Decimal(0))


def test_cancelled_whole(shop: Shop) -> None:
    shop.move("confirmed", "processing", "cancelled")
    order = shop.order()
    assert (order.state, order.due) == ("cancelled", Decimal(0))
    assert available(shop.bag) == (100, 0)
    assert shop.owed() == others_owe(shop)
    assert balance("seller_pending", shop.seller_id, "BDT").is_zero


def test_a_line_is_cancelled(shop: Shop) -> None:
    cup = shop.line(shop.cup)
    actions.cancel_pieces(actor=shop.dipu, number=shop.number, pieces={cup.id: 7}, reason="Broken")
    prove()
    order = shop.order()
    assert (order.state, order.credited) == ("placed", cup.line_total)
    assert available(shop.cup) == (50, 0)
    assert available(shop.bag) == (100, 60)
    assert shop.owed() == order.due + others_owe(shop)
    shop.move("confirmed", "shipped", "delivered")
    assert available(shop.bag) == (40, 0)
    assert available(shop.cup) == (50, 0)
    # Of 60 bags: 4,800 and 561 of the profit; nothing of the cups.
    assert balance("seller_payable", shop.seller_id, "BDT") == taka("-5361")


def test_pieces_are_cancelled_until_nothing_is_left(shop: Shop) -> None:
    """231.00 + ... for 7 cups at 33.3333: odd poisha end with the last piece."""
    cup, bag = shop.line(shop.cup), shop.line(shop.bag)
    for _ in range(6):
        actions.cancel_pieces(actor=shop.dipu, number=shop.number, pieces={cup.id: 1}, reason="Broken")
        prove()
    assert shop.line(shop.cup).progress.kept == 1
    actions.cancel_pieces(actor=shop.dipu, number=shop.number, pieces={cup.id: 1, bag.id: 59}, reason="Broken")
    prove()
    assert shop.order().state == "placed"
    actions.cancel_pieces(actor=shop.dipu, number=shop.number, pieces={bag.id: 1}, reason="The last one")
    prove()
    order = shop.order()
    assert (order.state, order.due, order.delivery_credited) == ("cancelled", Decimal(0), order.delivery_fee)
    assert shop.owed() == others_owe(shop)
    assert available(shop.bag) == (100, 0)
    assert available(shop.cup) == (50, 0)


def test_what_was_taken_back_stays_taken_back(shop: Shop) -> None:
    """Whoever writes past the actions: nobody owes again what is gone, and nothing is added to a credit later."""
    bag, cup = shop.line(shop.bag), shop.line(shop.cup)
    actions.cancel_pieces(actor=shop.dipu, number=shop.number, pieces={cup.id: 1}, reason="Broken")
    prove()
    more = (
        "INSERT INTO order_credit_line (credit_id, line_id, quantity, goods, tax, tax_included, platform_fee,"
        f" platform_rest, seller_share, owner_recovers) SELECT id, {bag.id}, 0, -1, 0, false, 0, 0, -1, 0"
        " FROM order_credit"
    )
    for forged in ("UPDATE sales_order SET credited = 0, delivery_credited = 0", more):
        with db.session.begin_nested() as undone:
            db.session.execute(sa.text(forged))
            with pytest.raises(sa.exc.IntegrityError, match="not what its credits say"):
                db.session.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
            undone.rollback()
    prove()


def test_shipped_in_parts(shop: Shop) -> None:
    bag, cup = shop.line(shop.bag), shop.line(shop.cup)
    shop.move("confirmed", "processing")
    first = actions.ship(
        actor=shop.dipu, number=shop.number, pieces={bag.id: 20}, carrier="Sundarban", tracking="S-1", sequence=1
    )
    assert first is not None
    name = first.number
    prove()
    assert (name, shop.order().state, available(shop.bag)) == (
        f"{shop.number}-1",
        "partly_shipped",
        (80, 40),
    )
    actions.ship(actor=shop.dipu, number=shop.number, pieces={bag.id: 20, cup.id: 7}, sequence=2)
    prove()
    assert shop.order().state == "partly_shipped"
    actions.deliver(actor=shop.dipu, number=shop.number, sequence=1)
    prove()
    assert shop.order().state == "partly_shipped"
    actions.ship(actor=shop.dipu, number=shop.number, sequence=3)
    prove()
    assert (shop.order().state, available(shop.bag)) == ("shipped", (40, 0))
    for sequence in (2, 3):
        assert shop.order().state == "shipped"
        actions.deliver(actor=shop.dipu, number=shop.number, sequence=sequence)
        prove()
    assert shop.order().state == "delivered"
    assert balance("seller_pending", shop.seller_id, "BDT").is_zero
    assert [shipment.delivered_at is None for shipment in queries.shipments(shop.order().id)] == [False] * 3


def test_a_part_is_shipped_and_the_rest_cancelled(shop: Shop) -> None:
    bag, cup = shop.line(shop.bag), shop.line(shop.cup)
    shop.move("confirmed")
    actions.ship(actor=shop.dipu, number=shop.number, pieces={bag.id: 60})
    prove()
    with pytest.raises(ConflictError):
        actions.cancel_pieces(actor=shop.amina, number=shop.number, pieces={cup.id: 7}, reason="Too late")
    actions.cancel_pieces(actor=shop.dipu, number=shop.number, pieces={cup.id: 3}, reason="Broken")
    prove()
    assert shop.order().state == "partly_shipped"
    actions.cancel_pieces(actor=shop.dipu, number=shop.number, pieces={cup.id: 4}, reason="Broken too")
    prove()
    order = shop.order()
    assert (order.state, order.credited) == ("shipped", cup.line_total)
    assert order.shipped_at is not None
    shop.move("delivered")
    assert shop.owed() == order.due + others_owe(shop)


def test_when_all_that_left_has_arrived_cancelling_the_rest_delivers_it(shop: Shop) -> None:
    bag, cup = shop.line(shop.bag), shop.line(shop.cup)
    shop.move("confirmed")
    actions.ship(actor=shop.dipu, number=shop.number, pieces={bag.id: 60})
    actions.deliver(actor=shop.dipu, number=shop.number, sequence=1)
    prove()
    actions.cancel_pieces(actor=shop.dipu, number=shop.number, pieces={cup.id: 7}, reason="Broken")
    prove()
    order = shop.order()
    assert [move.after for move in order.moves][-2:] == ["shipped", "delivered"]
    assert order.delivered_at is not None


def test_what_is_shipped_cannot_be_cancelled(shop: Shop) -> None:
    bag = shop.line(shop.bag)
    shop.move("confirmed")
    actions.ship(actor=shop.dipu, number=shop.number, pieces={bag.id: 50})
    with pytest.raises(DomainError) as refused:
        actions.cancel_pieces(actor=shop.dipu, number=shop.number, pieces={bag.id: 11}, reason="Broken")
    assert refused.value.field == f"line-{bag.id}-quantity"
    with pytest.raises(ConflictError):
        actions.move_order(actor=shop.dipu, number=shop.number, to="cancelled", reason="All of it")
    prove()


@pytest.mark.parametrize("pieces", [61, -1])
def test_not_more_than_is_open_is_shipped_or_cancelled(shop: Shop, pieces: int) -> None:
    bag = shop.line(shop.bag)
    shop.move("confirmed")
    with pytest.raises(DomainError):
        actions.ship(actor=shop.dipu, number=shop.number, pieces={bag.id: pieces})
    with pytest.raises(DomainError):
        actions.cancel_pieces(actor=shop.dipu, number=shop.number, pieces={bag.id: pieces}, reason="x")
    prove()


def test_nothing_and_strange_lines_are_neither_shipped_nor_cancelled(shop: Shop) -> None:
    shop.move("confirmed")
    for pieces in ({}, {0: 1}, {shop.line(shop.bag).id: 0}):
        with pytest.raises(DomainError):
            actions.ship(actor=shop.dipu, number=shop.number, pieces=pieces)
        with pytest.raises(DomainError):
            actions.cancel_pieces(actor=shop.dipu, number=shop.number, pieces=pieces, reason="x")


def test_a_double_click_ships_and_cancels_once(shop: Shop) -> None:
    bag, cup = shop.line(shop.bag), shop.line(shop.cup)
    shop.move("confirmed")
    for _ in range(2):
        actions.ship(actor=shop.dipu, number=shop.number, pieces={bag.id: 20}, carrier="C", sequence=1)
        actions.cancel_pieces(actor=shop.dipu, number=shop.number, pieces={cup.id: 2}, reason="x", sequence=1)
        prove()
    assert (shop.line(shop.bag).progress.shipped, shop.line(shop.cup).progress.cancelled) == (20, 2)
    with pytest.raises(ConflictError):
        actions.ship(actor=shop.dipu, number=shop.number, pieces={bag.id: 10}, sequence=1)
    with pytest.raises(ConflictError):
        actions.cancel_pieces(actor=shop.dipu, number=shop.number, pieces={cup.id: 1}, reason="x", sequence=1)
    for _ in range(2):
        actions.ship(actor=shop.dipu, number=shop.number)
    for _ in range(2):
        actions.deliver(actor=shop.dipu, number=shop.number, sequence=1)
        actions.deliver(actor=shop.dipu, number=shop.number)
    prove()
    assert shop.order().state == "delivered"


def test_whose_step_it_is(shop: Shop) -> None:
    bag = shop.line(shop.bag)
    with pytest.raises(ConflictError):  # nobody has confirmed it
        actions.ship(actor=shop.dipu, number=shop.number)
    actions.cancel_pieces(actor=shop.amina, number=shop.number, pieces={bag.id: 1}, reason="One too many")
    shop.move("confirmed")
    for actor, error in ((shop.amina, ForbiddenError), (shop.chandni, NotFoundError)):
        with pytest.raises(error):
            actions.ship(actor=actor, number=shop.number)
    with pytest.raises(ConflictError, match="too late"):
        actions.cancel_pieces(actor=shop.amina, number=shop.number, pieces={bag.id: 1}, reason="Another")
    actions.ship(actor=shop.dipu, number=shop.number)
    with pytest.raises(ForbiddenError):
        actions.deliver(actor=shop.amina, number=shop.number, sequence=1)
    with pytest.raises(NotFoundError):
        actions.deliver(actor=shop.dipu, number=shop.number, sequence=2)
    prove()


def test_cancelling_needs_a_reason(shop: Shop) -> None:
    with pytest.raises(DomainError) as refused:
        actions.cancel_pieces(actor=shop.dipu, number=shop.number, pieces={shop.line(shop.bag).id: 1}, reason="")
    assert refused.value.field == "reason"
    with pytest.raises(DomainError):
        actions.cancel_purchase(actor=shop.amina, number=shop.order().purchase.number, reason="")


def test_a_whole_purchase_is_cancelled_as_far_as_it_can_be(shop: Shop) -> None:
    purchase = shop.order().purchase.number
    shop.move("confirmed")
    outcomes = actions.cancel_purchase(actor=shop.amina, number=purchase, reason="We closed")
    prove()
    refused = {outcome.number: outcome.refused is not None for outcome in outcomes}
    assert refused == {shop.number: True} | dict.fromkeys(shop.others, False)
    assert shop.order().state == "confirmed"
    assert {queries.order(SYSTEM, number).state for number in shop.others} <= {"cancelled"}
    assert shop.owed() == shop.order().total
    again = actions.cancel_purchase(actor=shop.amina, number=purchase, reason="We closed")
    assert [outcome.refused is None for outcome in again] == [not refused[outcome.number] for outcome in again]


def test_cancelling_one_seller_leaves_the_other(cast: Cast) -> None:
    shop = Shop(cast, grouped=True)
    (other,) = shop.others
    seller_id = queries.order(SYSTEM, other).seller_id
    actions.move_order(actor=shop.amina, number=other, to="cancelled", reason="Too dear")
    prove()
    assert (shop.order().state, shop.owed()) == ("placed", shop.order().total)
    shop.move("confirmed", "shipped", "delivered")
    assert balance("seller_payable", seller_id, "BDT").is_zero
    assert balance("seller_pending", seller_id, "BDT").is_zero


def test_many_at_once_each_by_itself(shop: Shop, cast: Cast) -> None:
    bag = db.session.get_one(Product, shop.bag)
    second, third = (orders.placed(shop.amina, {bag: 10})[0].number for _ in range(2))
    actions.move_order(actor=shop.amina, number=third, to="cancelled", reason="Twice")
    numbers = [third, shop.number, second, *shop.others, "ORD-1999-000001", second]
    outcomes = actions.move_many(actor=shop.dipu, numbers=numbers, to="confirmed")
    prove()
    assert [outcome.number for outcome in outcomes] == list(dict.fromkeys(numbers))
    done = {outcome.number for outcome in outcomes if outcome.refused is None}
    assert done == {shop.number, second}
    refusals = {type(outcome.refused) for outcome in outcomes if outcome.refused}
    assert refusals == {ConflictError, NotFoundError}
    for to in ("confirmed", "shipped", "delivered"):
        outcomes = actions.move_many(actor=shop.dipu, numbers=[second, shop.number], to=to)
        prove()
        assert [outcome.refused for outcome in outcomes] == [None, None]
    assert available(shop.bag) == (30, 0)


@pytest.mark.parametrize(
    ("numbers", "to"),
    [([], "confirmed"), (["X"], "cancelled"), (["X"], "nonsense"), ([f"X{n}" for n in range(201)], "shipped")],
)
def test_what_many_are_not_moved_to(cast: Cast, numbers: list[str], to: str) -> None:
    with pytest.raises(DomainError):
        actions.move_many(actor=accounts.actor(cast.dipu), numbers=numbers, to=to)


def test_time_completes_what_nobody_complained_about(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.move("confirmed", "shipped", "delivered")
    assert jobs.complete() == "0 orders completed"
    with clock.at(clock.now() + timedelta(days=6, hours=23)):
        assert jobs.complete() == "0 orders completed"
    later = clock.now() + timedelta(days=7, hours=1)
    monkeypatch.setattr(keepers, "_KEEPERS", [set])
    with clock.at(later):
        assert jobs.complete() == "0 orders completed"
        with pytest.raises(ConflictError, match="still being settled"):
            actions.move_order(actor=shop.amina, number=shop.number, to="completed")
    monkeypatch.setattr(keepers, "_KEEPERS", [])
    with clock.at(later):
        assert jobs.complete() == "1 orders completed"
        assert jobs.complete() == "0 orders completed"
    prove()
    assert (shop.order().state, shop.order().moves[-1].user_id) == ("completed", None)


def test_the_buyer_completes_it(shop: Shop) -> None:
    shop.move("confirmed", "shipped", "delivered")
    with pytest.raises(ForbiddenError):
        actions.move_order(actor=shop.dipu, number=shop.number, to="completed")
    actions.move_order(actor=shop.amina, number=shop.number, to="completed")
    prove()
    assert shop.order().state == "completed"


def test_refused_at_the_door_and_returned(shop: Shop) -> None:
    """Everything back before delivery: pending is empty, the goods on the shelf, nothing owed."""
    shop.move("confirmed", "shipped")
    order = actions.locked(actor=SYSTEM, number=shop.number)
    back = {line.variant_id: line.quantity for line in order.lines}
    stock.come_back(actor=SYSTEM, reference=order.number, restock=back)
    actions.take_back(
        actor=SYSTEM,
        order=order,
        kind="refused",
        reason="Nobody there",
        pieces={line.id: line.progress.kept for line in order.lines},
        delivery=None if not order.delivery_fee else taka(str(order.delivery_fee)),
    )
    prove()
    assert (shop.order().due, available(shop.bag)) == (Decimal(0), (100, 0))
    assert shop.owed() == others_owe(shop)


def test_allowed_and_returned_after_delivery(shop: Shop) -> None:
    """A part of the money, then some pieces, then all: what was earned goes back exactly."""
    shop.move("confirmed", "shipped", "delivered")
    bag = shop.line(shop.bag)
    for kind, pieces, amounts in (
        ("allowance", None, {bag.id: taka("100.01")}),
        ("returned", {bag.id: 7}, None),
        ("returned", {bag.id: 53}, None),
    ):
        order = actions.locked(actor=SYSTEM, number=shop.number)
        if pieces:
            stock.come_back(actor=SYSTEM, reference=order.number, restock={bag.variant_id: pieces[bag.id]})
        actions.take_back(actor=SYSTEM, order=order, kind=kind, reason="Stained", pieces=pieces, amounts=amounts)
        prove()
    assert shop.order().credited == bag.line_total
    assert available(shop.bag) == (100, 0)
    order = actions.locked(actor=SYSTEM, number=shop.number)
    with pytest.raises(DomainError):
        actions.take_back(actor=SYSTEM, order=order, kind="returned", reason="Again", pieces={bag.id: 1})
    with pytest.raises(DomainError):
        actions.take_back(actor=SYSTEM, order=order, kind="allowance", reason="x", amounts={bag.id: taka("0.01")})


def test_each_taking_back_is_told_and_kept(shop: Shop) -> None:
    actions.cancel_pieces(actor=shop.dipu, number=shop.number, pieces={shop.line(shop.bag).id: 5}, reason="Torn")
    (credit,) = queries.credits(shop.order().id)
    assert (credit.sequence, credit.kind, credit.reason, credit.total) == (1, "cancelled", "Torn", Decimal(675))
    assert db.session.scalar(sa.select(sa.func.count()).where(OutboxRow.event == "OrderCredited")) >= 0
    with pytest.raises(sa.exc.DBAPIError, match=r"append-only|permission denied"), db.session.begin_nested():
        db.session.execute(sa.update(OrderCredit).values(total=1))
