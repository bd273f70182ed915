"""The backup of this site: what its settings say."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from flask import current_app

from wholesale.config import Settings
from wholesale.platform.backup import sealing
from wholesale.platform.backup.base import Source
from wholesale.platform.backup.errors import BackupError
from wholesale.platform.backup.shelves import Archive, shelf_of


def settings() -> Settings:
    return cast("Settings", current_app.extensions["settings"])


def archive(url: str = "", key_file: Path | None = None) -> Archive:
    """That of BACKUP_URL and BACKUP_KEY_FILE, or another. Raises BackupError when there is none."""
    url, key_file = url or settings().backup_url, key_file or settings().backup_key_file
    if not url or key_file is None:
        raise BackupError(
            "BACKUP_URL is not set: where backups go, such as file:/mnt/backup or s3://bucket/prefix, and with it"
            " BACKUP_KEY_FILE (openssl rand -hex 32 > backup.key)."
        )
    return Archive(shelf_of(url), sealing.read_key(key_file))


def source() -> Source:
    """The database and the data folder that this site has now."""
    now = settings()
    return Source(
        replication_url=now.backup_database_url,
        database_url=now.database_url,
        owner_url=now.database_owner_url,
        data_dir=now.data_dir,
        secrets=_secrets(now),
    )


def _secrets(now: Settings) -> Path | None:
    """The passwords of the embedded PostgreSQL, if it is that of this data folder."""
    from wholesale.platform.services.places import MARKER, places

    if not (now.data_dir / MARKER).exists():
        return None
    where = places(now.data_dir)
    return where.secrets("postgres") if where.postgres.exists() else None
