"""The nightly proof."""

from __future__ import annotations

from wholesale.inventory import queries


def prove() -> str:
    """Replay the log; raises AssertionError with the first thing that is wrong."""
    problems = queries.proof()
    if problems:
        raise AssertionError(problems[0])
    return f"the log gives today's stock exactly: {queries.counted()} rows"
