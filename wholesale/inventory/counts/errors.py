"""What counts refuse."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from wholesale.kernel.errors import DomainError
from wholesale.kernel.words import N_


class CountedByOthersError(DomainError):
    """Somebody else has given other numbers meanwhile: `others` (variant's id → pieces), `by` (who, and when)."""

    def __init__(self, others: Mapping[int, int | None], by: Mapping[int, tuple[str, datetime]]) -> None:
        self.others, self.by = others, by
        super().__init__(
            N_("Somebody else has counted some of these meanwhile. Your numbers are below, beside theirs.")
        )
