"""bench/all: one line for each command, each of them in its shortest form, and the table of what was promised."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import all as everything
from bench import common, scale, search
from bench.all import COMMANDS, Command, Outcome
from bench.common import Promise
from tests.torture.rig import free_port
from wholesale.config import ROOT

KEPT, MISSED = Promise("quick", 1.5, 2, "s"), Promise("many", 3, 5, "", least=True)
# In a few seconds each; those that need a running site or another database stand in tests of their own.
SHORTEST = (
    Command("audit", ("0.05",)),
    Command("row_security", ("--orders", "1000", "--rounds", "10")),
    Command("reports", ("2000", "1")),
    Command("stock_check", ("600", "5")),
    Command("imports", ("--rows", "60", "--kinds", "csv")),
    Command("logins", ("--seconds", "0.3", "--rate", "4")),
)
FIGURES = {
    "audit": ("a_second", "share", "proof_seconds", "problems"),
    "row_security": ("orders", "figures"),
    "reports": ("lines", "figures"),
    "stock_check": ("variants", "seconds_of"),
    "imports": ("rows", "rows_a_second"),
    "logins": ("page alone", "page beside logins", "logins", "times slower, p95"),
}


@pytest.mark.torture
@pytest.mark.parametrize("command", SHORTEST, ids=lambda command: command.name)
def test_a_command_measures_and_tells(command: Command) -> None:
    if command.name == "logins":
        command = Command("logins", (*command.short, "--port", str(free_port())))
    outcome = everything.measure(command, long=False)
    assert outcome.trouble == ""
    assert set(FIGURES[command.name]) <= set(outcome.found)
    kept = everything.kept(command)
    assert kept.promises == outcome.promises
    assert bool(outcome.promises) == (command.name not in {"audit", "row_security"})
    assert kept.found["command"].startswith(("bench/", "python -m bench."))


def test_a_year_of_orders_is_replayed_in_short() -> None:
    command = Command("replay", ("--invoices", "3", "--processes", "1"), (), everything._of_replay, on_real_orders=True)
    outcome = everything.measure(command, long=False)
    if outcome.trouble.startswith("left out"):
        pytest.skip(outcome.trouble)
    assert outcome.trouble == ""
    assert outcome.found["problems"] == 0
    assert outcome.found["done"]["orders"] > 0


def test_every_command_of_the_folder_has_its_line() -> None:
    helpers = {"__init__", "all", "common", "million", "noop"}
    helpers |= {
        "invoice_pdf",
        "requests",
    }  # asked by bench/jobs; for whoever works on a page: bench/pages has its figure
    modules = {path.stem for path in (ROOT / "bench").glob("*.py")} - helpers
    assert modules <= {command.name for command in COMMANDS}
    shells = {path.name for path in (ROOT / "bench").iterdir() if path.is_file() and not path.suffix}
    assert shells - {"all"} <= modules
    for shell in shells:
        text = (ROOT / "bench" / shell).read_text()
        assert f"-m bench.{shell} " in text


def test_a_command_that_breaks_is_told_and_ends_with_1(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(everything, "COMMANDS", (Command("audit", ("nonsense",)),))
    assert everything.main(["--json"]) == 1
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["broken"] == ["audit"]


def test_a_bar_that_is_missed_is_said_and_is_no_failure(monkeypatch: pytest.MonkeyPatch, results: Path, capsys) -> None:
    common.keep({"name": "audit", "load": [0.4, 1], "command": "bench/audit", "promises": [MISSED.as_json()]})
    common.keep({"name": "reports", "load": [0.4, 1], "command": "bench/reports", "promises": [KEPT.as_json()]})
    assert everything.main(["--kept", "--only", "audit,reports,logins", "--markdown"]) == 0
    table = capsys.readouterr().out.splitlines()[-4:]
    assert table == [
        "| what | bar | reached |  | load | command |",
        "| --- | --- | --- | --- | --- | --- |",
        "| quick | ≤ 2 s | 1.50 s | kept | 0.4 | `bench/reports` |",
        "| many | ≥ 5 | 3 | **MISSED** | 0.4 | `bench/audit` |",
    ]
    assert not (results / "all.json").exists()
    with pytest.raises(SystemExit, match="There is no nothing"):
        everything.main(["--only", "nothing"])


def test_what_is_not_there_is_left_out() -> None:
    assert not Command("nothing_of_this_name").is_there
    assert Outcome(Command("x"), [], {}, "left out: no data").broke is False
    assert Outcome(Command("x"), [], {}, "ended with 1").broke is True


def test_promises_of_others_figures() -> None:
    figures = [
        scale.Figure("home", "buyer", 1, 1.2, 1.2, 2, 1.1),
        scale.Figure("cart", "buyer", 1, 1.7, 1.7, 2, 1.4),
    ]
    assert [(each.reached, each.kept) for each in scale.promises(figures, 10, 1_000)] == [(1.7, False), (1.4, True)]
    asked = [search.Figure("SKU", 1, 50, 1, 100, 1), search.Figure("words", 1, 120, 1, 100, 1)]
    asked.append(search.Figure("suggestions", 1, 20, 1, 30, 1))
    assert [(each.reached, each.kept) for each in search.promises(asked, 1_000)] == [(120, False), (20, True)]
    storm = {"strikes": [1, 2], "wrong": [], "to_invoice_p99_s": 0.7}
    assert all(each.kept for each in everything._of_torture(storm))
    found = {"wape_weekly": 0.6, "wape_8_weeks": 0.4, "wape_rolling_4_weeks": 0.9}
    assert [each.kept for each in everything._of_forecast(found)] == [True, True, False]
