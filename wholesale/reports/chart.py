"""Pictures of figures for SVG, drawn on the server: columns over time, bars side by side. Pure, in whole units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

WIDTH, HEIGHT = 340, 150
LEFT, TOP, BOTTOM = 2, 16, 18
ROW, BAR = 30, 10
_LABELS = 6
_NAME = 34  # how wide a day below a column is


@dataclass(frozen=True, slots=True)
class Box:
    """A column or bar. `index`: of which of the values; `label`: it is named below."""

    index: int
    x: int
    y: int
    width: int
    height: int
    label: bool = True


@dataclass(frozen=True, slots=True)
class Chart:
    """Boxes on a base line (`zero`), the values of a period before as `shades` behind them, and the scale's ends."""

    boxes: list[Box]
    shades: list[Box]
    zero: int
    highest: Decimal
    lowest: Decimal
    width: int = WIDTH
    height: int = HEIGHT


def columns(values: Sequence[Decimal], before: Sequence[Decimal] = ()) -> Chart | None:
    """A column for each value, side by side; below the base line where more was taken back than sold.

    None where there is nothing to draw.
    """
    everything = [*values, *before]
    highest, lowest = max([Decimal(0), *everything]), min([Decimal(0), *everything])
    if highest == lowest:
        return None
    room, span = HEIGHT - TOP - BOTTOM, highest - lowest
    zero = TOP + int(highest * room / span)
    step = (WIDTH - 2 * LEFT) * 100 // max(len(values), len(before), 1)  # in hundredths
    wide = max(1, step * 7 // 1000)
    every = -(-len(values) // _LABELS)

    def boxes(of: Sequence[Decimal], width: int) -> list[Box]:
        made = []
        for index, value in enumerate(of):
            size = int(abs(value) * room / span) or int(value != 0)
            x = LEFT + index * step // 100
            made.append(
                Box(
                    index, x, zero - size if value > 0 else zero, width, size, index % every == 0 and x <= WIDTH - _NAME
                )
            )
        return made

    return Chart(boxes(values, wide), boxes(before, max(1, step // 105)), zero, highest, lowest)


def bars(values: Sequence[Decimal]) -> Chart | None:
    """A bar for each value, one below the other, with room for its name above it; None where there is nothing."""
    largest = max([Decimal(0), *(abs(value) for value in values)])
    if not largest:
        return None
    made = [
        Box(index, LEFT, index * ROW + ROW - BAR - 3, max(1, int(abs(value) * (WIDTH - 2 * LEFT) / largest)), BAR)
        for index, value in enumerate(values)
    ]
    return Chart(made, [], 0, largest, Decimal(0), WIDTH, len(values) * ROW)
