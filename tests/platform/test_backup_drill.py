"""The drill: orders, a deletion, and the second before it again, row by row, with its documents and proofs."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator

import psycopg
import pytest

from tests.platform import backup_site
from tests.platform.backup_site import Site, eventually, fingerprint
from wholesale.platform import services
from wholesale.platform.backup import chain, documents, verify
from wholesale.platform.services.places import places
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
            for proof in verify.PROOFS:
                proved = site.flask(*proof, **restored)
                assert proved.returncode == 0, proved.stdout + proved.stderr
        assert (into / "secret_key").read_text() == (site.folder / "secret_key").read_text()
        originals = {path.name: path.read_bytes() for path in (site.folder / "files").rglob("*") if path.is_file()}
        copies = {path.name: path.read_bytes() for path in (into / "files").rglob("*") if path.is_file()}
        assert copies == originals
    finally:
        backup_site.remove(into)
