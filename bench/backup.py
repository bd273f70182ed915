"""What would be lost in a disaster, and how long until the site is back: `python -m bench.backup` (or `bench/backup`).

    bench/backup [--seconds N] [--fill MB] [--short] [--json]

The demonstration's data (kept in `.data/bench/backup` for the next time), with --fill so many megabytes of invented
rows more. A base is taken, `flask backup follow` runs, and for N seconds rows are committed, 20 a second. Of each
commit it is known when it lay in the backup: the longest time is what a disaster at the worst moment would cost (RPO).
Then half of all orders are deleted, past every rule, and `flask backup restore --to` the second before makes a new data
folder (RTO: the whole command, with its documents). There every table is compared with what it was, row by row, and
ledger and stock are proved. The restored folder is the next run's.

Base and restore are processes of their own; their processor time is told as well, with that of what they start.
"""

from __future__ import annotations

import logging
import os
import resource
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from flask_migrate import upgrade

from bench import common, million
from bench.common import Promise
from tests.platform.backup_site import Site, fingerprint
from wholesale.demo import load as demo
from wholesale.demo import shipped
from wholesale.platform import services
from wholesale.platform.backup import chain, verify
from wholesale.platform.db import db
from wholesale.platform.services.places import places
from wholesale.platform.services.secrets_file import read_secrets

FOLDER = million.FOLDER / "backup"
RPO_BAR, RTO_BAR, RTO_PER_GB_BAR = 5.0, 300.0, 60.0
LARGE_ENOUGH = 300_000_000  # bytes: with less, starting up is most of it
WAIT = 600.0


@dataclass
class Commits:
    """What was committed and when, and when the log up to somewhere lay in the backup."""

    done: list[tuple[int, float]] = field(default_factory=list)
    stored: dict[str, tuple[int, float]] = field(default_factory=dict)

    def lags(self) -> list[float]:
        pieces = sorted(self.stored.values(), key=lambda each: each[1])
        found = []
        for position, at in self.done:
            stored = next((when for end, when in pieces if end >= position), None)
            if stored is not None:
                found.append(max(0.0, stored - at))
        return found


@contextmanager
def a_site(folder: Path, backups: Path) -> Iterator[Site]:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    with services.running(folder) as endpoints:
        site = Site(folder, backups, endpoints, endpoints.redis_url)
        logging.disable(logging.INFO)
        try:
            yield site
        finally:
            with site.app.app_context():
                db.engine.dispose()


def load(site: Site) -> None:
    """The demonstration, unless it is there."""
    with site.app.app_context():
        upgrade()
        if not (site.folder / "demo-loaded").exists():
            demo.load(shipped.read(None), say=lambda text: print(text, file=sys.stderr))
            (site.folder / "demo-loaded").touch()


def fill(site: Site, megabytes: int) -> None:
    with site.superuser() as connection:
        connection.execute("DROP TABLE IF EXISTS bench_filler")
        connection.execute("CREATE TABLE bench_filler (id bigint PRIMARY KEY, text text NOT NULL)")
        connection.execute(
            "INSERT INTO bench_filler SELECT n, md5(n::text) || md5((n * 7)::text) || md5((n * 13)::text)"
            " FROM generate_series(1, %s) n",
            (megabytes * 5_500,),
        )
        connection.execute("CHECKPOINT")


