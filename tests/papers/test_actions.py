"""Asked for, made step by step, asked for again, and gone after its time."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from datetime import timedelta

import pypdf
import pytest
import sqlalchemy as sa

from tests.factories import accounts, catalog, order_life
from tests.papers.conftest import work
from wholesale.inventory.models import Allocation, Location
from wholesale.invoicing import actions as invoicing
from wholesale.invoicing.models import CreditNote, Invoice
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.orders import actions as ordering
from wholesale.orders.history.rules import Filters
from wholesale.papers import actions, making, queries, rules
from wholesale.papers.events import PaperAdvanced
from wholesale.papers.models import Paper, PaperPart
from wholesale.platform import files, outbox, transaction
from wholesale.platform.db import db
from wholesale.platform.outbox import OutboxRow


def made(actor, paper_id):
    """The paper after the worker, as it is stored."""
    work()
    paper = queries.paper(actor, paper_id)
    assert paper.is_ready
    data = b"".join(paper.content())
    stored = db.session.get_one(Paper, paper_id)
    assert (len(data), hashlib.sha256(data).hexdigest()) == (stored.size, stored.sha256)
    return data


def confirmed(amina, dipu, product, count):
    return [
        order_life.moved(dipu, order_life.placed(amina, {product: 10 * (each + 1)})[0], "confirmed").number
        for each in range(count)
    ]


# --- one order ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["amina", "dipu", "esha"])
def test_both_sides_and_staff_have_the_order_confirmed(cast, order, printed, who):
    actor = accounts.actor(getattr(cast, who))
    made(actor, actions.ask(actor=actor, number=order.number, kind="order_confirmation"))
    for words in (order.number, "PO-7", "Jute bag", "পাটের ব্যাগ", "13,500.00", "Amina Store", "Dipu Traders"):
        assert words in printed.text


def test_a_confirmation_says_what_was_taken_back(amina, dipu, order, printed):
    order_life.moved(dipu, order, "confirmed")
    line = order.lines[0].id
    ordering.cancel_pieces(actor=dipu, number=order.number, pieces={line: 40}, reason="Short.", sequence=1)
    made(amina, actions.ask(actor=amina, number=order.number, kind="order_confirmation"))
    assert "40 cancelled" in printed.text
    assert "Taken back since" in printed.text


def test_a_packing_slip_has_no_prices_and_only_what_is_open(dipu, order, printed):
    order_life.moved(dipu, order, "confirmed")
    ordering.ship(actor=dipu, number=order.number, pieces={order.lines[0].id: 30}, carrier="Sundarban", tracking="T-9")
    made(dipu, actions.ask(actor=dipu, number=order.number, kind="packing_slip"))
    assert "70 pieces" in printed.text
    assert "The buyer's note" not in printed.text
    assert "of 100 ordered" in printed.text
    assert "৳" not in printed.text


def test_a_shipment_has_a_slip_of_its_own_for_its_buyer_too(amina, dipu, order, printed):
    order_life.moved(dipu, order, "confirmed")
    ordering.ship(actor=dipu, number=order.number, pieces={order.lines[0].id: 30}, carrier="Sundarban", tracking="T-9")
    sent = f"{order.number}-1"
    made(amina, actions.ask(actor=amina, number=order.number, kind="packing_slip", shipment=sent))
    for words in (sent, "30 pieces", "Sundarban T-9"):
        assert words in printed.text


def test_a_buyer_has_no_slip_before_something_is_sent_and_no_pick_list(amina, order):
    for kind in ("packing_slip", "pick_list", "invoices", "month", "nonsense", ""):
        with pytest.raises(DomainError, match="no such paper"):
            actions.ask(actor=amina, number=order.number, kind=kind)


@pytest.mark.parametrize("shipment", ["ORD-1-1", "1", "x"])
def test_a_shipment_of_another_order_is_not_found(dipu, order, shipment):
    with pytest.raises(NotFoundError):
        actions.ask(actor=dipu, number=order.number, kind="packing_slip", shipment=shipment)


def test_nothing_is_left_to_pack_of_what_is_sent(dipu, order):
    order_life.moved(dipu, order, "confirmed", "shipped")
    for kind in ("packing_slip", "pick_list"):
        with pytest.raises(DomainError):
            actions.ask(actor=dipu, number=order.number, kind=kind)


def test_strangers_find_nothing(cast, amina, order):
    paper_id = actions.ask(actor=amina, number=order.number, kind="order_confirmation")
    for person in (cast.chandni, cast.newcomer):
        stranger = accounts.actor(person)
        with pytest.raises(NotFoundError):
            actions.ask(actor=stranger, number=order.number, kind="order_confirmation")
        with pytest.raises(NotFoundError):
            queries.paper(stranger, paper_id)
        with pytest.raises(NotFoundError):
            actions.try_again(actor=stranger, paper_id=paper_id)
        assert queries.page(stranger).papers == []
    for person in (cast.dipu, cast.esha):  # the order is theirs too, the paper is not
        with pytest.raises(NotFoundError):
            queries.paper(accounts.actor(person), paper_id)
    assert queries.paper(accounts.actor(cast.babul), paper_id).id == paper_id


# --- asked for twice ----------------------------------------------------------------------------------------


def test_what_is_true_is_made_once(amina, dipu, order, printed):
    first = actions.ask(actor=amina, number=order.number, kind="order_confirmation")
    assert actions.ask(actor=amina, number=order.number, kind="order_confirmation") == first
    made(amina, first)
    assert actions.ask(actor=amina, number=order.number, kind="order_confirmation") == first
    assert actions.ask(actor=dipu, number=order.number, kind="order_confirmation") != first
    assert len(printed.pages) == 1


def test_what_has_changed_is_made_anew(amina, dipu, order, printed):
    first = actions.ask(actor=amina, number=order.number, kind="order_confirmation")
    made(amina, first)
    order_life.moved(dipu, order, "confirmed")
    second = actions.ask(actor=amina, number=order.number, kind="order_confirmation")
    assert second != first
    made(amina, second)
    assert "Confirmed by the seller" in printed.text


def test_what_is_a_day_old_is_made_anew(amina, order, printed):
    first = actions.ask(actor=amina, number=order.number, kind="order_confirmation")
    made(amina, first)
    with clock.at(clock.now() + timedelta(hours=25)):
        assert actions.ask(actor=amina, number=order.number, kind="order_confirmation") != first


# --- the pick list ------------------------------------------------------------------------------------------


def test_a_pick_list_adds_up_by_place_and_sku(cast, amina, dipu, bag, printed):
    lamp = catalog.product(cast.trader, "Lamp", sku="A-LAMP")
    first = order_life.moved(dipu, order_life.placed(amina, {bag: 20, lamp: 10})[0], "confirmed").number
    (second,) = confirmed(accounts.actor(cast.chandni), dipu, bag, 1)
    made(dipu, actions.ask_several(actor=dipu, kind="pick_list", numbers=[second, first]))
    text = printed.text
    assert "2 orders, 40 pieces" in text
    assert text.index("A-LAMP") < text.index("JUTE-BAG")
    assert f"begin with {first[:9]}" in text
    assert f"30 pieces {first[9:]} × 20, {second[9:]} × 10" in text
    assert "Warehouse, Dhaka" in text
    assert "Not set aside" not in text
    assert "পাটের ব্যাগ" in text


def test_what_is_set_aside_nowhere_is_told_apart(dipu, order, bag, printed):
    order_life.moved(dipu, order, "confirmed")
    with db.session.no_autoflush:
        held = db.session.scalars(sa.select(Allocation).where(Allocation.reference == order.number)).one()
        before = held.released
        held.released = 60
        db.session.flush()
    made(dipu, actions.ask(actor=dipu, number=order.number, kind="pick_list"))
    told, _, rest = printed.text.partition("Not set aside")
    assert "40 pieces" in told
    assert "60 pieces" in rest
    db.session.get_one(Allocation, held.id).released = before
    db.session.commit()


def test_places_are_told_apart(cast, dipu, order, printed):
    order_life.moved(dipu, order, "confirmed")
    other = Location(organization_id=cast.trader.id, name="Annex", district="")
    db.session.add(other)
    db.session.flush()
    held = db.session.scalars(sa.select(Allocation).where(Allocation.reference == order.number)).one()
    extra = Allocation(reference=order.number, variant_id=held.variant_id, location_id=other.id, quantity=5)
    held.released = 5
    db.session.add(extra)
    db.session.flush()
    made(dipu, actions.ask(actor=dipu, number=order.number, kind="pick_list"))
    assert printed.text.index("Annex") < printed.text.index("Warehouse, Dhaka")
    assert "95 pieces" in printed.text


# --- many at once -------------------------------------------------------------------------------------------


def test_slips_of_many_orders_are_one_file_and_progress_is_told(amina, dipu, bag, printed):
    numbers = confirmed(amina, dipu, bag, 7)
    paper_id = actions.ask_several(actor=dipu, kind="packing_slip", numbers=numbers)
    work(least=0)
    db.session.execute(sa.update(OutboxRow).where(OutboxRow.event == "PaperAdvanced").values(done_at=None))
    db.session.execute(
        sa.update(Paper).values(state="waiting", done=0, file_key=None, sha256=None, made_at=None, size=None)
    )
    db.session.execute(sa.delete(PaperPart))
    db.session.commit()
    seen = []
    for position in (0, 5, 7):
        actions.advance(paper_id, position)
        db.session.commit()
        found = queries.paper(dipu, paper_id)
        seen.append((found.state, found.done, found.total))
        actions.advance(paper_id, position)  # twice delivered is once done
        db.session.commit()
        assert queries.paper(dipu, paper_id) == found
    assert seen == [("making", 5, 7), ("making", 7, 7), ("ready", 7, 7)]
    reader = pypdf.PdfReader(io.BytesIO(b"".join(queries.paper(dipu, paper_id).content())))
    assert len(reader.pages) == 7
    assert [item.title for item in reader.outline] == numbers
    assert db.session.scalars(sa.select(PaperPart)).all() == []


def test_parts_go_from_the_disk_when_the_whole_is_there(amina, dipu, bag, printed, monkeypatch):
    kept, put = [], files.storage().put_file

    def note(file, media_type):
        kept.append((put(file, media_type), media_type))
        return kept[-1][0]

    monkeypatch.setattr(files.storage(), "put_file", note)
    paper_id = actions.ask_several(actor=dipu, kind="packing_slip", numbers=confirmed(amina, dipu, bag, 6))
    made(dipu, paper_id)
    whole = db.session.get_one(Paper, paper_id).file_key
    parts = [file.key for file, media_type in kept if media_type == "application/octet-stream"]
    assert len(parts) == 2
    assert [files.storage().exists(key) for key in (*parts, whole)] == [False, False, True]


def test_orders_that_have_nothing_for_it_are_left_out_and_counted(amina, dipu, bag, printed):
    first, second, third = confirmed(amina, dipu, bag, 3)
    order_life.moved(dipu, order_life.fresh(second), "shipped")
    paper_id = actions.ask_several(actor=dipu, kind="packing_slip", numbers=[first, second, third])
    found = queries.paper(dipu, paper_id)
    assert (found.orders, found.left_out, found.total) == ([first, third], 1, 2)


def test_all_in_the_list_means_all_that_it_holds(amina, dipu, bag):
    first, second, third = confirmed(amina, dipu, bag, 3)
    order_life.moved(dipu, order_life.fresh(third), "processing")
    asked = actions.ask_several(actor=dipu, kind="pick_list", numbers=[], everything=Filters(state="confirmed"))
    assert queries.paper(dipu, asked).orders == [first, second]


def test_none_too_many_and_nonsense_are_refused(amina, dipu, bag, monkeypatch):
    numbers = confirmed(amina, dipu, bag, 2)
    for kind, chosen, words in (
        ("pick_list", [], "at least one"),
        ("pick_list", ["ORD-0"], "at least one"),
        ("month", numbers, "Choose one of these"),
        ("order_confirmation", numbers, "Choose one of these"),
    ):
        with pytest.raises(DomainError, match=words):
            actions.ask_several(actor=dipu, kind=kind, numbers=chosen)
    with pytest.raises(DomainError, match="has an invoice"):
        actions.ask_several(actor=dipu, kind="invoices", numbers=numbers)
    monkeypatch.setattr(rules, "MOST", 1)
    with pytest.raises(DomainError, match="at most"):
        actions.ask_several(actor=dipu, kind="pick_list", numbers=numbers)
    with pytest.raises(DomainError, match="at least one"):  # she sells nothing
        actions.ask_several(actor=amina, kind="pick_list", numbers=numbers)


def test_invoices_of_many_orders_are_one_file(amina, dipu, bag, printed, monkeypatch):
    monkeypatch.setitem(rules._A_STEP, "invoices", 2)
    numbers = confirmed(amina, dipu, bag, 3)
    (waiting,) = order_life.placed(amina, {bag: 10})
    work()
    paper_id = actions.ask_several(actor=dipu, kind="invoices", numbers=[*numbers, waiting.number])
    reader = pypdf.PdfReader(io.BytesIO(made(dipu, paper_id)))
    issued = list(db.session.scalars(sa.select(Invoice.number).order_by(Invoice.sequence)))
    assert [item.title for item in reader.outline] == issued
    assert queries.paper(dipu, paper_id).left_out == 1


# --- a month ------------------------------------------------------------------------------------------------


@pytest.fixture
def month(amina, dipu, bag, printed):
    """Three invoices, one of them void, and a credit note, all made."""
    _first, second, third = confirmed(amina, dipu, bag, 3)
    work()
    ordering.move_order(actor=dipu, number=second, to="cancelled", reason="Flood.")
    line = order_life.fresh(third).lines[0].id
    ordering.cancel_pieces(actor=dipu, number=third, pieces={line: 1}, reason="Torn.", sequence=1)
    work()
    return f"{clock.today('Asia/Dhaka'):%Y-%m}"


@pytest.mark.parametrize("a_step", [2, 100])
def test_a_month_is_every_document_as_it_is_stored_with_an_index(dipu, month, monkeypatch, a_step):
    monkeypatch.setitem(rules._A_STEP, "month", a_step)
    data = made(dipu, actions.ask_month(actor=dipu, month=month))
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    rows = list(csv.DictReader(io.StringIO(archive.read("index.csv").decode("utf-8-sig"))))
    documents = [
        *db.session.scalars(sa.select(Invoice).order_by(Invoice.sequence)),
        *db.session.scalars(sa.select(CreditNote).order_by(CreditNote.sequence)),
    ]
    assert len(documents) == 4
    assert [row["Number"] for row in rows] == [document.number for document in documents]
    assert [row["State"] for row in rows] == ["valid", "void", "valid", "valid"]
    assert archive.namelist() == ["index.csv", *(row["File"] for row in rows)]
    for row, document in zip(rows, documents, strict=True):
        stored = archive.read(row["File"])
        assert stored == files.storage().get(document.file_key)
        assert hashlib.sha256(stored).hexdigest() == row["SHA-256"] == document.sha256
        assert row["Buyer"] == "Amina Store"
        assert row["Total"] == f"{document.total.normalize():f}"


def test_a_month_waits_for_a_document_that_is_being_made(amina, dipu, bag, printed):
    (number,) = confirmed(amina, dipu, bag, 1)
    invoicing.issue(order_life.fresh(number).id)
    paper_id = actions.ask_month(actor=dipu, month=f"{clock.today('Asia/Dhaka'):%Y-%m}")
    with pytest.raises(making.NotMadeYetError):
        actions.advance(paper_id, 0)
    assert queries.paper(dipu, paper_id).done == 0
    made(dipu, paper_id)


@pytest.mark.parametrize("month", ["", "2026", "2026-13", "2026-1", "nonsense", "2026-10-01"])
def test_a_month_that_is_none_is_refused(dipu, month):
    with pytest.raises(DomainError):
        actions.ask_month(actor=dipu, month=month)


def test_an_empty_month_is_refused_and_nobody_elses_is_taken(cast, dipu, month):
    with pytest.raises(DomainError, match="Nothing was issued"):
        actions.ask_month(actor=dipu, month="2020-01")
    with pytest.raises(DomainError, match="Nothing was issued"):
        actions.ask_month(actor=accounts.actor(cast.chandni), month=month)


# --- what goes wrong ----------------------------------------------------------------------------------------


def test_what_fails_for_good_is_said_and_can_be_tried_again(amina, order, printed, monkeypatch):
    paper_id = actions.ask(actor=amina, number=order.number, kind="order_confirmation")
    db.session.commit()
    with monkeypatch.context() as patch:
        patch.setattr(making, "_drawn", lambda *_: 1 / 0)
        for _try in range(outbox.MAX_ATTEMPTS):
            assert queries.paper(amina, paper_id).is_waiting
            db.session.execute(sa.update(OutboxRow).values(available_at=clock.now()))
            db.session.commit()
            outbox.drain()
    assert queries.paper(amina, paper_id).is_failed
    assert [seen.is_failed for seen in queries.page(amina).papers] == [True]
    assert actions.ask(actor=amina, number=order.number, kind="order_confirmation") == paper_id
    actions.try_again(actor=amina, paper_id=paper_id)
    db.session.commit()
    assert queries.paper(amina, paper_id).is_waiting
    made(amina, paper_id)


def test_to_try_again_what_is_on_its_way_does_nothing(amina, order):
    paper_id = actions.ask(actor=amina, number=order.number, kind="order_confirmation")
    actions.try_again(actor=amina, paper_id=paper_id)
    waiting = [row for row in outbox.unfinished(PaperAdvanced) if row.payload["paper_id"] == paper_id]
    assert [row.attempts for row in waiting] == [0]


# --- the end ------------------------------------------------------------------------------------------------


def test_after_thirty_days_paper_and_file_are_gone(amina, dipu, order, printed):
    paper_id = actions.ask(actor=amina, number=order.number, kind="order_confirmation")
    made(amina, paper_id)
    key = db.session.get_one(Paper, paper_id).file_key
    assert actions.expire() == 0
    with clock.at(clock.now() + timedelta(days=31)):
        with pytest.raises(NotFoundError):
            queries.paper(amina, paper_id)
        assert actions.expire() == 1
    assert files.storage().exists(key)  # until it is certain
    transaction.finish(keep=True)
    assert not files.storage().exists(key)


def test_a_system_order_is_nobodys_paper(order):
    assert queries.page(SYSTEM).papers == []
