"""Reading the file of a quick order."""

from __future__ import annotations

from werkzeug.datastructures import FileStorage

from wholesale.cart.quick import rules
from wholesale.cart.quick.rules import MAX_ROWS, Row
from wholesale.kernel.errors import DomainError, UnavailableError
from wholesale.platform.files import tables

_MOST = 1024 * 1024
_HEADS = 20  # lines that are no goods: a head, comments


def file_rows(upload: FileStorage) -> list[Row]:
    """The rows of an uploaded CSV file or workbook, judged by its content. Raises DomainError on `file`."""
    upload.stream.seek(0)  # a transaction that is tried again reads it a second time
    data = upload.stream.read(_MOST + 1)
    if len(data) > _MOST:
        raise DomainError("This file is larger than {limit} MB.", field="file", limit=1)
    found: list[list[str]] = []
    try:
        for part in tables.read(data, most=MAX_ROWS + _HEADS):
            if isinstance(part, list):
                found += [[cell.lstrip(tables.NUMBER + tables.DATE) for cell in cells] for _number, cells in part]
    except UnavailableError as error:  # what was typed must not be lost over it
        raise DomainError(error.message, field="file") from error
    return rules.read_cells(found)
