"""What this room refuses."""

from __future__ import annotations

from wholesale.kernel.errors import ConflictError
from wholesale.kernel.words import N_
from wholesale.merchandising.rules import Difference, Whole


class StaleError(ConflictError):
    """Somebody else saved the product while it was being edited.

    `differences` are theirs, `kept` is what the product says now, in its `version`.
    """

    def __init__(self, differences: list[Difference], kept: Whole, version: int) -> None:
        self.differences = differences
        self.kept = kept
        self.version = version
        super().__init__(N_("Somebody has changed this product in the meantime. Nothing was saved."))
