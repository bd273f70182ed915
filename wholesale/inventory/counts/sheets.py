"""The sheet to count by: printed, or for a spreadsheet. It never says how many there should be."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, cast

import sqlalchemy as sa
from flask import current_app

from wholesale.config import Settings
from wholesale.inventory.counts import queries, rules
from wholesale.inventory.counts.models import StockCount
from wholesale.platform import files, pdf
from wholesale.platform.db import db
from wholesale.platform.sheets import Cell

_LINES_AT_ONCE = 400  # WeasyPrint's memory grows with a document's length
_PDF = "application/pdf"


def make(count_id: int) -> None:
    """Make and keep the printed sheet, unless the one that is kept has all lines."""
    count = db.session.scalars(
        sa.select(StockCount).where(StockCount.id == count_id).with_for_update(key_share=True)
    ).one_or_none()
    if count is None:
        return
    lines = queries.sheet_lines(count_id)
    if count.sheet_key is not None and count.sheet_lines == len(lines):
        return
    data = printed(queries.heading(count), lines)
    before = count.sheet_key
    count.sheet_key, count.sheet_lines = files.storage().put(data, _PDF).key, len(lines)
    db.session.flush()
    if before is not None:
        files.storage().delete(before)


def printed(heading: queries.Heading, lines: list[queries.SheetLine]) -> bytes:
    """The sheet as PDF, in parts of some hundred lines that are put together."""
    environment = current_app.jinja_env
    css = environment.get_template("counts/sheet.css").render()
    settings = cast("Settings", current_app.extensions["settings"])
    parts = []
    for first in range(0, max(len(lines), 1), _LINES_AT_ONCE):
        said: dict[str, Any] = {
            "count": heading,
            "lines": lines[first : first + _LINES_AT_ONCE],
            "total": len(lines),
            "site": settings.site_name,
            "is_first": first == 0,
            "is_last": first + _LINES_AT_ONCE >= len(lines),
        }
        parts.append(pdf.render(environment.get_template("counts/sheet_paper.html").render(**said), css))
    return parts[0] if len(parts) == 1 else _together(parts)


def _together(parts: list[bytes]) -> bytes:
    import pypdf

    out = io.BytesIO()
    with pypdf.PdfWriter() as writer:
        for part in parts:
            writer.append(io.BytesIO(part), import_outline=False)
        writer.write(out)
    return out.getvalue()


def rows(heading: queries.Heading, lines: list[queries.SheetLine]) -> Iterator[list[Cell]]:
    """The sheet as a table with an empty last column, in the form in which it is read again."""
    yield list(rules.SHEET_HEAD)
    for line in lines:
        yield [line.sku, line.barcode or "", line.name, line.variant_name, heading.location_name, line.unit, ""]
