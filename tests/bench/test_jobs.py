"""bench/jobs in short form: jobs of nothing, letters, invoices, and what waits while people order."""

from __future__ import annotations

import pytest
from flask import Flask

from bench import common, jobs, pages
from bench.common import Processes, Stage

pytestmark = pytest.mark.torture


def test_what_the_worker_does(shop: Flask) -> None:
    log = shop.extensions["settings"].data_dir / "log"
    with jobs.working(shop, log, "web", "scheduler") as site:
        stage = Stage(shop, site, Processes.of(shop, site))
        found = {"nothing": jobs.nothing(shop, stage.processes, 4)}
        known = pages.furnish(stage, goods=10, buyers=4)
        with jobs.confirmed_at_once(shop, known.seller_id):
            found["under_load"] = jobs.under_load(stage, known, 1)
    found["letters"] = jobs.letters(shop, log, 3)
    for each in (found["nothing"]["waiting"], found["nothing"]["one_by_one"], found["letters"]):
        assert each["number"] in {3, 4}
        assert each["a_second"] > 0
        assert each["cpu_ms"] > 0
    assert 0 < found["nothing"]["one_by_one"]["delay_p50_ms"] <= found["nothing"]["one_by_one"]["delay_p99_ms"]
    load = found["under_load"]
    assert load["orders"] >= 1
    assert load["rows"] > load["orders"]
    assert 0 < load["delay_p50_ms"] <= load["delay_p99_ms"] <= load["delay_most_ms"]
    assert 0 < load["invoice_p50_s"] <= load["invoice_p99_s"]
    found["invoices"] = jobs.invoices(4)
    assert found["invoices"]["number"] == 4
    assert found["invoices"]["a_second"] > 0
    assert 10 < found["invoices"]["first_mb"] <= found["invoices"]["largest_mb"] + 100
    told = jobs.promises(found)
    assert [(promise.bar, promise.least) for promise in told] == [(5, True), (20, False), (2, False)]
    said: list[str] = []
    jobs.report(found, said.append)
    assert any("letters by SMTP" in line for line in said)


def test_no_other_process_learns_of_the_event(shop: Flask) -> None:
    """It is the measurement's own: the product's map of events does not have it."""
    from wholesale.platform import outbox

    assert outbox.handlers_of(jobs.EVENT) == []
    assert common.PURCHASES > 0
