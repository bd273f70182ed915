"""What only the platform's staff can mend."""

from __future__ import annotations


class DamagedDocumentError(RuntimeError):
    """The stored bytes are gone or are not those whose hash the invoice carries."""


class TooManyLinesError(RuntimeError):
    """More lines than a document may have: the row becomes a dead letter that staff can read."""

    def __init__(self, lines: int) -> None:
        super().__init__(f"An invoice of {lines} lines is more than one document may hold.")
