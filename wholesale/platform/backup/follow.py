"""Following: what the server writes into its log lies in the backup about a second later.

The server keeps its log until we have confirmed it (by a slot), and we confirm what lies in the backup: killed and
started again, a follower goes on where it was. When it was away for so long that the server has given up keeping, or
when the server has become another one, a new base is made at once, as the log alone is no use any more.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from wholesale.kernel import clock
from wholesale.platform.backup import base, chain, documents, prune
from wholesale.platform.backup.base import Source
from wholesale.platform.backup.chain import Piece
from wholesale.platform.backup.errors import BackupError
from wholesale.platform.backup.replication import Cluster, Link, LinkError, TimelineError, lsn_text
from wholesale.platform.backup.shelves import Archive, AwayError
from wholesale.platform.files import Storage

log = logging.getLogger(__name__)

LINGER = 1.0  # seconds that the first byte waits for others
_LOOK = 0.25
_ENOUGH = 8 * 1024 * 1024
_SIGN_SECONDS = 10.0
_MERGE_BYTES, _MERGE_SECONDS = 16 * 1024 * 1024, 600.0
_LONGEST_PAUSE = 30.0
_RENEW_SECONDS, _OLD = 600.0, timedelta(hours=26)


@dataclass
class _Waiting:
    """Bytes that have come in and lie in the backup only when `ship` is through."""

    timeline: int
    start: int
    data: bytearray = field(default_factory=bytearray)
    at: datetime | None = None
    since: float = 0.0

    @property
    def end(self) -> int:
        return self.start + len(self.data)

    def is_due(self) -> bool:
        return bool(self.data) and (len(self.data) >= _ENOUGH or time.monotonic() - self.since >= LINGER)


@dataclass
class _Small:
    """The pieces since the last large one, which will take their place: a folder of a million names helps nobody."""

    start: int
    data: bytearray = field(default_factory=bytearray)
    pieces: list[Piece] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)

    def is_due(self) -> bool:
        return len(self.pieces) > 1 and (
            len(self.data) >= _MERGE_BYTES or time.monotonic() - self.since >= _MERGE_SECONDS
        )


class _Every:
    """Whether it is time again for something."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._last: dict[str, float] = {}

    def is_time(self, what: str) -> bool:
        now = time.monotonic()
        if now - self._last.get(what, now - self.seconds) < self.seconds:
            return False
        self._last[what] = now
        return True


def _take_in(link: Link, waiting: _Waiting) -> datetime | None:
    """Add what has come in to what waits; when there is nothing, the moment up to which that is so."""
    for received in link.received(_LOOK):
        if received.data:
            if received.start != waiting.end:
                raise LinkError("The server has left something out.")
            waiting.since = waiting.since if waiting.data else time.monotonic()
            waiting.data += received.data
            waiting.at = received.at
        elif received.end <= waiting.end and not waiting.data:
            return received.at
        if waiting.is_due():
            break
    return None


