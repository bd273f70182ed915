"""Purchase orders on the real database: numbers, states, receiving, what is on order."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa

from tests.conftest import Cast
from tests.factories import accounts, batches, catalog, organizations, purchasing
from wholesale.inventory import actions as stock
from wholesale.inventory import queries as inventory
from wholesale.inventory.batches.models import Batch, BatchStock
from wholesale.inventory.models import InventoryLog, Location
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from wholesale.kernel.money import Money
from wholesale.platform.db import db
from wholesale.platform.outbox import OutboxRow
from wholesale.purchasing import actions, queries
from wholesale.purchasing.models import (
    CostOffer,
    PurchaseDeliveryLine,
    PurchaseOrder,
    PurchaseOrderLine,
    PurchaseOrderMove,
    Supplier,
    SupplierItem,
)
from wholesale.purchasing.rules import Arrived, SupplierFacts, Wish

THIS_YEAR = 2026


def lines_of(order: PurchaseOrder) -> list[PurchaseOrderLine]:
    return list(
        db.session.scalars(
            sa.select(PurchaseOrderLine).filter_by(order_id=order.id).order_by(PurchaseOrderLine.position)
        )
    )


def log_of(number: str) -> list[tuple[str, int, int, int]]:
    rows = db.session.execute(
        sa.select(InventoryLog.kind, InventoryLog.quantity, InventoryLog.previous, InventoryLog.new)
        .filter_by(reference=number)
        .order_by(InventoryLog.id)
    )
    return [(row.kind, row.quantity, row.previous, row.new) for row in rows]


def test_example_4(cast: Cast) -> None:
    tea = catalog.product(cast.trader, "Black Tea 500 g", sku="EX-TEA-01", stock=15)
    of = purchasing.supplier(cast.trader)
    purchasing.sells(of, tea, moq=10)
    [variant] = catalog.variants_of(tea)
    dipu = accounts.actor(cast.dipu)
    order = actions.raise_order(
        actor=dipu, seller_id=cast.trader.id, supplier_id=of.id, pieces={variant: 100}, key="alert-1"
    )
    year = queries.today().year
    assert order.number == f"PO-{year}-001"
    assert order.state == "draft"
    [line] = lines_of(order)
    assert Money(line.unit_cost * line.quantity, order.currency) == Money(Decimal(8000), "BDT")
    assert (order.expected_from, order.expected_to) == tuple(
        date.fromordinal(queries.today().toordinal() + days) for days in (3, 5)
    )
    assert queries.on_order([variant]) == {variant: 100}
    assert inventory.available([variant]) == {variant: 15}, "what is on order is never available"
    actions.send(actor=dipu, order_id=order.id)
    actions.receive(actor=dipu, order_id=order.id, arrived={line.id: Arrived(good=100)})
    assert log_of(order.number) == [("PURCHASE", 100, 15, 115)]
    assert order.state == "received"
    assert queries.on_order([variant]) == {}
    assert db.session.scalars(sa.select(CostOffer)).all() == [], "it cost what it did before"
    events = db.session.scalars(sa.select(OutboxRow.event)).all()
    assert "PurchaseOrderSent" in events


def test_the_same_wish_raises_one_order(cast: Cast) -> None:
    tea = catalog.product(cast.trader)
    of = purchasing.supplier(cast.trader)
    first = purchasing.ordered(of, tea, key="alert-7")
    again = purchasing.ordered(of, tea, 200, key="alert-7")
    other = purchasing.ordered(of, tea, key="alert-8")
    assert again.id == first.id
    assert (first.sequence, other.sequence) == (1, 2)


def test_numbers_per_seller_and_year(cast: Cast) -> None:
    tea, of = catalog.product(cast.trader), purchasing.supplier(cast.trader)
    farid = accounts.user("Farid")
    other = organizations.business("Farid Traders", kind="seller", members={farid: "owner"})
    theirs = catalog.product(other, "Rice")
    new_year_in_dhaka = clock.now().replace(year=2026, month=12, day=31, hour=18, minute=0)
    with clock.at(new_year_in_dhaka.replace(hour=17)):
        numbers = [purchasing.ordered(of, tea).number for _ in range(2)]
    with clock.at(new_year_in_dhaka):
        numbers.append(purchasing.ordered(of, tea).number)
        numbers.append(purchasing.ordered(purchasing.supplier(other), theirs).number)
    assert numbers == ["PO-2026-001", "PO-2026-002", "PO-2027-001", "PO-2027-001"]


def test_a_cancelled_order_keeps_its_number(cast: Cast) -> None:
    tea, of = catalog.product(cast.trader), purchasing.supplier(cast.trader)
    first = purchasing.ordered(of, tea)
    actions.cancel(actor=SYSTEM, order_id=first.id)
    second = purchasing.ordered(of, tea)
    assert (first.sequence, second.sequence) == (1, 2)
    assert queries.on_order(catalog.variants_of(tea)) == {catalog.variants_of(tea)[0]: 100}
    with pytest.raises(ConflictError):
        actions.send(actor=SYSTEM, order_id=first.id)
    with pytest.raises(sa.exc.DatabaseError, match="permission denied"), db.session.begin_nested():
        db.session.execute(sa.delete(PurchaseOrder).where(PurchaseOrder.id == first.id))


def test_a_refused_order_takes_no_number(cast: Cast) -> None:
    tea, of = catalog.product(cast.trader), purchasing.supplier(cast.trader)
    purchasing.sells(of, tea, moq=10, pack=6)
    with pytest.raises(DomainError, match="Order 96 or 102"):
        purchasing.ordered(of, tea, 100)
    with pytest.raises(DomainError, match="sells 10 or more"):
        purchasing.ordered(of, tea, 6)
    order = purchasing.ordered(of, tea, 7, exception="They open a carton for us.")
    assert order.sequence == 1
    assert lines_of(order)[0].exception == "They open a carton for us."


def test_the_first_order_needs_no_supplier(cast: Cast) -> None:
    tea = catalog.product(cast.trader, cost="80", lead_time_days=4)
    [variant] = catalog.variants_of(tea)
    assert queries.sources([variant]) == {}
    order = actions.raise_order(actor=SYSTEM, seller_id=cast.trader.id, supplier_id=None, pieces={variant: 100})
    again = actions.raise_order(actor=SYSTEM, seller_id=cast.trader.id, supplier_id=None, pieces={variant: 20})
    supplier = db.session.get_one(Supplier, order.supplier_id)
    assert (supplier.name, supplier.is_named) == ("Not named yet", False)
    assert again.supplier_id == order.supplier_id
    source = queries.sources([variant])[variant]
    assert (source.supplier_id, source.moq, source.pack, source.lead_days) == (supplier.id, 1, 1, (4, 4))
    assert source.unit_cost(100) == Money(Decimal(80), "BDT")
    with pytest.raises(DomainError, match="e-mail"):
        actions.send(actor=SYSTEM, order_id=order.id)
    assert actions.send(actor=SYSTEM, order_id=order.id, by_hand=True).state == "sent"


def test_a_supplier_who_is_called_as_if_they_had_no_name(cast: Cast) -> None:
    [variant] = catalog.variants_of(catalog.product(cast.trader))
    odd = purchasing.supplier(cast.trader, "not named YET")
    order = actions.raise_order(actor=SYSTEM, seller_id=cast.trader.id, supplier_id=None, pieces={variant: 100})
    assert order.supplier_id == odd.id


def test_sources(cast: Cast) -> None:
    tea = catalog.product(cast.trader)
    [variant] = catalog.variants_of(tea)
    cheap, other = purchasing.supplier(cast.trader), purchasing.supplier(cast.trader, "Other")
    purchasing.sells(cheap, tea, tiers=((1, "80"), (100, "78"), (500, "75.5")), moq=10, pack=5, lead_min=1, lead_max=2)
    purchasing.sells(other, tea, tiers=((1, "90"),))
    source = queries.sources([variant])[variant]
    assert (source.supplier_id, source.moq, source.pack, source.lead_days) == (cheap.id, 10, 5, (1, 2))
    assert [source.unit_cost(pieces).amount for pieces in (1, 99, 100, 499, 500)] == [
        Decimal(80), Decimal(80), Decimal(78), Decimal(78), Decimal("75.5"),
    ]  # fmt: skip
    purchasing.sells(other, tea, tiers=((1, "90"),), preferred=True)
    assert queries.sources([variant])[variant].supplier_id == other.id
    actions.end_supplier(actor=SYSTEM, supplier_id=other.id)
    assert queries.sources([variant]) == {}
    with pytest.raises(DomainError, match="any more"):
        purchasing.ordered(other, tea)


def test_several_deliveries(cast: Cast) -> None:
    tea, of = catalog.product(cast.trader, stock=15), purchasing.supplier(cast.trader)
    [variant] = catalog.variants_of(tea)
    order = purchasing.sent(of, tea)
    [line] = lines_of(order)
    actions.receive(actor=SYSTEM, order_id=order.id, arrived={line.id: Arrived(good=40)}, note="DN-1")
    assert (order.state, line.received, queries.on_order([variant])) == ("partly_received", 40, {variant: 60})
    with pytest.raises(ConflictError):
        actions.cancel(actor=SYSTEM, order_id=order.id, reason="No.")
    with pytest.raises(DomainError, match="5 more than were still to come"):
        actions.receive(actor=SYSTEM, order_id=order.id, arrived={line.id: Arrived(good=65)})
    actions.receive(actor=SYSTEM, order_id=order.id, arrived={line.id: Arrived(good=65)}, more=True)
    assert (order.state, line.received, line.open) == ("received", 105, 0)
    assert log_of(order.number) == [("PURCHASE", 40, 15, 55), ("PURCHASE", 65, 55, 120)]
    extras = db.session.scalars(sa.select(PurchaseDeliveryLine.extra).order_by(PurchaseDeliveryLine.id)).all()
    assert extras == [0, 5]
    with pytest.raises(ConflictError, match="Received"):
        actions.receive(actor=SYSTEM, order_id=order.id, arrived={line.id: Arrived(good=1)}, more=True)
    steps = db.session.execute(
        sa.select(PurchaseOrderMove.before, PurchaseOrderMove.after)
        .filter_by(order_id=order.id)
        .order_by(PurchaseOrderMove.id)
    ).all()
    assert [tuple(step) for step in steps] == [
        (None, "draft"), ("draft", "sent"), ("sent", "partly_received"), ("partly_received", "received"),
    ]  # fmt: skip


def test_damaged(cast: Cast) -> None:
    tea, of = catalog.product(cast.trader, stock=15), purchasing.supplier(cast.trader)
    order = purchasing.sent(of, tea)
    [line] = lines_of(order)
    with pytest.raises(DomainError, match="Say what is wrong"):
        actions.receive(actor=SYSTEM, order_id=order.id, arrived={line.id: Arrived(good=90, damaged=10)})
    actions.receive(
        actor=SYSTEM,
        order_id=order.id,
        arrived={line.id: Arrived(good=80, damaged=10, fate="written_off", reason="Wet")},
    )
    assert log_of(order.number) == [("PURCHASE", 90, 15, 105), ("WRITE_OFF", -10, 105, 95)]
    assert (line.received, line.damaged, line.open) == (90, 10, 10)
    actions.receive(
        actor=SYSTEM, order_id=order.id, arrived={line.id: Arrived(damaged=4, fate="refused", reason="Mouldy")}
    )
    assert (line.received, line.refused, line.open, order.state) == (90, 4, 10, "partly_received")
    actions.close_short(actor=SYSTEM, order_id=order.id, reason="They have no more.")
    assert (line.closed, line.open, order.state) == (10, 0, "closed")
    assert queries.on_order(catalog.variants_of(tea)) == {}


def test_a_delivery_that_is_not_accepted_at_all_leaves_the_order_sent(cast: Cast) -> None:
    tea, of = catalog.product(cast.trader, stock=15), purchasing.supplier(cast.trader)
    order = purchasing.sent(of, tea)
    [line] = lines_of(order)
    seen = order.revision
    mouldy = Arrived(damaged=100, fate="refused", reason="Mouldy")
    actions.receive(actor=SYSTEM, order_id=order.id, arrived={line.id: mouldy}, revision=seen)
    assert (order.state, line.received, line.refused, line.open) == ("sent", 0, 100, 100)
    assert log_of(order.number) == []
    with pytest.raises(DomainError, match="Somebody has changed"):
        actions.receive(actor=SYSTEM, order_id=order.id, arrived={line.id: mouldy}, revision=seen)
    with pytest.raises(DomainError, match="not accepted"):
        actions.reopen(actor=SYSTEM, order_id=order.id)
    actions.receive(actor=SYSTEM, order_id=order.id, arrived={line.id: Arrived(good=100)})
    assert order.state == "received"


def test_nothing_comes_of_a_cancelled_one(cast: Cast) -> None:
    tea, of = catalog.product(cast.trader), purchasing.supplier(cast.trader)
    order = purchasing.sent(of, tea)
    [line] = lines_of(order)
    with pytest.raises(DomainError, match="Say why"):
        actions.cancel(actor=SYSTEM, order_id=order.id)
    actions.cancel(actor=SYSTEM, order_id=order.id, reason="Too dear")
    with pytest.raises(ConflictError, match="Cancelled"):
        actions.receive(actor=SYSTEM, order_id=order.id, arrived={line.id: Arrived(good=1)})


@pytest.mark.parametrize("arrived", [[], [Arrived()]])
def test_nothing_came(cast: Cast, arrived: list[Arrived]) -> None:
    order = purchasing.sent(purchasing.supplier(cast.trader), catalog.product(cast.trader))
    [line] = lines_of(order)
    with pytest.raises(DomainError, match="how many"):
        actions.receive(actor=SYSTEM, order_id=order.id, arrived=dict.fromkeys([line.id], *arrived) if arrived else {})


def test_landed_cost_is_offered_and_never_taken_silently(cast: Cast) -> None:
    tea, of = catalog.product(cast.trader, stock=100, cost="80"), purchasing.supplier(cast.trader)
    order = purchasing.sent(of, tea)
    [line] = lines_of(order)
    actions.receive(
        actor=SYSTEM,
        order_id=order.id,
        arrived={line.id: Arrived(good=100, unit_cost=Decimal(82))},
        freight=Decimal(150),
        other_costs=Decimal(50),
    )
    [offer] = db.session.scalars(sa.select(CostOffer)).all()
    assert (offer.before, offer.last, offer.average) == (Decimal(80), Decimal(84), Decimal(82))
    assert tea.cost == Decimal(80)
    delivered = db.session.scalars(sa.select(PurchaseDeliveryLine)).one()
    assert (delivered.unit_cost, delivered.share, delivered.landed_cost) == (Decimal(82), Decimal(200), Decimal(84))
    assert line.unit_cost == Decimal(80), "the order says what was ordered"
    dipu = accounts.actor(cast.dipu)
    actions.answer_offer(actor=dipu, offer_id=offer.id, answer="average")
    actions.answer_offer(actor=dipu, offer_id=offer.id, answer="average")
    assert tea.cost == Decimal(82)
    with pytest.raises(ConflictError):
        actions.answer_offer(actor=dipu, offer_id=offer.id, answer="last")


def test_a_draft_is_changed_and_a_sent_one_sent_again(cast: Cast) -> None:
    tea, rice = catalog.product(cast.trader), catalog.product(cast.trader, "Rice")
    of = purchasing.supplier(cast.trader)
    order = purchasing.sent(of, tea)
    seen = order.revision
    [tea_id], [rice_id] = catalog.variants_of(tea), catalog.variants_of(rice)
    with pytest.raises(DomainError, match="was sent"):
        actions.save_draft(actor=SYSTEM, order_id=order.id, location_id=order.location_id, wishes=[Wish(rice_id, 5)])
    actions.reopen(actor=SYSTEM, order_id=order.id, revision=seen)
    with pytest.raises(DomainError, match="Somebody has changed"):
        actions.save_draft(
            actor=SYSTEM, order_id=order.id, revision=seen, location_id=order.location_id, wishes=[Wish(rice_id, 5)]
        )
    actions.save_draft(
        actor=SYSTEM,
        order_id=order.id,
        revision=order.revision,
        location_id=order.location_id,
        wishes=[Wish(rice_id, 5, Decimal("1.2345")), Wish(tea_id, 60)],
        freight=Decimal(100),
    )
    assert [(line.variant_id, line.quantity, line.unit_cost) for line in lines_of(order)] == [
        (rice_id, 5, Decimal("1.2345")), (tea_id, 60, Decimal(80)),
    ]  # fmt: skip
    actions.send(actor=SYSTEM, order_id=order.id)
    assert order.version == 2
    assert queries.on_order([tea_id, rice_id]) == {tea_id: 60, rice_id: 5}


def test_others_see_nothing(cast: Cast) -> None:
    tea, of = catalog.product(cast.trader), purchasing.supplier(cast.trader)
    order = purchasing.sent(of, tea)
    farid = accounts.user("Farid")
    organizations.business("Farid Traders", kind="seller", members={farid: "owner"})
    stranger = accounts.actor(farid)
    for attempt in (
        lambda: actions.cancel(actor=stranger, order_id=order.id),
        lambda: actions.send(actor=stranger, order_id=order.id),
        lambda: actions.receive(actor=stranger, order_id=order.id, arrived={}),
        lambda: actions.raise_order(actor=stranger, seller_id=cast.trader.id, supplier_id=of.id, pieces={1: 1}),
        lambda: actions.end_supplier(actor=stranger, supplier_id=of.id),
    ):
        with pytest.raises(NotFoundError):
            attempt()
    with pytest.raises(ForbiddenError):
        actions.cancel(actor=accounts.actor(cast.amina), order_id=order.id)
    with pytest.raises(NotFoundError):
        actions.raise_order(
            actor=stranger,
            seller_id=stranger.acting_organization,
            supplier_id=None,
            pieces={catalog.variants_of(tea)[0]: 1},
        )


@pytest.mark.parametrize("quantity", [0, -5, 10_000_001])
def test_impossible_quantities(cast: Cast, quantity: int) -> None:
    with pytest.raises(DomainError, match="whole number"):
        purchasing.ordered(purchasing.supplier(cast.trader), catalog.product(cast.trader), quantity)


def test_more_than_can_be_kept(cast: Cast) -> None:
    tea, of = catalog.product(cast.trader), purchasing.supplier(cast.trader)
    order = purchasing.ordered(of, tea)
    with pytest.raises(DomainError, match="more than can be kept"):
        actions.save_draft(
            actor=SYSTEM,
            order_id=order.id,
            location_id=order.location_id,
            wishes=[Wish(catalog.variants_of(tea)[0], 10_000_000, Decimal(10) ** 11)],
        )


def test_items_of_a_supplier(cast: Cast) -> None:
    tea, of = catalog.product(cast.trader), purchasing.supplier(cast.trader)
    purchasing.sells(of, tea, tiers=((1, "80"), (100, "78")), supplier_sku="T-1")
    purchasing.sells(of, tea, tiers=((1, "81"), (50, "79")), supplier_sku="T-2")
    [item] = db.session.scalars(sa.select(SupplierItem)).all()
    assert item.tiers == [(1, Decimal(81)), (50, Decimal(79))]
    assert (item.supplier_sku, item.preferred) == ("T-2", True)
    actions.save_items(actor=SYSTEM, supplier_id=of.id, items=[], gone=[item.id])
    assert queries.sources(catalog.variants_of(tea)) == {}


def test_nothing_comes_to_a_closed_location(cast: Cast) -> None:
    of, tea = purchasing.supplier(cast.trader), catalog.product(cast.trader)
    order = purchasing.sent(of, tea)
    [line] = lines_of(order)
    location = db.session.get_one(Location, order.location_id)
    other = stock.open_location(organization_id=cast.trader.id, name="Shop", district="Dhaka")
    location.closed_at = clock.now()
    db.session.flush()
    with pytest.raises(DomainError, match="closed"):
        actions.receive(actor=SYSTEM, order_id=order.id, arrived={line.id: Arrived(good=100)})
    actions.receive(actor=SYSTEM, order_id=order.id, arrived={line.id: Arrived(good=100)}, location_id=other.id)
    assert order.state == "received"
    location.closed_at = None


def test_batches_come_in_with_their_day(cast: Cast) -> None:
    of, tea = purchasing.supplier(cast.trader), catalog.product(cast.trader, stock=0)
    order = purchasing.sent(of, tea)
    [line] = lines_of(order)
    with pytest.raises(DomainError, match="needs both"):
        actions.receive(actor=SYSTEM, order_id=order.id, arrived={line.id: Arrived(good=5, code="B-1")})
    until = queries.today().replace(year=queries.today().year + 1, day=1)
    actions.receive(actor=SYSTEM, order_id=order.id, arrived={line.id: Arrived(good=5, code="B-1", expires_on=until)})
    [batch] = db.session.scalars(sa.select(Batch)).all()
    assert (batch.code, batch.expires_on) == ("B-1", until)


@pytest.mark.parametrize(
    ("code", "expected"), [("NEW", {"OLD": 20, "NEW": 45}), ("OLD", {"OLD": 65}), ("", {"OLD": 20})]
)
def test_damaged_pieces_are_of_the_batch_they_came_in(cast: Cast, code: str, expected: dict[str, int]) -> None:
    of, tea = purchasing.supplier(cast.trader), catalog.product(cast.trader, stock=20)
    batches.registered(tea, 20, code="OLD", days=20)
    order = purchasing.sent(of, tea)
    [line] = lines_of(order)
    until = batches.day(20 if code == "OLD" else 90) if code else None
    actions.receive(
        actor=SYSTEM,
        order_id=order.id,
        arrived={line.id: Arrived(good=45, damaged=5, reason="Wet", code=code, expires_on=until)},
    )
    assert batches_left() == expected
    assert inventory.proof() == []


def test_loose_pieces_that_came_damaged_are_of_no_earlier_delivery(cast: Cast) -> None:
    tea = catalog.product(cast.trader, stock=0)
    order = purchasing.sent(purchasing.supplier(cast.trader), tea)
    [line] = lines_of(order)
    first = Arrived(good=45, damaged=5, reason="Wet", code="A", expires_on=batches.day(20))
    actions.receive(actor=SYSTEM, order_id=order.id, arrived={line.id: first})
    actions.receive(actor=SYSTEM, order_id=order.id, arrived={line.id: Arrived(good=45, damaged=5, reason="Wet")})
    assert batches_left() == {"A": 45}
    assert inventory.proof() == []


def batches_left() -> dict[str, int]:
    rows = db.session.execute(
        sa.select(Batch.code, BatchStock.pieces)
        .join(BatchStock, BatchStock.batch_id == Batch.id)
        .where(BatchStock.pieces > 0)
    )
    return {row.code: row.pieces for row in rows}


def test_another_currency_offers_no_cost(cast: Cast) -> None:
    of = purchasing.supplier(cast.trader, currency="USD")
    tea = catalog.product(cast.trader, stock=10)
    order = purchasing.sent(of, tea)
    [line] = lines_of(order)
    assert line.unit_cost == 0, "what it costs in taka says nothing of dollars"
    actions.receive(actor=SYSTEM, order_id=order.id, arrived={line.id: Arrived(good=100, unit_cost=Decimal("1.25"))})
    assert db.session.scalars(sa.select(CostOffer)).all() == []


def test_an_old_offer_ends_with_the_next_delivery(cast: Cast) -> None:
    of, tea = purchasing.supplier(cast.trader), catalog.product(cast.trader, stock=10)
    order = purchasing.sent(of, tea)
    first = purchasing.offered(order, "90", 40)
    second = purchasing.offered(order, "95", 60)
    assert db.session.get_one(CostOffer, first).answer == "kept"
    with pytest.raises(ConflictError):
        actions.answer_offer(actor=SYSTEM, offer_id=first, answer="last")
    tea.cost = Decimal(70)
    db.session.flush()
    with pytest.raises(ConflictError, match="cost"):
        actions.answer_offer(actor=SYSTEM, offer_id=second, answer="last")


def test_the_average_goes_on_from_an_offer_that_nobody_has_answered(cast: Cast) -> None:
    of, tea = purchasing.supplier(cast.trader), catalog.product(cast.trader, stock=0, cost="80")
    order = purchasing.sent(of, tea, 200)
    first = purchasing.offered(order, "100", 50)
    assert db.session.get_one(CostOffer, first).average == Decimal(100)
    second = purchasing.offered(order, "80", 50)
    assert second != first
    offer = db.session.get_one(CostOffer, second)
    assert (offer.before, offer.last, offer.average, offer.answer) == (Decimal(80), Decimal(80), Decimal(90), "open")
    tea.cost = Decimal(70)
    db.session.flush()
    third = db.session.get_one(CostOffer, purchasing.offered(order, "90", 100))
    assert (third.before, third.average) == (Decimal(70), Decimal(80)), "what somebody has set since counts"


def test_an_offer_stays_open_while_goods_come_in_another_currency(cast: Cast) -> None:
    tea = catalog.product(cast.trader, stock=0, cost="80")
    first = purchasing.offered(purchasing.sent(purchasing.supplier(cast.trader), tea), "100", 50)
    abroad = purchasing.supplier(cast.trader, "Overseas Tea", currency="USD")
    assert purchasing.offered(purchasing.sent(abroad, tea), "1", 50) == first
    assert db.session.get_one(CostOffer, first).answer == "open"


def test_the_currency_stays_with_what_was_agreed_in_it(cast: Cast) -> None:
    of = purchasing.supplier(cast.trader)
    facts = SupplierFacts(name=of.name, currency="USD")
    actions.change_supplier(actor=SYSTEM, supplier_id=of.id, facts=facts)
    assert of.currency == "USD"
    purchasing.sells(of, catalog.product(cast.trader))
    with pytest.raises(DomainError, match="are in USD"):
        actions.change_supplier(actor=SYSTEM, supplier_id=of.id, facts=replace(facts, currency="BDT"))
