from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from tests.factories import accounts, catalog, orders
from tests.invoicing import placed
from tests.invoicing.placed import Line
from tests.invoicing.standard import broken
from wholesale.invoicing import actions, cii, queries, rules
from wholesale.invoicing.errors import TooManyLinesError
from wholesale.invoicing.events import InvoiceIssued
from wholesale.invoicing.models import CreditNote, Invoice, InvoiceCounter
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.errors import NotFoundError
from wholesale.orders.actions import move_order
from wholesale.orders.events import OrderMoved, OrderPlaced
from wholesale.orders.models import Order
from wholesale.payments.models import Receipt
from wholesale.platform import files, outbox, pdf
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction


def invoices():
    return list(db.session.scalars(sa.select(Invoice).order_by(Invoice.sequence)))


def announced():
    rows = db.session.scalars(sa.select(outbox.OutboxRow).where(outbox.OutboxRow.event == "InvoiceIssued"))
    return [row.payload["invoice_id"] for row in rows]


# --- issuing ----------------------------------------------------------------------------------------------


def test_an_invoice_copies_everything_that_is_printed(order):
    with clock.at(datetime(2026, 11, 21, 20, 0, tzinfo=UTC)):  # already the 22nd in Dhaka
        invoice = actions.issue(order.id)
    assert (invoice.number, invoice.fiscal_year, invoice.sequence) == ("INV-2026-27-00001", "2026-27", 1)
    content = invoice.content
    assert content["order"] == order.number
    assert content["reference"] == "PO 77"
    assert content["issued_on"] == "2026-11-22"
    assert content["seller"] == {
        "trade_name": "Dipu Traders",
        "place": {"line": "12 Bazar Road, Mirpur", "city": "Narayanganj", "country": "BD"},
        "legal_name": "Dipu Traders Limited",
        "slug": "dipu-traders",
        "address": ["12 Bazar Road, Mirpur", "Narayanganj"],
        "phone": "+8801812345678",
        "email": "dipu@business.example",
        "tax_no": "1234567890123",
        "trade_licence_no": "TL-DIPU-TRADERS",
    }
    assert content["buyer"]["legal_name"] == "Amina Store Limited"
    assert content["delivery"]["address"][0] == "Amina Begum, +8801712345678"
    (line,) = content["lines"]
    assert line == {
        "sku": line["sku"],
        "name": "Sugar, 50 kg sack",
        "name_bn": "চিনি, ৫০ কেজির বস্তা",
        "quantity": 120,
        "unit": "sack",
        "unit_price": "135.0000",
        "from_quantity": 100,
        "total": "16200.00",
        "net": "16200.00",
        "tax": "0.00",
        "tax_name": "",
        "tax_percent": "0",
        "tax_included": False,
        "tax_kind": "",
        "tax_reason": "",
    }
    assert (invoice.total, invoice.currency, invoice.buyer_name) == (Decimal(16260), "BDT", "Amina Store")
    assert Decimal(content["total"]) == Decimal(16260)
    assert content["in_words"] == "Sixteen thousand two hundred sixty taka only"
    assert announced() == [invoice.id]


def test_issuing_twice_gives_one_invoice_and_burns_no_number(order):
    assert actions.issue(order.id) is not None
    assert actions.issue(order.id) is None
    assert len(invoices()) == 1
    assert db.session.scalars(sa.select(InvoiceCounter.last)).one() == 1
    assert len(announced()) == 1


def test_numbers_run_per_seller_and_fiscal_year(house):
    shop, trader, amina = placed.people()
    other = placed.organizations.business("Esha Mills", kind="seller")
    days = [datetime(2027, 6, 30, 17, 59, tzinfo=UTC), datetime(2027, 6, 30, 18, 0, tzinfo=UTC)]  # midnight in Dhaka
    numbers = []
    for seller in (trader, trader, other):
        for day in days:
            with clock.at(day):
                invoice = actions.issue(placed.order(shop, seller, amina).id)
            numbers.append((seller.id == trader.id, invoice.number))
    assert numbers == [
        (True, "INV-2026-27-00001"),
        (True, "INV-2027-28-00001"),
        (True, "INV-2026-27-00002"),
        (True, "INV-2027-28-00002"),
        (False, "INV-2026-27-00001"),
        (False, "INV-2027-28-00001"),
    ]


