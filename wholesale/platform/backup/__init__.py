"""Backups: the database to any moment of the last weeks, documents and secrets with it, encrypted, elsewhere.

A *base* is a copy of everything; *following* copies the database's log about a second after it is written; a
*restore* makes a data folder of both. What lies where is in `chain.py`, how it is encrypted in `sealing.py`, how to
use it in docs/backup.md. `state()` says how old everything is.
"""

from __future__ import annotations

from wholesale.platform.backup.jobs import drill, nightly
from wholesale.platform.backup.record import BackupState, state

__all__ = ["BackupState", "drill", "nightly", "state"]
