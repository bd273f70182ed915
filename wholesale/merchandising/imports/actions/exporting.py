"""The catalogue as a file of the format, so that uploading it again changes nothing."""

from __future__ import annotations

import tempfile

from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.merchandising.imports import queries
from wholesale.merchandising.imports.events import ExportRequested
from wholesale.merchandising.imports.models import CatalogueExport
from wholesale.platform import files, outbox
from wholesale.platform.db import db
from wholesale.platform.outbox import emit
from wholesale.platform.sheets import write_workbook

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def request_export(*, actor: Actor, seller_id: int | None) -> int:
    """Have the catalogue written as a workbook; asking while one is being made waits for the same. Its id."""
    seller = queries.seller_for(actor, seller_id)
    waiting = queries.export_being_made(seller.id)
    if waiting is not None:
        return waiting
    export = CatalogueExport(organization_id=seller.id, user_id=actor.acting_user)
    db.session.add(export)
    db.session.flush()
    emit(ExportRequested(export_id=export.id), priority=outbox.LONG_WORK)
    return export.id


def make_export(export_id: int) -> None:
    """Write the workbook and keep it; one that is there already stays as it is."""
    export = db.session.get(CatalogueExport, export_id, with_for_update=True)
    if export is None or export.ready_at is not None:
        return
    sheet, count = queries.catalogue_sheet(export.organization_id)
    with tempfile.TemporaryFile() as file:
        write_workbook(file, [sheet, queries.notes_sheet()])
        file.seek(0)
        stored = files.storage().put(file.read(), XLSX)
    export.file_key, export.size, export.rows, export.ready_at = stored.key, stored.size, count(), clock.now()
    db.session.flush()
