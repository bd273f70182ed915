"""A small picture of how a price has moved, as points for SVG: whole numbers, drawn on the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from wholesale.kernel.money import Money
from wholesale.pricing.queries import Entry

WIDTH, HEIGHT, MARGIN = 320, 96, 6


@dataclass(frozen=True, slots=True)
class Chart:
    """A line of steps (a price holds until the next change), and its lowest and highest price."""

    points: str
    lowest: Money
    highest: Money
    width: int = WIDTH
    height: int = HEIGHT


def steps_chart(entries: Sequence[Entry]) -> Chart | None:
    """The price at the first tier over time, from the oldest entry to the newest; None with fewer than two."""
    prices = [(entry.at, entry.after[0][1]) for entry in reversed(entries) if entry.after]
    if len(prices) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    lowest, highest = min(price for _at, price in prices), max(price for _at, price in prices)
    start, end = prices[0][0], prices[-1][0]
    span = max(1, int((end - start).total_seconds()))
    room = (highest - lowest).amount or Decimal(1)

    def across(at: object) -> int:
        seconds = int((at - start).total_seconds())  # type: ignore[operator]  # both are instants
        return MARGIN + seconds * (WIDTH - 2 * MARGIN) // span

    def down(price: Money) -> int:
        return MARGIN + int((highest - price).amount * (HEIGHT - 2 * MARGIN) / room)

    points: list[tuple[int, int]] = []
    for at, price in prices:
        if points:
            points.append((across(at), points[-1][1]))
        points.append((across(at), down(price)))
    points.append((WIDTH - MARGIN, points[-1][1]))
    return Chart(" ".join(f"{x},{y}" for x, y in points), lowest, highest)
