"""Backups of a real cluster: the drill that brings the second before a deletion back, and what can go wrong.

Few tests with many steps: each needs a cluster of its own, and a process for whatever is killed.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from tests.platform import backup_site
from tests.platform.backup_site import Site, eventually, fingerprint
from tests.platform.test_files_stores import bucket  # noqa: F401 - a fixture
from wholesale.app import create_app
from wholesale.config import ROOT, Settings
from wholesale.kernel import clock
from wholesale.platform import backup, services
from wholesale.platform.backup import base, chain, documents, jobs, restore, verify
from wholesale.platform.backup.errors import BackupError, WrongKeyError
from wholesale.platform.backup.follow import Follower
from wholesale.platform.backup.replication import SLOT, Link, LinkError
from wholesale.platform.backup.sealing import Key
from wholesale.platform.backup.shelves import Archive
from wholesale.platform.db import db
from wholesale.platform.files import FolderStorage
from wholesale.platform.services.places import MARKER, places
from wholesale.platform.services.secrets_file import read_secrets

pytestmark = pytest.mark.torture


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with backup_site.running(tmp_path_factory.mktemp("backups") / "live") as made:
        yield made


def safe_until(site: Site) -> int:
    """How far the log lies in the backup."""
    return max((each.end for each in chain.ranges(site.archive())), default=0)


def test_the_second_before_a_deletion_comes_back(site: Site) -> None:
    """Follow, kill, follow on, order, delete half of the orders; restore to the second before, into another folder."""
    archive = site.archive()
    with site.following() as follower:
        eventually(lambda: chain.bases(archive))
        site.order(3)
        follower.send_signal(signal.SIGKILL)
        follower.wait()
    site.order(3)  # while nobody follows
    with site.following():
        before = site.position()
        eventually(lambda: safe_until(site) >= before)
        site.order(2)
        site.document(b"a later purchase order")
        lag_begun, last = time.monotonic(), site.position()
        eventually(lambda: safe_until(site) >= last)
        eventually(lambda: len(documents.kept(archive)) == 2)
        lag = time.monotonic() - lag_begun
        with site.superuser() as connection:
            expected = fingerprint(connection)
        noted = site.moment()
        time.sleep(1.0)
        with site.superuser() as connection:
            connection.execute("SET session_replication_role = replica")  # no rule and no trigger holds
            gone = connection.execute("DELETE FROM sales_order WHERE id % 2 = 0").rowcount
            assert gone >= 6
        eventually(lambda: safe_until(site) >= site.position())
    assert len(chain.bases(archive)) == 1, "a follower that was killed goes on where it was, without a new base"

    into = site.folder.with_name(f"{site.folder.name}-restored")
    try:
        begun = time.monotonic()
        done = site.flask("backup", "restore", "--to", noted, "--into", str(into))
        took = time.monotonic() - begun
        assert done.returncode == 0, done.stdout + done.stderr
        sys.stdout.write(f"RPO {lag:.2f} s, RTO {took:.2f} s: {done.stdout}")
        assert "documents: 2 of the 2 that rows name" in done.stdout
        with services.running(into, redis=False) as endpoints:
            where = places(into)
            password = read_secrets(where.secrets("postgres"))["postgres"]
            with psycopg.connect(
                host=str(where.sockets), user="postgres", password=password, dbname="wholesale"
            ) as connection:
                assert fingerprint(connection) == expected
            restored = {
                "DATABASE_URL": endpoints.database_url,
                "DATABASE_OWNER_URL": endpoints.database_owner_url,
                "WHOLESALE_DATA": str(into),
            }
            copy = create_app(Settings.from_environment({**site.environment, **restored, "WHOLESALE_ENV": "test"}))
            for proof in verify.PROOFS:
                proved = copy.test_cli_runner().invoke(args=list(proof))
                assert proved.exit_code == 0, proved.output
            with copy.app_context():
                db.engine.dispose()
        assert (into / "secret_key").read_text() == (site.folder / "secret_key").read_text()
        originals = {path.name: path.read_bytes() for path in (site.folder / "files").rglob("*") if path.is_file()}
        copies = {path.name: path.read_bytes() for path in (into / "files").rglob("*") if path.is_file()}
        assert copies == originals
    finally:
        backup_site.remove(into)


KILL_IN_THE_MIDDLE = """
import os, signal
from pathlib import Path
from wholesale.config import Settings
from wholesale.platform.backup import base, sealing
from wholesale.platform.backup.documents import Copier
from wholesale.platform.backup.shelves import Archive, shelf_of
from wholesale.platform.files import FolderStorage
now = Settings.from_environment()
archive = Archive(shelf_of(now.backup_url), sealing.read_key(now.backup_key_file))
def kill(done, whole):
    if done > 20_000_000:
        os.kill(os.getpid(), signal.SIGKILL)
