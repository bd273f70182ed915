"""The documents that people agree to, and their versions."""

from __future__ import annotations

from datetime import date

# The day on which the present text of each began to hold. A change of the text gets a new day here.
VERSIONS = {"terms": date(2026, 11, 21), "privacy": date(2026, 11, 21)}


def missing(given: set[tuple[str, date]]) -> list[str]:
    """The documents whose present version has not been agreed to."""
    return [document for document, version in VERSIONS.items() if (document, version) not in given]
