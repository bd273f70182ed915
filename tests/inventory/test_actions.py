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
from wholesale.inventory.errors import BelowAllocatedError, ShortageError, StaleStockError
from wholesale.inventory.locations import actions as locations
from wholesale.inventory.models import InventoryLog, Location, Stock
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.errors import DomainError, NotFoundError
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


def taken(variant: int) -> dict[str, int]:
    """Location's name → pieces promised there, where there are any."""
    rows = db.session.execute(
        sa.select(Location.name, Stock.allocated)
        .join(Stock, Stock.location_id == Location.id)
        .where(Stock.variant_id == variant, Stock.allocated > 0)
    )
    return dict(rows.all())


@pytest.mark.parametrize(
    ("near", "expected"),
    [("Sylhet", "North"), ("Moulvibazar", "North"), ("Coxsbazar", "South"), ("Dhaka", "Warehouse")],
)
def test_the_nearest_location_gives_the_goods(cast: Cast, bag: Product, near: str, expected: str) -> None:
    (variant,) = catalog.variants_of(bag)
    for name, district in (("North", "Sylhet"), ("South", "Chattogram")):
        place = actions.open_location(organization_id=cast.trader.id, name=name, district=district)
        actions.receive(actor=SYSTEM, location_id=place.id, quantities={variant: 40}, reference="X")
    actions.allocate(actor=SYSTEM, reference="A", wanted={variant: 30}, near=near)
    assert taken(variant) == {expected: 30}
    actions.allocate(actor=SYSTEM, reference="B", wanted={variant: 150}, near=near)
    assert sum(taken(variant).values()) == 180
    actions.ship(actor=SYSTEM, reference="B")
    actions.release(actor=SYSTEM, reference="A")
    assert queries.proof() == []


@pytest.mark.parametrize("near", ["Nairobi", "", "nowhere"])
def test_where_nobody_knows_how_far_it_is_the_fullest_gives_them(cast: Cast, bag: Product, near: str) -> None:
    (variant,) = catalog.variants_of(bag)
    place = actions.open_location(organization_id=cast.trader.id, name="North", district="Sylhet")
    actions.receive(actor=SYSTEM, location_id=place.id, quantities={variant: 40}, reference="X")
    actions.allocate(actor=SYSTEM, reference="A", wanted={variant: 30}, near=near)
    assert taken(variant) == {"Warehouse": 30}


def test_who_has_one_location_is_not_asked_where_it_is(cast: Cast, bag: Product) -> None:
    (variant,) = catalog.variants_of(bag)
    actions.open_location(organization_id=cast.trader.id, name="Empty", district="Sylhet")
    with queries_counted() as without:
        actions.allocate(actor=SYSTEM, reference="A", wanted={variant: 3})
    with queries_counted() as near:
        actions.allocate(actor=SYSTEM, reference="B", wanted={variant: 3}, near="Sylhet")
    assert len(near) == len(without)


def test_returned_goods_come_back_into_a_location_that_is_open(cast: Cast, bag: Product) -> None:
    (variant,) = catalog.variants_of(bag)
    shop = actions.open_location(organization_id=cast.trader.id, name="Shop", district="Sylhet")
    actions.receive(actor=SYSTEM, location_id=shop.id, quantities={variant: 30}, reference="X")
    actions.allocate(actor=SYSTEM, reference="A", wanted={variant: 30}, near="Sylhet")
    actions.ship(actor=SYSTEM, reference="A")
    locations.close(actor=SYSTEM, location_id=shop.id)
    actions.come_back(actor=SYSTEM, reference="A", restock={variant: 2}, write_off={variant: 1})
    assert queries.available([variant]) == {variant: 102}
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


# --- by hand ----------------------------------------------------------------------------------------------


def correct(cast: Cast, variant: int, reason: str, pieces: int, *, seen: int = 100, note: str = "") -> None:
    actions.correct(
        actor=accounts.actor(cast.dipu),
        variant_id=variant,
        location_id=catalog.location_of(cast.trader.id).id,
        reason=reason,
        pieces=pieces,
        note=note,
        seen=seen,
    )