def test_an_order_that_is_not_confirmed_gets_no_invoice_and_no_number(order):
    for state in ("placed", "cancelled"):
        db.session.execute(sa.update(Order).values(state=state))
        assert actions.issue(order.id) is None
    assert invoices() == []
    assert db.session.scalars(sa.select(InvoiceCounter)).all() == []


def test_an_unknown_order_is_an_error(house):
    with pytest.raises(NotFoundError):
        actions.issue(1)
    with pytest.raises(NotFoundError):
        actions.make_document(1)


@pytest.mark.parametrize(
    "change",
    [
        "number = 'X'",
        "content = '{}'",
        "sequence = 9",
        "issued_at = now()",
        "seller_id = buyer_id",
        "fiscal_year = ''",
        "total = 1",
        "token = 'x'",
        "credits = 7",
        "buyer_name = 'x'",
    ],
)
def test_an_issued_invoice_is_frozen_by_the_database(order, change):
    actions.issue(order.id)
    with pytest.raises(DBAPIError, match="issued and does not change"), db.session.begin_nested():
        db.session.execute(sa.text(f"UPDATE invoice SET {change}"))


def test_a_stored_document_is_frozen_by_the_database(order, paper):
    actions.make_document(actions.issue(order.id).id)
    for change in ("sha256 = 'x'", "file_key = 'x'", "sha256 = NULL, file_key = NULL"):
        with pytest.raises(DBAPIError, match="issued and does not change"), db.session.begin_nested():
            db.session.execute(sa.text(f"UPDATE invoice SET {change}"))


# --- the document -----------------------------------------------------------------------------------------


def test_a_document_is_stored_with_its_hash_and_made_once(order, paper):
    invoice = actions.issue(order.id)
    actions.make_document(invoice.id)
    first = (invoice.file_key, invoice.sha256, invoice.size, invoice.made_at)
    data = files.storage().get(invoice.file_key)
    assert invoice.sha256 == hashlib.sha256(data).hexdigest()
    assert invoice.size == len(data)
    actions.make_document(invoice.id)
    assert (invoice.file_key, invoice.sha256, invoice.size, invoice.made_at) == first
    assert paper.made == 1


def test_the_paper_says_what_was_ordered(order, paper):
    actions.make_document(actions.issue(order.id).id)
    for words in (
        "INV-20",
        order.number,
        "Dipu Traders Limited",
        "BIN 1234567890123",
        "Trade licence TL-AMINA-STORE",
        "চিনি, ৫০ কেজির বস্তা",
        "120 sack",
        "৳135.00",
        "price from 100",
        "৳16,200.00",
        "৳60.00",
        "Total BDT ৳16,260.00",
        "Cash on delivery",
        "PO 77",
    ):
        assert words in paper.text, words
    assert "Void" not in paper.text


def test_what_people_wrote_is_text_on_the_paper(house, paper):
    shop, trader, amina = placed.people()
    line = Line(name='<img src="file:///etc/passwd"> {{ 7 * 7 }}', name_bn=None)
    actions.make_document(actions.issue(placed.order(shop, trader, amina, lines=[line]).id).id)
    assert paper.html.count("<img") == 1, "the QR code alone"
    assert '<img src="file:///etc/passwd"> {{ 7 * 7 }}' in paper.text


def test_the_paper_is_of_the_day_it_was_issued(order, paper):
    invoice = actions.issue(order.id)
    db.session.execute(sa.text("UPDATE organization SET name = 'Renamed', legal_name = 'Renamed'"))
    db.session.execute(sa.text("UPDATE business_papers SET phone = '0'"))
    db.session.expire_all()
    actions.make_document(invoice.id)
    assert "Dipu Traders Limited" in paper.text
    assert "Renamed" not in paper.text


def test_a_bank_transfer_is_due_until_it_is_received(house, paper):
    shop, trader, amina = placed.people()
    orders = [placed.order(shop, trader, amina, payment_method="bank_transfer") for _ in range(2)]
    db.session.add(
        Receipt(
            purchase_id=orders[1].purchase_id,
            method="bank_transfer",
            reference="B-1",
            amount=orders[1].total,
            currency="BDT",
            recorded_by=None,
        )
    )
    due, paid = (actions.issue(order.id).content["payment"] for order in orders)
    assert due["method"] == "Bank transfer"
    assert "quoting P-" in due["state"]
    assert paid["state"] == "Paid."


