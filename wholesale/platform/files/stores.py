"""Where private files lie: a folder, or a bucket that speaks S3. One interface, the same keys and the same names.

A file is known by its key (never by the name somebody gave it), is there completely or not at all, and never
changes once written.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TypeVar, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import obstore
from flask import Flask, current_app
from obstore import exceptions
from obstore.store import S3Store

from wholesale.config import Settings
from wholesale.kernel.errors import NotFoundError, UnavailableError
from wholesale.kernel.words import N_

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

log = logging.getLogger(__name__)
T = TypeVar("T")

CANNOT_STORE = N_("Documents cannot be stored at the moment. Try again in a few minutes.")
CANNOT_READ = N_("Documents cannot be opened at the moment. Try again in a few minutes.")
_KEY = re.compile(r"[0-9a-f]{32}")
_CHUNK, _RANGE = 256 * 1024, 4 * 1024 * 1024

# Somebody waits for the answer: two tries, and the second begins only while there is time.
_PATIENCE: ClientConfig = {"connect_timeout": "2s", "timeout": "8s"}
_IMPATIENCE: ClientConfig = {"connect_timeout": "1s", "timeout": "2s"}
_TRIES: RetryConfig = {
    "max_retries": 1,
    "retry_timeout": timedelta(seconds=4),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(milliseconds=500), "base": 2},
}


@dataclass(frozen=True)
class StoredFile:
    """Where a file went and what it is."""

    key: str
    sha256: str
    size: int
    media_type: str


class Storage(Protocol):
    """What a place for files can do. All of it raises UnavailableError while the place cannot be reached."""

    def put(self, data: bytes, media_type: str) -> StoredFile: ...

    def put_file(self, file: BinaryIO, media_type: str) -> StoredFile:
        """What is read from `file`, which may be larger than memory."""

    def get(self, key: str) -> bytes:
        """Raises NotFoundError for a key that is not there."""

    def chunks(self, key: str) -> Iterator[bytes]:
        """The file piece by piece; raises NotFoundError at once."""

    def delete(self, key: str) -> None:
        """Nothing happens when it is not there."""

    def exists(self, key: str) -> bool: ...

    def keys_before(self, moment: datetime) -> Iterator[str]:
        """The keys of files that were written before `moment`."""

    def keys(self) -> Iterator[str]:
        """The keys of all files; nothing is cleared on the way."""

    def check(self) -> None:
        """Whether it answers, quickly."""


def _new_key() -> str:
    return uuid.uuid4().hex


def _name_of(key: str) -> str:
    """Spread over 256 folders; the same in a bucket, so that a folder can be copied into one as it is."""
    if not _KEY.fullmatch(key):  # keys are ours; a path from elsewhere must not get out of the folder
        raise NotFoundError
    return f"{key[:2]}/{key}"


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_CHUNK):
        yield piece


@contextmanager
def _answering(sentence: str) -> Iterator[None]:
    """What a disk or a bucket says when it is away becomes a sentence and a line in the log."""
    try:
        yield
    except (OSError, exceptions.BaseError) as error:
        log.error("the storage of documents does not answer: %s: %s", type(error).__name__, _in_a_line(error))  # noqa: TRY400 - the trace tells nothing
        raise UnavailableError(sentence) from error


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).partition("Debug source")[0].split())[:400]


def _as(media_type: str) -> Any:
    """What a bucket is told of a file: whoever gets at it without us saves it and runs nothing."""
    return {"Content-Type": media_type, "Content-Disposition": "attachment"}


class FolderStorage:
    """Files in a private folder outside of static, spread over 256 sub-folders."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _path(self, key: str) -> Path:
        return self.root / _name_of(key)

    def put(self, data: bytes, media_type: str) -> StoredFile:
        return self.put_file(io.BytesIO(data), media_type)

    def put_file(self, file: BinaryIO, media_type: str) -> StoredFile:
        """Write completely or not at all: to a temporary name, synced, then renamed."""
        key = _new_key()
        sha256, size = self._write(key, _pieces(file))
        return StoredFile(key, sha256, size, media_type)

    def restore(self, key: str, pieces: Iterable[bytes]) -> None:
        """Put back what a backup has kept of a file."""
        self._write(key, pieces)

    def _write(self, key: str, pieces: Iterable[bytes]) -> tuple[str, int]:
        path = self._path(key)
        temporary = path.with_suffix(".part")
        digest, size = hashlib.sha256(), 0
        with _answering(CANNOT_STORE):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                with open(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as kept:  # noqa: PTH123
                    for piece in pieces:
                        kept.write(piece)
                        digest.update(piece)
                        size += len(piece)
                    kept.flush()
                    os.fsync(kept.fileno())
                temporary.rename(path)
            except BaseException:
                temporary.unlink(missing_ok=True)  # a full disk keeps no halves
                raise
        return digest.hexdigest(), size

    def get(self, key: str) -> bytes:
        return b"".join(self.chunks(key))

    def chunks(self, key: str) -> Iterator[bytes]:
        path = self._path(key)
        with _answering(CANNOT_READ):
            try:
                file = path.open("rb")
            except FileNotFoundError as error:
                raise NotFoundError from error

        def pieces() -> Iterator[bytes]:
            with file, _answering(CANNOT_READ):
                yield from _pieces(file)

        return pieces()

    def delete(self, key: str) -> None:
        with _answering(CANNOT_STORE):
            self._path(key).unlink(missing_ok=True)

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def keys_before(self, moment: datetime) -> Iterator[str]:
        """On its way it clears the halves that a killed process has left."""
        with _answering(CANNOT_READ):
            for path in self.root.glob("[0-9a-f][0-9a-f]/*"):
                try:
                    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                except FileNotFoundError:  # somebody else clears too
                    continue
                if written >= moment:
                    continue
                if path.suffix == ".part":
                    path.unlink(missing_ok=True)
                elif _KEY.fullmatch(path.name):
                    yield path.name

    def keys(self) -> Iterator[str]:
        with _answering(CANNOT_READ):
            for path in self.root.glob("[0-9a-f][0-9a-f]/*"):
                if _KEY.fullmatch(path.name):
                    yield path.name

    def check(self) -> None:
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise UnavailableError(CANNOT_STORE)


def bucket_of(url: str, patience: ClientConfig, tries: RetryConfig) -> S3Store:
    """What `s3://bucket/prefix?endpoint=…&region=…` names, credentials before an @ or from AWS_*."""
    parts = urlsplit(url)
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    if parts.username is not None:
        options["access_key_id"] = unquote(parts.username)
        options["secret_access_key"] = unquote(parts.password or "")
    plain = str(options.get("endpoint", "")).startswith("http://")
    return S3Store(
        parts.hostname,
        prefix=parts.path.strip("/") or None,
        config=cast("Any", {"virtual_hosted_style_request": False} | options),
        client_options=patience | {"allow_http": plain},
        retry_config=tries,
    )


class S3Storage:
    """Files in a private bucket of Amazon S3, MinIO, Garage, Ceph or another that speaks its language.

    The bucket's own rules say who may read: nothing is put with rights of its own. Needed are the rights to get,
    put, delete and list.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    @cached_property
    def _store(self) -> S3Store:
        """Made on first use: its threads do not survive a fork, so a process that forks must not have used it."""
        return self._made(_PATIENCE, _TRIES)

    @cached_property
    def _probe(self) -> S3Store:
        return self._made(_IMPATIENCE, {"max_retries": 0})

    def _made(self, patience: ClientConfig, tries: RetryConfig) -> S3Store:
        return bucket_of(self._url, patience, tries)

    def _ask(self, question: Callable[[S3Store], T]) -> T:
        with _answering(CANNOT_READ):
            try:
                return question(self._store)
            except (exceptions.NotFoundError, FileNotFoundError) as error:
                if "NoSuchBucket" in str(error):
                    raise
                raise NotFoundError from error

    def put(self, data: bytes, media_type: str) -> StoredFile:
        """One request, which the bucket takes completely or not at all."""
        key = _new_key()
        with _answering(CANNOT_STORE):
            obstore.put(self._store, _name_of(key), data, attributes=_as(media_type), use_multipart=False)
        return StoredFile(key, hashlib.sha256(data).hexdigest(), len(data), media_type)

    def put_file(self, file: BinaryIO, media_type: str) -> StoredFile:
        """In several requests if it is large, of which the last makes it be there."""
        key = _new_key()
        digest, size = hashlib.sha256(), 0
        for piece in _pieces(file):
            digest.update(piece)
            size += len(piece)
        file.seek(0)
        with _answering(CANNOT_STORE):
            obstore.put(self._store, _name_of(key), file, attributes=_as(media_type), max_concurrency=2)
        return StoredFile(key, digest.hexdigest(), size, media_type)

    def get(self, key: str) -> bytes:
        name = _name_of(key)
        return self._ask(lambda store: bytes(obstore.get(store, name).bytes()))

    def chunks(self, key: str) -> Iterator[bytes]:
        """A request per piece: who reads slowly would let one for the whole run out of time."""
        name = _name_of(key)
        size = self._ask(lambda store: obstore.head(store, name))["size"]

        def pieces() -> Iterator[bytes]:
            for start in range(0, size, _RANGE):
                end = min(start + _RANGE, size)
                yield self._ask(lambda store, a=start, b=end: bytes(obstore.get_range(store, name, start=a, end=b)))  # type: ignore[misc]

        return pieces()

    def delete(self, key: str) -> None:
        name = _name_of(key)
        try:
            self._ask(lambda store: obstore.delete(store, name))
        except NotFoundError:  # some say so, some do not
            return

    def exists(self, key: str) -> bool:
        name = _name_of(key)
        try:
            self._ask(lambda store: obstore.head(store, name))
        except NotFoundError:
            return False
        return True

    def keys_before(self, moment: datetime) -> Iterator[str]:
        with _answering(CANNOT_READ):
            for found in obstore.list(self._store):
                for each in found:
                    key = each["path"].rpartition("/")[2]
                    if each["last_modified"] < moment and _KEY.fullmatch(key):
                        yield key

    def keys(self) -> Iterator[str]:
        return self.keys_before(datetime.max.replace(tzinfo=UTC))

    def check(self) -> None:
        with _answering(CANNOT_STORE):
            obstore.list_with_delimiter(self._probe, "readiness")


def storage() -> Storage:
    return cast("Storage", current_app.extensions["storage"])


def init_app(app: Flask, settings: Settings) -> None:
    if settings.storage_url.startswith("s3:"):
        app.extensions["storage"] = S3Storage(settings.storage_url)
        return
    settings.files_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    app.extensions["storage"] = FolderStorage(settings.files_dir)