source = base.Source(now.backup_database_url, now.database_url, now.database_owner_url, now.data_dir, None)
base.take(archive, source, Copier(archive, FolderStorage(now.files_dir)), kill)
"""


def whole(archive: Archive) -> bool:
    return not verify.everything(archive).problems


def quiet(_text: str) -> None:
    pass


def test_what_goes_wrong_is_said_and_nothing_false_is_left(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copier = documents.Copier(archive := site.archive(), FolderStorage(site.folder / "files"))
    bases = len(chain.bases(archive))

    # A base that is killed in the middle is none, and its halves are cleared.
    killed = subprocess.run(
        [sys.executable, "-c", KILL_IN_THE_MIDDLE], check=False, cwd=ROOT, env={**os.environ, **site.environment}
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(chain.bases(archive)) == bases
    assert [path for path in (site.backups / "base").rglob("data") if not (path.parent / "base").exists()] == []
    assert list((site.backups / "base").rglob(".*.part")), "it had begun"

    # A role that may not replicate is told what it needs.
    with pytest.raises(LinkError, match=r"pg_hba\.conf"):
        Link(site.settings.database_owner_url)

    # A base needs no follower: it can be restored to its own end.
    made = base.take(archive, site.source(), copier)
    assert chain.bases(archive)[-1] == made
    assert whole(archive)

    # The server has given up keeping its log: the follower says so by a new base, from which it goes on.
    with site.superuser() as connection:
        connection.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", (SLOT,)
        )
        connection.execute("CREATE TABLE lost (n int)")
        connection.execute("SELECT pg_switch_wal()")
        connection.execute("CHECKPOINT")
    found = len(chain.bases(archive))
    stop = threading.Event()
    follower = Follower(archive, site.source(), FolderStorage(site.folder / "files"), stop)
    thread = threading.Thread(target=follower.run)
    thread.start()
    try:
        eventually(lambda: len(chain.bases(archive)) == found + 1)
        eventually(lambda: chain.followed(archive) is not None)
        with site.superuser() as connection:
            connection.execute("CREATE TABLE found (n int)")
        for _each in range(2):
            with site.superuser() as connection:
                connection.execute("INSERT INTO found SELECT generate_series(1, 1000)")
            eventually(lambda: safe_until(site) >= site.position())
        # Nobody else can follow at the same time.
        with Link(site.settings.backup_database_url) as second, pytest.raises(LinkError, match="at work already"):
            second.follow(second.cluster(), site.position())
    finally:
        stop.set()
        thread.join()
    read = verify.everything(archive)
    assert read.problems == []
    assert any("cannot be restored" in note for note in read.notes), "the gap is told, and ails no later moment"

    # Of a copy of the backup that is harmed, what is wrong is found and said.
    for harm, says in (
        (lambda folder: cut(next((folder / "base").rglob("data"))), "cut short"),
        (lambda folder: cut(next((folder / "documents").rglob("*/*"))), "cut short"),
        (lambda folder: next((folder / "documents").rglob("*/*")).unlink(), "is missing"),
        (lambda folder: newest_log(folder).unlink(), "is missing from"),
        (lambda folder: exchange(*sorted((folder / "log").rglob("*-*"))[-2:]), "another's name"),
    ):
        copy = tmp_path / "copy"
        shutil.copytree(site.backups, copy)
        harm(copy)
        assert any(says in problem for problem in verify.everything(site.archive(copy)).problems), says
        shutil.rmtree(copy)

    # Restoring: only into a new folder, with the right key, on a disk with room.
    full = tmp_path / "full"
    full.mkdir()
    (full / "letter.txt").touch()
    with pytest.raises(BackupError, match="is not empty"), restore.restored(archive, full, say=quiet):
        pass
    assert [path.name for path in full.iterdir()] == ["letter.txt"]
    other = Archive(archive.shelf, Key(bytes(32)))
    with pytest.raises(WrongKeyError), restore.restored(other, tmp_path / "new", say=quiet):
        pass
    with monkeypatch.context() as patch:
        patch.setattr(restore, "free_bytes", lambda _folder: 1_000_000)
        with pytest.raises(BackupError, match="GB are needed"), restore.restored(archive, tmp_path / "new", say=quiet):
            pass
    assert not (tmp_path / "new").exists()
    into = site.folder.with_name(f"{site.folder.name}-full")
    try:
        with monkeypatch.context() as patch:
            patch.setattr(restore, "_write", no_space)
            with pytest.raises(BackupError, match=r"disk of .* is full"), restore.restored(archive, into, say=quiet):
                pass
        assert not (into / MARKER).exists(), "no program takes it for a data folder"
        shutil.rmtree(into)
        with pytest.raises(BackupError, match="These moments can"):
            restore.files_only(archive, into, to=chain.bases(archive)[0].began_at, say=quiet)
        done = restore.files_only(archive, into, to=clock_of(site), say=quiet)
        assert (places(into).postgres / "recovery.signal").exists()
        assert done.missing_documents == []
    finally:
        backup_site.remove(into)


def clock_of(site: Site) -> datetime:
    return chain.ranges(site.archive())[-1].until


def no_space(*_arguments: object) -> str:
    raise OSError(errno.ENOSPC, "No space left on device")


def newest_log(folder: Path) -> Path:
    return sorted((folder / "log").rglob("*-*"))[-2]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def exchange(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def test_the_same_in_a_bucket_and_by_the_timetable(site: Site, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """A night's base, a drill with its proofs, and what watches are told; first where no backups are wanted."""
    url = f"s3://key:sec%2Fret@papers/{site.folder.name}?endpoint={bucket}&region=us-east-1"
    settings = replace(site.settings, backup_url="", database_url=site.settings.database_url)
    with site.app.app_context():
        monkeypatch.setitem(site.app.extensions, "settings", settings)
        assert backup.nightly(progress) == backup.drill(progress) == jobs.NOT_WANTED
        monkeypatch.setitem(site.app.extensions, "settings", replace(settings, backup_url=url))
        assert "1 bases kept" in backup.nightly(progress)
        told = backup.drill(progress)
        assert "ledger: clean" in told
        assert "restored in" in told
        known = backup.state()
        assert known is not None
        # Nobody follows the log here, or not any more: that may be told, and nothing else.
        assert [each for each in known.late(clock.now()) if "followed" not in each] == []
        assert known.base_at is not None
        assert known.verified_at is not None
        assert list(site.folder.glob("restore-drill-*")) == []
    last = max(filter(None, [known.base_at, known.log_at, known.verified_at]))
    assert any("no drill since" in each for each in known.late(last + timedelta(days=30)))


def progress(_done: int, _whole: int) -> None:
    pass
