"""Where backups lie: a folder or a bucket, in which things have names. Each is there completely, or not at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

import obstore
from obstore import exceptions
from obstore.store import S3Store

from wholesale.kernel import clock
from wholesale.platform.backup import sealing
from wholesale.platform.backup.errors import BackupError, MissingError
from wholesale.platform.files.stores import bucket_of

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

_RANGE = 4 * 1024 * 1024
_HALF = ".part"

# Nobody waits at a screen: rather long than in vain.
_PATIENCE: ClientConfig = {"connect_timeout": "5s", "timeout": "60s"}
_TRIES: RetryConfig = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}


class AwayError(BackupError):
    """The place of the backups does not answer, or is full; trying again later may help."""


class Entry(NamedTuple):
    """Something on a shelf, written `at`."""

    name: str
    size: int
    at: datetime


class Shelf(Protocol):
    """All of it raises AwayError while the place cannot be reached."""

    def put(self, name: str, pieces: Iterable[bytes]) -> int:
        """Write it, in place of what had the name; the size. Nothing is there when it is interrupted."""

    def get(self, name: str) -> Iterator[bytes]:
        """Piece by piece; raises MissingError when there is none."""

    def names(self, under: str) -> Iterator[Entry]:
        """Everything under a folder, in no order."""

    def delete(self, name: str) -> None:
        """Nothing happens when it is not there."""


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (OSError, exceptions.BaseError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise AwayError("The disk of the backups is full.") from error
        said = " ".join(str(error).partition("Debug source")[0].split())[:300]
        raise AwayError(f"The place of the backups (BACKUP_URL) does not answer: {said}") from error


class FolderShelf:
    """A folder that nobody else may enter: best of another disk, or of another machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, name: str, pieces: Iterable[bytes]) -> int:
        path = self.root / name
        half = path.with_name(f".{uuid.uuid4().hex}{_HALF}")
        with _answering():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.fdopen(os.open(half, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")
        try:
            with file:
                for piece in pieces:  # what goes wrong there is not the shelf's fault
                    with _answering():
                        file.write(piece)
                with _answering():
                    file.flush()
                    os.fsync(file.fileno())
            with _answering():
                size = half.stat().st_size
                half.replace(path)
                _sync(path.parent)
        except BaseException:
            with suppress(OSError):
                half.unlink(missing_ok=True)
            raise
        return size

    def get(self, name: str) -> Iterator[bytes]:
        try:
            with _answering(), (self.root / name).open("rb") as file:
                while piece := file.read(sealing.CHUNK):
                    yield piece
        except AwayError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise MissingError(f"{name} is missing.") from error
            raise

    def names(self, under: str) -> Iterator[Entry]:
        with _answering():
            for folder, _folders, files in os.walk(self.root / under, onerror=_unless_missing):
                for file in files:
                    path = Path(folder, file)
                    if not file.startswith("."):
                        with suppress(FileNotFoundError):  # somebody clears at the same time
                            found = path.stat()
                            at = datetime.fromtimestamp(found.st_mtime, UTC)
                            yield Entry(path.relative_to(self.root).as_posix(), found.st_size, at)

    def delete(self, name: str) -> None:
        path = self.root / name
        with _answering():
            path.unlink(missing_ok=True)
            with suppress(OSError):  # others are in it
                path.parent.rmdir()

    def clear_halves(self, before: datetime) -> None:
        """What a killed process has left."""
        with _answering():
            for half in self.root.rglob(f".*{_HALF}"):
                with suppress(FileNotFoundError):
                    if half.stat().st_mtime < before.timestamp():
                        half.unlink()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


class S3Shelf:
    """A bucket, best of another provider than the site's, whose versions nobody can delete for a while.

    An upload in several parts that was interrupted is no object; a lifecycle rule of the bucket clears its parts.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    @cached_property
    def _store(self) -> S3Store:
        """Made on first use: its threads do not survive a fork."""
        return bucket_of(self._url, _PATIENCE, _TRIES)

    def put(self, name: str, pieces: Iterable[bytes]) -> int:
        with _answering():
            writer = obstore.open_writer(self._store, name, buffer_size=8 * 1024 * 1024, max_concurrency=2)
        size = 0
        for piece in pieces:
            with _answering():
                size += writer.write(piece)
        with _answering():
            writer.close()  # only now it is there
        return size

    def get(self, name: str) -> Iterator[bytes]:
        try:
            with _answering():
                found = obstore.get(self._store, name)
                size = found.meta["size"]
                if size <= _RANGE:
                    yield bytes(found.bytes())
                    return
            for start in range(0, size, _RANGE):  # a request each: one for all would run out of time
                with _answering():
                    piece = obstore.get_range(self._store, name, start=start, end=min(start + _RANGE, size))
                yield bytes(piece)
        except AwayError as error:
            if isinstance(error.__cause__, exceptions.NotFoundError | FileNotFoundError) and "NoSuchBucket" not in str(
                error.__cause__
            ):
                raise MissingError(f"{name} is missing.") from error
            raise

    def names(self, under: str) -> Iterator[Entry]:
        with _answering():
            for found in obstore.list(self._store, prefix=under):
                for each in found:
                    yield Entry(each["path"], each["size"], each["last_modified"])

    def delete(self, name: str) -> None:
        with _answering(), suppress(exceptions.NotFoundError, FileNotFoundError):
            obstore.delete(self._store, name)


def shelf_of(url: str) -> Shelf:
    """What BACKUP_URL names."""
    if url.startswith("s3:"):
        return S3Shelf(url)
    return FolderShelf(Path(unquote(urlsplit(url).path)))


@dataclass(frozen=True)
class Archive:
    """A shelf on which everything is sealed by one key."""

    shelf: Shelf
    key: sealing.Key

    def put(self, name: str, pieces: Iterable[bytes]) -> int:
        """The size of what was written."""
        return self.shelf.put(name, sealing.seal(pieces, self.key, name))

    def get(self, name: str) -> Iterator[bytes]:
        return sealing.unseal(self.shelf.get(name), self.key, name)

    def put_facts(self, name: str, facts: dict[str, Any]) -> None:
        self.put(name, [json.dumps(facts).encode()])

    def facts(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(b"".join(self.get(name)))
        return found

    def names(self, under: str) -> Iterator[Entry]:
        return self.shelf.names(under)

    def delete(self, name: str) -> None:
        self.shelf.delete(name)

    def clear_halves(self) -> None:
        """What processes that were killed have left a day ago; a bucket does that by itself."""
        if isinstance(self.shelf, FolderShelf):
            self.shelf.clear_halves(clock.now() - timedelta(days=1))


def free_bytes(folder: Path) -> int:
    """How much still fits on the disk of a folder, which need not be there yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
