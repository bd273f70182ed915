"""Batches follow what happens to stock, on the real database."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from time import sleep

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.conftest import Cast
from tests.factories import accounts, batches, catalog, organizations, transfers
from tests.queries_counted import queries_counted
from wholesale.audit.models import AuditEntry
from wholesale.catalog.models import Product
from wholesale.inventory import actions as inventory
from wholesale.inventory import queries as stock
from wholesale.inventory.batches import actions, jobs, queries
from wholesale.inventory.batches.models import Batch, BatchMove, BatchStock
from wholesale.inventory.batches.rules import Arrival
from wholesale.inventory.models import InventoryLog, Stock
from wholesale.inventory.transfers import actions as travel
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.errors import ConflictError, DomainError, NotFoundError
from wholesale.platform.db import db
from wholesale.platform.transaction import run, transaction
from wholesale.schedule import TIMETABLE


@pytest.fixture
def rice(cast: Cast) -> Product:
    """100 on hand: 30 good for 5 days, 40 for 60 days, 30 in no batch."""
    product = catalog.product(cast.trader, "Rice", stock=100)
    batches.registered(product, 30, code="EARLY", days=5)
    batches.registered(product, 40, code="LATE", days=60)
    return product


@pytest.fixture(autouse=True)
def proven(house: Flask) -> Iterator[None]:
    """Whatever a test does, the log and the batches agree at its end."""
    yield
    assert stock.proof() == []


def left(product: Product, location_id: int | None = None) -> dict[str, int]:
    rows = db.session.execute(
        sa.select(Batch.code, sa.func.sum(BatchStock.pieces))
        .join(BatchStock, BatchStock.batch_id == Batch.id)
        .where(
            Batch.variant_id == catalog.variants_of(product)[0],
            BatchStock.pieces > 0,
            BatchStock.location_id == (location_id or catalog.location_of(product.seller_id).id),
        )
        .group_by(Batch.code)
    )
    return {code: int(pieces) for code, pieces in rows}


def variant_of(product: Product) -> int:
    return catalog.variants_of(product)[0]


def on_hand(product: Product) -> tuple[int, int, int]:
    row = db.session.execute(
        sa.select(Stock.on_hand, Stock.allocated, Stock.batched).where(Stock.variant_id == variant_of(product))
    ).one()
    return row.on_hand, row.allocated, row.batched


def ship(product: Product, pieces: int, reference: str = "WX-1") -> None:
    inventory.allocate(actor=SYSTEM, reference=reference, wanted={variant_of(product): pieces})
    inventory.ship(actor=SYSTEM, reference=reference)


def test_received_in_batches(cast: Cast) -> None:
    product = catalog.product(cast.trader, "Milk", stock=0)
    place, variant = catalog.location_of(cast.trader.id).id, variant_of(product)
    arrivals = [Arrival("a 1", batches.day(10), 20), Arrival("A 2", batches.day(20), 5)]
    inventory.receive(
        actor=SYSTEM, location_id=place, quantities={variant: 30}, reference="PO-2026-001", batches={variant: arrivals}
    )
    assert left(product) == {"A 1": 20, "A 2": 5}
    assert on_hand(product) == (30, 0, 25)
    kinds = db.session.execute(
        sa.select(BatchMove.kind, BatchMove.quantity, BatchMove.reference).order_by(BatchMove.id)
    )
    assert [tuple(row) for row in kinds] == [("PURCHASE", 20, "PO-2026-001"), ("PURCHASE", 5, "PO-2026-001")]


def test_nothing_in_batches_changes_nothing(cast: Cast) -> None:
    product = catalog.product(cast.trader, "Milk", stock=0)
    place, variant = catalog.location_of(cast.trader.id).id, variant_of(product)
    inventory.receive(actor=SYSTEM, location_id=place, quantities={variant: 30}, reference="X", batches={variant: []})
    assert on_hand(product) == (30, 0, 0)


def test_more_in_batches_than_arrives_is_refused(cast: Cast) -> None:
    product = catalog.product(cast.trader, "Milk", stock=5)
    place, variant = catalog.location_of(cast.trader.id).id, variant_of(product)
    with pytest.raises(DomainError):
        inventory.receive(
            actor=SYSTEM,
            location_id=place,
            quantities={variant: 3},
            reference="X",
            batches={variant: [Arrival("A", batches.day(9), 4)]},
        )
    db.session.rollback()


def test_one_code_has_one_day(rice: Product) -> None:
    place, variant = catalog.location_of(rice.seller_id).id, variant_of(rice)
    more = {"actor": SYSTEM, "location_id": place, "quantities": {variant: 3}, "reference": "X"}
    inventory.receive(**more, batches={variant: [Arrival("early", batches.day(5), 3)]})
    assert left(rice)["EARLY"] == 33
    with pytest.raises(DomainError, match="good until"):
        inventory.receive(**more, batches={variant: [Arrival("EARLY", batches.day(6), 3)]})
    db.session.rollback()


def test_first_expired_first_shipped(rice: Product) -> None:
    ship(rice, 35)
    assert left(rice) == {"LATE": 35}
    assert [(part.code, part.pieces) for part in queries.shipped("WX-1")[variant_of(rice)]] == [
        ("EARLY", 30),
        ("LATE", 5),
    ]
    ship(rice, 50, "WX-2")
    assert left(rice) == {}
    assert on_hand(rice) == (15, 0, 0)


def test_what_has_expired_is_shipped_last(cast: Cast) -> None:
    product = catalog.product(cast.trader, "Milk", stock=30)
    batches.registered(product, 10, code="OLD", days=-1)
    batches.registered(product, 10, code="NEW", days=9)
    ship(product, 20)
    assert left(product) == {"OLD": 10}
    assert on_hand(product) == (10, 0, 10)


def test_goods_without_batches_cost_nothing(cast: Cast, rice: Product) -> None:
    """Not a statement more to ship them, and none to promise any."""
    bag = catalog.product(cast.trader, "Bag", stock=100)
    for product, reference in ((bag, "P1"), (rice, "P2")):
        with queries_counted() as promising:
            inventory.allocate(actor=SYSTEM, reference=reference, wanted={variant_of(product): 5})
        with queries_counted() as shipping:
            inventory.ship(actor=SYSTEM, reference=reference)
        asked = [each for each in [*promising, *shipping] if "batch_" in str(each)]
        assert len(asked) == (0 if product is bag else 2)
        assert not [each for each in promising if "batch" in str(each).replace("stock.batched", "")]


def test_what_comes_back_is_of_its_batch_again(rice: Product) -> None:
    ship(rice, 35)
    variant = variant_of(rice)
    inventory.come_back(actor=SYSTEM, reference="WX-1", restock={variant: 32}, write_off={variant: 2})
    # 30 of EARLY and 4 of LATE came back; of these two of the earliest were broken.
    assert left(rice) == {"EARLY": 28, "LATE": 39}
    assert on_hand(rice) == (97, 0, 67)
    inventory.come_back(actor=SYSTEM, reference="WX-1", restock={variant: 1})
    assert left(rice) == {"EARLY": 28, "LATE": 40}


def test_batches_travel_with_their_goods(rice: Product) -> None:
    """What was lost on the way is of no batch any more; what is called back is of its own again."""
    there, variant = transfers.second_location(rice.seller_id), variant_of(rice)
    sent = transfers.on_the_way(rice, 50)
    assert left(rice) == {"LATE": 20}
    travel.receive(actor=SYSTEM, transfer_id=sent.id, pieces={variant: 45}, version=sent.version)
    assert left(rice, there.id) == {"EARLY": 30, "LATE": 15}
    travel.lose(actor=SYSTEM, transfer_id=sent.id, pieces={variant: 5}, note="Fell off", version=sent.version)
    assert left(rice, there.id) == {"EARLY": 30, "LATE": 15}
    back = transfers.on_the_way(rice, 3)
    assert left(rice) == {"LATE": 17}
    travel.cancel(actor=SYSTEM, transfer_id=back.id, version=back.version)
    assert left(rice) == {"LATE": 20}


def test_a_count_takes_loose_pieces_first(rice: Product) -> None:
    place, variant = catalog.location_of(rice.seller_id).id, variant_of(rice)
    inventory.set_on_hand(actor=SYSTEM, location_id=place, counts={variant: 75}, reference="SC")
    assert left(rice) == {"EARLY": 30, "LATE": 40}
    inventory.set_on_hand(actor=SYSTEM, location_id=place, counts={variant: 60}, reference="SC")
    assert left(rice) == {"EARLY": 20, "LATE": 40}
    inventory.set_on_hand(actor=SYSTEM, location_id=place, counts={variant: 90}, reference="SC")
    assert on_hand(rice) == (90, 0, 60)


def test_written_off_is_the_oldest(rice: Product) -> None:
    place, variant = catalog.location_of(rice.seller_id).id, variant_of(rice)
    inventory.write_off(actor=SYSTEM, location_id=place, quantities={variant: 31}, reference="X", reason="damaged")
    assert left(rice) == {"LATE": 39}


def test_no_more_pieces_are_registered_than_are_loose(rice: Product) -> None:
    with pytest.raises(DomainError, match="Only 30 pieces"):
        batches.registered(rice, 31, code="THIRD", days=9)
    batches.registered(rice, 30, code="THIRD", days=9)
    assert on_hand(rice) == (100, 0, 100)


def test_the_database_refuses_more_in_batches_than_on_hand(rice: Product) -> None:
    db.session.commit()
    db.session.execute(sa.update(Stock).where(Stock.variant_id == variant_of(rice)).values(on_hand=69))
    with pytest.raises(sa.exc.DBAPIError, match="more pieces than are on hand"):
        db.session.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
    db.session.rollback()


def test_the_proof_finds_what_the_moves_do_not_say(rice: Product) -> None:
    db.session.commit()
    point = db.session.begin_nested()
    early = db.session.scalars(sa.select(Batch.id).where(Batch.code == "EARLY")).one()
    db.session.execute(sa.update(BatchStock).where(BatchStock.batch_id == early).values(pieces=29))
    found = stock.proof()
    assert any("29 left, by its moves 30" in problem for problem in found)
    assert any("70 in batches of 100 on hand, by the batches 69" in problem for problem in found)
    point.rollback()


def test_moves_cannot_be_changed(rice: Product) -> None:
    db.session.commit()
    with pytest.raises(sa.exc.DBAPIError, match=r"append-only|permission denied"):
        db.session.execute(sa.update(BatchMove).values(quantity=1))
    db.session.rollback()


# --- by hand ----------------------------------------------------------------------------------------------


def test_code_and_day_are_corrected(cast: Cast, rice: Product) -> None:
    dipu = accounts.actor(cast.dipu)
    batch = db.session.scalars(sa.select(Batch).where(Batch.code == "EARLY")).one()
    actions.change(actor=dipu, batch_id=batch.id, code=" lot 9 ", expires_on=batches.day(90))
    assert (batch.code, batch.expires_on) == ("LOT 9", batches.day(90))
    ship(rice, 35)
    assert left(rice) == {"LOT 9": 30, "LATE": 5}
    with pytest.raises(DomainError, match="Another batch"):
        actions.change(actor=dipu, batch_id=batch.id, code="late", expires_on=batches.day(90))


def test_two_batches_given_one_code_at_once(committed_app: Flask) -> None:
    with committed_app.app_context(), transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        product = catalog.product(trader, "Rice", stock=20)
        ids = [batches.registered(product, 5, code=code) for code in ("ONE", "TWO")]
    written = Event()

    def first() -> None:
        with committed_app.app_context(), transaction():
            actions.change(actor=SYSTEM, batch_id=ids[0], code="SAME", expires_on=batches.day(20))
            written.set()
            sleep(0.5)  # the other one has looked meanwhile, and waits for the index

    def second() -> str:
        written.wait(5)
        with committed_app.app_context():
            with pytest.raises(DomainError, match="Another batch"), transaction():
                actions.change(actor=SYSTEM, batch_id=ids[1], code="SAME", expires_on=batches.day(20))
            return "refused"

    with ThreadPoolExecutor(2) as crowd:
        done = [crowd.submit(first), crowd.submit(second)]
        assert [each.result() for each in done] == [None, "refused"]


def test_pieces_are_corrected(cast: Cast, rice: Product) -> None:
    dipu, place = accounts.actor(cast.dipu), catalog.location_of(rice.seller_id).id
    batch = db.session.scalars(sa.select(Batch).where(Batch.code == "EARLY")).one()
    actions.correct(actor=dipu, batch_id=batch.id, location_id=place, pieces=60, seen=30)
    assert on_hand(rice) == (100, 0, 100)
    with pytest.raises(ConflictError):
        actions.correct(actor=dipu, batch_id=batch.id, location_id=place, pieces=10, seen=30)
    with pytest.raises(DomainError, match="Only 0 pieces"):
        actions.correct(actor=dipu, batch_id=batch.id, location_id=place, pieces=61, seen=60)
    actions.correct(actor=dipu, batch_id=batch.id, location_id=place, pieces=0, seen=60)
    assert left(rice) == {"LATE": 40}


def test_strangers_have_no_batches_here(cast: Cast, rice: Product) -> None:
    farid = accounts.user("Farid")
    organizations.business("Farid Traders", kind="seller", members={farid: "owner"})
    stranger = accounts.actor(farid)
    batch = db.session.scalars(sa.select(Batch).where(Batch.code == "EARLY")).one()
    place = catalog.location_of(rice.seller_id).id
    for attempt in (
        lambda: actions.change(actor=stranger, batch_id=batch.id, code="X", expires_on=batches.day(1)),
        lambda: actions.correct(actor=stranger, batch_id=batch.id, location_id=place, pieces=1, seen=30),
        lambda: actions.unmark(actor=stranger, product_id=rice.id),
        lambda: actions.mark(actor=stranger, seller_id=rice.seller_id, sku="RICE", warn_days=9),
        lambda: actions.write_off_expired(actor=stranger, batch_id=batch.id),
        lambda: batches.registered(rice, 1, actor=stranger),
        lambda: queries.seen(stranger, batch.id),
    ):
        with pytest.raises(NotFoundError):
            attempt()
    assert queries.page(stranger, queries.Filters()).rows == []


def test_marked_goods_are_asked_for_their_batch(cast: Cast, rice: Product) -> None:
    bag = catalog.product(cast.trader, "Bag", stock=1)
    dipu = accounts.actor(cast.dipu)
    both = [variant_of(rice), variant_of(bag)]
    assert queries.keeps_batches(both) == {variant_of(rice)}  # by its first batch
    actions.mark(actor=dipu, seller_id=cast.trader.id, sku="bag", warn_days=10)
    assert queries.keeps_batches(both) == set(both)
    actions.unmark(actor=dipu, product_id=rice.id)
    assert queries.keeps_batches(both) == {variant_of(bag)}


def test_what_is_said_of_goods_that_expire_is_noted(cast: Cast, rice: Product) -> None:
    dipu = accounts.actor(cast.dipu)
    for _twice in range(2):
        actions.mark(actor=dipu, seller_id=cast.trader.id, sku="rice", warn_days=9)
    actions.unmark(actor=dipu, product_id=rice.id)
    old = batches.registered(rice, 10, code="OLD", days=-1)
    for _twice in range(2):
        actions.write_off_expired(actor=dipu, batch_id=old)
    noted = db.session.scalars(
        sa.select(AuditEntry).where(AuditEntry.actor_id == dipu.user_id, AuditEntry.thing.in_(("batch", "batch_goods")))
    ).all()
    assert [(each.action, each.before, each.after) for each in noted] == [
        ("batch.goods_marked", {"warn_days": 30}, {"warn_days": 9}),
        ("batch.goods_unmarked", {"warn_days": 9}, {"warn_days": None}),
        ("batch.written_off", {}, {"batch OLD pieces written off": 10}),
    ]
    assert {each.organization_id for each in noted} == {cast.trader.id}


# --- what expires -----------------------------------------------------------------------------------------


def test_what_expires_soon_and_what_it_is_worth(cast: Cast, rice: Product) -> None:
    batches.registered(rice, 10, code="OLD", days=-3)
    found = queries.expiring(cast.trader.id)
    assert [(row.code, row.near, row.pieces, str(row.worth.amount)) for row in found] == [
        ("OLD", "expired", 10, "800.00"),
        ("EARLY", "last_days", 30, "2400.00"),
    ]
    assert [row.code for row in queries.expiring(None, 60)] == ["OLD", "EARLY", "LATE"]
    assert [row.code for row in queries.expiring(cast.trader.id, 4)] == ["OLD"]
    actions.mark(actor=SYSTEM, seller_id=cast.trader.id, sku="rice", warn_days=61)
    assert [row.code for row in queries.expiring(cast.trader.id)] == ["OLD", "EARLY", "LATE"]
    assert [(each.near, each.batches) for each in queries.sums(accounts.actor(cast.dipu))] == [
        ("expired", 1),
        ("last_days", 1),
        ("soon", 1),
    ]


def test_the_night_writes_off_what_nobody_was_promised(cast: Cast, rice: Product) -> None:
    inventory.allocate(actor=SYSTEM, reference="WX-1", wanted={variant_of(rice): 80})
    with clock.at(clock.now() + timedelta(days=6)):
        # 70 are good, of the 30 that have expired 10 are needed for the 80 that were promised.
        assert jobs.expire() == "20 expired pieces written off, 10 more are promised to orders"
        assert on_hand(rice) == (80, 80, 50)
        assert left(rice) == {"EARLY": 10, "LATE": 40}
        [row] = queries.expiring(cast.trader.id, 0)
        assert (row.code, row.promised) == ("EARLY", 10)
        [place] = queries.seen(SYSTEM, row.batch_id).places
        assert (place.promised, place.orders) == (10, ["WX-1"])
        logged = db.session.scalars(sa.select(InventoryLog).order_by(InventoryLog.id.desc())).first()
        assert logged is not None
        assert (logged.kind, logged.quantity, logged.reference, logged.reason) == ("WRITE_OFF", -20, "EARLY", "expired")
        assert jobs.expire().startswith("0 expired pieces written off")  # a second run finds nothing to do
        inventory.release(actor=SYSTEM, reference="WX-1")
        assert jobs.expire().startswith("10 expired pieces written off")
        assert left(rice) == {"LATE": 40}
        assert stock.available([variant_of(rice)]) == {variant_of(rice): 70}


def test_what_is_let_go_by_day_is_written_off_within_the_hour(cast: Cast) -> None:
    product = catalog.product(cast.trader, "Milk", stock=10)
    batches.registered(product, 10, code="OLD", days=-1)
    inventory.allocate(actor=SYSTEM, reference="WX-1", wanted={variant_of(product): 10})
    [job] = [each for each in TIMETABLE if each.name == "expired-goods"]
    assert job.work().startswith("0 expired pieces written off")
    inventory.release(actor=SYSTEM, reference="WX-1")
    due = job.next_period(clock.now(), "Asia/Dhaka")
    assert due - clock.now() <= timedelta(hours=1)
    with clock.at(due):
        assert job.work().startswith("10 expired pieces written off")
    assert stock.available([variant_of(product)]) == {variant_of(product): 0}


def test_each_expired_batch_is_written_off_under_its_code(cast: Cast) -> None:
    product = catalog.product(cast.trader, "Milk", stock=30)
    batches.registered(product, 10, code="TWO", days=-2)
    batches.registered(product, 5, code="ONE", days=-9)
    done: list[tuple[int, int]] = []
    actions.expire(actor=SYSTEM, progress=lambda now, all_of_them: done.append((now, all_of_them)))
    rows = db.session.execute(
        sa.select(InventoryLog.reference, InventoryLog.quantity)
        .where(InventoryLog.kind == "WRITE_OFF")
        .order_by(InventoryLog.id)
    )
    assert [tuple(row) for row in rows] == [("ONE", -5), ("TWO", -10)]
    assert done == [(1, 1)]
    assert on_hand(product) == (15, 0, 0)


def test_what_to_fetch_is_what_will_be_shipped(rice: Product) -> None:
    place = variant_of(rice), catalog.location_of(rice.seller_id).id
    found = queries.to_fetch([(*place, 35)])
    ship(rice, 35)
    assert [(part.code, part.pieces) for part in found[place]] == [("EARLY", 30), ("LATE", 5)]
    assert found[place] == queries.shipped("WX-1")[place[0]]


# --- at once ----------------------------------------------------------------------------------------------


def test_shipped_counted_and_written_off_at_once(committed_app: Flask) -> None:
    """Eight at a time over the same goods: the log and the batches agree, and no piece is lost."""
    with committed_app.app_context(), transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        products = [catalog.product(trader, f"Rice {number}", stock=400) for number in range(3)]
        for product in products:
            for number, days in enumerate((-1, 3, 9, 30)):
                batches.registered(product, 80, code=f"L{number}", days=days)
        variants = [variant_of(product) for product in products]
        place = catalog.location_of(trader.id).id
        for number in range(40):
            wanted = dict.fromkeys(variants, 4)
            inventory.allocate(actor=SYSTEM, reference=f"R{number}", wanted=wanted)

    def work(number: int) -> None:
        with committed_app.app_context():
            kind = number % 4
            with transaction():
                if kind < 2:
                    run(lambda: inventory.ship(actor=SYSTEM, reference=f"R{number}"))
                elif kind == 2:
                    order = variants if number % 8 == 2 else variants[::-1]
                    changes = dict.fromkeys(order, -1)
                    run(
                        lambda: inventory.adjust(
                            actor=SYSTEM, location_id=place, changes=changes, reference=f"C{number}", reason="counted"
                        )
                    )
                else:
                    run(
                        lambda: inventory.write_off(
                            actor=SYSTEM,
                            location_id=place,
                            quantities=dict.fromkeys(variants, 2),
                            reference=f"W{number}",
                            reason="damaged",
                        )
                    )

    def night(_number: int) -> None:
        with committed_app.app_context():
            run(lambda: actions.expire(actor=SYSTEM))

    with ThreadPoolExecutor(8) as crowd:
        several = [crowd.submit(work, number) for number in range(40)] + [crowd.submit(night, 0) for _ in range(2)]
        for one in several:
            one.result()
    with committed_app.app_context(), transaction():
        night(0)
        assert stock.proof() == []
        rows = db.session.execute(sa.select(Stock.on_hand, Stock.allocated, Stock.batched)).all()
        # 20 shipped 4 each, 10 found one missing, 10 wrote off 2; what had expired is gone altogether.
        gone = db.session.scalar(sa.select(sa.func.sum(InventoryLog.quantity)).where(InventoryLog.reference == "L0"))
        assert sum(row.on_hand for row in rows) == 3 * (400 - 80 - 10 - 20) + (gone or 0)
        expired = db.session.scalar(
            sa.select(sa.func.sum(BatchStock.pieces))
            .join(Batch, Batch.id == BatchStock.batch_id)
            .where(Batch.code == "L0")
        )
        assert expired == 0
