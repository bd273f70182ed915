"""A seller answers, the buyer or time decides, on the real database; money and stock are proved after each."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from tests.conftest import Cast
from tests.factories import accounts, catalog, order_life, organizations, taxes
from tests.factories.prices import day
from wholesale.catalog.models import Product
from wholesale.inventory import queries as inventory
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from wholesale.kernel.money import Money
from wholesale.ledger.models import LedgerJournal
from wholesale.ledger.queries import balance
from wholesale.orders import actions as order_actions
from wholesale.orders.answers import actions, queries
from wholesale.orders.answers.models import OrderAnswer
from wholesale.orders.answers.rules import Reply
from wholesale.orders.models import Order, Purchase
from wholesale.organizations.models import Organization
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
def cup(cast: Cast) -> Product:
    return catalog.product(cast.trader, "Cup", tiers=((10, "60"),), cost="40", stock=500)


@pytest.fixture
def order(amina: Actor, bag: Product, cup: Product) -> Order:
    """100 bags at 135 and 50 cups at 60: 16,500.00."""
    (made,) = order_life.placed(amina, {bag: 100, cup: 50})
    return made


def instead(quantity: int = 90, price: str = "130", sku: str = "BASKET") -> Reply:
    return Reply("substitute", quantity=quantity, unit_price=taka(price), sku=sku)


def letters() -> set[tuple[str, str]]:
    db.session.commit()
    outbox.drain()
    return {
        (row.recipient, row.template) for row in db.session.query(OutgoingMessage) if row.template.startswith("order_")
    }


# --- at once ------------------------------------------------------------------------------------------------


def test_all_accepted_confirms_at_once(order: Order, dipu: Actor) -> None:
    answer = order_life.answered(dipu, order)
    now = order_life.fresh(order.number)
    assert (answer.state, now.state, now.due) == ("accepted", "confirmed", Decimal(16500))
    assert now.confirmed_at is not None
    order_life.proved()


def test_take_less_holds_at_once(order: Order, dipu: Actor, bag: Product, cup: Product) -> None:
    order_life.wishing(order, "take_less")
    answer = order_life.answered(dipu, order, Reply("less", quantity=60), Reply("refuse"))
    now = order_life.fresh(order.number)
    assert (answer.state, now.state, now.due) == ("accepted", "confirmed", Decimal(8100))
    assert [line.progress.open for line in now.lines] == [60, 0]
    assert (available(bag), available(cup)) == (440, 500)
    order_life.proved()
    assert letters() == {("amina@test.example", "order_changed")}


def test_back_orders_hold_at_once_and_keep_the_rest(order: Order, dipu: Actor) -> None:
    order_life.wishing(order, "back_order")
    order_life.answered(dipu, order, Reply("less", quantity=60, ready_on=day(9)), Reply("later", ready_on=day(3)))
    now = order_life.fresh(order.number)
    assert (now.state, now.due) == ("confirmed", Decimal(16500))
    assert [(line.progress.open, line.progress.ready_on) for line in now.lines] == [(100, day(9)), (50, day(3))]
    order_life.proved()


@pytest.mark.parametrize("reply", [Reply("less", quantity=60), Reply("later", ready_on=day(3)), Reply("refuse")])
def test_all_or_nothing_cancels(order: Order, dipu: Actor, bag: Product, reply) -> None:
    order_life.wishing(order, "cancel")
    order_life.answered(dipu, order, reply)
    now = order_life.fresh(order.number)
    assert (now.state, now.due, available(bag)) == ("cancelled", Decimal(0), 500)
    order_life.proved()


def test_all_refused_needs_a_reason_and_cancels(order: Order, dipu: Actor) -> None:
    with pytest.raises(DomainError) as refused:
        order_life.answered(dipu, order, Reply("refuse"), Reply("refuse"))
    assert refused.value.field == "note"
    order_life.answered(dipu, order, Reply("refuse"), Reply("refuse"), note="The boat sank.")
    now = order_life.fresh(order.number)
    assert (now.state, now.moves[-1].reason) == ("cancelled", "The boat sank.")
    order_life.proved()


# --- asked --------------------------------------------------------------------------------------------------


def test_what_is_asked_changes_nothing_until_the_buyer_decides(order: Order, dipu: Actor) -> None:
    order_life.answered(dipu, order, Reply("less", quantity=60), Reply("later", ready_on=day(3)))
    now = order_life.fresh(order.number)
    proposal = order_life.proposed(order)
    assert (now.state, now.due) == ("placed", Decimal(16500))
    assert (proposal.before, proposal.after) == (taka("16500"), taka("11100"))
    assert [row.stays for row in proposal.rows] == [60, 50]
    order_life.proved()
    assert letters() == {("amina@test.example", "order_answered")}


def test_accepted_by_the_buyer(order: Order, dipu: Actor, amina: Actor, bag: Product) -> None:
    order_life.answered(dipu, order, Reply("less", quantity=60), Reply("later", ready_on=day(3)))
    letters()
    actions.accept(actor=amina, number=order.number, seen=order_life.proposed(order).seen)
    now = order_life.fresh(order.number)
    assert (now.state, now.due, available(bag)) == ("confirmed", Decimal(11100), 440)
    assert [(line.progress.open, line.progress.ready_on) for line in now.lines] == [(60, None), (50, day(3))]
    order_life.proved()
    assert ("dipu@test.example", "order_answer_decided") in letters()


def test_pressed_twice_it_is_accepted_once(order: Order, dipu: Actor, amina: Actor) -> None:
    order_life.answered(dipu, order, Reply("less", quantity=60))
    seen = order_life.proposed(order).seen
    for _ in range(2):
        actions.accept(actor=amina, number=order.number, seen=seen)
    assert order_life.fresh(order.number).due == Decimal(11100)
    with pytest.raises(ConflictError):
        actions.decline(actor=amina, number=order.number, seen=seen)


def test_declined_cancels_the_order(order: Order, dipu: Actor, amina: Actor, bag: Product) -> None:
    catalog.product(order_seller(order), "Basket", tiers=((10, "130"),), stock=90)
    order_life.answered(dipu, order, instead())
    actions.decline(actor=amina, number=order.number, seen=order_life.proposed(order).seen)
    now = order_life.fresh(order.number)
    assert (now.state, now.due, available(bag)) == ("cancelled", Decimal(0), 500)
    assert held("answer:") == 0
    order_life.proved()


def order_seller(order: Order) -> Organization:
    return db.session.get_one(Organization, order.seller_id)


def held(of: str) -> int:
    return db.session.scalar(
        sa.text("SELECT coalesce(sum(quantity - shipped - released), 0) FROM allocation WHERE reference LIKE :of"),
        {"of": f"{of}%"},
    )  # type: ignore[return-value]


def test_a_confirmed_order_is_cancelled_too_when_the_buyer_declines(order: Order, dipu: Actor, amina: Actor) -> None:
    order_life.moved(dipu, order, "confirmed")
    order_life.answered(dipu, order, Reply("less", quantity=60))
    actions.decline(actor=amina, number=order.number, seen=order_life.proposed(order).seen)
    assert order_life.fresh(order.number).state == "cancelled"
    order_life.proved()


def test_what_was_seen_is_compared(order: Order, dipu: Actor, amina: Actor) -> None:
    order_life.answered(dipu, order, Reply("less", quantity=60))
    before = order_life.proposed(order).seen
    actions.withdraw(actor=dipu, number=order.number)
    order_life.answered(dipu, order, Reply("less", quantity=20))
    with pytest.raises(ConflictError):
        actions.accept(actor=amina, number=order.number, seen=before)
    assert order_life.fresh(order.number).due == Decimal(16500)


def test_a_seller_answers_what_they_saw(order: Order, dipu: Actor) -> None:
    seen = queries.seen_by_seller(order)
    order_actions.cancel_pieces(actor=dipu, number=order.number, pieces={order.lines[0].id: 10}, reason="x")
    with pytest.raises(ConflictError):
        actions.give(actor=dipu, number=order.number, seen=seen, replies={})


# --- substitutes --------------------------------------------------------------------------------------------


@pytest.fixture
def basket(cast: Cast) -> Product:
    """Of the platform's commission, so that both models stand in one order."""
    return catalog.product(
        cast.trader, "Basket", tiers=((10, "130"),), cost="70", stock=100, settlement=catalog.COMMISSION
    )


