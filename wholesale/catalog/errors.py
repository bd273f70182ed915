"""What this room refuses."""

from __future__ import annotations

from collections.abc import Sequence

from wholesale.kernel.errors import DomainError


class MistakesError(DomainError):
    """Several mistakes at once: it says the first, and `all` has each with its field."""

    def __init__(self, mistakes: Sequence[DomainError]) -> None:
        self.all = tuple(mistakes)
        first = self.all[0]
        super().__init__(first.message, field=first.field, **first.values)
