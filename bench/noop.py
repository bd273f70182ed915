"""An event of which nothing comes: imported by a worker whose own cost is measured, and by nobody else."""

from __future__ import annotations

from dataclasses import dataclass

from wholesale.kernel.events import Event
from wholesale.platform.outbox import on


@dataclass(frozen=True)
class NothingHappened(Event):
    """Only the way through outbox and worker is of interest."""


@on(NothingHappened)
def do_nothing(_event: NothingHappened) -> None:
    """Be done."""
