"""Tables that people upload (CSV and XLSX), read row by row in a child process that cannot do harm."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from wholesale.kernel.errors import DomainError
from wholesale.kernel.words import N_
from wholesale.platform.files import sandbox

CHILD = Path(__file__).with_name("table_child.py")
NUMBER, DATE = "\x01", "\x02"
"""The marks at the beginning of a cell that Excel kept as a number or as a date."""

LIMITS = sandbox.Limits(megabytes=600, seconds=60, wall=90.0)

REASONS = {
    "unknown": N_("This is no table. Send a CSV file or an Excel workbook (.xlsx)."),
    "empty": N_("There is nothing in this file. Choose another one."),
    "archive": N_("This file is packed. Unpack it, and send the CSV file or the Excel workbook that is in it."),
    "damaged": N_("This Excel workbook is damaged or cut off. Open it, save it again and retry."),
    "locked": N_("This Excel workbook is locked with a password. Save it without one and send it again."),
    "old_excel": N_("This is an Excel workbook of the old kind (.xls). Save it as .xlsx or as CSV and send that."),
    "other_sheet": N_("This is a spreadsheet of another kind. Save it as .xlsx or as CSV and send that."),
    "columns": N_("This table has more than {most} columns. Take out those that are not about products."),
    "rows": N_("This file has {rows} rows; at most {most} are read at once. Divide it into several files."),
    "quotes": N_(
        "From row {line} on, a quotation mark is opened and never closed. Correct it and send the file again."
    ),
    "heavy": N_("This file is too large or too complicated to be read. Send a plain table, or divide it."),
}


@dataclass
class Table:
    """What is known of a table before its rows: `merges` are (column, first row, last row) of merged cells."""

    kind: str
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    others: int = 0
    merges: list[list[int]] = field(default_factory=list)


Row = tuple[int, list[str]]


def read(data: bytes, *, most: int) -> Iterator[Table | list[Row]]:
    """First the table, then its rows, a thousand at a time, each with its number in the file; empty ones are left out.

    Raises DomainError for what is no table, and for more than `most` rows. The rows come from a file, not from
    memory, however many there are.
    """
    told = json.dumps({"megabytes": LIMITS.megabytes, "seconds": LIMITS.seconds, "most": most})
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as answer:
        given.write(data)
        given.seek(0)
        with sandbox.seat():
            sandbox.end_in_time([sys.executable, "-I", str(CHILD), "table", told], given, answer, LIMITS.wall)
        answer.seek(0)
        yield from _understood(_frames(answer), most)


def _understood(frames: Iterator[Any], most: int) -> Iterator[Table | list[Row]]:
    for frame in frames:
        if isinstance(frame, list):
            yield [(number, cells) for number, cells in frame]
        elif "refused" in frame:
            reason = frame.pop("refused")
            raise DomainError(REASONS.get(reason, REASONS["heavy"]), field="file", **frame)
        elif "end" in frame:
            if frame["end"] > most:
                raise DomainError(REASONS["rows"], field="file", rows=frame["end"], most=most)
            return
        else:
            yield Table(**frame)
    raise DomainError(REASONS["heavy"], field="file")  # it was ended before it was ready


def _frames(answer: BinaryIO) -> Iterator[Any]:
    while len(head := answer.read(4)) == 4:  # noqa: PLR2004 - the length of a length
        frame = answer.read(size := int.from_bytes(head, "big"))
        if len(frame) < size:
            return
        yield json.loads(frame)
