"""Stock changes on the real database, each with its row in the log."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.conftest import Cast
from tests.factories import accounts, catalog, organizations
from tests.queries_counted import queries_counted
from wholesale.catalog.models import Product
from wholesale.inventory import actions, queries
from wholesale.inventory.errors import BelowAllocatedError, ShortageError
from wholesale.inventory.models import InventoryLog, Stock
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.errors import DomainError
from wholesale.platform.db import db
from wholesale.platform.transaction import run, transaction


@pytest.fixture
def bag(cast: Cast) -> Product:
    return catalog.product(cast.trader, stock=100)


def figures(variant: int) -> tuple[int, int]:
    row = db.session.execute(sa.select(Stock.on_hand, Stock.allocated).where(Stock.variant_id == variant)).one()
    return row.on_hand, row.allocated


def test_receiving_is_logged_as_purchase(cast: Cast, bag: Product) -> None:
    """EX-4: +100 on 15 is 115."""
    (variant,) = catalog.variants_of(catalog.product(cast.trader, "Tea", stock=15))
    actions.receive(
        actor=SYSTEM,
        location_id=catalog.location_of(cast.trader.id).id,
        quantities={variant: 100},
        reference="PO-2026-001",
    )
    row = db.session.scalars(
        sa.select(InventoryLog).where(InventoryLog.variant_id == variant).order_by(InventoryLog.id.desc())
    ).first()
    assert row is not None
    assert (row.kind, row.quantity, row.previous, row.new, row.reference) == ("PURCHASE", 100, 15, 115, "PO-2026-001")


@pytest.mark.parametrize("pieces", [0, -1])
def test_nothing_below_one_is_received(cast: Cast, bag: Product, pieces: int) -> None:
    with pytest.raises(DomainError):
        actions.receive(
            actor=SYSTEM,
            location_id=catalog.location_of(cast.trader.id).id,
            quantities={catalog.variants_of(bag)[0]: pieces},
            reference="X",
        )


def test_allocate_ship_and_release(cast: Cast, bag: Product) -> None:
    (variant,) = catalog.variants_of(bag)
    amina = accounts.actor(cast.amina)
    actions.allocate(actor=amina, reference="A", wanted={variant: 30})
    actions.allocate(actor=amina, reference="B", wanted={variant: 20})
    assert figures(variant) == (100, 50)
    assert queries.available([variant]) == {variant: 50}
    for _ in range(2):  # the second time changes nothing
        actions.ship(actor=amina, reference="A")
        actions.release(actor=amina, reference="B")
        assert figures(variant) == (70, 0)
    assert queries.proof() == []


def test_what_was_shipped_cannot_be_released(cast: Cast, bag: Product) -> None:
    (variant,) = catalog.variants_of(bag)
    amina = accounts.actor(cast.amina)
    actions.allocate(actor=amina, reference="A", wanted={variant: 30})
    actions.ship(actor=amina, reference="A")
    actions.release(actor=amina, reference="A")
    assert figures(variant) == (70, 0)


def test_all_or_none(cast: Cast, bag: Product) -> None:
    tea = catalog.product(cast.trader, "Tea", stock=5)
    (variant,), (other,) = catalog.variants_of(bag), catalog.variants_of(tea)
    with pytest.raises(ShortageError) as refused:
        actions.allocate(actor=SYSTEM, reference="A", wanted={variant: 10, other: 6})
    assert refused.value.missing == {other: 5}
    assert figures(variant) == (100, 0)


def test_several_locations_are_used_when_they_must(cast: Cast, bag: Product) -> None:
    (variant,) = catalog.variants_of(bag)
    shop = actions.open_location(organization_id=cast.trader.id, name="Shop", district="Dhaka")
    actions.receive(actor=SYSTEM, location_id=shop.id, quantities={variant: 40}, reference="X")
    actions.allocate(actor=SYSTEM, reference="A", wanted={variant: 120})
    taken = dict(db.session.execute(sa.select(Stock.on_hand, Stock.allocated).where(Stock.variant_id == variant)).all())
    assert taken == {100: 100, 40: 20}
    actions.ship(actor=SYSTEM, reference="A")
    assert queries.proof() == []


def test_the_log_cannot_be_changed(cast: Cast, bag: Product) -> None:
    with pytest.raises(sa.exc.DBAPIError, match=r"append-only|permission denied"):
        db.session.execute(sa.update(InventoryLog).values(quantity=1))
    db.session.rollback()


def test_the_proof_finds_what_the_log_does_not_say(cast: Cast, bag: Product) -> None:
    (variant,) = catalog.variants_of(bag)
    db.session.execute(sa.update(Stock).where(Stock.variant_id == variant).values(on_hand=101))
    (problem,) = queries.proof()
    assert "on hand 101, by the log 100" in problem


def logged(variant: int) -> list[tuple[str, int, int, int, str]]:
    rows = db.session.scalars(
        sa.select(InventoryLog).where(InventoryLog.variant_id == variant).order_by(InventoryLog.id)
    )
    return [(row.kind, row.quantity, row.previous, row.new, row.reference) for row in rows]


@pytest.mark.parametrize("count", [0, 1, 99, 101, 5000])
def test_a_count_becomes_what_is_on_hand(cast: Cast, bag: Product, count: int) -> None:
    (variant,) = catalog.variants_of(bag)
    place = catalog.location_of(cast.trader.id).id
    actions.set_on_hand(actor=SYSTEM, location_id=place, counts={variant: count}, reference="count 7")
    assert figures(variant) == (count, 0)
    assert logged(variant)[-1] == ("ADJUSTMENT", count - 100, 100, count, "count 7")
    assert queries.proof() == []


def test_a_count_that_changes_nothing_leaves_no_trace(cast: Cast, bag: Product) -> None:
    (variant,) = catalog.variants_of(bag)
    before = logged(variant)
    place = catalog.location_of(cast.trader.id).id
    actions.set_on_hand(actor=SYSTEM, location_id=place, counts={variant: 100}, reference="count")
    actions.set_on_hand(actor=SYSTEM, location_id=place, counts={}, reference="count")
    assert logged(variant) == before


def test_a_count_below_what_is_promised_is_refused_whole(cast: Cast, bag: Product) -> None:
    tea = catalog.product(cast.trader, "Tea", stock=5)
    (variant,), (other,) = catalog.variants_of(bag), catalog.variants_of(tea)
    actions.allocate(actor=accounts.actor(cast.amina), reference="A", wanted={variant: 30})
    place = catalog.location_of(cast.trader.id).id
    with pytest.raises(BelowAllocatedError) as refused:
        actions.set_on_hand(actor=SYSTEM, location_id=place, counts={variant: 29, other: 8}, reference="count")
    assert refused.value.promised == {variant: 30}
    assert (figures(variant), figures(other)) == ((100, 30), (5, 0))
    actions.set_on_hand(actor=SYSTEM, location_id=place, counts={variant: 30, other: 8}, reference="count")
    assert (figures(variant), figures(other)) == ((30, 30), (8, 0))


def test_a_count_of_a_new_place_does_not_touch_the_other(cast: Cast, bag: Product) -> None:
    (variant,) = catalog.variants_of(bag)
    shop = actions.open_location(organization_id=cast.trader.id, name="Shop", district="Dhaka")
    actions.set_on_hand(actor=SYSTEM, location_id=shop.id, counts={variant: 7}, reference="count")
    assert queries.available([variant]) == {variant: 107}
    assert queries.proof() == []


def test_less_than_nothing_is_not_counted(cast: Cast, bag: Product) -> None:
    with pytest.raises(DomainError):
        actions.set_on_hand(
            actor=SYSTEM,
            location_id=catalog.location_of(cast.trader.id).id,
            counts={catalog.variants_of(bag)[0]: -1},
            reference="X",
        )


def test_many_counts_take_as_many_statements_as_one(cast: Cast) -> None:
    variants = [catalog.variants_of(catalog.product(cast.trader, f"Bag {n}", stock=3))[0] for n in range(12)]
    place = catalog.location_of(cast.trader.id).id
    with queries_counted() as few:
        actions.set_on_hand(actor=SYSTEM, location_id=place, counts={variants[0]: 9}, reference="count")
    with queries_counted() as many:
        actions.set_on_hand(actor=SYSTEM, location_id=place, counts=dict.fromkeys(variants[1:], 8), reference="count")
    assert len(many) == len(few)


def test_carts_in_opposite_orders_do_not_deadlock(committed_app: Flask) -> None:
    """40 takers over the same 5 goods, half of them asking in the opposite order."""
    with committed_app.app_context(), transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        variants = [catalog.variants_of(catalog.product(trader, f"Bag {number}", stock=100))[0] for number in range(5)]

    def take(number: int) -> bool:
        order = variants if number % 2 else variants[::-1]

        def work() -> None:
            actions.allocate(actor=SYSTEM, reference=f"R{number}", wanted=dict.fromkeys(order, 3))

        with committed_app.app_context():
            try:
                with transaction():
                    run(work)
            except ShortageError:
                return False
            return True

    with ThreadPoolExecutor(8) as crowd:
        taken = list(crowd.map(take, range(40)))
    assert sum(taken) == 33  # 100 // 3
    with committed_app.app_context(), transaction():
        assert {figures(variant) for variant in variants} == {(100, 99)}
        assert queries.proof() == []
