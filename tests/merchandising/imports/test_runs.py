"""All or nothing, cancelling, changes by others, a killed worker, and what adds up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Cast
from tests.factories import accounts, catalog, imports, organizations
from wholesale.catalog.models import Product, Variant
from wholesale.inventory.models import Stock
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.kernel.errors import ConflictError, DomainError, NotFoundError
from wholesale.kernel.money import Money
from wholesale.merchandising.imports import actions, jobs, queries
from wholesale.merchandising.imports.actions import applying
from wholesale.merchandising.imports.actions.runs import BROKE
from wholesale.merchandising.imports.models import (
    CatalogueExport,
    ImportCancellation,
    ImportItem,
    ImportProblem,
    ImportRow,
    ImportRun,
)
from wholesale.platform import outbox
from wholesale.platform.db import db
from wholesale.platform.outbox import OutboxRow
from wholesale.platform.sheets import csv_lines
from wholesale.pricing import actions as pricing
from wholesale.pricing.models import PriceHistory, PriceTier

HEAD = "SKU,Name,Category,Price,Stock\n"


def rows(count: int, price: int = 100) -> str:
    return HEAD + "".join(f"S{n:05},Bowl number {n},Bags,{price},{n % 7}\n" for n in range(count))


@pytest.fixture
def dipu(cast: Cast) -> Actor:
    catalog.category()
    return accounts.actor(cast.dipu)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "CHUNK", 10)


def counts(run: ImportRun) -> tuple[int, ...]:
    """All, new, changed, as they were, refused, not reached."""
    return (run.total, run.created, run.updated, run.unchanged, run.refused, run.not_reached)


def how_many(table: type) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def steps(number: int) -> None:
    db.session.commit()
    outbox.drain(limit=number)
    db.session.expire_all()


# --- all or nothing ---------------------------------------------------------------------------------------


def test_all_or_nothing_is_not_for_files_with_mistakes(dipu: Actor) -> None:
    run = imports.checked(dipu, HEAD + "A1,Bowl,Bags,10,1\nA2,Bowl,Bags,ten,1\n")
    with pytest.raises(DomainError, match="without mistakes"):
        actions.apply_run(actor=dipu, run_id=run.id, mode="all")


@pytest.mark.usefixtures("small_chunks")
def test_all_or_nothing_does_all(dipu: Actor) -> None:
    run = imports.applied(dipu, rows(35), mode="all")
    assert (run.state, counts(run)) == ("done", (35, 35, 0, 0, 0, 0))


@pytest.mark.usefixtures("small_chunks")
def test_all_or_nothing_leaves_nothing_when_somebody_has_changed_a_product(dipu: Actor) -> None:
    imports.applied(dipu, rows(30))
    run = imports.checked(dipu, rows(30, price=120))
    late = db.session.scalars(sa.select(Product).order_by(Product.id.desc()).limit(1)).one()
    pricing.set_tiers(product=late, tiers=[(1, Money(Decimal(99), "BDT"))])
    actions.apply_run(actor=dipu, run_id=run.id, mode="all")
    imports.work()
    assert (run.state, counts(run)) == ("stopped", (30, 0, 0, 0, 1, 29))
    assert "nothing was applied" in (run.reason or "")
    assert set(db.session.scalars(sa.select(PriceTier.unit_price))) == {Decimal(100), Decimal(99)}


@pytest.mark.usefixtures("small_chunks")
def test_cancelling_all_or_nothing_leaves_nothing(dipu: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    run = imports.checked(dipu, rows(30))
    actions.apply_run(actor=dipu, run_id=run.id, mode="all")
    told: list[int] = []

    def cancel_at_the_second(of: ImportRun) -> None:
        told.append(of.created)
        if len(told) == 2:
            db.session.add(ImportCancellation(run_id=of.id))
            db.session.flush()

    monkeypatch.setattr(applying, "_show_progress", cancel_at_the_second)
    monkeypatch.setattr(applying, "_cancelled", lambda _: len(told) == 2)
    imports.work()
    assert (run.state, counts(run)) == ("cancelled", (30, 0, 0, 0, 0, 30))
    assert how_many(Product) == 0


@pytest.mark.usefixtures("small_chunks")
def test_all_or_nothing_is_cancelled_until_the_last_moment(dipu: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    run = imports.checked(dipu, rows(30))
    actions.apply_run(actor=dipu, run_id=run.id, mode="all")
    ends: list[str] = []

    def end_and_cancel(of: ImportRun, state: str, error: DomainError | None = None) -> None:
        end(of, state, error)
        ends.append(state)
        if state == "done":
            db.session.add(ImportCancellation(run_id=of.id))
            db.session.flush()

    end = applying.end
    monkeypatch.setattr(applying, "end", end_and_cancel)
    monkeypatch.setattr(applying, "_cancelled", lambda _: ends == ["done"])
    imports.work()
    assert ends == ["done", "cancelled"]
    assert (run.state, counts(run)) == ("cancelled", (30, 0, 0, 0, 0, 30))
    assert how_many(Product) == 0


@pytest.mark.usefixtures("small_chunks")
def test_all_or_nothing_that_fails_again_and_again_ends(dipu: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    run = imports.checked(dipu, rows(30))
    actions.apply_run(actor=dipu, run_id=run.id, mode="all")

    def break_at_the_second(of: ImportRun) -> None:
        if of.created == 20:
            raise RuntimeError("broken")

    monkeypatch.setattr(applying, "_show_progress", break_at_the_second)
    states = []
    for _ in range(3):
        imports.work()
        states.append(run.state)
        db.session.execute(sa.update(OutboxRow).values(available_at=clock.now()))
    assert states == ["applying", "applying", "stopped"]
    assert (run.reason, counts(run)) == (BROKE, (30, 0, 0, 0, 0, 30))
    assert how_many(Product) == 0


@pytest.mark.usefixtures("small_chunks")
def test_all_or_nothing_that_takes_too_long_leaves_nothing(dipu: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "_LONGEST", -1)
    run = imports.applied(dipu, rows(30), mode="all")
    assert (run.state, run.reason, counts(run)) == ("stopped", applying.TOO_LONG, (30, 0, 0, 0, 0, 30))
    assert how_many(Product) == 0


# --- cancelling -------------------------------------------------------------------------------------------


def test_a_cancel_that_waited_for_the_end_is_refused(dipu: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    run = imports.checked(dipu, rows(3))
    actions.apply_run(actor=dipu, run_id=run.id, mode="all")
    db.session.commit()
    waited = sa.text("UPDATE import_run SET state = 'done', created = 3 WHERE id = :id")
    refresh = db.session.refresh

    def ended_meanwhile(of: ImportRun) -> None:
        db.session.execute(waited, {"id": run.id})
        refresh(of)

    monkeypatch.setattr(db.session, "refresh", ended_meanwhile)
    with pytest.raises(ConflictError, match="ended already"):
        actions.cancel(actor=dipu, run_id=run.id)


@pytest.mark.usefixtures("small_chunks")
def test_cancelling_valid_rows_keeps_the_chunks_that_were_done(dipu: Actor) -> None:
    run = imports.checked(dipu, rows(30))
    actions.apply_run(actor=dipu, run_id=run.id, mode="valid")
    steps(2)
    actions.cancel(actor=dipu, run_id=run.id)
    imports.work()
    assert (run.state, counts(run)) == ("cancelled", (30, 20, 0, 0, 0, 10))
    assert how_many(Product) == 20
    with pytest.raises(ConflictError):
        actions.cancel(actor=dipu, run_id=run.id)
    assert (how_many(ImportRow), how_many(ImportItem)) == (0, 0)


def test_cancelling_while_it_is_read_ends_it_then(dipu: Actor) -> None:
    run_id = actions.start(actor=dipu, seller_id=None, upload=imports.upload(rows(3)))
    actions.cancel(actor=dipu, run_id=run_id)
    imports.work()
    run = db.session.get_one(ImportRun, run_id)
    assert (run.state, run.file_key) == ("cancelled", None)


# --- others -----------------------------------------------------------------------------------------------


def test_what_was_changed_on_screen_since_the_check_is_not_overwritten(dipu: Actor) -> None:
    imports.applied(dipu, rows(3))
    run = imports.checked(dipu, rows(3, price=120))
    changed = db.session.scalars(sa.select(Product).order_by(Product.id).limit(1)).one()
    changed.name = "A name typed on a phone"
    db.session.flush()
    actions.apply_run(actor=dipu, run_id=run.id, mode="valid")
    imports.work()
    assert counts(run) == (3, 0, 2, 0, 1, 0)
    assert [each.reason for each in db.session.scalars(sa.select(ImportProblem))] == ["changed"]
    assert changed.name == "A name typed on a phone"


def test_what_somebody_else_has_done_already_is_no_mistake(dipu: Actor) -> None:
    imports.applied(dipu, rows(2))
    run = imports.checked(dipu, rows(2, price=120))
    for product in db.session.scalars(sa.select(Product)).all():
        pricing.set_tiers(product=product, tiers=[(1, Money(Decimal(120), "BDT"))])
    actions.apply_run(actor=dipu, run_id=run.id, mode="valid")
    imports.work()
    assert counts(run) == (2, 0, 0, 2, 0, 0)


def test_an_article_number_that_came_into_being_since_the_check(dipu: Actor, cast: Cast) -> None:
    run = imports.checked(dipu, rows(2))
    catalog.product(cast.trader, sku="S00001")
    actions.apply_run(actor=dipu, run_id=run.id, mode="valid")
    imports.work()
    assert counts(run) == (2, 1, 0, 0, 1, 0)


def test_stock_that_was_sold_since_the_check_is_not_counted_again(dipu: Actor) -> None:
    imports.applied(dipu, HEAD + "A1,Bowl,Bags,10,50\n")
    run = imports.checked(dipu, HEAD + "A1,Bowl,Bags,10,60\n")
    db.session.execute(sa.update(Stock).values(on_hand=45))
    actions.apply_run(actor=dipu, run_id=run.id, mode="valid")
    imports.work()
    assert counts(run) == (1, 0, 0, 0, 1, 0)
    assert db.session.scalars(sa.select(Stock.on_hand)).one() == 45


def test_another_sellers_article_number_is_no_matter(dipu: Actor, cast: Cast) -> None:
    other = organizations.business("Farid Traders", kind="seller")
    theirs = catalog.product(other, sku="S00000")
    run = imports.applied(dipu, rows(1))
    assert counts(run) == (1, 1, 0, 0, 0, 0)
    assert theirs.name == "Jute bag"
    with pytest.raises(NotFoundError):
        queries.run(Actor(user_id=1, organization_id=other.id, kind="seller"), run.id)


# --- a killed worker --------------------------------------------------------------------------------------

WORKER = """
import sys
from tests import database
from wholesale.app import create_app
from wholesale.merchandising.imports.actions import applying
from wholesale.platform import outbox
applying.CHUNK = 20
app = create_app(database.settings_for(sys.argv[1]))
with app.app_context():
    chunk = applying._chunk
    done = []
    def stopping(*args, **names):
        result = chunk(*args, **names)
        done.append(1)
        if len(done) == int(sys.argv[2]):
            print("in the middle", flush=True)
            __import__("time").sleep(60)
        return result
    applying._chunk = stopping
    outbox.drain()
