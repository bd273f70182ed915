"""What a backup or a restore says when it cannot go on: what is wrong, and what to do."""

from __future__ import annotations


class BackupError(Exception):
    """It cannot be done; the text says why and what helps."""


class DamagedError(BackupError):
    """Something in the backup is missing, cut short or changed."""


class MissingError(DamagedError):
    """Something in the backup is not there."""


class WrongKeyError(BackupError):
    """It was encrypted with another key."""
