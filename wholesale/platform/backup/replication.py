"""PostgreSQL's replication protocol, as much of it as a backup needs: copy a cluster, follow its write-ahead log.

Spoken by ourselves, not by pg_basebackup and pg_receivewal: so nothing need be installed beside a server elsewhere,
what comes in goes straight to where backups lie, and the server is told that it has been received only when it lies
there. A follower that is killed therefore leaves no gap.

An *LSN* is a position in the write-ahead log, in bytes since the cluster was made.
"""

from __future__ import annotations

import select
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import psycopg
from psycopg import conninfo
from psycopg.pq import ConnStatus, ExecStatus, PGconn
from psycopg.pq.abc import PGresult

from wholesale.kernel import clock
from wholesale.platform.backup.errors import BackupError

SLOT = "wholesale_backup"
_OLDEST = 15_00_00
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_UNITS = {"kB": 1024, "MB": 1024**2, "GB": 1024**3}
_READABLE = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH)


class LinkError(BackupError):
    """The server does not answer, or refuses; trying again may help."""


class TimelineError(LinkError):
    """The server has become another one: it was restored, or a replica was promoted."""


@dataclass(frozen=True)
class Cluster:
    """Which cluster answers."""

    system: str
    timeline: int
    position: int
    segment: int
    """The size of a file of the write-ahead log, in bytes."""
    version: int
    """Of the server: 180004 is 18.4."""


@dataclass(frozen=True)
class Received:
    """Some of the write-ahead log, from `start` on (empty: only a sign of life), sent at `at` by the server's clock."""

    start: int
    data: bytes
    end: int
    at: datetime