"""


@pytest.mark.parametrize(("mode", "left"), [("valid", 20), ("all", 0)])
def test_a_killed_worker_leaves_whole_chunks_and_the_next_one_goes_on(
    committed_app: Flask, mode: str, left: int
) -> None:
    """SIGKILL within the second chunk: the first one is there (or, of all or nothing, none), the second is not."""
    with committed_app.app_context():
        catalog.category()
        owner = accounts.user("Dipu")
        organizations.business("Dipu Traders", kind="seller", members={owner: "owner"})
        actor = accounts.actor(owner)
        pricing.set_settlement(actor=SYSTEM, settlement=catalog.PROFIT_SHARE)
        run = imports.checked(actor, rows(50))
        actions.apply_run(actor=actor, run_id=run.id, mode=mode)
        db.session.commit()
        name = db.engine.url.database or ""
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, name, "2"], stdout=subprocess.PIPE, text=True, env=os.environ.copy()
        )
        assert worker.stdout is not None
        assert worker.stdout.readline() == "in the middle\n"
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        worker.stdout.close()
        db.session.rollback()
        until = time.monotonic() + 20
        while outbox.drain(limit=1) == 0 and time.monotonic() < until:  # its transaction ends with its connection
            assert how_many(Product) == left
            db.session.rollback()
            time.sleep(0.1)
        imports.work()
        run = db.session.get_one(ImportRun, run.id, populate_existing=True)
        assert (run.state, counts(run)) == ("done", (50, 50, 0, 0, 0, 0))
        assert (how_many(Product), how_many(Variant), how_many(PriceHistory)) == (50, 50, 50)


def test_a_lost_step_is_found_and_one_that_failed_for_good_ends_the_run(dipu: Actor) -> None:
    run_id = actions.start(actor=dipu, seller_id=None, upload=imports.upload(rows(2)))
    db.session.execute(sa.delete(OutboxRow))
    with clock.at(clock.now() + timedelta(minutes=10)):
        assert jobs.sweep() == "1 imports resumed, 0 stopped"
        db.session.execute(sa.update(OutboxRow).values(dead_at=clock.now()))
    with clock.at(clock.now() + timedelta(minutes=20)):
        assert jobs.sweep() == "0 imports resumed, 1 stopped"
    run = db.session.get_one(ImportRun, run_id, populate_existing=True)
    assert run.state == "stopped"
    assert "our side" in (run.reason or "")


def test_old_runs_and_exports_are_forgotten(dipu: Actor) -> None:
    done = imports.applied(dipu, rows(1)).id
    waiting = imports.checked(dipu, rows(1, price=120)).id
    export_id = actions.request_export(actor=dipu, seller_id=None)
    imports.work()
    assert db.session.get_one(CatalogueExport, export_id).rows == 1
    with clock.at(clock.now() + timedelta(days=8)):
        assert jobs.expire() == "0 imports and 1 exports removed"
    assert db.session.get_one(ImportRun, waiting, populate_existing=True).state == "cancelled"
    with clock.at(clock.now() + timedelta(days=31)):
        jobs.expire()
    assert db.session.get(ImportRun, done, populate_existing=True) is None


# --- what adds up -----------------------------------------------------------------------------------------

CELLS = {
    "SKU": st.sampled_from(["A1", "A2", "A3", "B1", "=C", "'D", "", "১২", "A1"]),
    "Product key": st.sampled_from(["", "", "A1", "K"]),
    "Variant": st.sampled_from(["", "red", "blue", "@x"]),
    "Name": st.sampled_from(["Bowl", "পাট ব্যাগ", "=1+1", "-", "", "'=q"]),
    "Category": st.sampled_from(["Bags", "bags", "Bagz", ""]),
    "Price": st.sampled_from(["100", "১০০", "12.5", "1,250", "0", "x", "", "-3"]),
    "From quantity 2": st.sampled_from(["", "50", "5"]),
    "Price 2": st.sampled_from(["", "90", "500"]),
    "Stock": st.sampled_from(["", "5", "7", "5.5"]),
    "Minimum order": st.sampled_from(["", "1", "10"]),
}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sheet=st.lists(st.fixed_dictionaries(CELLS), min_size=1, max_size=8), mode=st.sampled_from(["valid", "all"]))
def test_every_row_of_any_sheet_is_accounted_for_and_a_second_time_changes_nothing(
    dipu: Actor, sheet: list[dict[str, str]], mode: str
) -> None:
    db.session.commit()
    connection = db.session.get_bind()
    db.session.remove()
    point = connection.begin_nested()  # type: ignore[union-attr]  # a test's engine is one connection
    text = "".join(csv_lines([list(CELLS), *[list(row.values()) for row in sheet]]))
    try:
        run = imports.sent(dipu, text)
        if run.state != "mapping":  # nothing but empty rows
            return
        actions.choose_columns(actor=dipu, run_id=run.id, mapping=run.mapping, defaults=imports.DEFAULTS)
        imports.work()
        assert run.total == run.to_create + run.to_update + run.to_leave + run.to_refuse
        refused = set(db.session.scalars(sa.select(ImportProblem.row_no).where(~ImportProblem.is_warning)))
        assert len(refused) == run.to_refuse
        good = run.to_create
        mode = mode if not run.to_refuse else "valid"
        actions.apply_run(actor=dipu, run_id=run.id, mode=mode)
        imports.work()
        assert run.state == "done"
        assert run.total == run.created + run.updated + run.unchanged + run.refused
        assert run.created == good == how_many(Variant)
        again = imports.applied(dipu, text)
        assert (again.created, again.updated) == (0, 0)
        assert again.unchanged == good
        # What is exported comes back as it is.
        export = "".join(csv_lines([list(queries.HEAD), *queries.catalogue_rows(run.organization_id)]))
        if good:
            back = imports.applied(dipu, export)
            assert counts(back) == (good, 0, 0, good, 0, 0)
    finally:
        db.session.remove()
        point.rollback()
