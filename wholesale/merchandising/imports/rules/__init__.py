"""What the columns mean, how cells are read, and what a product's rows change. Pure."""

from __future__ import annotations

from wholesale.merchandising.imports.rules.cells import (
    PLAIN_READING,
    Problem,
    Reading,
    Unreadable,
    read_cell,
    read_percent,
    shown,
    written,
)
from wholesale.merchandising.imports.rules.columns import (
    FIELDS,
    MAX_TIERS,
    NAMES,
    STATES,
    Field,
    header_row,
    mapping_of,
    recognised,
)
from wholesale.merchandising.imports.rules.groups import (
    MAX_VARIANTS,
    Change,
    Context,
    Item,
    Plan,
    Product,
    Variant,
    fingerprint,
    plan,
    read_step,
)
from wholesale.merchandising.imports.rules.runs import (
    ENDED,
    MAX_ROWS,
    MODES,
    RUN_STATES,
    WORKING,
    pause,
)
from wholesale.merchandising.imports.rules.words import REASONS, WARNINGS, sentence, title

__all__ = [
    "ENDED",
    "FIELDS",
    "MAX_ROWS",
    "MAX_TIERS",
    "MAX_VARIANTS",
    "MODES",
    "NAMES",
    "PLAIN_READING",
    "REASONS",
    "RUN_STATES",
    "STATES",
    "WARNINGS",
    "WORKING",
    "Change",
    "Context",
    "Field",
    "Item",
    "Plan",
    "Problem",
    "Product",
    "Reading",
    "Unreadable",
    "Variant",
    "fingerprint",
    "header_row",
    "mapping_of",
    "pause",
    "plan",
    "read_cell",
    "read_percent",
    "read_step",
    "recognised",
    "sentence",
    "shown",
    "title",
    "written",
]
