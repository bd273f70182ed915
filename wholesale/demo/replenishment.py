"""The demo's stock alerts: what a look at everything finds. The first daily check then writes the letters."""

from __future__ import annotations

from wholesale.demo.history import Say
from wholesale.replenishment import actions


def load(say: Say) -> None:
    """Look at everything once. Reorder points come from the forecasts, where there are some."""
    points = actions.renew_points()
    looked = actions.look()
    say(f"Stock: {points} reorder points, {looked.raised} alerts")
