"""What this room announces to itself: each step of a run is one row of the outbox."""

from __future__ import annotations

from dataclasses import dataclass

from wholesale.kernel.events import Event


@dataclass(frozen=True)
class ImportAdvanced(Event):
    """A run has come to where it goes on by itself: a file to read, a chunk to check or to apply."""

    run_id: int


@dataclass(frozen=True)
class ExportRequested(Event):
    """A seller wants the catalogue as a workbook."""

    export_id: int
