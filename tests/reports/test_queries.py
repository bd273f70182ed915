"""A small form of what bench/reports.py measures: over a made-up year all that the pages ask agrees with itself."""

from __future__ import annotations

from flask import Flask

from bench import reports as bench
from wholesale.reports import queries
from wholesale.reports.queries import PLATFORM, Reader


def test_whatever_is_asked_of_a_year_adds_up(house: Flask) -> None:
    bench._named()
    assert bench.fill(2000) > 2000
    for whose in (PLATFORM, Reader(7)):
        for asked in (bench.YEAR, bench.ODD):
            now, _before = queries.totals(whose, asked, "BDT")
            assert now.orders > 0
            for step in ("day", "week", "month"):
                course = queries.course(whose, asked.now, step, "BDT")
                assert sum(bar.figures.sales.amount for bar in course) == now.sales.amount
            for by in ("product", "category", "buyer"):
                parts = queries.every_part(whose, by, asked, "BDT")
                assert sum(part.figures.sales.amount for part in parts) == now.sales.amount, by
                assert sum(part.figures.pieces for part in parts) == now.pieces
    assert all(ask() is not None for ask in bench.asked().values())
