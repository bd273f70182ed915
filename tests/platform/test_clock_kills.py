"""kill -9 of real schedulers and workers in the middle of a period, and Redis emptied: each period once in effect."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis
import sqlalchemy as sa
from flask import Flask

from tests.torture.rig import Site
from wholesale.config import ROOT
from wholesale.platform import runs
from wholesale.platform.db import db
from wholesale.platform.outbox import OutboxRow
from wholesale.platform.transaction import transaction

PATIENCE = 120
KILLS = int(os.environ.get("KILLS", "2"))
# A night that writes a row and then takes its time; who is not heard of for a second and a half counts as killed.
SLOW = """
import sys, time
from datetime import time as at, timedelta
from wholesale.app import create_app
from wholesale.config import Settings
from wholesale.platform import runs
from wholesale.platform.db import db
from wholesale.platform.outbox import OutboxRow
from wholesale.platform.rhythm import Periodic

def work():
    db.session.add(OutboxRow(event="night", handler="none", payload={}))
    db.session.flush()
    print("in the middle", flush=True)
    time.sleep(float(sys.argv[1]))
    return "done"

runs._BEAT_SECONDS, runs._GONE = 0.3, timedelta(seconds=1.5)
app = create_app(Settings.from_environment())
app.extensions["timetable"] = {"night": Periodic("night", work, daily_at=at(2, 0))}
with app.app_context():
    run = runs.run_periodic("night")
    print("not now" if run is None else f"{run.result}, try {run.attempts}", flush=True)
"""


def process(site: Site, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SLOW, str(seconds)]
    return subprocess.Popen(command, cwd=ROOT, env=site.env, stdout=subprocess.PIPE, text=True, start_new_session=True)


def said(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.readline().strip()


@pytest.mark.torture
def test_a_run_that_is_killed_is_taken_over_and_done_once(committed_app: Flask, tmp_path: Path) -> None:
    site = Site(committed_app, tmp_path / "log")
    with process(site, 600) as first:
        assert said(first) == "in the middle"
        time.sleep(2)  # longer than the patience with who is silent
        with process(site, 0) as beside:
            assert said(beside) == "not now", "the first one says that it lives"
        os.killpg(first.pid, signal.SIGKILL)
    time.sleep(1.6)
    with process(site, 0) as second:
        assert [said(second), said(second)] == ["in the middle", "done, try 2"]
    with committed_app.app_context(), transaction():
        assert db.session.query(OutboxRow).filter_by(event="night").count() == 1


@pytest.mark.torture
def test_schedulers_are_killed_and_redis_is_emptied(committed_app: Flask, tmp_path: Path) -> None:
    """Two schedulers ring; one is killed again and again, and all that Redis knows is taken away."""
    site = Site(committed_app, tmp_path / "log", redis="9")
    bell = redis.Redis.from_url(site.env["REDIS_URL"])
    site.LINES["second scheduler"] = site.LINES["scheduler"]
    wanted = set(committed_app.extensions["timetable"])
    try:
        site.start("scheduler", "second scheduler", "worker")
        for number in range(KILLS):
            time.sleep(1.5)
            bell.flushdb()
            site.kill("second scheduler" if number % 2 else "scheduler")
        end, done = time.monotonic() + PATIENCE, set[str]()
        while done != wanted and time.monotonic() < end:
            time.sleep(1)
            with committed_app.app_context(), transaction():
                done = set(db.session.scalars(sa.select(runs.JobRun.name).where(runs.JobRun.finished_at.is_not(None))))
        assert done == wanted, f"these were lost: {wanted - done}\n{site.log.read_text()[-2000:]}"
    finally:
        site.stop()
        bell.flushdb()
    with committed_app.app_context(), transaction():
        found = list(db.session.scalars(sa.select(runs.JobRun)))
        assert [run.name for run in found if run.by_hand] == []
        assert {run.attempts for run in found} == {1}
        zone = committed_app.extensions["settings"].time_zone
        assert all(runs.timetable()[run.name].period(run.started_at, zone) == run.period for run in found)
        assert [run.name for run in found if run.finished_at is None] == []
