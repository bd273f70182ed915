from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from wholesale.invoicing import actions, jobs
from wholesale.invoicing.events import InvoiceIssued
from wholesale.invoicing.models import Invoice
from wholesale.kernel import clock
from wholesale.platform import outbox, pdf
from wholesale.platform.db import db


def rows():
    return list(db.session.scalars(sa.select(outbox.OutboxRow).where(outbox.OutboxRow.done_at.is_(None))))


@pytest.fixture
def later():
    with clock.at(clock.now() + timedelta(minutes=11)):
        yield


@pytest.fixture
def invoice(order):
    issued = actions.issue(order.id)
    db.session.commit()
    return issued


def test_a_fresh_invoice_is_left_alone(invoice):
    assert jobs.sweep() == "0 issued late, 0 late documents asked for again"


def test_a_late_one_that_still_waits_is_left_alone(invoice, later):
    assert jobs.sweep() == "0 issued late, 0 late documents asked for again"
    assert len(rows()) == 1


def test_a_lost_one_is_asked_for_again_once(invoice, paper, later):
    db.session.execute(sa.delete(outbox.OutboxRow))
    assert jobs.sweep() == "0 issued late, 1 late documents asked for again"
    assert jobs.sweep() == "0 issued late, 0 late documents asked for again"
    db.session.execute(sa.update(outbox.OutboxRow).values(available_at=clock.now() - timedelta(hours=1)))
    outbox.drain()
    assert jobs.sweep() == "0 issued late, 0 late documents asked for again"
    assert paper.made == 1


def test_one_that_failed_for_good_gets_another_life(invoice, monkeypatch, caplog, paper, later):
    def broken(*_: str) -> bytes:
        raise pdf.RendererMissingError("Documents need Pango")

    whole = pdf.render
    monkeypatch.setattr(pdf, "render", broken)
    for _ in range(outbox.MAX_ATTEMPTS):
        db.session.execute(sa.update(outbox.OutboxRow).values(available_at=clock.now() - timedelta(hours=1)))
        outbox.drain()
    (row,) = rows()
    assert row.dead_at is not None
    assert "Documents need Pango" in row.error
    monkeypatch.setattr(pdf, "render", whole)
    assert jobs.sweep() == "0 issued late, 1 late documents asked for again"
    db.session.execute(sa.update(outbox.OutboxRow).values(available_at=clock.now() - timedelta(hours=1)))
    outbox.drain()
    assert db.session.scalars(sa.select(Invoice.file_key)).one() is not None


def test_asking_for_a_made_document_again_changes_nothing(invoice, paper):
    actions.make_document(invoice.id)
    outbox.emit(InvoiceIssued(invoice_id=invoice.id))
    outbox.drain()
    assert paper.made == 1


def test_an_order_whose_invoice_was_never_issued_gets_it(order, later):
    """Its row in the outbox failed for good: the sweep does not need it."""
    db.session.execute(sa.delete(outbox.OutboxRow))
    with clock.at(order.placed_at + timedelta(minutes=30)):
        assert jobs.sweep().startswith("1 issued late")
        assert jobs.sweep().startswith("0 issued late")
