from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from tests.factories import accounts, catalog, orders
from tests.invoicing import placed
from tests.invoicing.placed import Line
from wholesale.invoicing import actions, rules
from wholesale.invoicing.errors import TooManyLinesError
from wholesale.invoicing.events import InvoiceIssued
from wholesale.invoicing.models import Invoice, InvoiceCounter
from wholesale.kernel import clock
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
        "total": line["total"],
    }
    assert Decimal(line["total"]) == Decimal(16200)
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


def test_a_cancelled_order_gets_no_invoice_and_no_number(order):
    db.session.execute(sa.update(Order).values(state="cancelled"))
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
    ["number = 'X'", "content = '{}'", "sequence = 9", "issued_at = now()", "seller_id = buyer_id", "fiscal_year = ''"],
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
    assert "<img" not in paper.html
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


# --- voiding ----------------------------------------------------------------------------------------------


def test_a_void_invoice_keeps_number_and_document(order, paper):
    invoice = actions.issue(order.id)
    actions.make_document(invoice.id)
    key = invoice.file_key
    actions.void(order.id)
    actions.void(order.id)
    assert (invoice.state, invoice.number, invoice.file_key) == ("void", invoice.number, key)


def test_a_document_first_made_after_the_cancellation_says_so(order, paper):
    invoice = actions.issue(order.id)
    actions.void(order.id)
    actions.make_document(invoice.id)
    assert "Void: the order was cancelled" in paper.text


def test_there_may_be_nothing_to_void(order):
    actions.void(order.id)
    assert invoices() == []


# --- through the outbox -----------------------------------------------------------------------------------


def test_events_issue_make_and_void(order, paper):
    outbox.emit(OrderPlaced(order_id=order.id))
    outbox.drain()
    (invoice,) = invoices()
    assert invoice.file_key is not None
    outbox.emit(OrderMoved(order_id=order.id, before="placed", after="confirmed"))
    outbox.drain()
    assert invoices()[0].state == "issued"
    outbox.emit(OrderMoved(order_id=order.id, before="confirmed", after="cancelled"))
    outbox.drain()
    assert invoices()[0].state == "void"


def test_an_order_that_is_really_placed_and_cancelled(cast, paper):
    bag = catalog.product(cast.trader, name_bn="পাটের ব্যাগ")
    amina = accounts.actor(cast.amina)
    (order,) = orders.placed(amina, {bag: 100}, payment="bank_transfer")
    outbox.drain()
    (invoice,) = invoices()
    assert invoice.order_id == order.id
    assert Decimal(invoice.content["total"]) == order.total
    for words in ("Jute bag", "পাটের ব্যাগ", "100 piece", "৳135.00", "price from 50", "৳13,500.00", "PO-7"):
        assert words in paper.text, words
    move_order(actor=amina, number=order.number, to="cancelled", reason="Not needed any more.")
    outbox.drain()
    assert (invoices()[0].state, paper.made) == ("void", 1)


def test_what_follows_from_the_background_stays_there(order, paper):
    with outbox.background():
        outbox.emit(OrderPlaced(order_id=order.id))
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
    orders = several(committed_app, 8)
    sequences = at_once(committed_app, issue_and_commit, orders)
    assert sorted(sequences) == [1, 2, 3, 4, 5, 6, 7, 8]


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
            db.session.execute(sa.update(Order).where(Order.id == order_id).values(state="cancelled"))
            outbox.emit(OrderMoved(order_id=order_id, before="placed", after="cancelled"))

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
            outbox.emit(OrderPlaced(order_id=order_id))
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