def test_goods_picked_up_need_no_address(house, paper):
    shop, trader, amina = placed.people()
    order = placed.order(shop, trader, amina, delivery_method="pick_up", delivery_fee="0")
    actions.make_document(actions.issue(order.id).id)
    assert "Picked up at the seller's." in paper.text
    assert "Amina Begum" not in paper.text


def test_a_real_document_of_sixty_lines(house):
    shop, trader, amina = placed.people()
    order = placed.order(shop, trader, amina, lines=[Line(quantity=100 + n) for n in range(60)])
    invoice = actions.issue(order.id)
    actions.make_document(invoice.id)
    data = files.storage().get(invoice.file_key)
    assert data.startswith(b"%PDF-")
    assert data.count(b"/Type /Page\n") + data.count(b"/Type /Page ") <= 6
    assert len(data) < 100_000


def test_more_lines_than_a_document_holds_are_refused(house, paper, monkeypatch):
    monkeypatch.setattr(rules, "MAX_LINES", 2)
    shop, trader, amina = placed.people()
    invoice = actions.issue(placed.order(shop, trader, amina, lines=[Line()] * 3).id)
    with pytest.raises(TooManyLinesError):
        actions.make_document(invoice.id)


# --- taking back --------------------------------------------------------------------------------------------


def notes():
    return list(db.session.scalars(sa.select(CreditNote).order_by(CreditNote.sequence)))


def test_cancelling_all_of_it_makes_the_invoice_void(order, paper):
    invoice = actions.issue(order.id)
    actions.make_document(invoice.id)
    key = invoice.file_key
    placed.cancel(order)
    for _ in range(2):
        assert actions.issue_credit_notes(order.id) == []
    assert (invoice.state, invoice.number, invoice.file_key) == ("void", invoice.number, key)
    assert invoice.voided_at is not None
    assert notes() == []


def test_a_void_invoice_stays_void(order):
    actions.issue(order.id)
    placed.cancel(order)
    actions.issue_credit_notes(order.id)
    with pytest.raises(DBAPIError, match="issued and does not change"), db.session.begin_nested():
        db.session.execute(sa.text("UPDATE invoice SET state = 'issued', voided_at = NULL"))


def test_a_document_first_made_after_the_cancellation_says_so(order, paper):
    invoice = actions.issue(order.id)
    placed.cancel(order)
    actions.issue_credit_notes(order.id)
    actions.make_document(invoice.id)
    assert "Void: the order was cancelled" in paper.text


def test_there_may_be_nothing_to_void(house):
    order = placed.order(*placed.people(), state="placed")
    placed.cancel(order)
    assert actions.issue_credit_notes(order.id) == []
    assert actions.issue(order.id) is None
    assert invoices() == []


def test_what_was_taken_back_before_is_not_on_the_invoice(house, paper):
    order = placed.order(*placed.people(), lines=[Line(), Line(name="Salt", quantity=10)])
    placed.take_back(order, {0: 20, 1: 10}, kind="cancelled")
    invoice = actions.issue(order.id)
    assert [(line["name"], line["quantity"], line["total"]) for line in invoice.content["lines"]] == [
        ("Sugar, 50 kg sack", 100, "13500.00")
    ]
    assert (invoice.total, invoice.credits) == (Decimal(13560), 1)
    assert invoice.content["in_words"] == "Thirteen thousand five hundred sixty taka only"
    assert actions.issue_credit_notes(order.id) == []
    assert queries.proof() == []


def test_what_is_taken_back_later_gets_a_credit_note(order, paper):
    invoice = actions.issue(order.id)
    first = placed.take_back(order, {0: 20}, reason="Twenty were torn.")
    second = placed.take_back(order, amounts={0: "99.50"}, delivery="60", kind="allowance", reason="For the trouble.")
    made = actions.issue_credit_notes(order.id)
    assert actions.issue_credit_notes(order.id) == []
    assert [note.credit_id for note in made] == [first.id, second.id]
    assert [note.number for note in made] == [f"CN-{invoice.fiscal_year}-000001", f"CN-{invoice.fiscal_year}-000002"]
    assert [note.total for note in made] == [Decimal(2700), Decimal("159.50")]
    assert made[0].content["invoice"] == invoice.number
    assert [(line["quantity"], line["total"]) for note in made for line in note.content["lines"]] == [
        (20, "2700.00"),
        (0, "99.50"),
    ]
    assert invoice.state == "issued"
    actions.make_credit_note_document(made[0].id)
    for words in (
        "Credit note",
        invoice.number,
        made[0].number,
        "Returned",
        "Twenty were torn.",
        "20 sack",
        "৳2,700.00",
    ):
        assert words in paper.text, words
    actions.make_credit_note_document(made[0].id)
    assert paper.made == 1
    assert made[0].sha256 == hashlib.sha256(files.storage().get(made[0].file_key)).hexdigest()


