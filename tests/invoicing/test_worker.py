"""The real worker, killed again and again in the middle of its work: every order ends with one invoice."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest
import sqlalchemy as sa

from tests.invoicing import placed
from wholesale.config import ROOT
from wholesale.invoicing.models import Invoice
from wholesale.orders.events import OrderMoved
from wholesale.platform import files, jobs, outbox
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction

pytestmark = pytest.mark.torture

ORDERS, KILLS = 8, 3


@pytest.fixture
def queue(monkeypatch):
    """A queue of this test's own: tests that run beside it have workers too."""
    name = f"test-{os.getpid()}"
    monkeypatch.setattr(jobs, "QUEUE", name)
    return name


def start_worker(app, queue):
    settings = app.extensions["settings"]
    environ = os.environ | {
        "WHOLESALE_ENV": "test",
        "WHOLESALE_DATA": str(settings.data_dir),
        "DATABASE_URL": settings.database_url.replace("+psycopg", ""),
        "REDIS_URL": settings.redis_url,
    }
    program = (
        "import sys; from wholesale.platform import jobs; jobs.QUEUE = sys.argv.pop();"
        "from flask.cli import main; sys.argv[0] = 'flask'; main()"
    )
    command = [sys.executable, "-c", program, "--app", "wsgi", "jobs", "work", queue]
    return subprocess.Popen(command, cwd=ROOT, env=environ)


def kill(worker):
    """As the kernel does when memory is short: the worker and the process that does the job, without a word."""
    with suppress(psutil.NoSuchProcess):
        family = [*psutil.Process(worker.pid).children(recursive=True), psutil.Process(worker.pid)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
    worker.wait()


def test_kills_lose_and_double_nothing(committed_app, queue):
    with committed_app.app_context():
        with transaction():
            shop, trader, amina = placed.people()
            variant = placed.variant_of(trader)
            for _ in range(ORDERS):
                order = placed.order(shop, trader, amina, variant=variant)
                outbox.emit(OrderMoved(order_id=order.id, before="placed", after="confirmed"))
        worker, kills, end = start_worker(committed_app, queue), 0, time.monotonic() + 240
        try:
            while (waiting := outbox.state().waiting) and time.monotonic() < end:
                db.session.rollback()
                jobs.ring()
                begun = db.session.scalar(sa.select(sa.func.count()).where(Invoice.made_at.is_not(None))) or 0
                db.session.rollback()
                if kills < KILLS and begun > kills:  # it has done something since the last kill
                    time.sleep(random.uniform(0, 0.4))
                    kill(worker)
                    kills += 1
                    worker = start_worker(committed_app, queue)
                time.sleep(0.05)
        finally:
            kill(worker)
        assert waiting == 0
        assert kills == KILLS
        made = list(db.session.scalars(sa.select(Invoice).order_by(Invoice.sequence)))
        assert [invoice.sequence for invoice in made] == list(range(1, ORDERS + 1))
        for invoice in made:
            assert hashlib.sha256(files.storage().get(invoice.file_key)).hexdigest() == invoice.sha256
        assert db.session.scalars(sa.select(outbox.OutboxRow.error).distinct()).all() == [None]
