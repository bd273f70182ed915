"""A file becomes rows."""

from __future__ import annotations

import json

import sqlalchemy as sa

from wholesale.kernel import clock
from wholesale.kernel.errors import DomainError
from wholesale.merchandising.imports import rules
from wholesale.merchandising.imports.actions.runs import remove_file
from wholesale.merchandising.imports.models import ImportRow, ImportRun
from wholesale.platform import files
from wholesale.platform.db import db
from wholesale.platform.files import tables

_SAMPLES = 5
_TITLES = 15  # lines above the headings, such as a shop's name


def read(run: ImportRun) -> None:
    """Read the file of a run into rows, and guess what its columns are. Raises DomainError for what is no table."""
    assert run.file_key is not None, "a file stays until it has been read"
    # The headings are a row too, and lines may stand above them.
    parts = tables.read(files.storage().get(run.file_key), most=rules.MAX_ROWS + _TITLES)
    table = next(parts)
    assert isinstance(table, tables.Table), "the table comes before its rows"
    run.kind, run.encoding, run.delimiter, run.sheet = table.kind, table.encoding, table.delimiter, table.sheet
    db.session.execute(sa.delete(ImportRow).where(ImportRow.run_id == run.id))
    chunks = (part for part in parts if isinstance(part, list))
    first = next(chunks, [])
    head = rules.header_row([cells for _, cells in first])
    if len(first) <= head + 1:
        raise DomainError(tables.REASONS["empty"], field="file")
    run.header_row, headings = first[head]
    body = first[head + 1 :]
    try:
        run.total = _keep(run.id, body) + sum(_keep(run.id, chunk) for chunk in chunks)
    except DomainError as error:
        if error.message != tables.REASONS["rows"]:
            raise
        run.total = int(str(error.values["rows"])) - head - 1  # the headings and what stands above them are no goods
    if run.total > rules.MAX_ROWS:
        raise DomainError(tables.REASONS["rows"], field="file", rows=run.total, most=rules.MAX_ROWS)
    samples = [cells for _, cells in body[:_SAMPLES]]
    width = max(len(headings), *(len(cells) for cells in samples))
    run.headings = [rules.shown(cell)[:100] for cell in [*headings, *[""] * (width - len(headings))]]
    run.samples = [[rules.shown(cell)[:60] for cell in [*cells, *[""] * (width - len(cells))]] for cells in samples]
    run.merges = table.merges
    run.mapping = dict(rules.mapping_of(run.headings))
    run.defaults = {"decimal_comma": _writes_commas(table, body)}
    run.state, run.moved_at = "mapping", clock.now()
    remove_file(run)
    db.session.flush()


_INSERT = sa.text(
    "INSERT INTO import_row (run_id, row_no, cells)"
    " SELECT :run_id, (row ->> 0)::integer, row -> 1 FROM jsonb_array_elements(CAST(:rows AS jsonb)) AS row"
)


def _keep(run_id: int, rows: list[tables.Row]) -> int:
    """A thousand rows in one statement (COPY does not go where rows have a policy); how many they were."""
    if rows:
        db.session.execute(_INSERT, {"run_id": run_id, "rows": json.dumps(rows, ensure_ascii=False)})
    return len(rows)


def _writes_commas(table: tables.Table, body: list[tables.Row]) -> bool:
    """Whether the file's numbers have a decimal comma: where semicolons part the cells, they usually do."""
    cells = [cell for _, row in body[:200] for cell in row if cell[:1] not in {"", tables.NUMBER, tables.DATE}]
    commas = sum(_is_decimal(cell, ",") for cell in cells)
    points = sum(_is_decimal(cell, ".") for cell in cells)
    return table.delimiter in {";", "\t"} and commas > points


def _is_decimal(cell: str, sign: str) -> bool:
    whole, found, part = cell.partition(sign)
    return bool(found) and whole.isdecimal() and part.isdecimal() and len(part) <= 2  # noqa: PLR2004 - as prices have
