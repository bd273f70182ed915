"""The real worker, killed again and again in the middle of long papers; and two who ask at the same instant."""

from __future__ import annotations

import hashlib
import io
import random
import threading
import time
import zipfile
from datetime import timedelta

import pypdf
import pytest
import sqlalchemy as sa

from tests.factories import accounts
from tests.invoicing import placed
from tests.invoicing.test_worker import kill, queue, start_worker
from wholesale.accounts.models import User
from wholesale.invoicing import actions as invoicing
from wholesale.invoicing.models import Invoice
from wholesale.kernel import clock
from wholesale.orders.models import Order
from wholesale.papers import actions, queries
from wholesale.papers.models import Paper, PaperPart
from wholesale.platform import files, jobs, outbox
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction

__all__ = ["queue"]  # a fixture
ORDERS, KILLS = 12, 3


def seller():
    """Dipu with some confirmed orders, each with its invoice."""
    shop, trader, amina = placed.people()
    variant = placed.variant_of(trader)
    for _ in range(ORDERS):
        invoicing.issue(placed.order(shop, trader, amina, variant=variant).id)
    return accounts.actor(db.session.scalars(sa.select(User).where(User.name == "Dipu")).one())


@pytest.mark.torture
def test_kills_lose_and_double_nothing(committed_app, queue):
    with committed_app.app_context():
        with transaction():
            dipu = seller()
            numbers = list(db.session.scalars(sa.select(Order.number).order_by(Order.id)))
            slips = actions.ask_several(actor=dipu, kind="packing_slip", numbers=numbers)
            month = actions.ask_month(actor=dipu, month=f"{clock.today('Asia/Dhaka'):%Y-%m}")
        worker, kills, end = start_worker(committed_app, queue), 0, time.monotonic() + 120
        try:
            while (waiting := outbox.state().waiting) and time.monotonic() < end:
                db.session.rollback()
                jobs.ring()
                steps = db.session.scalar(sa.select(sa.func.count()).select_from(PaperPart)) or 0
                db.session.rollback()
                if kills < KILLS and steps > kills:
                    time.sleep(random.uniform(0, 0.4))
                    kill(worker)
                    kills += 1
                    worker = start_worker(committed_app, queue)
                time.sleep(0.05)
        finally:
            kill(worker)
        assert waiting == 0
        assert kills
        made = {paper: b"".join(queries.paper(dipu, paper).content()) for paper in (slips, month)}
        reader = pypdf.PdfReader(io.BytesIO(made[slips]))
        assert [item.title for item in reader.outline] == numbers
        assert len(zipfile.ZipFile(io.BytesIO(made[month])).namelist()) == ORDERS + 1
        assert db.session.scalars(sa.select(PaperPart)).all() == []
        for paper in db.session.scalars(sa.select(Paper)):
            assert hashlib.sha256(made[paper.id]).hexdigest() == paper.sha256
        known = {paper.file_key for paper in db.session.scalars(sa.select(Paper))}
        known |= set(db.session.scalars(sa.text("SELECT file_key FROM invoice")))
        # What a kill left is a file that no row knows; at most one each, and the nightly sweep takes it.
        there = set(files.storage().keys_before(clock.now() + timedelta(hours=1)))
        assert known <= there
        assert len(there - known) <= 2 * kills


def test_two_who_ask_at_once_get_the_same_paper(committed_app):
    with committed_app.app_context(), transaction():
        dipu = seller()
        number = db.session.scalars(sa.select(Order.number).limit(1)).one()
    begin, found = threading.Barrier(4), []

    def ask():
        with committed_app.app_context():
            begin.wait()
            with transaction():
                found.append(actions.ask(actor=dipu, number=number, kind="pick_list"))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    with committed_app.app_context():
        events = list(db.session.scalars(sa.select(outbox.OutboxRow.event)))
        assert events.count("PaperAdvanced") == 1


def test_a_step_is_not_done_twice_beside_itself(committed_app):
    """Two workers with the same step: the second waits, then sees that it is done."""
    with committed_app.app_context(), transaction():
        dipu = seller()
        paper_id = actions.ask_month(actor=dipu, month=f"{clock.today('Asia/Dhaka'):%Y-%m}")
        for invoice in db.session.scalars(sa.select(Invoice)):
            stored = files.storage().put(invoice.number.encode(), "application/pdf")
            invoice.file_key, invoice.sha256 = stored.key, stored.sha256
    begin = threading.Barrier(2)

    def step():
        with committed_app.app_context():
            begin.wait()
            with transaction():
                actions.advance(paper_id, 0)

    threads = [threading.Thread(target=step) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with committed_app.app_context():
        assert len(db.session.scalars(sa.select(PaperPart)).all()) == 1
        assert db.session.get_one(Paper, paper_id).done == ORDERS
