"""When the last base was made, up to when the log is safe, when a drill last went well: for those who watch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects.postgresql import insert

from wholesale.config import Settings
from wholesale.kernel import clock
from wholesale.platform.db import db
from wholesale.platform.pulse import ProcessBeat
from wholesale.platform.transaction import independent

BASE, LOG, VERIFIED = "backup-base", "backup-log", "backup-verified"
_FORGOTTEN = timedelta(days=30)
LOG_LATE, BASE_LATE, VERIFIED_LATE = timedelta(minutes=1), timedelta(hours=36), timedelta(days=9)


@dataclass(frozen=True)
class BackupState:
    """None: it has not happened yet."""

    base_at: datetime | None
    log_at: datetime | None
    verified_at: datetime | None

    def late(self, now: datetime) -> list[str]:
        """What is older than it should be, in words; empty when all is well."""
        found = []
        for what, at, most in (
            ("no base", self.base_at, BASE_LATE),
            ("the log is not followed", self.log_at, LOG_LATE),
            ("no drill", self.verified_at, VERIFIED_LATE),
        ):
            if at is None:
                found.append(f"{what} yet")
            elif now - at > most:
                found.append(f"{what} since {at:%Y-%m-%d %H:%M}Z")
        return found


def state() -> BackupState | None:
    """One small question to the database; None where no backups are made.

    They may be made by another process, whose BACKUP_URL is not known here: what it has noted tells.
    """
    rows = db.session.execute(
        sa.select(ProcessBeat.process, ProcessBeat.alive_at).where(ProcessBeat.process.in_([BASE, LOG, VERIFIED]))
    )
    at = {row.process: row.alive_at for row in rows}
    is_wanted = bool(cast("Settings", current_app.extensions["settings"]).backup_url)
    if not is_wanted and not any(moment > clock.now() - _FORGOTTEN for moment in at.values()):
        return None
    return BackupState(at.get(BASE), at.get(LOG), at.get(VERIFIED))


def note(what: str, at: datetime) -> None:
    """Remember that it went well."""
    row = insert(ProcessBeat).values(process=what, since=at, alive_at=at)
    with independent() as session:
        session.execute(row.on_conflict_do_update(index_elements=[ProcessBeat.process], set_={"alive_at": at}))
