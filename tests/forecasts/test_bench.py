"""bench/forecast: what it reads of a file, what it holds out, and, where the real year is there, the bars."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from bench import forecast as bench

HEAD = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
FIRST = datetime(2009, 12, 1, 8, 26)  # noqa: DTZ001 - as files say it; a Tuesday
MONDAY = date(2009, 12, 7)


def line(
    number: str, code: str, pieces: int, day: int, *, price: str = "2.50", customer: str = "17850", at: str = ""
) -> tuple[object, ...]:
    """A line so many days after the file's first."""
    return (number, code, "LANTERN", pieces, at or str(FIRST + timedelta(days=day)), price, customer, "France")


def written(path: Path, lines: list[tuple[object, ...]]) -> Path:
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEAD, *lines])
    return path


def test_weeks_are_full_and_begin_on_mondays(tmp_path: Path) -> None:
    lines = [line("1", "10002", 5, 0), line("2", "10002", 6, 6), line("3", "10002", 7, 12), line("4", "10002", 8, 13)]
    lines.append(line("5", "10002", 9, 20))  # a Monday: its week is not over when the file ends
    weeks, first = bench.read(written(tmp_path / "a.csv.gz", lines))
    assert first == MONDAY
    assert weeks == {"10002": [6 + 7, 8]}


def test_what_was_cancelled_whole_what_has_no_price_and_what_is_no_goods_is_left_out(tmp_path: Path) -> None:
    lines = [
        line("1", "10002", 5, 6),
        line("2", "10002", 5, 7),
        line("C3", "10002", -5, 8),  # one of the two
        line("4", "10002", 3, 8),
        line("C5", "10002", -2, 9),  # a part: it was wanted
        line("C6", "10002", -3, 7),  # before its time
        line("C7", "10002", -3, 9, customer="other"),
        line("8", "10002", 90, 8, price="0"),
        line("9", "POST", 90, 8),
        line("10", "10002a", 4, 12, at="12/13/2009 8:26"),
        line("11", "10002", 1, 13),
    ]
    weeks, _first = bench.read(written(tmp_path / "a.csv.gz", lines))
    assert weeks == {"10002": [5 + 3], "10002A": [4]}


def test_a_year_of_its_own_is_told_by_the_files_own_dates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line(str(day), "10002", 5, day) for day in range(6, 6 + 7 * 53)]
    lines += [line(f"x{week}", "20002", 10 if week < 45 else 40, 7 * week + 6) for week in range(53)]
    path = str(written(tmp_path / "a.csv.gz", lines))
    assert bench.main(["--json", "--data", path]) == 0
    told = capsys.readouterr().out.splitlines()
    assert "53 full weeks from 2009-12-07; the last 8 held out, from 2010-10-18" in told[0]
    figures = json.loads(told[-1])
    assert set(figures) == {"wape_weekly", "wape_8_weeks", "wape_rolling_4_weeks", "products", "seconds"}
    assert figures["products"] == 2
    # 35 a week are exact; of the other one 10 are expected where 40 come.
    assert figures["wape_weekly"] == figures["wape_8_weeks"] == 0.4


def test_above_a_bar_it_ends_with_1(tmp_path: Path) -> None:
    lines = [line(f"x{week}", "20002", 10 if week < 45 else 400, 7 * week + 6) for week in range(53)]
    assert bench.main(["--data", str(written(tmp_path / "a.csv.gz", lines))], lambda _line: None) == 1


def test_simple_methods_by_hand() -> None:
    assert bench.naive([1, 2]) == 2
    assert bench.mean_of_8([100, *range(8)]) == 3.5
    assert bench.smoothing([4, 4, 4]) == 4
    assert bench.croston([6, 0, 6, 0, 6]) == pytest.approx(6 / 1.19)
    assert bench.eligible([0, 1, *[0] * 10, 1], 13) == [1, *[0] * 10, 1]
    assert bench.eligible([0, 0, 1, *[0] * 9, 1], 13) is None
    assert bench.eligible([1, *[0] * 12], 13) is None


def test_a_real_year_is_below_the_bars() -> None:
    """A third of its products, for time's sake; the command measures all of them."""
    path = bench.usual()
    if path is None:
        pytest.skip("the real year is not beside this folder")
    products, _first = bench.read(path)
    naive = bench.score(products, bench.naive).figures
    assert [round(figure, 2) for figure in naive] == [0.85, 0.71, 0.73], "it is measured as before"
    some = {code: products[code] for code in sorted(products)[::3]}
    mine = bench.score(some, bench.ours).figures
    assert all(figure <= bar for figure, bar in zip(mine, bench.BARS, strict=True)), mine
