"""Writing orders as a table: at once, or in the background."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from typing import IO, BinaryIO, cast

import sqlalchemy as sa

from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.orders.history import queries, rules
from wholesale.orders.history.events import OrderExportRequested
from wholesale.orders.history.models import OrderExport
from wholesale.orders.history.rules import Filters
from wholesale.platform import files, i18n, outbox
from wholesale.platform.db import db
from wholesale.platform.outbox import emit
from wholesale.platform.sheets import csv_lines, write_workbook
from wholesale.platform.transaction import after_commit

TYPES = {"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


def write(file: IO[bytes], kind: str, whose: queries.Whose, filters: Filters) -> int:
    """Write the table into a file; how many rows it has."""
    found = queries.Counted(queries.rows(whose, filters))
    if kind == "xlsx":
        write_workbook(file, [queries.sheet(found)])
    else:
        for part in csv_lines(_with_head(found)):
            file.write(part.encode())
    return found.count


def _with_head(found: queries.Counted) -> queries.Counted:
    def both() -> object:
        yield queries.head()
        yield from found

    return both()  # type: ignore[return-value]  # rows as well


def request_export(*, actor: Actor, kind: str, filters: Filters) -> int:
    """Have the table written in the background; asking again while it is being made waits for the same. Its id.

    Raises DomainError when the person has too many waiting.
    """
    if kind not in rules.KINDS:
        raise NotFoundError
    whose = queries.Whose.of(actor)
    waiting = queries.being_made(whose, actor.acting_user, kind, filters)
    if waiting is not None:
        return waiting
    if queries.waiting(actor.acting_user) >= rules.MOST_AT_ONCE:
        raise DomainError("Several tables are being written for you already. Wait until one of them is ready.")
    made = OrderExport(
        organization_id=whose.organization_id,
        side=whose.side,
        user_id=actor.acting_user,
        kind=kind,
        filters=dict(filters.query),
        language=i18n.language(),
    )
    db.session.add(made)
    db.session.flush()
    emit(OrderExportRequested(export_id=made.id), priority=outbox.LONG_WORK)
    return made.id


def make_export(export_id: int) -> None:
    """Write the table and keep it; one that is there already stays as it is."""
    export = db.session.get(OrderExport, export_id, with_for_update=True)
    if export is None or export.ready_at is not None:
        return
    whose = queries.Whose(export.side, export.organization_id)
    with i18n.speaking(export.language), tempfile.TemporaryFile() as temporary:
        file = cast("BinaryIO", temporary)
        count = write(file, export.kind, whose, Filters.kept(export.filters))
        file.seek(0)
        stored = files.storage().put_file(file, TYPES[export.kind])  # a long table is larger than a worker's memory
    export.file_key, export.size, export.rows, export.ready_at = stored.key, stored.size, count, clock.now()
    db.session.flush()


def expire() -> int:
    """Forget tables that have had their time; how many."""
    old = sa.select(OrderExport).where(OrderExport.asked_at < clock.now() - rules.KEPT)
    exports = db.session.scalars(old.with_for_update(skip_locked=True)).all()
    place = files.storage()
    for export in exports:
        if export.file_key is not None:
            after_commit(_Remove(place, export.file_key))
        db.session.delete(export)
    db.session.flush()
    return len(exports)


class _Remove:
    """The file goes as soon as it is certain that no row knows it."""

    def __init__(self, place: files.Storage, key: str) -> None:
        self.place, self.key = place, key

    def __call__(self) -> None:
        with suppress(Exception):  # else it goes with the night's orphans
            self.place.delete(self.key)
