"""What lies in a backup, by its names; and which of it a restore needs. Pure, but for reading facts.

    cluster                       which database this is a backup of
    base/ID/data                  a copy of the whole cluster, as a tar archive; ID is when it began
    base/ID/manifest              PostgreSQL's list of its files with their hashes
    base/ID/folder                secrets and other small files of the data folder
    base/ID/documents             the keys of the documents that there were
    base/ID/base                  written last: without it there is no base
    log/TIMELINE/START-END-TIME   the write-ahead log between two positions; TIME is when its end was sent
    followed                      up to when the log is here, even if nothing happened
    documents/KEY                 every document once: what is stored never changes

A *base* and the *log* of its timeline from there on give every moment after its end. Pieces of the log may overlap.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from wholesale.platform.backup.errors import BackupError, DamagedError, MissingError
from wholesale.platform.backup.replication import Cluster, lsn_text
from wholesale.platform.backup.shelves import Archive

CLUSTER, FOLLOWED = "cluster", "followed"
_PIECE = re.compile(r"log/([0-9A-F]{8})/([0-9A-F]{16})-([0-9A-F]{16})-(\d{8}T\d{6}\.\d{6})Z")
_TIME, _ID = "%Y%m%dT%H%M%S.%f", "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Base:
    """A whole copy of the cluster; every moment from `ended_at` on can be made of it and the log."""

    id: str
    began_at: datetime
    ended_at: datetime
    timeline: int
    start: int
    """The LSN from which on its log is needed."""
    end: int
    """The LSN up to which it brings its log along."""
    size: int
    """Of its files, in bytes."""
    stored: int
    """Of what is stored of it, in bytes."""
    version: int
    """Of the server: 180004 is 18.4."""
    database: str
    owner: str
    """The role that owns the tables."""
    application: str
    """The role that serves requests."""

    @property
    def major(self) -> int:
        return self.version // 10_000

    def facts(self) -> dict[str, Any]:
        return asdict(self) | {"began_at": self.began_at.isoformat(), "ended_at": self.ended_at.isoformat()}

    @classmethod
    def of(cls, facts: dict[str, Any]) -> Base:
        moments = {name: datetime.fromisoformat(facts[name]) for name in ("began_at", "ended_at")}
        return cls(**facts | moments)


def base_id(moment: datetime) -> str:
    return moment.strftime(_ID)


@dataclass(frozen=True, order=True)
class Piece:
    """Some of the log: the bytes between two positions, the last of them sent at `at`."""

    start: int
    end: int
    at: datetime
    timeline: int

    @property
    def name(self) -> str:
        return f"log/{self.timeline:08X}/{self.start:016X}-{self.end:016X}-{self.at.strftime(_TIME)}Z"


def pieces(archive: Archive, timeline: int) -> list[Piece]:
    """The log of a timeline in order."""
    found = []
    for entry in archive.names(f"log/{timeline:08X}"):
        if match := _PIECE.fullmatch(entry.name):
            at = datetime.strptime(match[4], _TIME).replace(tzinfo=UTC)
            found.append(Piece(int(match[2], 16), int(match[3], 16), at, timeline))
    return sorted(found)


def bases(archive: Archive) -> list[Base]:
    """Those that are whole, oldest first."""
    names = sorted(entry.name for entry in archive.names("base") if entry.name.endswith("/base"))
    return [Base.of(archive.facts(name)) for name in names]


def unfinished(archive: Archive) -> set[str]:
    """The ids of bases that somebody began and that are not whole (yet)."""
    names = [entry.name.split("/") for entry in archive.names("base")]
    return {parts[1] for parts in names} - {parts[1] for parts in names if parts[2:] == ["base"]}


def claim(archive: Archive, cluster: Cluster) -> None:
    """Write down of which cluster this is the backup; raises BackupError when it is another's."""
    try:
        known = archive.facts(CLUSTER)
    except MissingError:
        if any(True for _name in archive.names("base")):
            raise
        known = {"system": cluster.system, "segment": cluster.segment}
        archive.put_facts(CLUSTER, known)
    if known["system"] != cluster.system:
        raise BackupError(
            "There is the backup of another database at BACKUP_URL (each made by initdb has a number of its own:"
            f" {known['system']} there, {cluster.system} here). Choose another place for this one."
        )


def followed(archive: Archive) -> tuple[int, datetime] | None:
    """The timeline that was followed last, and up to when."""
    try:
        facts = archive.facts(FOLLOWED)
    except MissingError:
        return None
    return facts["timeline"], datetime.fromisoformat(facts["at"])


def reach(found: list[Piece], start: int) -> int:
    """How far the log goes from `start` on without a gap."""
    for piece in found:  # in the order of their starts
        if piece.start > start:
            break
        start = max(start, piece.end)
    return start


def chosen(found: list[Piece], start: int, end: int) -> Iterator[Piece]:
    """As few pieces as give the whole log from `start` to `end`. Raises DamagedError where there is a gap."""
    waiting = list(found)
    while start < end:
        best: Piece | None = None
        while waiting and waiting[0].start <= start:
            piece = waiting.pop(0)
            best = piece if best is None or piece.end > best.end else best
        if best is None or best.end <= start:
            until = lsn_text(waiting[0].start) if waiting else lsn_text(end)
            raise DamagedError(
                f"The log is missing from {lsn_text(start)} to {until}: only moments before that can be restored."
            )
        yield best
        start = best.end


@dataclass(frozen=True)
class Range:
    """The moments that can be restored by one base."""

    base: Base
    until: datetime
    end: int
    """The LSN of the last of the log, without a gap from the base on."""

    @property
    def text(self) -> str:
        return f"{self.base.ended_at:%Y-%m-%d %H:%M:%S}Z to {self.until:%Y-%m-%d %H:%M:%S}Z"


def ranges(archive: Archive) -> list[Range]:
    """Of each base, oldest first, which moments it gives."""
    logs: dict[int, list[Piece]] = {}
    last, found = followed(archive), []
    for base in bases(archive):
        log = logs.setdefault(base.timeline, pieces(archive, base.timeline))
        end = reach(log, base.end)
        until = max([base.ended_at, *(piece.at for piece in log if base.end < piece.end <= end)])
        is_all = end >= max([piece.end for piece in log], default=end)
        if is_all and last is not None and last[0] == base.timeline:
            until = max(until, last[1])
        found.append(Range(base, until, end))
    return found


def range_for(found: Iterable[Range], moment: datetime | None) -> Range:
    """The newest base that gives this moment (None: the last there is). Raises BackupError with what is possible."""
    known = list(found)
    if not known:
        raise BackupError("There is no whole base in this backup yet: `flask --app wsgi backup base` makes one.")
    if moment is None:
        return known[-1]
    for each in reversed(known):
        if each.base.ended_at <= moment <= each.until:
            return each
    possible = "\n".join(f"  {each.text}" for each in known)
    raise BackupError(f"{moment:%Y-%m-%d %H:%M:%S}Z cannot be restored. These moments can:\n{possible}")
