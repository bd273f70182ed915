"""The picture of a forecast for SVG, drawn on the server: columns of what was, then what is expected in its range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from wholesale.reports.chart import BOTTOM, HEIGHT, LEFT, TOP, WIDTH, Box

_LABELS = 5
_NAME = 60  # how wide a day below a column is


@dataclass(frozen=True, slots=True)
class Picture:
    """Columns of the weeks that were (`past`) and that are expected, these with their ranges, on one base line.

    `now`: where what is expected begins.
    """

    past: list[Box]
    expected: list[Box]
    ranges: list[Box]
    zero: int
    now: int
    highest: Decimal
    width: int = WIDTH
    height: int = HEIGHT


def draw(
    past: Sequence[Decimal], expected: Sequence[Decimal], low: Sequence[Decimal], high: Sequence[Decimal]
) -> Picture | None:
    """None where there is nothing to draw."""
    highest = max([Decimal(0), *past, *expected, *high])
    weeks = len(past) + len(expected)
    if not highest or not weeks:
        return None
    room, zero = HEIGHT - TOP - BOTTOM, HEIGHT - BOTTOM
    step = (WIDTH - 2 * LEFT) * 100 // weeks  # in hundredths
    wide = max(1, step * 7 // 1000)
    every = -(-weeks // _LABELS)

    def across(index: int) -> int:
        return LEFT + index * step // 100

    def up(value: Decimal) -> int:
        return int(value * room / highest)

    def column(index: int, value: Decimal) -> Box:
        size = up(value) or int(value > 0)
        label = index % every == 0 and across(index) <= WIDTH - _NAME
        return Box(index, across(index), zero - size, wide, size, label)

    begin = len(past)
    ranges = [
        Box(begin + index, across(begin + index), zero - up(most), wide, max(1, up(most) - up(least)), label=False)
        for index, (least, most) in enumerate(zip(low, high, strict=True))
    ]
    return Picture(
        past=[column(index, value) for index, value in enumerate(past)],
        expected=[column(begin + index, value) for index, value in enumerate(expected)],
        ranges=ranges,
        zero=zero,
        now=across(begin) - 1,
        highest=highest,
    )
