"""The proof of the papers finds what is wrong, and takes nothing for wrong that the worker has still to do."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.invoicing import placed
from tests.invoicing.placed import Line
from wholesale.invoicing import actions, queries
from wholesale.kernel.actor import SYSTEM
from wholesale.orders.events import OrderMoved
from wholesale.platform import outbox
from wholesale.platform.db import db


@pytest.fixture
def proved(order, paper):
    """An order with its invoice and a credit note, all made: nothing is wrong."""
    outbox.emit(OrderMoved(order_id=order.id, before="placed", after="confirmed"))
    outbox.drain()
    placed.take_back(order, {0: 20})
    outbox.drain()
    assert queries.proof() == []
    return order


def wrong(words):
    found = queries.proof()
    assert any(words in problem for problem in found), found


def test_a_confirmed_order_without_an_invoice_is_wrong_unless_it_waits(order):
    wrong(f"order {order.number} is confirmed and has no invoice")
    outbox.emit(OrderMoved(order_id=order.id, before="placed", after="confirmed"))
    db.session.flush()
    assert queries.proof() == []
    db.session.execute(sa.text("UPDATE outbox SET dead_at = now()"))
    wrong("has no invoice")


def test_an_order_that_is_not_confirmed_or_was_cancelled_needs_none(house):
    people = placed.people()
    placed.order(*people, state="placed")
    placed.cancel(placed.order(*people, state="placed"))
    assert queries.proof() == []


def test_taking_back_without_a_note_is_wrong_unless_it_waits(proved):
    placed.take_back(proved, {0: 1})
    assert queries.proof() == [], "its event waits"
    db.session.execute(sa.text("DELETE FROM outbox WHERE done_at IS NULL"))
    wrong(f"order {proved.number}: taking back 2 has no credit note")
    wrong(f"the papers of order {proved.number} leave 13560")


def test_a_line_on_no_invoice_is_wrong_unless_it_waits(proved):
    placed.substitute(proved, Line(name="Salt", quantity=1))
    assert queries.proof() == [], "its event waits"
    db.session.execute(sa.text("DELETE FROM outbox WHERE done_at IS NULL"))
    wrong(f"order {proved.number} has a line that is on no invoice")


def test_a_paper_without_a_document_is_wrong_unless_it_waits(order):
    actions.issue(order.id)
    assert queries.proof() == [], "it is being made"
    db.session.execute(sa.text("DELETE FROM outbox"))
    wrong("has no document and none is being made")


def test_a_counter_that_ran_ahead_is_a_gap(proved):
    db.session.execute(sa.text("UPDATE invoice_counter SET last = 4"))
    wrong("4 given, 1 there, missing (2, 3, 4)")
    [invoices, notes] = sorted(queries.gap_report(SYSTEM), key=lambda row: row.kind, reverse=True)
    assert (invoices.missing, invoices.is_whole) == ((2, 3, 4), False)
    assert (notes.given, notes.papers, notes.is_whole) == (1, 1, True)


def test_a_counter_that_is_gone_or_behind_is_wrong(proved):
    db.session.execute(sa.text("UPDATE credit_note_counter SET last = 0"))
    wrong("credit_note numbers of Dipu Traders")
    db.session.execute(sa.text("DELETE FROM credit_note_counter"))
    wrong("credit_note numbers of Dipu Traders")
