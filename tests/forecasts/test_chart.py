"""The picture: columns that fit, ranges around what is expected; and figures as people read them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from wholesale.forecasts import chart, screens
from wholesale.forecasts.rules import choice, methods
from wholesale.reports.chart import BOTTOM, TOP

D = Decimal
PIECES = st.integers(0, 10**9).map(D)


@given(st.lists(PIECES, max_size=60), st.lists(st.tuples(PIECES, PIECES, PIECES).map(sorted), min_size=1, max_size=12))
def test_everything_is_inside_the_picture(past: list[Decimal], ahead: list[list[Decimal]]) -> None:
    low, expected, high = zip(*ahead, strict=True)
    picture = chart.draw(past, expected, low, high)
    if not any([*past, *high]):
        assert picture is None
        return
    assert picture is not None
    assert len(picture.past) == len(past)
    for box in (*picture.past, *picture.expected, *picture.ranges):
        assert 0 <= box.x < box.x + box.width <= picture.width
        assert TOP <= box.y <= box.y + box.height <= picture.height - BOTTOM + 1
    assert all(box.x < picture.now for box in picture.past)
    assert all(box.x > picture.now for box in picture.expected)
    for line, around in zip(picture.expected, picture.ranges, strict=True):
        assert around.y <= line.y + 1
    assert picture.highest == max([*past, *high])


def test_heights_are_in_proportion() -> None:
    picture = chart.draw([D(50), D(100)], [D(50)], [D(25)], [D(75)])
    assert picture is not None
    half, whole = picture.past
    assert whole.y == TOP
    assert half.height == whole.height // 2
    assert picture.expected[0].y == half.y


def test_nothing_to_draw() -> None:
    assert chart.draw([], [], [], []) is None
    assert chart.draw([D(0)], [D(0)], [D(0)], [D(0)]) is None


@pytest.mark.parametrize(
    ("pieces", "said"),
    [("0", "0"), ("0.001", "under 1"), ("0.4", "under 1"), ("0.5", "1"), ("1.49", "1"), ("1234567.5", "12,34,568")],
)
def test_pieces_are_whole_on_the_screen(house: Flask, pieces: str, said: str) -> None:
    with house.test_request_context("/"):
        assert screens.in_words(D(pieces)) == said


def test_every_method_has_its_words(house: Flask) -> None:
    names = {*methods.every([1, 2, 3]), choice.NOTHING, choice.POOLED, "said"}
    assert names == set(screens.METHODS)
    with house.test_request_context("/"):
        assert screens.method("short_mean") == screens.METHODS["short_mean"]
        assert screens.of_hundred(D("0.3149")) == "31"
