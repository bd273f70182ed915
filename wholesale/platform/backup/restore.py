"""Restoring: a data folder as it was at a moment, made of a base, the log up to that moment, and the documents.

Every file is compared with PostgreSQL's own list of hashes on its way. Recovery runs with this machine's PostgreSQL on
a socket in a folder that only its user and root can enter; from there it is known which documents rows name.
"""

from __future__ import annotations

import errno
import io
import json
import os
import re
import shutil
import signal
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import quote

import psycopg
from psycopg import sql

from wholesale.platform.backup import chain, documents
from wholesale.platform.backup.base import FAR_SECRETS
from wholesale.platform.backup.chain import Base, Piece, Range
from wholesale.platform.backup.errors import BackupError, DamagedError
from wholesale.platform.backup.shelves import Archive, free_bytes
from wholesale.platform.files import FolderStorage
from wholesale.platform.services.binaries import POSTGRES_MAJOR, ServiceError, postgres_folder
from wholesale.platform.services.places import MARKER, Places, places
from wholesale.platform.services.processes import Lock, Server, start_server

UNFINISHED = "restore-unfinished"
_COPY = 1024 * 1024
_EARLY, _LATE = "before consistent recovery point", "before configured recovery target was reached"
_SPARE = 256 * 1024 * 1024
_KEY = "^[0-9a-f]{32}$"

Say = Callable[[str], None]


@dataclass
class Restored:
    """What came of it."""

    into: Path
    base: Base
    moment: datetime | None
    documents: int = 0
    missing_documents: list[str] = field(default_factory=list)
    database_url: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    """How long each step took."""


