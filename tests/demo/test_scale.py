"""The questions of growth and search, asked in short form: that they can be asked, not how long they take."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from flask import Flask

from bench import million, scale, search
from tests import database
from wholesale.app import create_app
from wholesale.demo import load, shipped, staples
from wholesale.platform.db import db

SMALL, LARGE = 60, 180
OTHERS = 20 + len(load.EXAMPLES) + len(staples.GOODS) + len(staples.SHOWN)


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Flask]]:
    whole = shipped.read()
    with ExitStack() as stack:
        made = []
        for copies in (SMALL, LARGE):
            name = stack.enter_context(database.copy(f"scale_{copies}_{os.getpid()}"))
            folder: Path = tmp_path_factory.mktemp("scale")
            app = create_app(replace(database.settings_for(name), data_dir=folder))
            few = replace(shipped.replaced(whole, whole.products[:20], invoices=0), copies=copies)
            with app.app_context():
                load.load(few, say=lambda _: None)
                db.session.remove()
            made.append(app)
        yield made
        for app in made:
            with app.app_context():
                db.engine.dispose()


def test_every_page_is_asked_of_both(apps: list[Flask]) -> None:
    assert [million.count(app) for app in apps] == [OTHERS + SMALL, OTHERS + LARGE]
    figures = list(scale.measure(apps[0], apps[1], 2))
    assert len(figures) == len({(figure.page, figure.who) for figure in figures}) == 27
    assert all(figure.small > 0 and figure.large > 0 and figure.ratio > 0 for figure in figures)


def test_every_kind_of_question_finds_something(apps: list[Flask]) -> None:
    figures = {figure.kind: figure for figure in search.measure(apps[1], 4)}
    assert figures["SKU"].found == 1
    assert figures["two words of a name"].found == 1
    assert figures["one word, one error"].found > 0
    assert figures["Bangla words"].found > 0
    assert all(figure.median <= figure.p95 for figure in figures.values())


def test_an_error_is_one_letter_away() -> None:
    chance = Random(1)
    made = {search.wrong(chance, "christmas") for _ in range(300)}
    assert len(made) > 50
    assert all(word[0] in "ch" and abs(len(word) - 9) <= 1 for word in made)


@pytest.mark.parametrize(("times", "expected"), [([5.0], 5.0), (list(range(100)), 95), ([3, 1, 2], 3)])
def test_the_95th_percentile(times: list[float], expected: float) -> None:
    assert million.p95(times) == expected
