"""What can go wrong here beyond a mistake of the user."""

from __future__ import annotations


class DamagedDocumentError(Exception):
    """A stored file is not what its hash says."""
