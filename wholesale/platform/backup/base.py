"""A base: the whole cluster as it is now, the documents, and the secrets of the data folder."""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from wholesale.kernel import clock
from wholesale.platform.backup import chain
from wholesale.platform.backup.chain import Base
from wholesale.platform.backup.documents import Copier
from wholesale.platform.backup.replication import Link
from wholesale.platform.backup.shelves import Archive

# What of the data folder is in no database. Everything else there is made anew.
SMALL_FILES = ("secret_key", "audit-seals.log", "demo-loaded", "services/postgres.secrets.json")
FAR_SECRETS = "services/postgres.secrets.json"


@dataclass(frozen=True)
class Source:
    """What is backed up."""

    replication_url: str
    database_url: str
    owner_url: str
    data_dir: Path
    secrets: Path | None
    """The passwords of the embedded PostgreSQL; None when it is somebody else's server."""


class Teller:
    """Tells how far it is: `done` of about `whole` bytes."""

    def __call__(self, done: int, whole: int) -> None:
        """Nothing by default."""


def take(archive: Archive, source: Source, copier: Copier, tell: Teller | None = None) -> Base:
    """Make a base. It counts only when its last piece lies there; raises BackupError."""
    tell = tell or Teller()
    began = clock.now()
    base_id = chain.base_id(began)
    documents = copier.copy_new(lambda: tell(0, 1))
    with Link(source.replication_url) as keeper, Link(source.replication_url) as link:
        cluster = link.cluster()
        chain.claim(archive, cluster)
        keeper.keep_for_now(f"base_{os.getpid()}_{time.monotonic_ns()}")
        start, whole = link.begin_copy(base_id)
        manifest, size = bytearray(), 0

        def told() -> Iterator[bytes]:
            nonlocal size
            for piece in link.copied(manifest):
                size += len(piece)
                tell(size, max(size, whole))
                yield piece

        stored = archive.put(f"base/{base_id}/data", told())
        end = link.end_copy()
    stored += archive.put(f"base/{base_id}/manifest", [bytes(manifest)])
    stored += archive.put(f"base/{base_id}/folder", [_small_files(source)])
    stored += archive.put(f"base/{base_id}/documents", [json.dumps(sorted(documents)).encode()])
    copier.copy_new(lambda: tell(size, size))  # those that rows have come to name while the cluster was copied
    base = Base(
        id=base_id,
        began_at=began,
        ended_at=clock.now(),
        timeline=cluster.timeline,
        start=start,
        end=end,
        size=size,
        stored=stored,
        version=cluster.version,
        database=urlsplit(source.database_url).path.strip("/"),
        owner=unquote(urlsplit(source.owner_url).username or ""),
        application=unquote(urlsplit(source.database_url).username or ""),
    )
    archive.put_facts(f"base/{base_id}/base", base.facts())
    return base


def _small_files(source: Source) -> bytes:
    """As a tar archive; they are a few kilobytes, but for the log of seals."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in SMALL_FILES:
            path = source.data_dir / name
            if name == FAR_SECRETS:
                if source.secrets is None:
                    continue
                path = source.secrets
            if path.is_file():
                tar.add(path, name)
    return packed.getvalue()
