"""What the environment says of backups, and who takes part in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from tests.platform.test_config import GOOD, problems
from wholesale.config import Settings
from wholesale.platform.backup import jobs, site
from wholesale.platform.backup.errors import BackupError
from wholesale.platform.supervisor import ROOT, wanted_lines

KEY = "0f" * 32


@pytest.fixture
def key(tmp_path: Path) -> str:
    path = tmp_path / "key"
    path.write_text(f"{KEY}\n")
    return str(path)


def test_a_good_environment(key: str) -> None:
    found = Settings.from_environment(
        GOOD | {"BACKUP_URL": "s3://bucket/paikar?region=eu", "BACKUP_KEY_FILE": key, "BACKUP_KEEP": "30"}
    )
    assert (found.backup_url, found.backup_keep) == ("s3://bucket/paikar?region=eu", 30)
    assert found.backup_key_file == Path(key)
    assert found.backup_database_url == "postgresql+psycopg://app@db/wholesale"
    named = Settings.from_environment(GOOD | {"BACKUP_DATABASE_URL": "postgresql://copier@db/wholesale"})
    assert named.backup_database_url == "postgresql+psycopg://copier@db/wholesale"
    assert (named.backup_url, named.backup_key_file, named.backup_keep) == ("", None, 14)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("BACKUP_URL", "ftp://x", "BACKUP_URL starts with ftp: only file: and s3:// are supported"),
        ("BACKUP_URL", "file:backup", "BACKUP_URL is no whole path: file:/srv/backup"),
        ("BACKUP_URL", "s3:///x", "BACKUP_URL names no bucket"),
        ("BACKUP_URL", "file:/srv/paikar/backup", "lies in the data folder, and would be lost with it"),
        ("BACKUP_KEY_FILE", None, "BACKUP_KEY_FILE is not set"),
        ("BACKUP_KEY_FILE", "/nowhere/key", "BACKUP_KEY_FILE cannot be read"),
        ("BACKUP_KEEP", "0", "a whole number of days from 1 to 3650"),
        ("BACKUP_KEEP", "ten", "a whole number of days from 1 to 3650"),
        ("BACKUP_DATABASE_URL", "mysql://x/y", "only postgresql:// is supported"),
    ],
)
def test_what_is_wrong_is_named(key: str, name: str, value: str | None, says: str) -> None:
    good = {"BACKUP_URL": "file:/srv/backup", "BACKUP_KEY_FILE": key, "WHOLESALE_DATA": "/srv/paikar"}
    [problem] = problems(**(good | {name: value}))
    assert says in problem


@pytest.mark.parametrize("text", ["", "x" * 64, "0f" * 31, "0f" * 33])
def test_a_key_that_is_none_is_named_and_not_shown(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    [problem] = problems(BACKUP_URL="file:/srv/backup", BACKUP_KEY_FILE=str(path))
    assert "64 hexadecimal digits" in problem
    assert not text or text not in problem


def test_where_no_backups_are_wanted_nothing_is_done(house: Flask) -> None:
    assert jobs.nightly(lambda _done, _whole: None) == jobs.NOT_WANTED
    assert jobs.drill(lambda _done, _whole: None) == jobs.NOT_WANTED
    with pytest.raises(BackupError, match="BACKUP_URL is not set"):
        site.archive()


def test_the_demonstration_follows_only_where_backups_are_wanted() -> None:
    assert "backup" not in wanted_lines(ROOT, {"BACKUP_URL": ""})
    assert wanted_lines(ROOT, {"BACKUP_URL": "file:/srv/backup"})["backup"] == "flask --app wsgi backup follow"
