"""What comes back, on the real database; money and stock are proved after each."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.conftest import Cast
from tests.factories import accounts, catalog, order_life, organizations, verification
from wholesale.catalog.models import Product
from wholesale.inventory import queries as inventory
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from wholesale.kernel.money import Money
from wholesale.ledger.queries import balance
from wholesale.orders import actions as order_actions
from wholesale.orders.models import Order
from wholesale.orders.returns import actions, queries
from wholesale.orders.returns.models import ReturnPhoto, ReturnRequest
from wholesale.orders.returns.rules import Arrival, Wish
from wholesale.platform import outbox
from wholesale.platform.db import db
from wholesale.platform.messages.queue import OutgoingMessage


def taka(amount: str) -> Money:
    return Money(Decimal(amount), "BDT")


def available(product: Product) -> int:
    return inventory.available(catalog.variants_of(product))[catalog.variants_of(product)[0]]


@pytest.fixture
def amina(cast: Cast) -> Actor:
    return accounts.actor(cast.amina)


@pytest.fixture
def dipu(cast: Cast) -> Actor:
    return accounts.actor(cast.dipu)


@pytest.fixture
def bag(cast: Cast) -> Product:
    return catalog.product(cast.trader, stock=500)


@pytest.fixture
def order(amina: Actor, dipu: Actor, bag: Product, cast: Cast) -> Order:
    """100 bags at 135 and 50 cups at 60, delivered: 16,500.00."""
    cup = catalog.product(cast.trader, "Cup", tiers=((10, "60"),), cost="40", stock=500)
    return order_life.delivered(amina, dipu, {bag: 100, cup: 50})


def letters() -> set[tuple[str, str]]:
    db.session.commit()
    outbox.drain()
    mine = ("return_moved", "order_refused", "order_allowance")
    return {(row.recipient, row.template) for row in db.session.query(OutgoingMessage) if row.template in mine}


def of(number: str) -> ReturnRequest:
    db.session.flush()
    db.session.expire_all()
    return queries.request(number)


def received(dipu: Actor, order: Order, number: str, *arrivals: Arrival) -> None:
    if of(number).state == "requested":
        actions.decide(actor=dipu, number=number, approve=True)
    lines = [line.line_id for line in of(number).lines]
    actions.receive(actor=dipu, number=number, arrivals=dict(zip(lines, arrivals, strict=False)))


# --- returns ------------------------------------------------------------------------------------------------


def test_from_asking_to_settled(order: Order, amina: Actor, dipu: Actor, bag: Product, cast: Cast) -> None:
    number = order_life.asked_back(amina, order, Wish(40, "damaged", "Torn"))
    assert number.startswith(f"RET-{clock.now().year}-")
    assert queries.is_open(order.id)
    assert ("dipu@test.example", "return_moved") in letters()
    actions.decide(actor=dipu, number=number, approve=True)
    received(dipu, order, number, Arrival(30, written_off=10))
    now, found = order_life.fresh(order.number), of(number)
    # 30 of 100 bags: 4,050 of 13,500.
    assert (now.state, now.due, found.state) == ("delivered", Decimal(12450), "received")
    assert now.lines[0].progress.returned == 30
    assert available(bag) == 420
    assert (found.lines[0].arrived, found.lines[0].restocked, found.lines[0].written_off) == (30, 20, 10)
    # All of it was paid on delivery: this much is to be paid back.
    assert balance("buyer_receivable", cast.shop.id, "BDT") == taka("-4050")
    assert not queries.is_open(order.id)
    order_life.proved()
    assert ("amina@test.example", "return_moved") in letters()
    actions.close(actor=amina, number=number)
    actions.close(actor=amina, number=number)
    assert of(number).state == "closed"


def test_all_back_makes_the_order_returned(order: Order, amina: Actor, dipu: Actor, bag: Product) -> None:
    first = order_life.asked_back(amina, order, Wish(100, "wrong_goods"))
    received(dipu, order, first, Arrival(100))
    assert order_life.fresh(order.number).state == "delivered"
    second = order_life.asked_back(amina, order, None, Wish(50, "too_many"))
    received(dipu, order, second, Arrival(50, 50))
    now = order_life.fresh(order.number)
    assert (now.state, now.due, available(bag)) == ("returned", Decimal(0), 500)
    order_life.proved()


def test_a_completed_order_can_come_back_for_a_while(order: Order, amina: Actor, dipu: Actor) -> None:
    order_actions.move_order(actor=amina, number=order.number, to="completed")
    with clock.at(clock.now() + timedelta(days=15)), pytest.raises(ConflictError, match="too late"):
        order_life.asked_back(amina, order, Wish(1, "damaged"))
    with clock.at(clock.now() + timedelta(days=13)):
        number = order_life.asked_back(amina, order, Wish(100, "damaged"), Wish(50, "damaged"))
        received(dipu, order, number, Arrival(100), Arrival(50))
    assert order_life.fresh(order.number).state == "returned"
    order_life.proved()


def test_what_was_not_delivered_cannot_come_back(amina: Actor, dipu: Actor, bag: Product) -> None:
    (order,) = order_life.placed(amina, {bag: 100})
    order_life.moved(dipu, order, "confirmed", "shipped")
    with pytest.raises(ConflictError):
        order_life.asked_back(amina, order, Wish(1, "damaged"))


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (Wish(101, "damaged"), "pieces"),
        (Wish(-1, "damaged"), "pieces"),
        (Wish(1, "nonsense"), "reason"),
        (Wish(1, "other"), "words"),
    ],
)
def test_what_cannot_be_asked(order: Order, amina: Actor, wish, field) -> None:
    with pytest.raises(DomainError) as refused:
        order_life.asked_back(amina, order, wish)
    assert refused.value.field == f"line-{order.lines[0].id}-{field}"


def test_asked_twice_it_is_one_return(order: Order, amina: Actor) -> None:
    first = order_life.asked_back(amina, order, Wish(40, "damaged"))
    assert order_life.asked_back(amina, order, Wish(40, "damaged")) == first
    with pytest.raises(ConflictError, match=first):
        order_life.asked_back(amina, order, Wish(41, "damaged"))


def test_pictures_are_kept_and_no_paper(order: Order, amina: Actor) -> None:
    def ask(data: bytes) -> str:
        now = order_life.fresh(order.number)
        return actions.ask(
            actor=amina,
            number=order.number,
            seen=queries.seen(now),
            wishes={now.lines[0].id: Wish(1, "damaged")},
            photos={"photo_1": verification.file(data, "torn.png"), "photo_2": None},
        )

    db.session.commit()
    with pytest.raises(DomainError) as refused:
        ask(verification.PDF)
    assert refused.value.field == "photo_1"
    db.session.rollback()
    ask(verification.picture())
    photo = db.session.query(ReturnPhoto).one()
    assert photo.media_type.startswith("image/")


def test_refused_with_a_reason_and_withdrawn(order: Order, amina: Actor, dipu: Actor) -> None:
    number = order_life.asked_back(amina, order, Wish(40, "damaged"))
    with pytest.raises(DomainError) as refused:
        actions.decide(actor=dipu, number=number, approve=False)
    assert refused.value.field == "answer"
    actions.decide(actor=dipu, number=number, approve=False, answer="They were worn.")
    actions.decide(actor=dipu, number=number, approve=False, answer="They were worn.")
    with pytest.raises(ConflictError):
        actions.withdraw(actor=amina, number=number)
    second = order_life.asked_back(amina, order, Wish(40, "damaged"))
    actions.withdraw(actor=amina, number=second)
    with pytest.raises(ConflictError):
        actions.decide(actor=dipu, number=second, approve=True)
    assert (of(number).state, of(second).state) == ("refused", "withdrawn")
    assert order_life.fresh(order.number).due == Decimal(16500)


def test_what_let_come_never_came_is_refused(order: Order, amina: Actor, dipu: Actor) -> None:
    number = order_life.asked_back(amina, order, Wish(40, "damaged"))
    actions.decide(actor=dipu, number=number, approve=True)
    with pytest.raises(DomainError):
        received(dipu, order, number, Arrival(0))
    actions.decide(actor=dipu, number=number, approve=False, answer="Nothing came.")
    assert of(number).state == "refused"


@pytest.mark.parametrize(("arrival", "field"), [(Arrival(41), "arrived"), (Arrival(5, 6), "written_off")])
def test_what_cannot_have_arrived(order: Order, amina: Actor, dipu: Actor, arrival, field) -> None:
    number = order_life.asked_back(amina, order, Wish(40, "damaged"))
    with pytest.raises(DomainError) as refused:
        received(dipu, order, number, arrival)
    assert refused.value.field == f"line-{order.lines[0].id}-{field}"


def test_an_open_return_keeps_the_order_from_being_completed(order: Order, amina: Actor, dipu: Actor) -> None:
    number = order_life.asked_back(amina, order, Wish(40, "damaged"))
    db.session.commit()
    with pytest.raises(ConflictError):
        order_actions.move_order(actor=amina, number=order.number, to="completed")
    db.session.rollback()
    with clock.at(clock.now() + timedelta(days=30)):
        assert order_actions.complete_old(days=7)[0] == 0
        received(dipu, order, number, Arrival(1))
        assert order_actions.complete_old(days=7)[0] == 1


def test_who_does_what(order: Order, amina: Actor, dipu: Actor, cast: Cast) -> None:
    with pytest.raises(ForbiddenError):
        order_life.asked_back(dipu, order, Wish(40, "damaged"))
    with pytest.raises(NotFoundError):
        order_life.asked_back(accounts.actor(cast.chandni), order, Wish(40, "damaged"))
    number = order_life.asked_back(amina, order, Wish(40, "damaged"))
    with pytest.raises(ForbiddenError):
        actions.decide(actor=amina, number=number, approve=True)
    with pytest.raises(ForbiddenError):
        actions.withdraw(actor=dipu, number=number)
    for stranger in (accounts.actor(cast.chandni), ANOTHER_SELLER(cast)):
        with pytest.raises(NotFoundError):
            actions.decide(actor=stranger, number=number, approve=True)
        with pytest.raises(NotFoundError):
            queries.file(stranger, number)
    actions.decide(actor=accounts.actor(cast.esha), number=number, approve=True)
    assert of(number).state == "approved"


def ANOTHER_SELLER(cast: Cast) -> Actor:  # noqa: N802 - a person of the cast
    farid = accounts.user("Farid")
    organizations.business("Farid Mills", kind="seller", members={farid: "owner"})
    return accounts.actor(farid)


def test_whoever_refunds_closes_what_is_settled(order: Order, amina: Actor, dipu: Actor) -> None:
    number = order_life.asked_back(amina, order, Wish(40, "damaged"))
    received(dipu, order, number, Arrival(40))
    actions.close_settled(actor=SYSTEM, purchase_id=order.purchase_id)
    assert of(number).state == "closed"


# --- refused at the door ------------------------------------------------------------------------------------


def refuse(dipu: Actor, number: str, *, reason: str = "Nobody there", **given) -> None:
    now = order_life.fresh(number)
    actions.refuse_at_door(actor=dipu, number=number, seen=queries.seen(now), reason=reason, **given)


def test_refused_at_the_door_nothing_is_owed(cast: Cast, amina: Actor, dipu: Actor) -> None:
    other = organizations.business("Farid Mills", kind="seller", delivery_fee="120", members={cast.dipu: "owner"})
    rice, bag = catalog.product(other, "Rice", stock=500), catalog.product(cast.trader, stock=500)
    mine, theirs = sorted(order_life.placed(amina, {bag: 100, rice: 60}), key=lambda each: each.seller_id)
    for state in ("confirmed", "shipped"):
        order_actions.move_order(actor=SYSTEM, number=theirs.number, to=state)
    assert order_life.fresh(theirs.number).due == Decimal(8220)
    refuse(SYSTEM, theirs.number, written_off={theirs.lines[0].id: 15})
    now = order_life.fresh(theirs.number)
    assert (now.state, now.due, now.delivery_credited) == ("returned", Decimal(0), Decimal(120))
    assert available(rice) == 485
    assert order_life.fresh(mine.number).due == Decimal(13500)
    assert balance("buyer_receivable", cast.shop.id, "BDT") == taka("13500")
    assert balance("seller_pending", other.id, "BDT").is_zero
    order_life.proved()
    assert ("amina@test.example", "order_refused") in letters()


def test_what_cannot_be_refused_at_the_door(order: Order, dipu: Actor, amina: Actor, bag: Product) -> None:
    with pytest.raises(ConflictError):
        refuse(dipu, order.number)
    (second,) = order_life.placed(amina, {bag: 100})
    order_life.moved(dipu, second, "confirmed", "shipped")
    with pytest.raises(DomainError) as refused:
        refuse(dipu, second.number, reason="")
    assert refused.value.field == "reason"
    with pytest.raises(DomainError) as refused:
        refuse(dipu, second.number, written_off={second.lines[0].id: 101})
    assert refused.value.field == f"line-{second.lines[0].id}-written_off"
    with pytest.raises(ForbiddenError):
        refuse(amina, second.number)


def test_what_arrived_in_part_is_not_refused_as_a_whole(amina: Actor, dipu: Actor, bag: Product) -> None:
    (order,) = order_life.placed(amina, {bag: 100})
    order_life.moved(dipu, order, "confirmed")
    order_actions.ship(actor=dipu, number=order.number, pieces={order.lines[0].id: 40})
    order_actions.deliver(actor=dipu, number=order.number, sequence=1)
    order_actions.ship(actor=dipu, number=order.number)
    with pytest.raises(ConflictError, match="has arrived"):
        refuse(dipu, order.number)


# --- allowance ----------------------------------------------------------------------------------------------


def allow(actor: Actor, order: Order, *amounts: str | None, reason: str = "Late") -> None:
    now = order_life.fresh(order.number)
    given = {line.id: taka(amount) for line, amount in zip(now.lines, amounts, strict=False) if amount is not None}
    actions.allow(actor=actor, number=order.number, seen=queries.seen(now), amounts=given, reason=reason)


def test_a_part_is_let_off_and_shared(order: Order, dipu: Actor, cast: Cast) -> None:
    before = balance("seller_payable", cast.trader.id, "BDT")
    allow(dipu, order, "1350")
    now = order_life.fresh(order.number)
    assert (now.state, now.due) == ("delivered", Decimal(15150))
    # A tenth of EX-2: of the seller's 935 and 8,000.
    assert balance("seller_payable", cast.trader.id, "BDT") - before == taka("893.50")
    order_life.proved()
    assert {("amina@test.example", "order_allowance"), ("dipu@test.example", "order_allowance")} <= letters()


def test_what_is_let_off_is_bounded_by_what_is_left(order: Order, amina: Actor, dipu: Actor) -> None:
    number = order_life.asked_back(amina, order, Wish(50, "damaged"))
    received(dipu, order, number, Arrival(50))
    with pytest.raises(DomainError) as refused:
        allow(dipu, order, "6750.01")
    assert refused.value.field == f"line-{order.lines[0].id}-amount"
    allow(dipu, order, "6750")
    assert order_life.fresh(order.number).due == Decimal(3000)
    order_life.proved()
    last = order_life.asked_back(amina, order, Wish(50, "damaged"))
    received(dipu, order, last, Arrival(50))
    assert order_life.fresh(order.number).due == Decimal(3000)
    order_life.proved()


@pytest.mark.parametrize("amount", ["0", "-1", "1.001", "13500.01"])
def test_amounts_that_cannot_be_let_off(order: Order, dipu: Actor, amount) -> None:
    with pytest.raises(DomainError) as refused:
        allow(dipu, order, amount)
    assert refused.value.field == f"line-{order.lines[0].id}-amount"


def test_a_second_click_lets_nothing_off_twice(order: Order, dipu: Actor) -> None:
    seen = queries.seen(order_life.fresh(order.number))
    facts = {"actor": dipu, "number": order.number, "seen": seen, "reason": "Late"}
    actions.allow(**facts, amounts={order.lines[0].id: taka("100")})
    with pytest.raises(ConflictError):
        actions.allow(**facts, amounts={order.lines[0].id: taka("100")})


def test_who_lets_something_off_and_when(order: Order, amina: Actor, dipu: Actor, bag: Product, cast: Cast) -> None:
    with pytest.raises(ForbiddenError):
        allow(amina, order, "1")
    with pytest.raises(DomainError) as refused:
        allow(dipu, order, "1", reason="")
    assert refused.value.field == "reason"
    allow(accounts.actor(cast.esha), order, None, "10")
    (second,) = order_life.placed(amina, {bag: 100})
    with pytest.raises(ConflictError):
        allow(dipu, second, "1")