@dataclass
class Follower:
    """`note(at)`: the log lies in the backup up to this moment; called every few seconds. `days`: see `prune`."""

    archive: Archive
    source: Source
    storage: Storage
    stop: threading.Event
    note: Callable[[datetime], None] = lambda _at: None
    made_base: Callable[[chain.Base], None] = lambda _base: None
    days: int = 14

    def run(self) -> None:
        """Follow until `stop` is set. Raises BackupError for what does not heal by itself."""
        beside = [threading.Thread(target=work, daemon=True) for work in (self._copy_documents, self._renew_bases)]
        for each in beside:
            each.start()
        pause = 1.0
        while not self.stop.is_set():
            begun = time.monotonic()
            try:
                self._follow()
            except (LinkError, AwayError) as error:
                if time.monotonic() - begun > _LONGEST_PAUSE:
                    pause = 1.0
                log.warning("the backup does not follow the database, again in %.0f s: %s", pause, error)
                self.stop.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
        for each in beside:
            each.join(5)

    def _copy_documents(self) -> None:
        copier = documents.Copier(self.archive, self.storage)
        documents.copy_for_ever(
            copier, self.stop.wait, lambda error: log.warning("documents are not copied at the moment: %s", error)
        )

    def _renew_bases(self) -> None:
        """A base when the night's has not come: the worker may know nothing of backups, or be away."""
        while not self.stop.wait(_RENEW_SECONDS):
            try:
                newest = max((each.ended_at for each in chain.bases(self.archive)), default=None)
                if newest is not None and clock.now() - newest > _OLD:
                    copier = documents.Copier(self.archive, self.storage)
                    self.made_base(base.take(self.archive, self.source, copier))
                    log.info("the last base was old: %s", prune.prune(self.archive, days=self.days))
            except BackupError as error:
                log.warning("no new base: %s", error)

    def _follow(self) -> None:
        with Link(self.source.replication_url) as link:
            cluster = link.cluster()
            chain.claim(self.archive, cluster)
            start = self._start(link, cluster)
            link.follow(cluster, start)
            log.info("following the database from %s on", lsn_text(start))
            self._receive(link, cluster, start)

    def _start(self, link: Link, cluster: Cluster) -> int:
        """Where to go on, or, after a gap, to begin with a new base."""
        kept = link.slot() or link.make_slot()
        line = chain.pieces(self.archive, cluster.timeline)
        last = max((piece.end for piece in line), default=0)
        if last > link.cluster().position:  # its next log would lie among another's, and neither could be restored
            raise BackupError(
                f"The log at BACKUP_URL is further than this database on the same timeline ({cluster.timeline}): a site"
                " that was restored earlier has gone on there. Choose another place for this one."
            )
        newest = max((each.end for each in chain.bases(self.archive) if each.timeline == cluster.timeline), default=0)
        if newest:
            if kept <= last <= chain.reach(line, newest):
                return last
            if kept <= newest and last <= newest:
                return newest
            log.error("the server has not kept its log since %s: a new base is made", lsn_text(max(last, newest)))
        made = base.take(self.archive, self.source, documents.Copier(self.archive, self.storage))
        self.made_base(made)
        return made.end

    def _receive(self, link: Link, cluster: Cluster, start: int) -> None:
        waiting, small = _Waiting(cluster.timeline, start), _Small(start)
        every = _Every(_SIGN_SECONDS)
        while not self.stop.is_set():
            try:
                safe_until = _take_in(link, waiting)
            except TimelineError:
                self._ship(waiting, small)
                raise
            if waiting.is_due():
                safe_until = self._ship(waiting, small)
                link.confirm(waiting.end, answer=False)
            if safe_until is not None and every.is_time("sign"):
                self._sign(cluster, safe_until)
            if small.is_due():
                small = self._merge(small)
            if every.is_time("ask"):
                link.confirm(waiting.start, answer=True)
        self._ship(waiting, small)
        link.confirm(waiting.end, answer=False)

    def _ship(self, waiting: _Waiting, small: _Small) -> datetime | None:
        """Put what has come in into the backup; the moment up to which that is."""
        if not waiting.data or waiting.at is None:
            return None
        piece = Piece(waiting.start, waiting.end, waiting.at, waiting.timeline)
        self.archive.put(piece.name, [bytes(waiting.data)])
        small.data += waiting.data
        small.pieces.append(piece)
        waiting.start = piece.end
        waiting.data.clear()
        return piece.at

    def _merge(self, small: _Small) -> _Small:
        """One piece in the place of many: first it lies there, then they go."""
        last = small.pieces[-1]
        whole = Piece(small.start, last.end, last.at, last.timeline)
        self.archive.put(whole.name, [bytes(small.data)])
        for piece in small.pieces:
            self.archive.delete(piece.name)
        return _Small(last.end)

    def _sign(self, cluster: Cluster, at: datetime) -> None:
        facts = {"timeline": cluster.timeline, "at": (at - timedelta(microseconds=1)).isoformat()}
        self.archive.put_facts(chain.FOLLOWED, facts)
        self.note(at)
