"""What measurements share: figures, and how much processes work."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bench import common
from bench.common import Processes, Promise

BURN = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass"


@pytest.mark.parametrize(
    ("reached", "bar", "least", "kept"),
    [(2, 2, False, True), (2.1, 2, False, False), (2, 2, True, True), (1.9, 2, True, False), (None, 2, True, False)],
)
def test_a_bar(reached, bar, least, kept) -> None:
    promise = Promise("it", reached, bar, "ms", least)
    assert promise.kept is kept
    assert Promise.of(promise.as_json()) == promise
    assert common.verdict(promise) == ("not measured" if reached is None else "kept" if kept else "MISSED")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (14_000, "bytes", "14,000 bytes"),
        (0, "", "0"),
        (4.567, "ms", "4.57 ms"),
        (45.67, "", "45.7"),
        (456.7, "", "457"),
        (0.0004, "", "0.0004"),
        (None, "s", "not measured"),
    ],
)
def test_a_figure_as_people_read_it(value, unit, text) -> None:
    assert common.amount(value, unit) == text


def test_a_straight_line() -> None:
    assert common.slope([(0, 1), (1, 3), (2, 5)]) == pytest.approx(2)
    assert common.slope([(0, 1), (10, 1)]) == 0
    assert common.slope([(0, 1)]) == common.slope([]) == 0


def test_a_percentile() -> None:
    assert common.percentile(range(100), 0.5) == 50
    assert common.percentile([3, 1, 2], 0.99) == 3


def test_a_table_is_in_columns() -> None:
    said: list[str] = []
    common.table(("", "a", "b"), [("one", 1, 22), ("three", 333, 4)], said.append)
    assert said == ["         a   b", "one      1  22", "three  333   4"]


def test_work_is_counted_of_children_that_live_and_that_have_ended() -> None:
    """A process, one that it started, and one that it started and that is over: all of it, once."""
    child = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BURN!r}])"
    program = f"{child}\n{BURN}\nprint('done', flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        watched = Processes({"it": process.pid, "me": os.getpid()})
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
        worked = watched.worked()["it"]
        assert 0.38 < worked < 3
        assert watched.worked()["it"] - worked < 0.1
        assert watched.proportional_mb()["it"] > 1
        assert watched.open_files()["it"] >= 3
        process.communicate("")
    assert watched.worked()["it"] == 0


def test_a_path_stays_private_in_what_is_kept() -> None:
    assert (
        common.as_typed("forecast", ["--data", "/srv/orders/file.csv.gz", "--json"])
        == "bench/forecast --data file.csv.gz"
    )
    assert common.as_typed("audit", ["1"]) == "python -m bench.audit 1"
