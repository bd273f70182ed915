"""Files become products."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
import sqlalchemy as sa

from tests.conftest import Cast
from tests.factories import accounts, catalog, imports
from wholesale.catalog.actions import listings
from wholesale.catalog.models import Listing, Product, Variant
from wholesale.inventory.models import InventoryLog, Stock
from wholesale.merchandising.imports import actions, rules
from wholesale.merchandising.imports.actions import applying
from wholesale.merchandising.imports.models import ImportProblem, ImportRun
from wholesale.platform import outbox
from wholesale.platform.db import db
from wholesale.pricing.models import PriceHistory, PriceTier

FILE = """SKU,Name,Category,Price,From quantity 2,Price 2,Minimum order,Stock,Cost
A1,Red bowl,Bags,100,50,90,10,500,60
A2,Blue bowl,Bags,12.5,,,1,7,8
"""


@pytest.fixture
def dipu(cast: Cast):
    catalog.category()
    return accounts.actor(cast.dipu)


def counts(run) -> tuple[int, ...]:
    return (run.total, run.created, run.updated, run.unchanged, run.refused, run.not_reached)


def test_a_file_becomes_products_with_prices_and_stock(dipu) -> None:
    run = imports.applied(dipu, FILE)
    assert (run.state, counts(run)) == ("done", (2, 2, 0, 0, 0, 0))
    bowl = db.session.scalars(sa.select(Product).where(Product.name == "Red bowl")).one()
    assert (bowl.moq, bowl.cost, bowl.state, bowl.currency, bowl.unit) == (10, Decimal(60), "active", "BDT", "piece")
    tiers = db.session.execute(
        sa.select(PriceTier.min_qty, PriceTier.unit_price)
        .where(PriceTier.product_id == bowl.id)
        .order_by(PriceTier.min_qty)
    ).all()
    assert [tuple(tier) for tier in tiers] == [(10, Decimal(100)), (50, Decimal(90))]
    listing = db.session.get_one(Listing, bowl.id)
    assert (listing.from_price, listing.best_price, listing.in_stock) == (Decimal(100), Decimal(90), True)
    stock = db.session.scalar(
        sa.select(Stock.on_hand).join(Variant, Variant.id == Stock.variant_id).where(Variant.sku == "A1")
    )
    assert stock == 500


def test_an_article_number_is_the_same_in_capitals(dipu) -> None:
    imports.applied(dipu, FILE)
    run = imports.applied(dipu, "SKU,Stock\na1,9\nA2,7\n")
    assert counts(run) == (2, 0, 1, 1, 0, 0)
    assert db.session.execute(sa.select(Variant.sku).order_by(Variant.sku)).scalars().all() == ["A1", "A2"]
    counted = sa.select(Stock.on_hand).join(Variant, Variant.id == Stock.variant_id).where(Variant.sku == "A1")
    assert db.session.scalar(counted) == 9


def test_one_article_number_twice_in_a_file_is_refused_in_capitals_too(dipu) -> None:
    run = imports.checked(dipu, "SKU,Name,Category,Price\na1,Bowl,Bags,10\nA1,Bowl,Bags,10\n")
    assert (run.to_create, run.to_refuse) == (0, 2)
    assert set(db.session.scalars(sa.select(ImportProblem.reason))) == {"duplicate"}


def test_lists_are_told_of_variants_and_their_prices(dipu) -> None:
    """What the rows of lists are written with is what pricing and inventory would have told them."""
    head = "SKU,Product key,Variant,Name,Category,Price,Price difference of the variant,Minimum order,Stock,State\n"
    imports.applied(
        dipu,
        head
        + "B1,,,Bowl,Bags,100,5,10,9,active\n"
        + "C1,C,Red,Cup,Bags,50,3,10,6,active\nC2,C,Blue,Cup,Bags,50,0,10,4,active\n"
        + "D1,,,Draft,Bags,20,0,1,1,draft\n",
    )
    written = sa.select(Product.name, Listing.from_price, Listing.best_price, Listing.in_stock).join(
        Listing, Listing.product_id == Product.id
    )
    told = {row.name: tuple(row)[1:] for row in db.session.execute(written)}
    assert told == {"Bowl": (Decimal(105), Decimal(105), False), "Cup": (Decimal(50), Decimal(50), True)}
    listings.refresh(db.session.scalars(sa.select(Product.id)).all())
    assert {row.name: tuple(row)[1:] for row in db.session.execute(written)} == told


def test_a_first_count_is_logged_as_any_other(dipu) -> None:
    imports.applied(dipu, "SKU,Name,Category,Price,Stock\nN1,Bowl,Bags,10,7\nN2,Cup,Bags,10,0\nN3,Jug,Bags,10,\n")
    shelf = sa.select(Variant.sku, Stock.on_hand, Stock.allocated).join(Stock, Stock.variant_id == Variant.id)
    assert {tuple(row) for row in db.session.execute(shelf)} == {("N1", 7, 0)}
    log = sa.select(
        Variant.sku, InventoryLog.kind, InventoryLog.quantity, InventoryLog.previous, InventoryLog.new,
        InventoryLog.reference, InventoryLog.user_id,
    ).join(Variant, Variant.id == InventoryLog.variant_id)  # fmt: skip
    (row,) = db.session.execute(log)
    run_id = db.session.scalars(sa.select(ImportRun.id)).one()
    assert tuple(row) == ("N1", "ADJUSTMENT", 7, 0, 7, f"IMPORT-{run_id}", dipu.user_id)


def test_first_prices_stand_in_the_history(dipu) -> None:
    imports.applied(dipu, FILE)
    noted = db.session.scalars(sa.select(PriceHistory).order_by(PriceHistory.product_id)).all()
    assert [(row.cause, row.before, row.after, row.user_id) for row in noted] == [
        ("import", [], [[10, "100.0000"], [50, "90.0000"]], dipu.user_id),
        ("import", [], [[1, "12.5000"]], dipu.user_id),
    ]
    imports.applied(dipu, FILE)
    assert db.session.scalar(sa.select(sa.func.count()).select_from(PriceHistory)) == 2


def test_the_headings_are_no_row_of_a_file_that_is_too_long(dipu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_ROWS", 3)
    goods = "".join(f"A{number},Bowl,Bags,10\n" for number in range(40))
    run = imports.sent(dipu, f"Dipu Traders\nSKU,Name,Category,Price\n{goods}")
    assert (run.state, run.reason_values) == ("stopped", {"rows": 40, "most": 3})


def test_the_same_file_twice_changes_nothing(dipu) -> None:
    imports.applied(dipu, FILE)
    run = imports.applied(dipu, FILE)
    assert counts(run) == (2, 0, 0, 2, 0, 0)
    assert db.session.scalars(sa.select(ImportProblem)).all() == []


# --- planned ahead ------------------------------------------------------------------------------------------


NEW = "SKU,Name,Category,Price\n" + "".join(f"N{number},Bowl {number},Bags,{number}\n" for number in range(1, 8))


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """The article numbers in the order in which they were planned for good, and whether ahead, by another thread."""
    seen: list[tuple[str, bool]] = []
    plan = rules.plan

    def watched(items, product, context):
        seen.append((items[0].values["sku"], threading.current_thread() is not threading.main_thread()))
        return plan(items, product, context)

    monkeypatch.setattr(applying.rules, "plan", watched)
    monkeypatch.setattr(applying, "CHUNK", 3)
    return seen


@pytest.mark.parametrize("mode", ["valid", "all"])
def test_the_next_products_are_planned_while_the_database_writes(dipu, planned, mode: str) -> None:
    run = imports.checked(dipu, NEW)
    planned.clear()
    apply(dipu, run, mode)
    assert counts(run) == (7, 7, 0, 0, 0, 0)
    assert planned == [(f"N{number}", number > 3) for number in range(1, 8)]  # each once, all but the first chunk ahead


def test_what_was_planned_ahead_is_planned_again_when_something_else_holds(dipu, planned) -> None:
    run = imports.checked(dipu, NEW)
    actions.apply_run(actor=dipu, run_id=run.id, mode="valid")
    db.session.commit()
    planned.clear()
    outbox.drain(limit=1)
    catalog.category("another", "Another")
    db.session.commit()
    imports.work()
    assert counts(run) == (7, 7, 0, 0, 0, 0)
    assert planned[3:9] == [(f"N{number}", ahead) for ahead in (True, False) for number in (4, 5, 6)]


def test_what_was_planned_for_another_file_is_not_taken(dipu, planned) -> None:
    run = imports.checked(dipu, NEW)
    actions.apply_run(actor=dipu, run_id=run.id, mode="valid")
    db.session.commit()
    outbox.drain(limit=1)
    actions.cancel(actor=dipu, run_id=run.id)
    imports.work()
    assert (run.state, counts(run)) == ("cancelled", (7, 3, 0, 0, 0, 4))
    other = imports.applied(dipu, NEW.replace("N", "M").replace("Mame", "Name"))
    assert counts(other) == (7, 7, 0, 0, 0, 0)
    skus = db.session.scalars(sa.select(Variant.sku).order_by(Variant.id)).all()
    assert skus == ["N1", "N2", "N3", *(f"M{number}" for number in range(1, 8))]


def apply(actor, run: ImportRun, mode: str) -> None:
    actions.apply_run(actor=actor, run_id=run.id, mode=mode)
    imports.work()