def test_a_substitute_is_set_aside_asked_about_and_becomes_a_line(
    order: Order, dipu: Actor, amina: Actor, bag: Product, basket: Product
) -> None:
    order_life.wishing(order, "take_less")
    answer = order_life.answered(dipu, order, instead())
    assert (answer.state, available(basket), available(bag)) == ("waiting", 10, 400)
    assert order_life.proposed(order).after == taka("14700")  # 90 × 130 = 11,700, and the cups
    actions.accept(actor=amina, number=order.number, seen=order_life.proposed(order).seen)
    now = order_life.fresh(order.number)
    assert (now.state, now.due, now.total, now.credited) == (
        "confirmed", Decimal(14700), Decimal(28200), Decimal(13500),
    )  # fmt: skip
    new = now.lines[-1]
    assert (new.replaces_id, new.position, new.quantity, new.line_total) == (now.lines[0].id, 3, 90, Decimal(11700))
    # 8 % commission of 11,700; the rest is the seller's.
    assert (new.settlement, new.platform_fee, new.seller_share) == ("commission", Decimal(936), Decimal(10764))
    assert (available(bag), available(basket), held("answer:"), held(order.number)) == (500, 10, 0, 140)
    purchase = db.session.get_one(Purchase, order.purchase_id)
    assert purchase.total == Decimal(28200)
    assert balance("buyer_receivable", order.buyer_id, "BDT") == taka("14700")
    keys = set(db.session.scalars(sa.select(LedgerJournal.key).where(LedgerJournal.reference == order.number)))
    assert keys == {f"order:{order.number}:{end}" for end in ("placed", "substituted:3", "credit:1")}
    order_life.proved()
    order_life.moved(dipu, order, "shipped", "delivered")
    order_life.proved()


