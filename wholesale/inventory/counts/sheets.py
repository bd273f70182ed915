"""The sheet to count by: printed, or for a spreadsheet. It never says how many there should be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import sqlalchemy as sa
from flask import current_app

from wholesale.config import Settings
from wholesale.inventory.counts import queries, rules
from wholesale.inventory.counts.models import StockCount, StockCountSheet
from wholesale.platform import files, pdf
from wholesale.platform.db import db
from wholesale.platform.sheets import Cell

_PDF = "application/pdf"


def make(count_id: int, part: int = 1) -> None:
    """Make and keep a part of the printed sheet, unless the one that is kept has all its lines."""
    count = db.session.scalars(
        sa.select(StockCount).where(StockCount.id == count_id, StockCount.ended_at.is_(None))
    ).one_or_none()
    if count is None:
        return
    everything = queries.sheet_lines(count_id)
    lines = everything[(part - 1) * rules.PART : part * rules.PART]
    kept = db.session.get(StockCountSheet, (count_id, part), with_for_update=True)
    if not lines or (kept is not None and kept.lines == len(lines)):
        return
    made = files.storage().put(printed(queries.heading(count), lines, part, rules.parts(len(everything))), _PDF).key
    if kept is None:
        db.session.add(StockCountSheet(count_id=count_id, part=part, lines=len(lines), file_key=made))
    else:  # the one before belongs to nobody now, and goes by night
        kept.file_key, kept.lines = made, len(lines)
    db.session.flush()


def printed(heading: queries.Heading, lines: Sequence[queries.SheetLine], part: int, parts: int) -> bytes:
    """A part of the sheet as PDF."""
    environment = current_app.jinja_env
    css = environment.get_template("counts/sheet.css").render()
    said = environment.get_template("counts/sheet_paper.html").render(
        count=heading,
        lines=lines,
        part=part,
        parts=parts,
        site=cast("Settings", current_app.extensions["settings"]).site_name,
    )
    return pdf.render(said, css)


def rows(heading: queries.Heading, lines: Sequence[queries.SheetLine]) -> Iterator[list[Cell]]:
    """The sheet as a table with an empty last column, in the form in which it is read again."""
    yield list(rules.SHEET_HEAD)
    for line in lines:
        yield [line.sku, line.barcode or "", line.name, line.variant_name, heading.location_name, line.unit, ""]