@contextmanager
def _timed(done: Restored, step: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    done.seconds[step] = done.seconds.get(step, 0.0) + time.monotonic() - begun


@contextmanager
def restored(
    archive: Archive, into: Path, *, to: datetime | None = None, say: Say, tick: documents.Tick = lambda: None
) -> Iterator[Restored]:
    """A whole data folder at `into`, and within the block its PostgreSQL, which is up. Raises BackupError."""
    chosen = _prepare(archive, into, to, say)
    done = Restored(into, chosen.base, to)
    try:
        if chosen.base.major != POSTGRES_MAJOR:
            raise BackupError(
                f"The base is of PostgreSQL {chosen.base.major}, and this machine has {POSTGRES_MAJOR}: restore with"
                " --files-only, and start a PostgreSQL of that version on them."
            )
        where = _files(archive, chosen, done, say, tick)
        with _timed(done, "recovery"):
            say("replaying the log")
            server = _recover(archive, chosen, done, where, tick)
        try:
            _put_documents(archive, done, where, say, tick)
            _end(archive, done, where)
            yield done
        finally:
            server.stop()
            _recovery_rules(where).unlink(missing_ok=True)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise BackupError(f"The disk of {into} is full. Remove the folder, make room, and begin again.") from error
        raise
    except ServiceError as error:
        raise BackupError(str(error)) from error


def files_only(archive: Archive, into: Path, *, to: datetime | None = None, say: Say) -> Restored:
    """The cluster's files with everything set for recovery, for a PostgreSQL of one's own; documents beside them."""
    chosen = _prepare(archive, into, to, say)
    done = Restored(into, chosen.base, to)
    where = _files(archive, chosen, done, say, lambda: None)
    (where.postgres / "recovery.signal").touch()
    with (where.postgres / "postgresql.auto.conf").open("a") as settings:
        settings.writelines(f"{name} = '{value}'\n" for name, value in _recovery_settings(to).items())
    _own(where, where.postgres / "recovery.signal")
    storage, there = FolderStorage(into / "files"), sorted(documents.kept(archive))
    (into / "files").mkdir(mode=0o700, exist_ok=True)
    done.missing_documents = list(documents.restore(archive, there, storage))
    done.documents = len(there) - len(done.missing_documents)
    _end(archive, done, where)
    return done


def _prepare(archive: Archive, into: Path, to: datetime | None, say: Say) -> Range:
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise BackupError(f"{into} is not empty. Restore into a new folder; nothing was changed.")
    chosen = chain.range_for(chain.ranges(archive), to)
    needed, free = chosen.base.size + _SPARE, free_bytes(into.absolute())
    if free < needed:
        raise BackupError(f"The disk of {into} has {free / 1e9:.1f} GB free, and {needed / 1e9:.1f} GB are needed.")
    say(f"base of {chosen.base.began_at:%Y-%m-%d %H:%M:%S}Z, {chosen.base.size / 1e6:.0f} MB")
    if to is None:
        say(f"the last moment that can be restored is {chosen.until:%Y-%m-%d %H:%M:%S}Z")
    log = chain.pieces(archive, chosen.base.timeline)
    if lost := [piece for piece in log if piece.end > chosen.end]:
        say(
            f"The log has a gap after that: {len(lost)} later pieces, up to {lost[-1].at:%Y-%m-%d %H:%M:%S}Z, cannot be"
            " used without it."
        )
    return chosen


# --- files ------------------------------------------------------------------------------------------------


def _files(archive: Archive, chosen: Range, done: Restored, say: Say, tick: documents.Tick) -> Places:
    into = done.into
    into.mkdir(mode=0o755, parents=True, exist_ok=True)
    (into / UNFINISHED).touch()  # until the end no program of ours takes this for a data folder
    where = places(into)
    if where.postgres.exists():
        raise BackupError(f"There is a database already in {where.postgres}. Remove it, or restore elsewhere.")
    where.user.make_folder(where.postgres)
    with _timed(done, "files"):
        unpack(archive, chosen.base, where.postgres, lambda path: _own(where, path), tick)
    with _timed(done, "log"):
        log = chain.pieces(archive, chosen.base.timeline)
        used = _up_to(log, chosen, done.moment)
        say(f"log: {sum(piece.end - piece.start for piece in used) / 1e6:.1f} MB in {len(used)} pieces")
        _lay_out(archive, used, where, tick)
    return where


def _own(where: Places, path: Path) -> None:
    if not where.user.is_caller:
        os.chown(path, where.user.uid, where.user.gid)


class _Stream(io.RawIOBase):
    """Pieces as a file to be read once."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._held = pieces, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._held:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._held = piece
        taken = self._held[: len(buffer)]
        buffer[: len(taken)] = taken
        self._held = self._held[len(taken) :]
        return len(taken)


def unpack(
    archive: Archive,
    base: Base,
    into: Path | None,
    own: Callable[[Path], None] = lambda _path: None,
    tick: documents.Tick = lambda: None,
) -> int:
    """Compare every file with its hash, and write it (None: only compare); how many. Raises DamagedError."""
    expected = _manifest(archive, base)
    stream = _Stream(archive.get(f"base/{base.id}/data"))
    wrong: list[str] = []
    count = 0
    with tarfile.open(fileobj=cast("IO[bytes]", io.BufferedReader(stream, _COPY)), mode="r|") as tar:
        for member in tar:
            tick()
            path = into and _inside(into, member.name)
            if member.isdir():
                if path is not None:
                    path.mkdir(mode=0o700, exist_ok=True)
                    own(path)
            elif member.isfile():
                content = tar.extractfile(member)
                assert content is not None, "it is a file"
                found = _write(content, path, tick)
                if path is not None:
                    own(path)
                told = expected.pop(member.name, None)
                is_log = told is None and member.name.startswith("pg_wal/")  # it has sums of its own
                if not is_log and told != found:
                    wrong.append(member.name)
                count += 1
            else:
                raise DamagedError(f"The base has {member.name}, which is neither file nor folder.")
        while stream.read(_COPY):  # what is behind the archive belongs to what was sealed, too
            pass
    wrong += sorted(expected)
    if wrong:
        raise DamagedError(
            f"Base {base.id}: {len(wrong)} files are not as PostgreSQL sent them: {', '.join(wrong[:5])}"
        )
    return count


def _manifest(archive: Archive, base: Base) -> dict[str, str]:
    """The SHA-256 of each file of a base."""
    text = b"".join(archive.get(f"base/{base.id}/manifest"))
    content, _, _rest = text.rpartition(b'"Manifest-Checksum"')
    told = json.loads(text)
    if sha256(content).hexdigest() != told["Manifest-Checksum"]:
        raise DamagedError(f"Base {base.id}: PostgreSQL's list of files is not as it was sent.")
    return {
        each.get("Path") or bytes.fromhex(each["Encoded-Path"]).decode(errors="surrogateescape"): each["Checksum"]
        for each in told["Files"]
    }


def _inside(folder: Path, name: str) -> Path:
    path = folder / name
    if name.startswith("/") or ".." in Path(name).parts:
        raise DamagedError(f"The base has a file with the name {name}.")
    return path


def _write(content: IO[bytes], path: Path | None, tick: documents.Tick) -> str:
    digest = sha256()
    with open(os.open(path or os.devnull, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:  # noqa: PTH123
        while piece := content.read(_COPY):
            file.write(piece)
            digest.update(piece)
            tick()
    return digest.hexdigest()


# --- the log ----------------------------------------------------------------------------------------------


def _up_to(log: list[Piece], chosen: Range, moment: datetime | None) -> list[Piece]:
    """The pieces from the base on, and no more than recovery will read: up to one that was sent after the moment."""
    pieces = list(chain.chosen(log, chosen.base.end, chosen.end))
    if moment is None:
        return pieces
    later = next((number for number, piece in enumerate(pieces) if piece.at > moment), len(pieces))
    return pieces[: later + 2]


def _lay_out(archive: Archive, pieces: list[Piece], where: Places, tick: documents.Tick) -> None:
    """Write the pieces into the files of the log; the base has brought the first of them."""
    segment = archive.facts(chain.CLUSTER)["segment"]
    for piece in pieces:
        at = piece.start
        for data in archive.get(piece.name):
            tick()
            held = memoryview(data)
            while held:
                room = segment - at % segment
                _write_at(where, piece.timeline, at, held[:room], segment)
                at += len(held[:room])
                held = held[room:]
        if at != piece.end:
            raise DamagedError(f"{piece.name} has {at - piece.start} bytes.")


def _write_at(where: Places, timeline: int, at: int, data: memoryview, segment: int) -> None:
    number, per_part = at // segment, (1 << 32) // segment
    path = where.postgres / "pg_wal" / f"{timeline:08X}{number // per_part:08X}{number % per_part:08X}"
    is_new = not path.exists()
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "r+b") as file:  # noqa: PTH123
        if is_new:
            file.truncate(segment)
        file.seek(at % segment)
        file.write(data)
    if is_new:
        _own(where, path)


def _recovery_settings(moment: datetime | None) -> dict[str, str]:
    # All of the log lies in pg_wal: there is nowhere to fetch more from.
    settings = {"restore_command": "/bin/false", "recovery_target_action": "promote"}
    if moment is not None:
        settings["recovery_target_time"] = moment.isoformat()
    return settings


# --- recovery ---------------------------------------------------------------------------------------------


def _recovery_rules(where: Places) -> Path:
    return where.state / "recovery.hba.conf"


def _recover(archive: Archive, chosen: Range, done: Restored, where: Places, tick: documents.Tick) -> Server:
    """Start PostgreSQL, let it replay the log up to the moment, and go on from there as a server of its own."""
    try:
        return _start(where, done, tick, done.moment)
    except ServiceError as error:
        if _EARLY in str(error):
            raise BackupError(
                f"The base of {done.base.began_at:%Y-%m-%d %H:%M:%S}Z was not whole yet at that moment:"
                " choose one some seconds later."
            ) from error
        if _LATE not in str(error):
            raise
    # Nothing was changed between the moment and the end of what was laid out, or it was sent long after it had
    # happened: with the whole log it is either found, or nothing has happened since, and the end is that moment.
    log = chain.pieces(archive, chosen.base.timeline)
    _lay_out(archive, list(chain.chosen(log, chosen.base.end, chosen.end)), where, tick)
    try:
        return _start(where, done, tick, done.moment)
    except ServiceError as error:
        if _LATE not in str(error):
            raise
    return _start(where, done, tick, None)


def _start(where: Places, done: Restored, tick: documents.Tick, moment: datetime | None) -> Server:
    (where.postgres / "postmaster.pid").unlink(missing_ok=True)
    signal_file = where.postgres / "recovery.signal"
    signal_file.touch()
    rules, settings_file = _recovery_rules(where), where.state / "recovery.conf"
    rules.write_text("local all all trust\n")  # the socket's folder is closed to everybody else
    settings_file.write_text("# Recovery takes none of the settings of the server that was backed up.\n")
    for path in (signal_file, rules, settings_file):
        _own(where, path)
    settings = {
        "config_file": str(settings_file),
        "hba_file": str(rules),
        "listen_addresses": "",
        "unix_socket_directories": str(where.sockets),
        "unix_socket_permissions": "0700",
        "max_connections": "100",
        "hot_standby": "off",
        "archive_mode": "off",
        "ssl": "off",
        "shared_preload_libraries": "",
        "synchronous_standby_names": "",
        "log_destination": "stderr",
        "logging_collector": "off",
        "log_timezone": "UTC",
        "max_wal_size": "4GB",
        **_recovery_settings(moment),
    }
    lock = Lock(where.state / "postgres.alive")
    if not lock.take(seconds=5):
        raise BackupError(f"Another PostgreSQL runs in {where.folder}.")
    log = where.state / "recovery.log"
    log.unlink(missing_ok=True)
    try:
        server = start_server(
            "PostgreSQL",
            [
                postgres_folder(where.user) / "postgres",
                "-D",
                where.postgres,
                *(f"--{name}={value}" for name, value in settings.items()),
            ],
            user=where.user,
            folder=where.postgres,
            log=log,
            alive=lock,
            gentle=signal.SIGINT,
            firm=signal.SIGQUIT,
            environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        )
    finally:
        lock.release()
    try:
        _wait(server, where, done, tick)
    except BaseException:
        server.stop(at_once=True)
        raise
    return server


def _wait(server: Server, where: Places, done: Restored, tick: documents.Tick) -> None:
    """Until it takes connections: as long as it lives, it replays."""
    while True:
        server.check_alive()
        tick()
        with suppress(psycopg.OperationalError), _connect(where, done.base):
            return
        time.sleep(0.05)


def _connect(where: Places, base: Base) -> psycopg.Connection:
    return psycopg.connect(
        host=str(where.sockets), user=base.owner, dbname=base.database, autocommit=True, connect_timeout=5
    )


# --- documents and secrets --------------------------------------------------------------------------------


def _put_documents(archive: Archive, done: Restored, where: Places, say: Say, tick: documents.Tick) -> None:
    with _timed(done, "documents"):
        with _connect(where, done.base) as connection:
            keys = sorted(named_documents(connection))
        (done.into / "files").mkdir(mode=0o700, exist_ok=True)
        storage = FolderStorage(done.into / "files")
        done.missing_documents = list(documents.restore(archive, keys, storage, tick))
        done.documents = len(keys) - len(done.missing_documents)
        say(f"documents: {done.documents} of the {len(keys)} that rows name")


def named_documents(connection: psycopg.Connection) -> set[str]:
    """The keys of files that any row names: those in columns of text whose name ends in `_key` (see files.orphans)."""
    connection.execute("SET app.scope = 'platform'")
    columns = connection.execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        r" AND column_name LIKE '%\_key' AND data_type = 'text' AND table_name <> 'kept_file'"
    ).fetchall()
    found: set[str] = set()
    for table, column in columns:
        question = sql.SQL("SELECT {column} FROM {table} WHERE {column} ~ {key}").format(
            column=sql.Identifier(column), table=sql.Identifier(table), key=sql.Literal(_KEY)
        )
        found.update(row[0] for row in connection.execute(question))
    return found


def _end(archive: Archive, done: Restored, where: Places) -> None:
    """Secrets and other small files; last the sign that it is a data folder."""
    packed = io.BytesIO(b"".join(archive.get(f"base/{done.base.id}/folder")))
    with tarfile.open(fileobj=packed) as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is None:
                continue
            path = where.secrets("postgres") if member.name == FAR_SECRETS else _inside(done.into, member.name)
            path.write_bytes(content.read())
            path.chmod(member.mode)
    (where.state / "recovery.conf").unlink(missing_ok=True)
    host, database = quote(str(where.sockets)), done.base.database
    done.database_url = f"postgresql+psycopg://{done.base.application}@/{database}?host={host}"
    (done.into / UNFINISHED).unlink()
    (done.into / MARKER).write_text("The state of a wholesale marketplace. bin/demo --fresh deletes this folder.\n")


def throw_away(folder: Path) -> None:
    """Remove a restored folder, wherever its database lies."""
    if folder.exists():
        where = places(folder)
        shutil.rmtree(where.sockets, ignore_errors=True)
        shutil.rmtree(where.state, ignore_errors=True)
        shutil.rmtree(folder)


def parse_moment(text: str) -> datetime:
    """`2026-11-22T10:15:00Z`, or with another offset. Raises BackupError."""
    try:
        moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text.strip()))
    except ValueError as error:
        raise BackupError(f"{text!r} is no moment: write it as 2026-11-22T10:15:00Z.") from error
    if moment.tzinfo is None:
        raise BackupError(f"{text!r} does not say of which zone: write it as 2026-11-22T10:15:00Z.")
    return moment