def test_a_substitute_in_a_grouped_purchase(cast: Cast, amina: Actor, dipu: Actor, bag: Product, basket) -> None:
    other = organizations.business("Farid Mills", kind="seller", delivery_fee="120", members={})
    rice = catalog.product(other, "Rice", tiers=((5, "60.1250"),), cost="50")
    mine, theirs = order_life.placed(amina, {bag: 100, rice: 7})
    order_life.answered(dipu, mine, instead())
    actions.accept(actor=amina, number=mine.number, seen=order_life.proposed(mine).seen)
    assert (order_life.fresh(mine.number).due, order_life.fresh(theirs.number).due) == (
        Decimal(11700),
        Decimal("540.88"),
    )
    purchase = db.session.get_one(Purchase, mine.purchase_id)
    assert purchase.total == Decimal(13500 + 11700) + Decimal("540.88")
    order_life.proved()


def test_a_substitute_never_costs_more(order: Order, dipu: Actor, basket: Product) -> None:
    with pytest.raises(DomainError) as refused:
        order_life.answered(dipu, order, instead(quantity=90, price="150.01"))  # 13,500.90
    assert refused.value.field == f"line-{order.lines[0].id}-unit_price"
    order_life.answered(dipu, order, instead(quantity=90, price="150"))  # 13,500.00


@pytest.mark.parametrize(
    ("reply", "field"),
    [
        (instead(sku="NOTHING"), "sku"),
        (instead(sku="CUP"), "sku"),
        (instead(sku=""), "sku"),
        (instead(quantity=101, price="1"), "substitute_quantity"),
        (Reply("substitute", sku="BASKET", unit_price=taka("1")), "substitute_quantity"),
        (Reply("substitute", sku="BASKET", quantity=3), "unit_price"),
        (Reply("less", quantity=100), "quantity"),
        (Reply("less"), "quantity"),
        (Reply("later"), "ready_on"),
        (Reply("later", ready_on=day(0)), "ready_on"),
        (Reply("later", ready_on=day(400)), "ready_on"),
        (Reply("nonsense"), "kind"),
    ],
)
def test_what_cannot_be_answered_is_said_beside_its_field(order: Order, dipu: Actor, basket, reply, field) -> None:
    with pytest.raises(DomainError) as refused:
        order_life.answered(dipu, order, reply)
    assert refused.value.field == f"line-{order.lines[0].id}-{field}"
    db.session.rollback()
    assert db.session.query(OrderAnswer).count() == 0


