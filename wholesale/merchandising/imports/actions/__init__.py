"""Changes of runs and exports, by what they do: take a file, read it, check it, apply it, write one."""

from __future__ import annotations

from wholesale.merchandising.imports.actions.applying import apply_run, progress_of
from wholesale.merchandising.imports.actions.checking import choose_columns
from wholesale.merchandising.imports.actions.exporting import make_export, request_export
from wholesale.merchandising.imports.actions.runs import LARGEST_MB, cancel, expire, rescue, start
from wholesale.merchandising.imports.actions.steps import advance

__all__ = [
    "LARGEST_MB",
    "advance",
    "apply_run",
    "cancel",
    "choose_columns",
    "expire",
    "make_export",
    "progress_of",
    "request_export",
    "rescue",
    "start",
]
