"""Whether a backup can be trusted: everything in it is read, and a drill restores it and proves what came out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from wholesale.config import ROOT, Settings
from wholesale.kernel import clock
from wholesale.platform.backup import chain, documents, restore
from wholesale.platform.backup.errors import BackupError, DamagedError, WrongKeyError
from wholesale.platform.backup.restore import Say
from wholesale.platform.backup.shelves import Archive
from wholesale.platform.services import ServiceError

PROOFS = (("ledger", "prove"), ("inventory", "prove"))
_DRILL = "restore-drill-"


@dataclass
class Verified:
    """What was read, and what of it is not as it should be. `notes`: what cannot be restored, and need not worry."""

    bases: int = 0
    files: int = 0
    log_bytes: int = 0
    documents: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def summary(self) -> str:
        return (
            f"{self.bases} bases with {self.files} files, {self.log_bytes / 1e6:.1f} MB of log,"
            f" {self.documents} documents"
        )


def everything(archive: Archive, *, tick: documents.Tick = lambda: None) -> Verified:
    """Read all of it, each thing against its seal and each file of a base against its hash. Raises WrongKeyError."""
    done = Verified()
    bases = chain.bases(archive)
    if not bases:
        done.problems.append("There is no whole base in this backup yet.")
    needed: set[str] = set()
    for base in bases:
        try:
            done.files += restore.unpack(archive, base, None, tick=tick)
            needed.update(json.loads(b"".join(archive.get(f"base/{base.id}/documents"))))
            for _piece in archive.get(f"base/{base.id}/folder"):
                tick()
        except WrongKeyError:
            raise
        except DamagedError as error:
            done.problems.append(str(error))
        done.bases += 1
    done.problems += _log(archive, bases, done, tick)
    there = documents.kept(archive)
    done.documents = len(there)
    done.problems += documents.check(archive, sorted(there | needed), tick)
    return done


def _log(archive: Archive, bases: list[chain.Base], done: Verified, tick: documents.Tick) -> Iterator[str]:
    for timeline in sorted({base.timeline for base in bases}):
        line = chain.pieces(archive, timeline)
        for piece in line:
            size = 0
            try:
                for data in archive.get(piece.name):
                    size += len(data)
                    tick()
            except DamagedError as error:
                yield str(error)
                continue
            done.log_bytes += size
            if size != piece.end - piece.start:
                yield f"{piece.name} has {size} bytes, {piece.end - piece.start} by its name."
        of_line = [base for base in bases if base.timeline == timeline]
        last = max((piece.end for piece in line), default=0)
        for base, following in zip(of_line, [*of_line[1:], None], strict=True):
            try:
                list(chain.chosen(line, base.end, following.end if following else max(last, base.end)))
            except DamagedError as error:
                if following is None:
                    yield f"After base {base.id}: {error}"
                else:  # the follower was away for too long; later moments have a base of their own
                    done.notes.append(f"Some moments between base {base.id} and {following.id} cannot be restored.")


@dataclass
class Drill:
    """A restore for practice: how long it took, and what the proofs said."""

    restored: restore.Restored
    seconds: float
    said: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def drill(archive: Archive, settings: Settings, *, say: Say, tick: documents.Tick = lambda: None) -> Drill:
    """Restore the newest moment into a folder of its own, prove ledger and stock there, and remove it again."""
    clear_old_drills(settings.data_dir)
    folder = Path(tempfile.mkdtemp(prefix=_DRILL, dir=settings.data_dir))
    folder.chmod(0o755)  # the database runs as a user of its own
    begun = time.monotonic()
    try:
        with restore.restored(archive, folder, say=say, tick=tick) as made:
            done = Drill(made, time.monotonic() - begun)
            done.problems += [f"The document {key} is missing." for key in made.missing_documents]
            for proof in PROOFS:
                _prove(proof, made, settings, done, tick)
        return done
    finally:
        with suppress(ServiceError, OSError):  # the next drill clears it
            restore.throw_away(folder)


def _prove(
    proof: tuple[str, ...], made: restore.Restored, settings: Settings, done: Drill, tick: documents.Tick
) -> None:
    """A flask command against the restored database, in a process of its own: no connection of ours is mixed up."""
    environment = {
        **os.environ,
        "DATABASE_URL": made.database_url,
        "DATABASE_OWNER_URL": made.database_url,
        "DATABASE_REPLICA_URL": "",  # nothing of the site's own, nor a mark for its replicas
        "REDIS_URL": settings.redis_url,
        "WHOLESALE_DATA": str(made.into),
        "WHOLESALE_ENV": "development",
        "SECRET_KEY": settings.secret_key,
        "STORAGE_URL": "",
        "BACKUP_URL": "",
        "BACKUP_DATABASE_URL": "",
    }
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *proof]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        while True:
            tick()
            try:
                said, _ = process.communicate(timeout=1)
                break
            except subprocess.TimeoutExpired:
                continue
    lines = [line for line in said.splitlines() if line and not line.startswith("{")]
    if process.returncode:
        done.problems.append(f"`{' '.join(proof)}` fails on what was restored: {' '.join(lines[-5:])}")
    done.said += lines[-1:]


def clear_old_drills(data_dir: Path) -> None:
    """Folders of drills that were killed, a day ago or more."""
    for folder in data_dir.glob(f"{_DRILL}*"):
        with suppress(OSError, ServiceError):
            if clock.now().timestamp() - folder.stat().st_mtime > 24 * 3600:
                restore.throw_away(folder)


def both(archive: Archive, settings: Settings, *, say: Say, tick: documents.Tick = lambda: None) -> str:
    """Everything read and a drill: one line, or BackupError with what is wrong."""
    read = everything(archive, tick=tick)
    if read.problems:
        raise BackupError("\n".join(read.problems))
    practised = drill(archive, settings, say=say, tick=tick)
    if practised.problems:
        raise BackupError("\n".join(practised.problems))
    return f"{read.summary}; restored in {practised.seconds:.1f} s, {', '.join(practised.said)}"