def test_an_invoice_with_a_credit_note_never_becomes_void(order):
    """What is left is cancelled: the rest is credited too."""
    invoice = actions.issue(order.id)
    placed.take_back(order, {0: 20}, kind="cancelled")
    placed.cancel(order)
    made = actions.issue_credit_notes(order.id)
    assert invoice.state == "issued"
    assert sum(note.total for note in made) == invoice.total
    assert len(made) == 2


def test_what_is_accepted_in_place_of_something_later_gets_a_supplement(house, paper):
    order = placed.order(*placed.people(), lines=[Line(), Line(name="Salt", quantity=10)])
    outbox.emit(OrderMoved(order_id=order.id, before="placed", after="confirmed"))
    outbox.drain()
    placed.substitute(order, Line(name="Brown sugar", quantity=100, unit_price="130"))
    placed.take_back(order, {0: 120}, kind="cancelled")
    outbox.drain()
    main, supplement = db.session.scalars(sa.select(Invoice).order_by(Invoice.part))
    assert (main.sequence, supplement.sequence, supplement.part) == (1, 2, 2)
    assert supplement.total == Decimal(13000)
    assert supplement.content["supplements"] == main.number
    assert [line["name"] for line in supplement.content["lines"]] == ["Brown sugar"]
    (note,) = notes()
    assert note.total == Decimal(16200)
    assert note.content["invoices"] == [main.number, supplement.number]
    assert broken(cii.of(supplement.number, supplement.content)) == []
    assert queries.proof() == []
    assert [paper.number for paper in queries.documents_of(SYSTEM, order.number)] == [
        main.number,
        supplement.number,
        note.number,
    ]
    placed.cancel(order)
    outbox.drain()
    assert queries.proof() == []
    assert main.state == "issued"


def test_all_replaced_before_anything_else_makes_the_first_void(house, paper):
    order = placed.order(*placed.people(), delivery_method="pick_up", delivery_fee="0")
    actions.issue(order.id)
    placed.substitute(order, Line(name="Brown sugar", quantity=100, unit_price="130"))
    placed.take_back(order, {0: 120}, kind="cancelled")
    placed.take_back(order, {1: 10}, kind="cancelled")
    outbox.drain()
    main, supplement = db.session.scalars(sa.select(Invoice).order_by(Invoice.part))
    assert (main.state, supplement.state) == ("void", "issued")
    (note,) = notes()
    assert (note.invoice_id, note.total) == (supplement.id, Decimal(1300))
    assert queries.proof() == []


def test_a_credit_note_is_frozen_by_the_database(order):
    actions.issue(order.id)
    placed.take_back(order, {0: 1})
    actions.issue_credit_notes(order.id)
    for change in ("number = 'X'", "content = '{}'", "total = 0", "sequence = 9", "token = ''"):
        with (
            pytest.raises(DBAPIError, match=r"credit note .* is issued and does not change"),
            db.session.begin_nested(),
        ):
            db.session.execute(sa.text(f"UPDATE credit_note SET {change}"))
    with pytest.raises(DBAPIError), db.session.begin_nested():
        db.session.execute(sa.text("DELETE FROM credit_note"))