@pytest.mark.parametrize(
    ("reason", "pieces", "expected"),
    [
        ("counted", 0, ("ADJUSTMENT", -100)),
        ("counted", 130, ("ADJUSTMENT", 30)),
        ("found", 5, ("ADJUSTMENT", 5)),
        ("mistake", 100, ("ADJUSTMENT", -100)),
        ("damaged", 1, ("WRITE_OFF", -1)),
        ("expired", 100, ("WRITE_OFF", -100)),
        ("lost", 7, ("WRITE_OFF", -7)),
        ("used", 2, ("WRITE_OFF", -2)),
        ("other", 3, ("WRITE_OFF", -3)),
    ],
)
def test_a_figure_changed_by_hand_says_why(cast: Cast, bag: Product, reason, pieces, expected) -> None:
    (variant,) = catalog.variants_of(bag)
    kind, change = expected
    correct(cast, variant, reason, pieces, note="Rats.")
    row = db.session.scalars(sa.select(InventoryLog).order_by(InventoryLog.id.desc())).first()
    assert row is not None
    assert (row.kind, row.quantity, row.previous, row.new) == (kind, change, 100, 100 + change)
    assert (row.reason, row.note, row.user_id) == (reason, "Rats.", cast.dipu.id)
    assert figures(variant) == (100 + change, 0)
    assert queries.proof() == []


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        (("damaged", 101, ""), "pieces"),
        (("mistake", 101, ""), "pieces"),
        (("damaged", 0, ""), "pieces"),
        (("found", -5, ""), "pieces"),
        (("counted", -1, ""), "pieces"),
        (("found", 2_000_000_000, ""), "quantity"),
        (("other", 5, " "), "note"),
        (("because", 5, ""), "reason"),
    ],
)
def test_what_cannot_be_is_refused(cast: Cast, bag: Product, typed, field) -> None:
    (variant,) = catalog.variants_of(bag)
    reason, pieces, note = typed
    before = logged(variant)
    with pytest.raises(DomainError) as refused:
        correct(cast, variant, reason, pieces, note=note)
    assert refused.value.field == field
    assert (figures(variant), logged(variant)) == ((100, 0), before)


@pytest.mark.parametrize("reason", ["damaged", "mistake", "counted"])
def test_no_less_than_orders_have_been_promised(cast: Cast, bag: Product, reason: str) -> None:
    (variant,) = catalog.variants_of(bag)
    actions.allocate(actor=SYSTEM, reference="A", wanted={variant: 90})
    with pytest.raises(BelowAllocatedError):
        correct(cast, variant, reason, 89 if reason == "counted" else 11)
    correct(cast, variant, reason, 90 if reason == "counted" else 10)
    assert figures(variant) == (90, 90)


def test_a_page_that_is_out_of_date_changes_nothing(cast: Cast, bag: Product) -> None:
    """Also the same form sent twice."""
    (variant,) = catalog.variants_of(bag)
    correct(cast, variant, "found", 5)
    with pytest.raises(StaleStockError) as stale:
        correct(cast, variant, "found", 5)
    assert stale.value.now == 105
    assert figures(variant) == (105, 0)


def test_a_count_of_what_is_known_leaves_no_trace(cast: Cast, bag: Product) -> None:
    (variant,) = catalog.variants_of(bag)
    before = logged(variant)
    correct(cast, variant, "counted", 100)
    assert logged(variant) == before


def test_nobody_changes_what_is_not_theirs(cast: Cast, bag: Product) -> None:
    farid = accounts.user("Farid")
    theirs = organizations.business("Farid Traders", kind="seller", members={farid: "owner"})
    tea = catalog.product(theirs, "Tea", stock=5)
    for variant, place in (
        (catalog.variants_of(bag)[0], catalog.location_of(cast.trader.id).id),
        (catalog.variants_of(bag)[0], catalog.location_of(theirs.id).id),
        (catalog.variants_of(tea)[0], catalog.location_of(cast.trader.id).id),
    ):
        for who in (accounts.actor(farid), SYSTEM):
            if who is SYSTEM and (variant, place) == (
                catalog.variants_of(bag)[0],
                catalog.location_of(cast.trader.id).id,
            ):
                continue  # the platform may
            with pytest.raises(NotFoundError):
                actions.correct(actor=who, variant_id=variant, location_id=place, reason="found", pieces=1, seen=100)


def test_many_changes_take_as_many_statements_as_one(cast: Cast) -> None:
    variants = [catalog.variants_of(catalog.product(cast.trader, f"Bag {n}", stock=9))[0] for n in range(12)]
    place = catalog.location_of(cast.trader.id).id
    told = {"actor": SYSTEM, "location_id": place, "reference": "X"}
    with queries_counted() as few:
        actions.write_off(quantities={variants[0]: 1}, **told)
    with queries_counted() as many:
        actions.adjust(changes={each: (-1) ** each * 2 for each in variants[1:]}, note="Moved shelves.", **told)
    assert len(many) == len(few)
    assert queries.proof() == []


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
