"""The life of a run: begun, cancelled, ended, found stuck, forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import CursorResult
from sqlalchemy.dialects.postgresql import insert
from werkzeug.datastructures import FileStorage

from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, DomainError
from wholesale.kernel.words import N_
from wholesale.merchandising.imports import queries, rules
from wholesale.merchandising.imports.events import ImportAdvanced
from wholesale.merchandising.imports.models import (
    CatalogueExport,
    ImportCancellation,
    ImportItem,
    ImportProblem,
    ImportRow,
    ImportRun,
)
from wholesale.platform import files, outbox
from wholesale.platform.db import db
from wholesale.platform.outbox import emit
from wholesale.platform.transaction import after_commit

LARGEST_MB = 50
_KEPT = timedelta(days=30)
_EXPORT_KEPT = timedelta(days=7)
_FORGOTTEN = timedelta(days=7)
_STUCK = timedelta(minutes=3)
_MOST_NAME = 120
BROKE = N_("Something went wrong on our side, and this could not go on. Send the file again; we have been told.")
FORGOTTEN = N_("Nobody has gone on with this for a week.")


def start(*, actor: Actor, seller_id: int | None, upload: FileStorage | None) -> int:
    """Take a file for the seller (the actor's own, or one that an admin names) and have it read; the run's id."""
    seller = queries.seller_for(actor, seller_id)
    if upload is None:
        raise DomainError("Choose a file.", field="file")
    upload.stream.seek(0)  # a transaction that is tried again reads it a second time
    limit = LARGEST_MB * 1024 * 1024
    data = upload.stream.read(limit + 1)
    if not data:
        raise DomainError("This file is empty. Choose it again.", field="file")
    if len(data) > limit:
        raise DomainError("This file is larger than {limit} MB.", field="file", limit=LARGEST_MB)
    if queries.working(seller.id):
        raise DomainError("Another file is being worked on. Wait until it is done, or cancel it.", field="file")
    name = (upload.filename or "").replace("\\", "/").rpartition("/")[2]
    run = ImportRun(
        organization_id=seller.id,
        user_id=actor.acting_user,
        file_name="".join(sign for sign in name if sign.isprintable())[:_MOST_NAME] or "–",
        file_size=len(data),
        file_key=files.storage().put(data, "application/octet-stream").key,
    )
    db.session.add(run)
    db.session.flush()
    go_on(run)
    return run.id


def go_on(run: ImportRun) -> None:
    """Have the next step done in the background, behind what people wait for."""
    run.moved_at = clock.now()
    db.session.flush()
    emit(ImportAdvanced(run_id=run.id), priority=outbox.LONG_WORK)


def locked(*, actor: Actor, run_id: int) -> ImportRun:
    """The actor's run, held until the commit. Raises NotFoundError for somebody else's."""
    run = queries.run(actor, run_id)
    db.session.refresh(run, with_for_update=True)
    return run


def cancel(*, actor: Actor, run_id: int) -> None:
    """End a run: at once, or after the chunk that is being worked on. Raises ConflictError when it has ended."""
    run = queries.run(actor, run_id)
    if run.state not in rules.WORKING:
        run = locked(actor=actor, run_id=run_id)
    if run.state in rules.ENDED:
        raise ConflictError("This has ended already.")
    if run.state in rules.WORKING:
        db.session.execute(
            insert(ImportCancellation).values(run_id=run.id, asked_at=clock.now()).on_conflict_do_nothing()
        )
        db.session.refresh(run)
        if run.state in rules.ENDED:  # a run that is ending was waited for
            raise ConflictError("This has ended already.")
    else:
        end(run, "cancelled")


def end(run: ImportRun, state: str, error: DomainError | None = None) -> None:
    """Close the books of a run: what was neither done nor refused was not reached. Its rows are not needed any more."""
    run.state, run.step, run.ended_at = state, "", clock.now()
    run.moved_at = run.ended_at
    if error is not None:
        run.reason, run.reason_values = error.message, dict(error.values)
    run.not_reached = run.total - run.created - run.updated - run.unchanged - run.refused
    remove_file(run)
    db.session.flush()
    for table in (ImportRow, ImportItem):
        db.session.execute(sa.delete(table).where(table.run_id == run.id))


def is_too_late_to_cancel(run: ImportRun) -> bool:
    """The last look before a run is done: a cancel that comes after it waits for the commit, and is refused then."""
    db.session.flush()
    db.session.execute(sa.select(ImportRun.id).where(ImportRun.id == run.id).with_for_update())
    return not queries.is_cancelled(run.id)


def remove_file(thing: ImportRun | CatalogueExport) -> None:
    """The file goes as soon as it is certain that no row knows it."""
    key, thing.file_key = thing.file_key, None
    place = files.storage()
    if key is None:
        return

    def remove() -> None:
        with suppress(Exception):  # else it goes with the night's orphans
            place.delete(key)

    after_commit(remove)


def note_problems(run_id: int, problems: Iterable[rules.Problem]) -> None:
    rows = [
        {
            "run_id": run_id,
            "row_no": each.row,
            "field": each.field,
            "value": each.value[:200],
            "reason": each.code,
            "reason_values": {
                name: value if isinstance(value, int) else str(value) for name, value in each.values.items()
            },
            "suggestion": each.suggestion[:200],
            "is_warning": each.warning,
        }
        for each in problems
    ]
    if rows:
        db.session.execute(sa.insert(ImportProblem), rows)


def rescue() -> tuple[int, int]:
    """Runs whose step was lost go on; those whose step failed for good are stopped. How many of each."""
    still = {row.payload["run_id"]: row for row in outbox.unfinished(ImportAdvanced)}
    resumed = stopped = 0
    waiting = sa.select(ImportRun).where(ImportRun.state.in_(rules.WORKING), ImportRun.moved_at < clock.now() - _STUCK)
    for run in db.session.scalars(waiting.order_by(ImportRun.id).with_for_update(skip_locked=True)).all():
        row = still.get(run.id)
        if row is None:
            go_on(run)
            resumed += 1
        elif row.dead_at is not None:
            end(run, "stopped", DomainError(BROKE))
            stopped += 1
    db.session.flush()
    return resumed, stopped


def expire() -> tuple[int, int]:
    """Forget what has had its time; how many runs and exports went."""
    now = clock.now()
    idle = sa.select(ImportRun).where(
        ImportRun.state.in_(("mapping", "checked")), ImportRun.moved_at < now - _FORGOTTEN
    )
    for run in db.session.scalars(idle.with_for_update(skip_locked=True)).all():
        end(run, "cancelled", DomainError(FORGOTTEN))
    runs = cast(
        "CursorResult[Any]", db.session.execute(sa.delete(ImportRun).where(ImportRun.ended_at < now - _KEPT))
    ).rowcount
    old = sa.select(CatalogueExport).where(CatalogueExport.asked_at < now - _EXPORT_KEPT)
    exports = db.session.scalars(old.with_for_update(skip_locked=True)).all()
    for export in exports:
        remove_file(export)
        db.session.flush()
        db.session.delete(export)
    db.session.flush()
    return runs, len(exports)