def test_tax_is_on_the_invoice_and_is_taken_back_with_the_goods(house, paper):
    vat = {"tax_name": "VAT", "tax_percent": "15", "tax_kind": "standard"}
    order = placed.order(
        *placed.people(),
        lines=[
            Line(quantity=100, unit_price="10", **vat),
            Line(name="Salt", quantity=10, unit_price="11.50", tax_included=True, **vat),
            Line(
                name="Book", quantity=1, unit_price="7", tax_name="VAT", tax_kind="exempt", tax_reason="Books are free."
            ),
        ],
    )
    content = actions.issue(order.id).content
    assert content["taxes"] == [
        {"name": "VAT", "percent": "15", "net": "1100.00", "tax": "165.00"},
        {"name": "VAT", "percent": "0", "net": "7.00", "tax": "0.00"},
    ]
    assert (content["goods_total"], content["tax_on_top"], content["tax_total"]) == ("1122.00", "150.00", "165.00")
    assert content["total"] == "1332.00"
    placed.take_back(order, {0: 10, 1: 5})
    (note,) = actions.issue_credit_notes(order.id)
    assert note.content["taxes"] == [{"name": "VAT", "percent": "15", "net": "150.00", "tax": "22.50"}]
    assert note.total == Decimal("172.50")


# --- through the outbox -----------------------------------------------------------------------------------


def test_events_issue_make_and_void(order, paper):
    outbox.emit(OrderPlaced(order_id=order.id))
    outbox.drain()
    assert invoices() == [], "the seller has not confirmed it"
    outbox.emit(OrderMoved(order_id=order.id, before="placed", after="confirmed"))
    outbox.drain()
    (invoice,) = invoices()
    assert (invoice.state, invoice.file_key is None) == ("issued", False)
    placed.cancel(order)
    outbox.drain()
    assert invoices()[0].state == "void"


def test_events_issue_and_make_credit_notes(order, paper):
    outbox.emit(OrderMoved(order_id=order.id, before="placed", after="confirmed"))
    outbox.drain()
    placed.take_back(order, {0: 20})
    outbox.drain()
    (note,) = notes()
    assert note.file_key is not None
    assert queries.proof() == []


def test_an_order_that_is_really_placed_confirmed_and_cancelled(cast, paper):
    bag = catalog.product(cast.trader, name_bn="পাটের ব্যাগ")
    amina, dipu = accounts.actor(cast.amina), accounts.actor(cast.dipu)
    (order,) = orders.placed(amina, {bag: 100}, payment="bank_transfer")
    outbox.drain()
    assert invoices() == []
    move_order(actor=dipu, number=order.number, to="confirmed")
    outbox.drain()
    (invoice,) = invoices()
    assert invoice.order_id == order.id
    assert Decimal(invoice.content["total"]) == order.total
    for words in ("Jute bag", "পাটের ব্যাগ", "100 pieces", "৳135.00", "price from 50", "৳13,500.00", "PO-7"):
        assert words in paper.text, words
    move_order(actor=dipu, number=order.number, to="cancelled", reason="Burnt.")
    outbox.drain()
    assert (invoices()[0].state, paper.made) == ("void", 1)
    assert queries.proof() == []


def test_who_confirms_at_once_has_the_invoice_at_once(cast, paper):
    cast.trader.confirms_at_once = True
    (order,) = orders.placed(accounts.actor(cast.amina), {catalog.product(cast.trader): 100})
    outbox.drain()
    assert [invoice.order_id for invoice in invoices()] == [order.id]


def test_what_follows_from_the_background_stays_there(order, paper):
    with outbox.background():
        outbox.emit(OrderMoved(order_id=order.id, before="placed", after="confirmed"))
    outbox.drain()
    mine = sa.select(outbox.OutboxRow.priority).where(outbox.OutboxRow.event == InvoiceIssued.__name__)
    assert db.session.scalars(mine).all() == [9]


# --- races, with real commits -----------------------------------------------------------------------------


def several(app, count, *, one_seller=True):
    """Ids of committed orders."""
    with app.app_context(), transaction():
        shop, trader, amina = placed.people()
        variant = placed.variant_of(trader)
        return [placed.order(shop, trader, amina, variant=variant).id for _ in range(count)]


def at_once(app, work, arguments):
    """Call `work` with each argument in a thread of its own, all starting together; their answers."""
    start = threading.Barrier(len(arguments))

    def run(argument):
        with app.app_context():
            start.wait()
            return work(argument)

    with ThreadPoolExecutor(len(arguments)) as pool:
        return list(pool.map(run, arguments))


def issue_and_commit(order_id):
    with transaction():
        invoice = actions.issue(order_id)
        return invoice.sequence if invoice else None


def test_numbers_have_no_gap_and_no_double_when_many_issue_at_once(committed_app):
    orders = several(committed_app, 50)
    sequences = at_once(committed_app, issue_and_commit, orders)
    assert sorted(sequences) == list(range(1, 51))
    with committed_app.app_context():
        assert all(series.is_whole for series in queries.gap_report(SYSTEM))