def timed(site: Site, *command: str, **environment: str) -> tuple[str, float, float]:
    """What a flask command said, its seconds, and the processor time of it and of what it started."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", *command],
        check=False,
        cwd=common.ROOT,
        env={**os.environ, **site.environment, **environment},
        capture_output=True,
        text=True,
    )
    took, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"`{' '.join(command)}` failed:\n{done.stdout}{done.stderr}")
    worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout, took, worked


def watch(site: Site, commits: Commits, stop: threading.Event) -> None:
    """Note of each piece of the log when it was written."""
    archive = site.archive()
    while not stop.wait(0.1):
        for entry in archive.names("log"):
            if entry.name not in commits.stored:
                commits.stored[entry.name] = (int(entry.name.split("/")[-1].split("-")[1], 16), entry.at.timestamp())


def commit_rows(site: Site, commits: Commits, seconds: float) -> None:
    with site.superuser() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bench_beat (at timestamptz NOT NULL, text text NOT NULL)")
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            connection.execute("INSERT INTO bench_beat VALUES (clock_timestamp(), %s)", (secrets.token_hex(500),))
            at = time.time()
            row = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'").fetchone()
            commits.done.append((int(row[0]), at))
            time.sleep(0.05)


def eventually(condition: Any) -> None:
    until = time.monotonic() + WAIT
    while not condition():
        if time.monotonic() > until:
            raise SystemExit("the follower does not follow")
        time.sleep(0.1)


def reaches(site: Site) -> int:
    return max((each.end for each in chain.ranges(site.archive())), default=0)


def follow_and_delete(site: Site, seconds: float) -> tuple[Commits, str, dict[str, tuple[int, str]], int]:
    """Commits while the log is followed; the moment after them, what every table held then, and a deletion."""
    commits, stop = Commits(), threading.Event()
    with site.following():
        eventually(lambda: chain.followed(site.archive()) is not None)
        watching = threading.Thread(target=watch, args=(site, commits, stop))
        watching.start()
        commit_rows(site, commits, seconds)
        eventually(lambda: reaches(site) >= commits.done[-1][0])
        with site.superuser() as connection:
            expected = fingerprint(connection)
        moment = site.moment()
        time.sleep(1.0)
        with site.superuser() as connection:
            connection.execute("SET session_replication_role = replica")
            gone = connection.execute("DELETE FROM sales_order WHERE id % 2 = 0").rowcount
        last = site.position()
        eventually(lambda: reaches(site) >= last)
        stop.set()
        watching.join()
    return commits, moment, expected, gone


def compare(into: Path, expected: dict[str, tuple[int, str]]) -> list[str]:
    where = places(into)
    password = read_secrets(where.secrets("postgres"))["postgres"]
    with (
        services.running(into, redis=False),
        psycopg.connect(host=str(where.sockets), user="postgres", password=password, dbname="wholesale") as connection,
    ):
        found = fingerprint(connection)
    return sorted(table for table in expected if found.get(table) != expected[table])


def prove(site: Site, into: Path) -> list[str]:
    """What ledger and stock say of the restored folder."""
    with services.running(into, redis=False) as endpoints:
        restored = {
            "DATABASE_URL": endpoints.database_url,
            "DATABASE_OWNER_URL": endpoints.database_owner_url,
            "WHOLESALE_DATA": str(into),
        }
        return [timed(site, *proof, **restored)[0].strip().splitlines()[-1] for proof in verify.PROOFS]


def measure(seconds: float, megabytes: int) -> tuple[dict[str, Any], list[Promise]]:
    backups, into = FOLDER.with_name("backup-archive"), FOLDER.with_name("backup-restored")
    shutil.rmtree(backups, ignore_errors=True)
    if into.exists():
        services.erase(into)
        shutil.rmtree(into)
    with a_site(FOLDER, backups) as site:
        load(site)
        fill(site, megabytes)
        base_said, base_seconds, base_worked = timed(site, "backup", "base")
        [made] = chain.bases(site.archive())
        commits, moment, expected, gone = follow_and_delete(site, seconds)
        _, verify_seconds, verify_worked = timed(site, "backup", "verify")
        said, rto, rto_worked = timed(site, "backup", "restore", "--to", moment, "--into", str(into))
        different = compare(into, expected)
        proofs = prove(site, into)
    lags = commits.lags()
    steps = next(line for line in said.splitlines() if line.startswith("files "))
    figures = {
        "megabytes": round(made.size / 1e6, 1),
        "stored_megabytes": round(made.stored / 1e6, 1),
        "base_s": round(base_seconds, 2),
        "base_itself_s": round((made.ended_at - made.began_at).total_seconds(), 2),
        "base_cpu_s": round(base_worked, 2),
        "verify_s": round(verify_seconds, 2),
        "verify_cpu_s": round(verify_worked, 2),
        "commits": len(commits.done),
        "lag_p50_s": round(common.percentile(lags, 0.5), 3),
        "lag_p99_s": round(common.percentile(lags, 0.99), 3),
        "rpo_s": round(max(lags), 3),
        "rto_s": round(rto, 2),
        "rto_cpu_s": round(rto_worked, 2),
        "rto_steps": steps,
        "rto_s_per_gb": round(rto / (made.size / 1e9), 1),
        "orders_deleted": gone,
        "tables_that_differ": different,
        "rows": sum(count for count, _ in expected.values()),
        "proofs": proofs,
    }
    print(base_said.strip())
    print(said.strip())
    for line in proofs:
        print(line)
    promises = [
        Promise("backup: the longest until a commit lay in it (RPO)", figures["rpo_s"], RPO_BAR, "s"),
        Promise("backup: half of the orders deleted, the second before back (RTO)", figures["rto_s"], RTO_BAR, "s"),
        Promise("backup: tables that differ after it", len(different), 0),
        Promise("backup: proofs that fail after it", len(verify.PROOFS) - len(proofs), 0),
    ]
    if made.size >= LARGE_ENOUGH:
        promises.insert(2, Promise("backup: the same per GB", figures["rto_s_per_gb"], RTO_PER_GB_BAR, "s"))
    services.erase(FOLDER)
    shutil.rmtree(FOLDER)
    into.rename(FOLDER)
    return figures, promises


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--seconds", type=float, default=30, help="for how long rows are committed")
    parser.add_argument("--fill", type=int, default=0, metavar="MB", help="invented rows beside the demonstration")
    given = common.short_of(parser.parse_args(), seconds=10)
    run = common.Run("backup", given.short)
    figures, promises = measure(given.seconds, given.fill)
    run.finish(figures, promises, as_json=given.json)


if __name__ == "__main__":
    main()
