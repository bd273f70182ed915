from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from tests.factories import accounts
from tests.invoicing import placed
from wholesale.invoicing import actions, queries
from wholesale.invoicing.errors import DamagedDocumentError
from wholesale.kernel import clock
from wholesale.kernel.actor import ANONYMOUS, SYSTEM
from wholesale.kernel.errors import NotFoundError
from wholesale.orders.models import Order
from wholesale.platform import files
from wholesale.platform.db import db


@pytest.fixture
def placed_order(cast):
    return placed.order(cast.shop, cast.trader, cast.amina)


def test_both_businesses_and_staff_see_the_invoice(cast, placed_order):
    invoice = actions.issue(placed_order.id)
    for person in (cast.amina, cast.babul, cast.dipu, cast.esha):
        assert queries.status(accounts.actor(person), placed_order.number).invoice is invoice


def test_strangers_find_nothing(cast, placed_order):
    actions.issue(placed_order.id)
    for actor in (accounts.actor(cast.chandni), accounts.actor(cast.newcomer), ANONYMOUS):
        with pytest.raises(NotFoundError):
            queries.status(actor, placed_order.number)
    with pytest.raises(NotFoundError):
        queries.status(SYSTEM, "W-0")


def test_status_goes_from_waiting_to_made(order, paper):
    waiting = queries.status(SYSTEM, order.number)
    assert (waiting.invoice, waiting.is_made, waiting.is_refused, waiting.is_late) == (None, False, False, False)
    invoice = actions.issue(order.id)
    assert not queries.status(SYSTEM, order.number).is_made
    actions.make_document(invoice.id)
    made = queries.status(SYSTEM, order.number)
    assert made.is_made
    assert made.file_name == f"dipu-traders-{invoice.number}.pdf"
    assert made.kilobytes == 1


def test_status_says_when_there_will_be_none_and_when_it_is_late(order):
    with clock.at(clock.now() + timedelta(minutes=11)):
        late = queries.status(SYSTEM, order.number)
        assert (late.is_late, late.look_again_after) == (True, 60)
    db.session.execute(sa.update(Order).values(state="cancelled"))
    db.session.expire_all()
    assert queries.status(SYSTEM, order.number).is_refused


def test_the_document_is_what_was_stored_or_an_error(order, paper):
    invoice = actions.issue(order.id)
    actions.make_document(invoice.id)
    data = queries.document(invoice)
    assert data.startswith(b"%PDF-")
    path = files.storage()._path(invoice.file_key)
    path.write_bytes(data + b" ")
    with pytest.raises(DamagedDocumentError, match="has changed"):
        queries.document(invoice)
    path.unlink()
    with pytest.raises(DamagedDocumentError, match="is gone"):
        queries.document(invoice)
