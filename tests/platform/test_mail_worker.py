"""The real worker, killed in the middle of sending: no letter goes out twice, and none is lost without a word."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.invoicing.test_worker import kill, queue, start_worker
from tests.platform.letters import pass_time, smtp_server
from wholesale.platform import jobs, mail, outbox
from wholesale.platform.db import db
from wholesale.platform.messages.queue import OutgoingMessage
from wholesale.platform.transaction import transaction

pytestmark = pytest.mark.torture

KILLS = int(os.environ.get("KILLS", "1"))
LETTERS = 10 * KILLS
__all__ = ["queue"]  # a fixture


def test_kills_double_nothing_and_hide_nothing(
    committed_app: Flask, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with smtp_server() as server, committed_app.app_context():
        server.seconds = 0.05
        monkeypatch.setenv("MAIL_URL", f"smtp://127.0.0.1:{server.port}")
        monkeypatch.setenv("SECRET_KEY", committed_app.extensions["settings"].secret_key)
        with transaction():
            for number in range(LETTERS):
                mail.send(key=f"k{number}", to="amina@shop.example", template="test_message")
        worker, kills, end = start_worker(committed_app, queue), 0, time.monotonic() + 90
        try:
            while outbox.state().waiting and time.monotonic() < end:
                db.session.rollback()
                jobs.ring()
                if kills < KILLS and len(server.taken) > kills * 5:
                    time.sleep(random.uniform(0, 0.1))
                    kill(worker)
                    kills += 1
                    worker = start_worker(committed_app, queue)
                time.sleep(0.02)
            time.sleep(1)  # the last one is noted after its row is done
        finally:
            kill(worker)
        assert kills == KILLS
        pass_time(timedelta(minutes=6))
        mail.sweep()
        db.session.commit()
        states = Counter(db.session.scalars(sa.select(OutgoingMessage.state)))
        taken = Counter(str(letter["Message-ID"]) for letter in server.taken)
    assert set(taken.values()) == {1}, "a letter came twice"
    assert set(states) <= {"sent", "unknown"}
    assert states["unknown"] <= KILLS
    assert states["sent"] <= len(taken) <= LETTERS
    assert sum(states.values()) == LETTERS
