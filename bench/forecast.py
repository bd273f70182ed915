"""How good forecasts are on a year of real orders, beside simpler methods: `python -m bench.forecast`.

    bench/forecast [--data FILE.csv.gz] [--json]

FILE has the columns of the Online Retail data set (docs/data-sources.md): InvoiceNo, StockCode, Description, Quantity,
InvoiceDate, UnitPrice, CustomerID, Country; without it, the one named in RETAIL_DATA or the copy in `shared/data` above
this folder is taken. Every method sees only what came before what it forecasts:

* weekly pieces by product code, weeks from Monday on, only those that are full in the file; lines that are no goods
  (postage, adjustments), have no price, or were cancelled whole later (the same customer, code and quantity) left out;
* products with orders in at least two weeks, the first at least 12 weeks before;
* the last 8 weeks held out: what single weeks, and the total of the 8, were missed by, as a share of what was ordered
  (WAPE); and from 7 origins, 4 weeks apart, the last one 4 weeks before the end: the next 4 weeks' total.

Ends with status 1 when a figure is above its bar. With `--json` the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import re
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

from wholesale.forecasts.rules import choice

GOODS = re.compile(r"\d{5}[A-Z]{0,2}")
HELD_OUT, AHEAD, ORIGINS = 8, 4, 7
LEAST_SELLING, LEAST_HISTORY = 2, 12
BARS = (0.68, 0.47, 0.51)
FILE = "online_retail_2010_2011.csv.gz"

Method = Callable[[Sequence[int]], float]
Key = tuple[str, str, int]  # customer, code, quantity


# --- what is compared -----------------------------------------------------------------------------------------


def ours(series: Sequence[int]) -> float:
    return choice.choose(series).level


def naive(series: Sequence[int]) -> float:
    return series[-1]


def mean_of_8(series: Sequence[int]) -> float:
    some = series[-8:]
    return sum(some) / len(some)


def smoothing(series: Sequence[int]) -> float:
    """Simple exponential smoothing, its parameter fitted by square errors."""
    best: tuple[float, float] | None = None
    for alpha in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5):
        level, wrong = float(series[0]), 0.0
        for value in series[1:]:
            off = value - level
            wrong += off * off
            level += alpha * off
        if best is None or wrong < best[0]:
            best = (wrong, level)
    assert best is not None
    return best[1]


def croston(series: Sequence[int]) -> float:
    """Size and distance of orders, each smoothed by a tenth."""
    size = distance = 0.0
    since = 1
    for value in series:
        if value <= 0:
            since += 1
            continue
        size, distance = (
            (size + 0.1 * (value - size), distance + 0.1 * (since - distance)) if distance else (value, since)
        )
        since = 1
    return size / distance


METHODS: Mapping[str, Method] = {
    "ours": ours,
    "naive (the last week again)": naive,
    "mean of 8 weeks": mean_of_8,
    "exponential smoothing, fitted": smoothing,
    "Croston": croston,
}


# --- the data -------------------------------------------------------------------------------------------------


def read(path: Path) -> tuple[dict[str, list[int]], date]:
    """Weekly pieces by product code, and the Monday of the first week.

    Twice through the file: the first time for the cancellations, so that only lines they may be of are kept.
    """
    cancelled, first, last = _cancellations(path)
    start = first + timedelta(days=-first.weekday() % 7)
    weeks = (last + timedelta(days=1) - start).days // 7
    found: defaultdict[str, list[int]] = defaultdict(lambda: [0] * weeks)
    takes_back = {key for _at, key in cancelled}
    lines: defaultdict[Key, list[datetime]] = defaultdict(list)
    for _number, at, key in _rows(path):
        _customer, code, quantity = key
        if quantity <= 0:
            continue
        week = (at.date() - start).days // 7
        if 0 <= week < weeks:
            found[code][week] += quantity
        if key in takes_back:
            lines[key].append(at)
    for at, key in cancelled:  # each takes the customer's latest such line before it
        before = [line for line in lines.get(key, ()) if line <= at]
        if before:
            lines[key].remove(before[-1])
            week = (before[-1].date() - start).days // 7
            if 0 <= week < weeks:
                found[key[1]][week] -= key[2]
    return dict(found), start


def _cancellations(path: Path) -> tuple[list[tuple[datetime, Key]], date, date]:
    """What was cancelled when, earliest first; and the first and the last day of the file."""
    cancelled, days = [], set()
    for number, at, (customer, code, quantity) in _rows(path, everything=True):
        days.add(at.date())
        if quantity < 0 and number.startswith("C") and code:
            cancelled.append((at, (customer, code, -quantity)))
    if not days:
        raise SystemExit(f"{path} holds no lines")
    return sorted(cancelled), min(days), max(days)


def _rows(path: Path, *, everything: bool = False) -> Iterator[tuple[str, datetime, Key]]:
    """The lines of goods that have a price; with `everything` the others too, without a code."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
        rows = csv.reader(file)
        places = {name: place for place, name in enumerate(next(rows, ()))}
        number, code, quantity, at, price, customer = (
            places[name] for name in ("InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID")
        )
        for row in rows:
            goods = row[code].strip().upper()
            if not GOODS.fullmatch(goods) or float(row[price]) <= 0:
                goods = ""
            if goods or everything:
                yield row[number].upper(), _moment(row[at]), (row[customer], goods, int(row[quantity]))


