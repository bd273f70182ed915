"""A short storm (`KILLS=100` for a long one, or `bench/torture`): nothing confirmed is lost, nothing is doubled."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import database
from tests.torture.faults import Servers
from tests.torture.storm import KILLS, TROUBLES, Plan, Storm

pytestmark = pytest.mark.torture
STRIKES = int(os.environ.get("KILLS", "8"))
SEED = int(os.environ.get("SEED", "2026"))


def test_a_storm_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    """Whatever is killed, hung, cut off, emptied or filled up while four buyers order: see `storm.Storm`."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw")
    with Servers(database.STATE / f"storm-{worker}") as servers:
        report = Storm(servers, tmp_path, Plan(SEED, STRIKES, kinds=KILLS | TROUBLES, at_least=STRIKES)).run()
    assert report.wrong == [], f"seed {SEED}"
    assert len(report.strikes) == STRIKES
    assert report.sent_again > 0
