"""Documents in the backup: each is copied once, as what is stored never changes, and lies there under its own key."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from wholesale.kernel.errors import NotFoundError
from wholesale.platform.backup.errors import BackupError
from wholesale.platform.backup.shelves import Archive
from wholesale.platform.files import FolderStorage, Storage

T = TypeVar("T")
Tick = Callable[[], None]
_AT_ONCE, _BATCH = 8, 500


def name_of(key: str) -> str:
    """Spread over folders as in the storage itself."""
    return f"documents/{key[:2]}/{key}"


def kept(archive: Archive) -> set[str]:
    """The keys of all documents in the backup."""
    return {entry.name.rpartition("/")[2] for entry in archive.names("documents")}


def at_once(work: Callable[[str], T], keys: Iterable[str], tick: Tick) -> Iterator[T]:
    """Do it for some at the same time: most of it is waiting for a disk or a bucket. Raises what `work` raises."""
    rest = iter(keys)
    with ThreadPoolExecutor(_AT_ONCE, "documents") as pool:
        while batch := list(islice(rest, _BATCH)):
            for result in pool.map(work, batch):
                tick()
                yield result


class Copier:
    """Copies what is new; it remembers what lies in the backup."""

    def __init__(self, archive: Archive, storage: Storage) -> None:
        self.archive, self.storage = archive, storage
        self._known: set[str] | None = None

    def copy_new(self, tick: Tick = lambda: None) -> list[str]:
        """The keys of all documents that there are now, each of them copied. Raises BackupError, UnavailableError."""
        if self._known is None:
            self._known = kept(self.archive)
        present = list(self.storage.keys())
        new = [key for key in present if key not in self._known]
        self._known.update(key for key in at_once(self._copy, new, tick) if key)
        return present

    def _copy(self, key: str) -> str | None:
        try:
            self.archive.put(name_of(key), self.storage.chunks(key))
        except NotFoundError:
            return None  # it has just been deleted
        return key


def pause_after(storage: Storage, took: float) -> float:
    """Seconds until storage is looked through again: looking costs little of a processor, or of a bucket's bill."""
    least = 2.0 if isinstance(storage, FolderStorage) else 60.0
    return max(least, 20 * took)


def copy_for_ever(copier: Copier, wait: Callable[[float], bool], failed: Callable[[Exception], None]) -> None:
    """Copy what is new until `wait(seconds)` says that it is over."""
    pause = 0.0
    while not wait(pause):
        begun = time.monotonic()
        try:
            copier.copy_new()
            pause = pause_after(copier.storage, time.monotonic() - begun)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and the next round tries again
            failed(error)
            pause = 30.0


def restore(archive: Archive, keys: Iterable[str], into: FolderStorage, tick: Tick = lambda: None) -> Iterator[str]:
    """Put these documents back; yields the keys of those that the backup does not have."""
    there, wanted = kept(archive), list(keys)

    def put_back(key: str) -> None:
        into.restore(key, archive.get(name_of(key)))

    for _done in at_once(put_back, [key for key in wanted if key in there], tick):
        pass
    yield from (key for key in wanted if key not in there)


def check(archive: Archive, keys: Iterable[str], tick: Tick = lambda: None) -> Iterator[str]:
    """Read them all; yields a sentence for each that is not as it was stored."""
    for key in keys:
        try:
            for _piece in archive.get(name_of(key)):
                tick()
        except BackupError as error:
            yield str(error)