@cache
def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return datetime.strptime(text, "%m/%d/%Y %H:%M")  # noqa: DTZ007 - compared with its like only


# --- the backtest ---------------------------------------------------------------------------------------------


@dataclass
class Score:
    """What was missed, of what was ordered."""

    missed: float = 0.0
    ordered: float = 0.0

    @property
    def wape(self) -> float:
        return self.missed / self.ordered if self.ordered else 0.0


def eligible(weeks: Sequence[int], until: int) -> Sequence[int] | None:
    """The history of a product up to then, from its first order on; None: too little of it."""
    known = weeks[:until]
    selling = [week for week, value in enumerate(known) if value > 0]
    if len(selling) < LEAST_SELLING or until - selling[0] < LEAST_HISTORY:
        return None
    return known[selling[0] :]


@dataclass
class Row:
    """A method's figures: single weeks, the total of 8, and totals of 4 weeks from rolling origins."""

    weekly: Score
    total: Score
    rolling: Score
    products: int
    seconds: float

    @property
    def figures(self) -> tuple[float, float, float]:
        return self.weekly.wape, self.total.wape, self.rolling.wape


def score(products: Mapping[str, Sequence[int]], method: Method) -> Row:
    began = time.process_time()
    row = Row(Score(), Score(), Score(), 0, 0.0)
    for weeks in products.values():
        end = len(weeks)
        known = eligible(weeks, end - HELD_OUT)
        if known is not None:
            level, actual = method(known), weeks[end - HELD_OUT :]
            row.products += 1
            row.weekly.missed += sum(abs(level - value) for value in actual)
            row.total.missed += abs(HELD_OUT * level - sum(actual))
            row.weekly.ordered += sum(actual)
            row.total.ordered += sum(actual)
        for origin in range(end - ORIGINS * AHEAD, end, AHEAD):
            known = eligible(weeks, origin) if origin > 0 else None
            if known is not None:
                total = sum(weeks[origin : origin + AHEAD])
                row.rolling.missed += abs(AHEAD * method(known) - total)
                row.rolling.ordered += total
    row.seconds = time.process_time() - began
    return row


def main(arguments: list[str] | None = None, say: Callable[[str], None] = print) -> int:
    parser = argparse.ArgumentParser(prog="bench/forecast", description="The backtest of forecasts on real orders.")
    parser.add_argument("--data", type=Path, help="a file with the columns of the Online Retail data set")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    given = parser.parse_args(arguments)
    path, began = given.data or usual(), time.process_time()
    if path is None or not path.is_file():
        parser.error("name the data with --data FILE.csv.gz")
    products, first = read(path)
    weeks = len(next(iter(products.values()), ()))
    if weeks < HELD_OUT + LEAST_HISTORY:
        parser.error(f"{weeks} full weeks are too few")
    say(
        f"{len(products)} products, {weeks} full weeks from {first}; the last {HELD_OUT} held out, from"
        f" {first + timedelta(weeks=weeks - HELD_OUT)}; {ORIGINS} rolling origins, {AHEAD} weeks ahead"
    )
    say(f"{'WAPE':<32}{'weekly':>8}{'8 weeks':>9}{'rolling':>9}{'CPU s':>8}")
    rows = {name: score(products, method) for name, method in METHODS.items()}
    for name, row in rows.items():
        say(
            f"{name:<32}"
            + "".join(f"{figure:>{8 + (place > 0)}.3f}" for place, figure in enumerate(row.figures))
            + f"{row.seconds:>8.1f}"
        )
    say(f"{'bar':<32}{BARS[0]:>8.3f}{BARS[1]:>9.3f}{BARS[2]:>9.3f}")
    mine = rows["ours"]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    say(f"{mine.products} products forecast; {time.process_time() - began:.1f} s of CPU in all, {memory} MB at most")
    if given.json:
        say(
            json.dumps(
                {
                    "wape_weekly": round(mine.weekly.wape, 4),
                    "wape_8_weeks": round(mine.total.wape, 4),
                    "wape_rolling_4_weeks": round(mine.rolling.wape, 4),
                    "products": mine.products,
                    "seconds": round(time.process_time() - began, 2),
                }
            )
        )
    return int(any(figure > bar for figure, bar in zip(mine.figures, BARS, strict=True)))


def usual() -> Path | None:
    """The data where they usually are."""
    named = os.environ.get("RETAIL_DATA")
    here = Path(__file__).resolve()
    places = [Path(named)] if named else [above / "shared" / "data" / FILE for above in here.parents]
    return next((place for place in places if place.is_file()), None)


if __name__ == "__main__":
    sys.exit(main())
