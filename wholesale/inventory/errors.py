"""What this room refuses."""

from __future__ import annotations

from wholesale.kernel.errors import DomainError
from wholesale.kernel.words import N_


class ShortageError(DomainError):
    """Not enough of some variants: `missing` maps a variant's id to what is available of it."""

    def __init__(self, missing: dict[int, int]) -> None:
        self.missing = missing
        super().__init__(N_("Some of this was just sold to somebody else. Check the quantities marked below."))


class BelowAllocatedError(DomainError):
    """Fewer counted than orders have been promised: `promised` maps a variant's id to the pieces allocated."""

    def __init__(self, promised: dict[int, int]) -> None:
        self.promised = promised
        super().__init__(
            N_("Orders have been promised {promised} of this: the stock cannot be less."),
            field="stock",
            promised=max(promised.values()),
        )
