"""`flask backup …`"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import cast

import click
from flask import Flask, current_app
from flask.cli import AppGroup
from sqlalchemy.exc import SQLAlchemyError

from wholesale.kernel import clock
from wholesale.kernel.errors import UnavailableError
from wholesale.platform.backup import base, chain, prune, record, restore, site, verify
from wholesale.platform.backup import follow as following
from wholesale.platform.backup.documents import Copier
from wholesale.platform.backup.errors import BackupError
from wholesale.platform.db import db
from wholesale.platform.files import storage
from wholesale.platform.services import ServiceError

log = logging.getLogger(__name__)
cli = AppGroup("backup", help="Backups: make, follow, look at, verify, restore, prune.")


@contextmanager
def _said() -> Iterator[None]:
    """What cannot be done is a sentence and status 1."""
    try:
        yield
    except (BackupError, ServiceError, UnavailableError) as error:
        raise click.ClickException(str(error)) from error


def _note(what: str, at: datetime) -> None:
    """For whoever watches; a database that is away does not spoil the backup."""
    try:
        record.note(what, at)
    except SQLAlchemyError as error:
        log.warning("the database cannot be told of the backup: %s", type(error).__name__)


@cli.command("base")
def take_base() -> None:
    """Copy the whole database, its documents and secrets, as they are now."""
    with _said():
        archive = site.archive()
        made = base.take(archive, site.source(), Copier(archive, storage()))
        _note(record.BASE, made.ended_at)
    took = (made.ended_at - made.began_at).total_seconds()
    click.echo(f"base {made.id}: {made.size / 1e6:.0f} MB, {made.stored / 1e6:.0f} MB stored, in {took:.1f} s")


@cli.command("follow")
def follow() -> None:
    """Copy what changes, about a second later, until told to stop; the first time, a base as well.

    Without BACKUP_URL it waits and does nothing, so that it can stand in the Procfile.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if not site.settings().backup_url:
        click.echo("BACKUP_URL is not set: nothing is backed up.")
        stop.wait()
        return
    app = cast("Flask", current_app._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001

    def note(what: str, at: datetime) -> None:
        with app.app_context():  # of a base a thread tells
            _note(what, at)

    with _said():
        follower = following.Follower(
            site.archive(),
            site.source(),
            storage(),
            stop,
            note=lambda at: note(record.LOG, at),
            days=site.settings().backup_keep,
            made_base=lambda made: note(record.BASE, made.ended_at),
        )
        follower.run()
    with suppress(SQLAlchemyError):
        db.engine.dispose()


@cli.command("list")
def list_ranges() -> None:
    """Each base, and the moments that it can restore."""
    with _said():
        found = chain.ranges(site.archive())
    for each in found:
        took = (each.base.ended_at - each.base.began_at).total_seconds()
        size = f"{each.base.size / 1e6:.0f} MB, {each.base.stored / 1e6:.0f} MB stored, in {took:.1f} s"
        click.echo(f"base {each.base.id}  {size:<40}  {each.text}")
    if not found:
        click.echo("There is no whole base in this backup yet.")


@cli.command("status")
def status() -> None:
    """How old the last base, the followed log and the last drill are; status 1 when one is too old."""
    with _said():
        site.archive()
    now = clock.now()
    known = record.state()
    assert known is not None, "there is a BACKUP_URL"
    for what, at in (("base", known.base_at), ("log", known.log_at), ("drill", known.verified_at)):
        age = f"{at:%Y-%m-%d %H:%M:%S}Z, {(now - at).total_seconds():,.0f} s ago" if at else "not yet"
        click.echo(f"{what:<6} {age}")
    if late := known.late(now):
        raise click.ClickException("; ".join(late))


@cli.command("verify")
@click.option("--restore", "is_drill", is_flag=True, help="Also restore it, and prove ledger and stock there.")
def verify_all(*, is_drill: bool) -> None:
    """Read everything in the backup against its seals and hashes."""
    with _said():
        archive = site.archive()
        if is_drill:
            click.echo(verify.both(archive, site.settings(), say=click.echo))
            _note(record.VERIFIED, clock.now())
            return
        found = verify.everything(archive)
    for note in found.notes:
        click.echo(note)
    for problem in found.problems:
        click.echo(problem, err=True)
    if found.problems:
        raise click.ClickException(f"{len(found.problems)} things are not as they were stored.")
    click.echo(f"whole: {found.summary}")


@cli.command("restore")
@click.option("--to", "moment", help="The moment, such as 2026-11-22T10:15:00Z; without it the last there is.")
@click.option(
    "--into", required=True, type=click.Path(path_type=Path), help="A folder that is not there yet, or empty."
)
@click.option("--from", "url", default="", help="Another backup than that of BACKUP_URL.")
@click.option("--key-file", type=click.Path(path_type=Path, exists=True), help="Another key than BACKUP_KEY_FILE.")
@click.option("--files-only", is_flag=True, help="Files and log, for a PostgreSQL of your own to recover.")
def restore_to(*, moment: str | None, into: Path, url: str, key_file: Path | None, files_only: bool) -> None:
    """Make a data folder as it was at a moment; `bin/demo --data DIR` starts it."""
    into = into.expanduser().resolve()
    with _said():
        archive = site.archive(url, key_file)
        to = restore.parse_moment(moment) if moment else None
        if files_only:
            done = restore.files_only(archive, into, to=to, say=click.echo)
        else:
            with restore.restored(archive, into, to=to, say=click.echo) as done:
                pass
    steps = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in done.seconds.items())
    click.echo(f"{steps}; {done.documents} documents")
    if done.missing_documents:
        click.echo(f"Not in the backup: {len(done.missing_documents)} documents that rows name.", err=True)
    click.echo(f"restored into {into}")


@cli.command("prune")
@click.option("--keep", "days", type=click.IntRange(min=1), help="For how many days back; without it BACKUP_KEEP.")
def prune_old(*, days: int | None) -> None:
    """Remove what only moments before the days to be kept need."""
    with _said():
        click.echo(prune.prune(site.archive(), days=days or site.settings().backup_keep))
