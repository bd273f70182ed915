"""What this room refuses."""

from __future__ import annotations

from collections.abc import Sequence

from wholesale.kernel.errors import DomainError


class MisfitsError(DomainError):
    """Several quantities that suppliers do not sell, each on its field; the first speaks for them where one must."""

    def __init__(self, misfits: Sequence[DomainError]) -> None:
        first = misfits[0]
        self.misfits = misfits
        super().__init__(first.message, field=first.field, **first.values)