def test_one_order_issued_by_many_at_once_has_one_invoice(committed_app):
    (order_id,) = several(committed_app, 1)
    sequences = at_once(committed_app, issue_and_commit, [order_id] * 8)
    assert sorted(sequences, key=str) == [1, *[None] * 7]
    with committed_app.app_context():
        assert db.session.scalars(sa.select(InvoiceCounter.last)).one() == 1


def test_a_transaction_that_dies_gives_its_number_back(committed_app):
    orders = several(committed_app, 3)

    def issue_or_die(order_id):
        try:
            with transaction():
                actions.issue(order_id)
                if order_id == orders[1]:
                    # As a kill -9 of the worker looks to the database: the connection is gone.
                    db.session.connection().connection.driver_connection.close()
        except DBAPIError:
            db.session.remove()

    at_once(committed_app, issue_or_die, orders)
    with committed_app.app_context():
        assert [invoice.sequence for invoice in invoices()] == [1, 2]
        assert issue_and_commit(orders[1]) == 3


def test_cancelling_while_issuing_leaves_a_void_invoice_or_none(committed_app):
    orders = several(committed_app, 6)

    def cancel_and_commit(order_id):
        with transaction():
            placed.cancel(db.session.get_one(Order, order_id))

    work = [(issue_and_commit, order_id) for order_id in orders] + [
        (cancel_and_commit, order_id) for order_id in orders
    ]
    at_once(committed_app, lambda task: task[0](task[1]), work)
    with committed_app.app_context():
        outbox.drain()
        assert {invoice.state for invoice in invoices()} <= {"void"}
        assert [invoice.sequence for invoice in invoices()] == list(range(1, len(invoices()) + 1))


def test_a_document_made_by_two_workers_at_once_is_made_once(committed_app, paper):
    (order_id,) = several(committed_app, 1)
    with committed_app.app_context(), transaction():
        invoice_id = actions.issue(order_id).id

    def make_and_commit(_):
        with transaction():
            actions.make_document(invoice_id)

    at_once(committed_app, make_and_commit, range(4))
    assert paper.made == 1


@pytest.mark.torture
def test_a_worker_killed_while_rendering_loses_nothing(committed_app, paper, monkeypatch):
    (order_id,) = several(committed_app, 1)
    with committed_app.app_context():
        with transaction():
            outbox.emit(OrderMoved(order_id=order_id, before="placed", after="confirmed"))
        db.engine.dispose()
    reader, writer = os.pipe()
    worker = os.fork()
    if worker == 0:
        with committed_app.app_context():
            monkeypatch.setattr(pdf, "render", lambda *_: [os.write(writer, b"!"), time.sleep(60)])
            outbox.drain()
        os._exit(1)
    os.read(reader, 1)  # the invoice is committed, its document is being rendered
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)
    os.close(reader)
    os.close(writer)
    with committed_app.app_context():
        end = time.monotonic() + 5  # PostgreSQL frees the row when it notices the closed socket
        while outbox.drain() == 0 and time.monotonic() < end:
            time.sleep(0.05)
        (invoice,) = invoices()
        assert invoice.sequence == 1
        assert hashlib.sha256(files.storage().get(invoice.file_key)).hexdigest() == invoice.sha256
        assert paper.made == 1
        row = db.session.scalars(sa.select(outbox.OutboxRow).order_by(outbox.OutboxRow.id.desc())).first()
        assert (row.attempts, row.error) == (1, None), "a killed worker is no failed attempt"


def test_fiscal_years_follow_the_setting_and_the_seller_s_country(house, monkeypatch):
    settings = house.extensions["settings"]
    chosen = replace(settings, fiscal_year_start=(("", 7), ("IN", 4), ("UG", 1)))
    monkeypatch.setitem(house.extensions, "settings", chosen)
    shop, trader, amina = placed.people()
    numbers = []
    for country in ("BD", "IN", "UG"):
        trader.country = country
        db.session.flush()
        with clock.at(datetime(2027, 5, 1, 12, 0, tzinfo=UTC)):
            numbers.append(actions.issue(placed.order(shop, trader, amina).id).number)
    assert numbers == ["INV-2026-27-00001", "INV-2027-28-00001", "INV-2027-00001"]
