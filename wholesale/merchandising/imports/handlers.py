"""Each step of a run, and each export, is done in the background."""

from __future__ import annotations

from wholesale.merchandising.imports import actions
from wholesale.merchandising.imports.events import ExportRequested, ImportAdvanced
from wholesale.platform.outbox import on


@on(ImportAdvanced)
def advance(event: ImportAdvanced) -> None:
    """Do the next chunk of the run, whatever state it is in; nothing when somebody else is at it."""
    actions.advance(event.run_id)


@on(ExportRequested)
def make_export(event: ExportRequested) -> None:
    """Write and keep the workbook, unless it is there."""
    actions.make_export(event.export_id)