def test_another_sellers_goods_are_no_substitute(cast: Cast, order: Order, dipu: Actor) -> None:
    other = organizations.business("Farid Mills", kind="seller", members={})
    catalog.product(other, "Basket")
    with pytest.raises(DomainError) as refused:
        order_life.answered(dipu, order, instead())
    assert str(refused.value.field).endswith("-sku")


# --- time ---------------------------------------------------------------------------------------------------


def test_time_cancels_what_was_changed(order: Order, dipu: Actor, amina: Actor, bag: Product, basket: Product) -> None:
    order_life.answered(dipu, order, instead())
    assert actions.expire() == 0
    db.session.commit()
    with clock.at(clock.now() + timedelta(hours=48)):
        with pytest.raises(ConflictError):
            actions.accept(actor=amina, number=order.number, seen=order_life.proposed(order).seen)
        db.session.rollback()
        assert actions.expire() == 1
        assert actions.expire() == 0
    now = order_life.fresh(order.number)
    assert (now.state, now.due) == ("confirmed", Decimal(3000))
    assert (available(bag), available(basket), held("answer:")) == (500, 100, 0)
    order_life.proved()
    # What was announced in two days waits two days.
    db.session.execute(sa.update(outbox.OutboxRow).values(available_at=clock.now()))
    assert {("amina@test.example", "order_answer_expired"), ("dipu@test.example", "order_answer_expired")} <= letters()


def test_time_cancels_the_order_when_nothing_is_left(amina: Actor, dipu: Actor, bag: Product) -> None:
    (order,) = order_life.placed(amina, {bag: 100})
    order_life.answered(dipu, order, Reply("less", quantity=60))
    with clock.at(clock.now() + timedelta(hours=49)):
        actions.expire()
    now = order_life.fresh(order.number)
    assert (now.state, now.due, available(bag)) == ("cancelled", Decimal(0), 500)
    order_life.proved()


# --- while it waits -----------------------------------------------------------------------------------------


def test_nothing_else_is_done_while_the_buyer_is_asked(order: Order, dipu: Actor, amina: Actor) -> None:
    order_life.moved(dipu, order, "confirmed")
    order_life.answered(dipu, order, Reply("less", quantity=60))
    line = order.lines[0].id
    db.session.commit()
    for forbidden in (
        lambda: order_actions.move_order(actor=dipu, number=order.number, to="shipped"),
        lambda: order_actions.move_order(actor=dipu, number=order.number, to="processing"),
        lambda: order_actions.ship(actor=dipu, number=order.number, pieces={line: 1}),
        lambda: order_actions.cancel_pieces(actor=dipu, number=order.number, pieces={line: 1}, reason="x"),
        lambda: order_life.answered(dipu, order),
    ):
        with pytest.raises(ConflictError, match="asked about changes"):
            forbidden()
        db.session.rollback()
    actions.withdraw(actor=dipu, number=order.number)
    actions.withdraw(actor=dipu, number=order.number)
    order_actions.move_order(actor=dipu, number=order.number, to="shipped")
    order_life.proved()


def test_cancelling_the_order_ends_the_question(order: Order, dipu: Actor, amina: Actor, basket: Product) -> None:
    answer = order_life.answered(dipu, order, instead())
    order_actions.move_order(actor=amina, number=order.number, to="cancelled", reason="Too slow")
    db.session.expire_all()
    assert db.session.get_one(OrderAnswer, answer.id).state == "declined"
    assert (available(basket), held("answer:")) == (100, 0)
    order_life.proved()


def test_what_was_shipped_is_not_answered_any_more(order: Order, dipu: Actor) -> None:
    order_life.moved(dipu, order, "confirmed", "shipped")
    with pytest.raises(ConflictError):
        order_life.answered(dipu, order)


