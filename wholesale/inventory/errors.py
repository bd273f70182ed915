"""What this room refuses."""

from __future__ import annotations

from wholesale.kernel.errors import ConflictError, DomainError
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


class TooFewError(DomainError):
    """More is to go than is there: `there` maps a variant's id to the pieces on hand."""

    def __init__(self, there: dict[int, int]) -> None:
        self.there = there
        super().__init__(N_("There are only {there} of this here."), field="pieces", there=min(there.values()))


class StaleStockError(ConflictError):
    """What is on hand is `now` another figure than the page had said."""

    def __init__(self, *, seen: int, now: int) -> None:
        self.now = now
        super().__init__(
            N_("There were {seen} when this page was made, and there are {now} now. Look at it, then send it again."),
            seen=seen,
            now=now,
        )
