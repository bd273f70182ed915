"""On the first of the month: what will be asked for in the weeks to come, of everything that is sold."""

from __future__ import annotations

from collections.abc import Callable

from wholesale.forecasts import actions, queries
from wholesale.platform import outbox
from wholesale.platform.jobs import still_alive
from wholesale.platform.transaction import transaction


def make(progress: Callable[[int, int], None] | None = None) -> str:
    """Make every forecast that was not made this week, a batch per transaction.

    Killed, it goes on where it stopped: what was made this week is not made again.
    """
    with transaction():
        total = queries.waiting()
    done = 0
    for with_pools in (False, True):
        pools = None
        if with_pools:
            with transaction():
                pools = queries.pools()
        after: int | None = 0
        while after is not None:
            with transaction():
                after, made = actions.make_batch(after=after, pools=pools)
            done += made
            still_alive()
            outbox.let_others_through()
            if progress is not None:
                progress(min(done, total), total)
    return f"{done} forecasts made"