def test_who_may_answer_and_who_decides(cast: Cast, order: Order, dipu: Actor, amina: Actor) -> None:
    with pytest.raises(ForbiddenError):
        order_life.answered(amina, order)
    with pytest.raises(NotFoundError):
        order_life.answered(accounts.actor(cast.chandni), order)
    order_life.answered(accounts.actor(cast.esha), order, Reply("less", quantity=60))
    seen = order_life.proposed(order).seen
    for act in (actions.accept, actions.decline):
        with pytest.raises(ForbiddenError):
            act(actor=dipu, number=order.number, seen=seen)
        with pytest.raises(NotFoundError):
            act(actor=accounts.actor(cast.chandni), number=order.number, seen=seen)
    with pytest.raises(ForbiddenError):
        actions.withdraw(actor=amina, number=order.number)
    actions.accept(actor=accounts.actor(cast.babul), number=order.number, seen=seen)
    assert order_life.fresh(order.number).state == "confirmed"


def test_nothing_to_decide(order: Order, amina: Actor, dipu: Actor) -> None:
    with pytest.raises(ConflictError):
        actions.accept(actor=amina, number=order.number, seen="")
    with pytest.raises(ConflictError):
        actions.withdraw(actor=dipu, number=order.number)


def test_a_substitute_has_the_tax_of_its_own_category(cast: Cast, order: Order, dipu: Actor, amina: Actor) -> None:
    """The bags were placed untaxed; baskets have 15 % on top today: 11,000 and 1,650 are within 13,500."""
    catalog.product(cast.trader, "Basket", tiers=((10, "110"),), cost="70", stock=100)
    taxes.rate(country="BD")
    order_life.answered(dipu, order, instead(quantity=100, price="110"))
    assert order_life.proposed(order).after == taka("15650")
    actions.accept(actor=amina, number=order.number, seen=order_life.proposed(order).seen)
    now = order_life.fresh(order.number)
    new = now.lines[-1]
    assert (new.tax_name, new.tax_amount, new.tax_included) == ("VAT", Decimal(1650), False)
    assert (now.tax_total, now.due) == (Decimal(1650), Decimal(15650))
    order_life.proved()


def test_the_tax_counts_in_what_a_substitute_may_cost(cast: Cast, order: Order, dipu: Actor) -> None:
    catalog.product(cast.trader, "Basket", tiers=((10, "110"),), cost="70", stock=200)
    taxes.rate(country="BD")
    with pytest.raises(DomainError) as refused:
        order_life.answered(dipu, order, instead(quantity=100, price="120"))  # 12,000 and 1,800
    assert str(refused.value.field).endswith("-unit_price")


def test_nor_does_it_when_the_tax_rises_before_the_buyer_decides(
    cast: Cast, order: Order, dipu: Actor, amina: Actor
) -> None:
    catalog.product(cast.trader, "Basket", tiers=((10, "135"),), cost="70", stock=200)
    order_life.answered(dipu, order, instead(quantity=100, price="135"))
    taxes.rate(country="BD")
    seen = order_life.proposed(order).seen
    with pytest.raises(DomainError, match="may not cost more"), db.session.begin_nested():
        actions.accept(actor=amina, number=order.number, seen=seen)
    assert order_life.fresh(order.number).due == Decimal(16500)


def test_two_substitutes_in_one_answer(cast: Cast, order: Order, dipu: Actor, amina: Actor, basket: Product) -> None:
    catalog.product(cast.trader, "Mug", tiers=((10, "50"),), cost="30", stock=100)
    order_life.answered(dipu, order, instead(), instead(quantity=50, price="50", sku="MUG"))
    actions.accept(actor=amina, number=order.number, seen=order_life.proposed(order).seen)
    now = order_life.fresh(order.number)
    assert (now.due, [line.progress.open for line in now.lines]) == (Decimal(14200), [0, 0, 90, 50])
    order_life.proved()


def test_a_substitute_of_an_order_that_is_invoiced_already(
    order: Order, dipu: Actor, amina: Actor, basket: Product
) -> None:
    order_life.moved(dipu, order, "confirmed")
    letters()  # and the invoice
    order_life.answered(dipu, order, instead())
    actions.accept(actor=amina, number=order.number, seen=order_life.proposed(order).seen)
    letters()
    now = order_life.fresh(order.number)
    assert (now.state, now.due) == ("confirmed", Decimal(14700))
    order_life.proved()
    order_life.moved(dipu, order, "shipped", "delivered")
    letters()
    order_life.proved()
