"""What is measured on the running site: pages, memory, the phone. Figures come out, and those with a bar are told."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from bench import common, memory, million, pages, phone
from bench.common import Stage
from tests.e2e.conftest import CHROMIUM, chromium

__all__ = ["chromium"]  # a fixture
FAST = phone.Speed(kilobits=100_000, round_trip_ms=0, slower=1)
SERVER = """
import http.server, os
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Page).serve_forever()
"""


def test_every_operation_has_its_figure(stage: Stage, known: pages.Known) -> None:
    said: list[str] = []
    found = pages.measure(stage, known, number=2, clients=2, crowd=2, say=said.append)
    figures = {(each["operation"], each["who"]): each for each in found["figures"]}
    assert len(figures) == len(found["figures"]) == len(pages.operations(known)) == len(said)
    for name, figure in figures.items():
        assert figure["cpu_ms"] > 0, name
        assert figure["a_second"] > 0, name
        assert 0 < figure["p50_ms"] <= figure["p95_ms"] <= figure["p99_ms"], name
        assert set(figure["parts_ms"]) == {"web", "worker", "scheduler", "database", "redis"}
    assert figures["the cart filled with 5 lines", "crowd"]["requests"] == 5
    assert figures["the checkout", "crowd"]["requests"] == 11
    listing = figures["listing of 24 with prices and tiers", "buyer"]
    assert 1_000 < listing["bytes_compressed"] < listing["bytes_raw"]
    told = {promise.what: promise for promise in pages.promises(found)}
    assert {promise.bar for promise in told.values()} == {5, 4, 2, 60, 14_000, 1_500}
    assert told["heaviest page here with its CSS"].kept, "of all pages, a byte counts the same on any machine"
    assert told["heaviest fragment here"].kept
    whole = told["whole checkout to a placed order of 5 lines, 16 requests"]
    parts = (figures[name, "crowd"]["cpu_ms"] for name in ("the cart filled with 5 lines", "the checkout"))
    assert whole.reached == pytest.approx(sum(parts), abs=0.02)


def test_an_answer_that_is_no_page_is_no_figure(stage: Stage, known: pages.Known) -> None:
    visitor = pages.signed_in(stage, None)
    with pytest.raises(SystemExit, match="/cart: 30"):
        visitor.get("/cart")
    buyer = pages.signed_in(stage, known.buyers[0])
    with pytest.raises(SystemExit, match="/cart/lines: 422"):
        buyer.send("/cart/lines", {"variant_id": known.variants[0], "quantity": 1})


def test_memory_at_rest_and_over_time(stage: Stage, known: pages.Known) -> None:
    rest = memory.at_rest(stage, settle=0)
    assert rest["processes"]["web"] == 3
    parts = rest["parts_mb"]
    assert rest["ours_mb"] == pytest.approx(parts["web"] + parts["worker"] + parts["scheduler"], abs=0.2)
    assert 60 < rest["ours_mb"] < 2_000
    soaked = memory.soak(stage, known, 1.5, every=0.3)
    assert soaked["pages"] > 0
    assert soaked["samples"] >= 2
    wanted = {"web_mb", "worker_mb", "scheduler_mb", "web_files", "connections", "redis_keys", "idle_in_transaction_s"}
    assert wanted <= set(soaked["figures"])
    assert soaked["figures"]["connections"]["most"] > 0
    told = memory.promises({"rest": rest, "soak": soaked, "start_s": [3.2, 2.1]})
    assert [promise.bar for promise in told] == [450, 4, 1]
    assert told[1].reached == 2.1
    soaked["seconds"] = memory.TEN_MINUTES
    assert len(memory.promises({"rest": rest, "soak": soaked, "start_s": []})) == 5


def test_the_start_is_timed_until_the_first_page(tmp_path: Path) -> None:
    seconds = memory.start_seconds(tmp_path, [sys.executable, "-c", SERVER], 1)
    assert len(seconds) == 1
    assert 0 < seconds[0] < 60
    with pytest.raises(SystemExit, match="it ended"):
        memory.start_seconds(tmp_path, [sys.executable, "-c", "raise SystemExit('no')"], 1)


@pytest.mark.e2e
@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no Chromium")
def test_a_round_on_the_phone(chromium: Browser, stage: Stage, known: pages.Known) -> None:
    found = phone.medians([phone.one_round(chromium, stage, known, FAST, names=("product",))])
    kinds = [f"{who}, JavaScript {how}" for who in ("buyer", "visitor") for how in ("on", "off")]
    wanted = {f"{page}, {kind}" for page in ("product", "another product", "then the listing") for kind in kinds}
    assert set(found) == wanted | {"listing with photographs", "product with photographs"}
    for name, figure in found.items():
        assert figure["bytes"] > 0, name
        assert figure["complete_s"] > 0, name
        assert figure["paint_s"] > 0, name
    for how in ("on", "off"):
        assert found[f"product, buyer, JavaScript {how}"]["answer_s"] > 0
        assert (
            found[f"another product, buyer, JavaScript {how}"]["bytes"]
            < found[f"product, buyer, JavaScript {how}"]["bytes"]
        )
    assert found["product, buyer, JavaScript off"]["bytes"] < found["product, buyer, JavaScript on"]["bytes"]
    told = {promise.what: promise for promise in phone.promises(found)}
    assert told["phone: whole first visit without photographs, most"].kept
    assert told["phone: another page afterwards, most"].kept
    assert told["phone: layout shift, most"].kept


def test_a_site_is_kept_for_the_next_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`staged` loads, serves and says who works; here with everything that takes long left out."""
    asked: list[tuple[Path, int, int]] = []
    monkeypatch.setattr(
        million, "load", lambda folder, products, _say, purchases: asked.append((folder, products, purchases))
    )
    monkeypatch.setattr(million, "running", lambda folder: pytest.fail(f"started {folder}"))
    with pytest.raises(pytest.fail.Exception), common.staged("web", products=7, folder=tmp_path):
        pass
    assert asked == [(tmp_path, 7, common.PURCHASES)]


def test_a_run_is_kept_and_printed(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = common.Run("something", short=True)
    run.finish({"figure": 1}, [common.Promise("this", 3, 2, "ms")], as_json=True)
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told == json.loads((results / "something.json").read_text())
    assert {"name", "short", "at", "seconds", "load", "processors", "commit", "command", "promises", "figure"} == set(
        told
    )
    assert told["promises"][0]["kept"] is False
