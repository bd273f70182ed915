"""What will be asked for, made once of the demonstration's history, as the job does on the 1st of the month."""

from __future__ import annotations

from wholesale.demo.history import Say
from wholesale.forecasts import actions, queries


def make(say: Say) -> None:
    """Make the forecast of everything on sale, within the load's transaction."""
    made = 0
    for with_pools in (False, True):
        pools = queries.pools() if with_pools else None
        after: int | None = 0
        while after is not None:
            after, batch = actions.make_batch(after=after, pools=pools)
            made += batch
    say(f"Forecasts: {made} products")
