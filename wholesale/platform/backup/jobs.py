"""What the timetable does for backups: a base every night, a drill every week. Nothing where none are wanted."""

from __future__ import annotations

from wholesale.kernel import clock
from wholesale.platform.backup import base, prune, record, site, verify
from wholesale.platform.backup.documents import Copier
from wholesale.platform.files import storage
from wholesale.platform.rhythm import Progress

NOT_WANTED = "no backups are wanted here (BACKUP_URL is not set)"


class _Bytes(base.Teller):
    """Tells the timetable in megabytes."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def __call__(self, done: int, whole: int) -> None:
        self.progress(done // 1_000_000, max(1, whole // 1_000_000))


def nightly(progress: Progress) -> str:
    """Make a base, and remove what only moments before BACKUP_KEEP days need."""
    if not site.settings().backup_url:
        return NOT_WANTED
    archive = site.archive()
    made = base.take(archive, site.source(), Copier(archive, storage()), _Bytes(progress))
    record.note(record.BASE, made.ended_at)
    removed = prune.prune(archive, days=site.settings().backup_keep)
    return f"base of {made.size / 1e6:.0f} MB, {made.stored / 1e6:.0f} MB stored; {removed}"


def drill(progress: Progress) -> str:
    """Read everything in the backup, restore it beside, and prove ledger and stock there."""
    if not site.settings().backup_url:
        return NOT_WANTED
    told = verify.both(site.archive(), site.settings(), say=lambda _text: None, tick=lambda: progress(0, 1))
    record.note(record.VERIFIED, clock.now())
    return told