def lsn(text: str) -> int:
    """`16/B374D848` as a number."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def lsn_text(position: int) -> str:
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


class Link:
    """One replication connection."""

    def __init__(self, url: str) -> None:
        plain = "postgresql://" + url.split("://", 1)[1]
        self._line = PGconn.connect(
            conninfo.make_conninfo(
                plain, replication="true", application_name=SLOT, connect_timeout=10, options=""
            ).encode()
        )
        if self._line.status != ConnStatus.OK:
            said = self._line.error_message.decode(errors="replace").strip()
            raise LinkError(_advice(said))
        if self._line.server_version < _OLDEST:
            raise BackupError("Backups need PostgreSQL 15 or newer.")
        self._line.nonblocking = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.finish()

    # --- questions ---

    def cluster(self) -> Cluster:
        [[system, timeline, position, _database]] = self._ask("IDENTIFY_SYSTEM")
        [[segment]] = self._ask("SHOW wal_segment_size")
        number = segment.rstrip("kMGB")
        return Cluster(
            system,
            int(timeline),
            lsn(position),
            int(number) * _UNITS[segment[len(number) :]],
            self._line.server_version,
        )

    def keep_for_now(self, name: str) -> None:
        """Let the server keep its log as long as this connection lives."""
        self._ask(f'CREATE_REPLICATION_SLOT "{name}" TEMPORARY PHYSICAL (RESERVE_WAL)')

    def slot(self) -> int | None:
        """From where on the server keeps its log for the follower; None when it keeps nothing, or no more."""
        [[kind, position, _timeline]] = self._ask(f"READ_REPLICATION_SLOT {SLOT}")
        if kind and not position:
            self._ask(f"DROP_REPLICATION_SLOT {SLOT}")
        return lsn(position) if position else None

    def make_slot(self) -> int:
        """Let the server keep its log for the follower from here on."""
        self._ask(f"CREATE_REPLICATION_SLOT {SLOT} PHYSICAL (RESERVE_WAL)")
        position = self.slot()
        assert position is not None, "it was reserved a moment ago"
        return position

    def _ask(self, command: str) -> list[list[str]]:
        self._line.send_query(command.encode())
        rows = _rows(self._next())
        self._end()
        return rows

    # --- the cluster as it is ---

    def begin_copy(self, label: str) -> tuple[int, int]:
        """Have the server send all its files: from which LSN on its log is needed, and about how many bytes come."""
        self._line.send_query(
            f"BASE_BACKUP (LABEL '{label}', CHECKPOINT 'fast', WAL, PROGRESS, MANIFEST 'yes',"
            " MANIFEST_CHECKSUMS 'SHA256')".encode()
        )
        [[position, _timeline]] = _rows(self._next())
        places = _rows(self._next())
        if len(places) > 1:
            raise BackupError("The database uses tablespaces, which these backups do not know.")
        if self._next().status != ExecStatus.COPY_OUT:
            raise LinkError("The server does not send its files.")
        return lsn(position), int(places[0][2] or 0) * 1024

    def copied(self, manifest: bytearray) -> Iterator[bytes]:
        """The cluster as a tar archive; its list of files with their hashes goes into `manifest`."""
        into_manifest = False
        for message in self._messages():
            kind = bytes(message[:1])
            if kind == b"m":
                into_manifest = True
            elif kind == b"d" and into_manifest:
                manifest += message[1:]
            elif kind == b"d":
                yield bytes(message[1:])

    def end_copy(self) -> int:
        """The LSN up to which its log is needed before the copy is of one moment."""
        [[position, _timeline]] = _rows(self._next())
        self._end()
        return lsn(position)

    # --- what happens from now on ---

    def follow(self, cluster: Cluster, start: int) -> None:
        """Have everything sent that is written from `start` on, now and later."""
        self._line.send_query(
            f"START_REPLICATION SLOT {SLOT} PHYSICAL {lsn_text(start)} TIMELINE {cluster.timeline}".encode()
        )
        if self._next().status != ExecStatus.COPY_BOTH:
            raise TimelineError("The server has gone on along another timeline.")

    def received(self, seconds: float) -> Iterator[Received]:
        """What has come in, waiting at most so long for it. Ends when there is no more at the moment."""
        waited = False
        while True:
            size, message = self._copy_data()
            if size > 0:
                yield _received(message)
            elif size < 0:
                self._next()
                raise TimelineError("The server has ended its log: it was promoted, or is being shut down.")
            elif waited:
                return
            else:
                self._wait(seconds)
                waited = True

    def confirm(self, position: int, *, answer: bool) -> None:
        """Tell the server that all before `position` is safe; `answer`: ask for a sign of life."""
        now = (clock.now() - _EPOCH) // timedelta(microseconds=1)  # the server reads it as a number only
        try:
            self._line.put_copy_data(struct.pack(">cQQQqB", b"r", position, position, position, now, answer))
            self._line.flush()
        except psycopg.OperationalError as error:
            raise LinkError(str(error)) from error

    # --- messages ---

    def _wait(self, seconds: float) -> None:
        select.select([self._line.socket], [], [], seconds)
        try:
            self._line.consume_input()
        except psycopg.OperationalError as error:
            raise LinkError(f"The connection is lost: {error}") from error

    def _copy_data(self) -> tuple[int, memoryview]:
        try:
            return self._line.get_copy_data(1)
        except psycopg.OperationalError as error:
            raise LinkError(f"The connection is lost: {error}") from error

    def _messages(self) -> Iterator[memoryview]:
        while True:
            size, message = self._copy_data()
            if size > 0:
                yield message
            elif size < 0:
                return
            else:
                self._wait(5)

    def _next(self) -> PGresult:
        while self._line.is_busy():
            self._wait(5)
        result = self._line.get_result()
        if result is None or result.status not in _READABLE:
            raise LinkError(_advice(result.error_message.decode(errors="replace").strip() if result else "no answer"))
        return result

    def _end(self) -> None:
        while (result := self._line.get_result()) is not None:
            if result.status not in _READABLE:
                raise LinkError(result.error_message.decode(errors="replace").strip())


def _received(message: memoryview) -> Received:
    kind = bytes(message[:1])
    if kind == b"w":
        start, _end, sent = struct.unpack(">QQq", message[1:25])
        data = bytes(message[25:])
        return Received(start, data, start + len(data), _moment(sent))
    end, sent, _answer = struct.unpack(">QqB", message[1:18])
    return Received(end, b"", end, _moment(sent))


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _rows(result: PGresult) -> list[list[str]]:
    return [
        [(result.get_value(row, column) or b"").decode() for column in range(result.nfields)]
        for row in range(result.ntuples)
    ]


def _advice(said: str) -> str:
    if "no pg_hba.conf entry for replication" in said:
        return f"The server's pg_hba.conf has no line `… replication ROLE …` for backups. It says: {said}"
    if "must be superuser or replication role" in said or "permission denied to start WAL sender" in said:
        return (
            "This role may not replicate. Give it the right (ALTER ROLE … REPLICATION), or name one that has it by"
            f" BACKUP_DATABASE_URL. The server says: {said}"
        )
    if "is active for PID" in said:
        return f"Another `backup follow` is at work already. The server says: {said}"
    return f"PostgreSQL does not replicate: {said}"
