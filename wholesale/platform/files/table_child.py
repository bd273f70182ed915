"""The child process that reads tables (CSV and XLSX) that strangers send; as `child.py`, and run like it.

    table_child.py table …    a frame of JSON about the table, frames with rows, and a frame with how many there were

A frame of rows is a JSON list of [number in the file, [cells]]. Cells are text. What Excel kept as a number or as a
date begins with a mark (`NUMBER`, `DATE`), for then the zeros of an article number may be lost. Only one frame
{"refused": reason} comes of a file that is no table or is too large.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

NUMBER, DATE = "\x01", "\x02"
_LARGEST_ANSWER = 256 * 1024 * 1024
_FRAME = 1000
_LONGEST_CELL = 20_000
_MAX_COLUMNS = 200
_MAX_UNPACKED = 300_000_000
_MAX_PARTS = 5_000
_MAX_MERGES = 5_000
_SNIFFED_LINES = 60
_PLAIN_DIGITS = 15  # Excel keeps no more of a number
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_UTF16_SHARE = 0.2
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Refused(Exception):  # noqa: N818 - an answer, not a failure
    def __init__(self, reason: str, **values: Any) -> None:
        self.told = {"refused": reason, **values}
        super().__init__(reason)


def say(thing: Any) -> None:
    frame = json.dumps(thing, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    sys.stdout.buffer.write(len(frame).to_bytes(4, "big") + frame)


def clean(text: str) -> str:
    """As one would type it: without marks, without control characters, no longer than anything we take."""
    return _CONTROL.sub("", text[: _LONGEST_CELL + 1]).strip(" \t\r\n\u00a0\ufeff")


# --- CSV --------------------------------------------------------------------------------------------------


def encoding_of(data: bytes) -> str:
    """UTF-8 with a mark or without, UTF-16 either way, else what Windows wrote in the West."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return name
    head = data[:4000]
    if head.count(0) > len(head) * _UTF16_SHARE:
        return "utf-16-le" if head[1::2].count(0) >= head[0::2].count(0) else "utf-16-be"
    if 0 in head:
        raise Refused("unknown")
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), 1 << 20):
            decoder.decode(data[start : start + (1 << 20)])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def delimiter_of(sample: str) -> str:
    """The sign at which most lines of the sample fall into equally many parts."""
    told = re.match(r"sep=(.)\r?\n", sample)
    if told:
        return told[1]
    best, found = (0.0, 0), ","
    for sign in ",;\t|":
        try:
            counts = [len(row) for row in csv.reader(io.StringIO(sample), delimiter=sign) if any(row)]
        except csv.Error:
            continue
        if not counts:
            continue
        usual = max(set(counts), key=lambda count: (counts.count(count), count))
        score = (counts.count(usual) / len(counts) if usual > 1 else 0.0, usual)
        if score > best:
            best, found = score, sign
    return found


def rows_of_csv(data: bytes) -> Iterator[Any]:
    encoding = encoding_of(data)
    with io.TextIOWrapper(io.BytesIO(data), encoding=encoding, errors="replace", newline="") as text:
        sample = "".join(line for line, _ in zip(text, range(_SNIFFED_LINES), strict=False))
        if sample and _CONTROL.search(sample[:2000].replace("\x0c", "")):
            raise Refused("unknown")
        sign = delimiter_of(sample)
        text.seek(0)
        names = {"utf-8-sig": "UTF-8", "utf-8": "UTF-8", "cp1252": "Windows-1252"}
        yield {"kind": "csv", "encoding": names.get(encoding, "UTF-16"), "delimiter": sign, "merges": []}
        csv.field_size_limit(100_000)
        reader = csv.reader(text, delimiter=sign)
        number = 0
        while True:
            number = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise Refused("quotes", line=number) from error
            if number == 1 and len(row) <= 2 and row and row[0].lower().startswith("sep="):  # noqa: PLR2004
                continue
            yield number, [clean(cell) for cell in row]


# --- XLSX -------------------------------------------------------------------------------------------------


def check_package(data: bytes) -> None:
    """Whether the archive can be a workbook and unpacks to something sensible, before anything of it is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            parts = package.infolist()
            names = {part.filename for part in parts}
    except MemoryError:
        raise
    except Exception as error:  # hostile bytes meet errors of every kind
        raise Refused("damaged") from error
    if "xl/workbook.bin" in names or "mimetype" in names:
        raise Refused("other_sheet")
    if "xl/workbook.xml" not in names:
        raise Refused("archive" if "[Content_Types].xml" not in names else "other_sheet")
    if len(parts) > _MAX_PARTS or sum(part.file_size for part in parts) > _MAX_UNPACKED:
        raise Refused("heavy")


def rows_of_xlsx(data: bytes) -> Iterator[Any]:
    import python_calamine

    check_package(data)
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        names = [
            sheet.name
            for sheet in book.sheets_metadata
            if sheet.visible == python_calamine.SheetVisibleEnum.Visible
            and sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
        ]
        sheet = next(
            (found for name in names if (found := book.get_sheet_by_name(name)).height and found.start is not None),
            None,
        )
    except MemoryError:
        raise
    except python_calamine.PasswordError as error:
        raise Refused("locked") from error
    except Exception as error:
        raise Refused("damaged") from error
    if sheet is None:
        raise Refused("empty")
    if sheet.width > _MAX_COLUMNS:
        raise Refused("columns", most=_MAX_COLUMNS)
    left = sheet.start[1] if sheet.start else 0
    merges = [
        [first[1] - left, first[0] + 1, last[0] + 1]
        for first, last in (sheet.merged_cell_ranges or [])[:_MAX_MERGES]
        if last[0] > first[0]
    ]
    yield {"kind": "xlsx", "sheet": sheet.name, "others": len(names) - 1, "merges": merges}
    for number, row in enumerate(sheet.iter_rows(), 1):
        yield number, [as_text(cell) for cell in row]


def as_text(cell: Any) -> str:
    """What stands in a cell of Excel's, as one would type it; numbers and dates with their mark."""
    if isinstance(cell, str):
        return clean(cell)
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, int | float):
        return NUMBER + number_text(cell)
    if isinstance(cell, datetime):
        return DATE + (cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ", "seconds"))
    if isinstance(cell, date | time):
        return DATE + cell.isoformat()
    if isinstance(cell, timedelta):
        return DATE + str(cell)
    return clean(str(cell)) if cell is not None else ""


def number_text(value: float) -> str:
    """The 15 digits that Excel knows of a number; a longer one keeps its exponent, for its end is lost."""
    if value == int(value) and abs(value) < 10**_PLAIN_DIGITS:
        return str(int(value))
    short = f"{value:.15g}"
    if "e" not in short or abs(value) >= 1:
        return short.replace("e", "E")
    return f"{value:.12f}".rstrip("0")


# --- both -------------------------------------------------------------------------------------------------


def rows_of(data: bytes) -> Iterator[Any]:
    if not data.strip():
        raise Refused("empty")
    if data.startswith(b"PK"):
        return rows_of_xlsx(data)
    if data.startswith(_OLD_OFFICE):
        raise Refused("locked" if "EncryptedPackage".encode("utf-16-le") in data else "old_excel")
    if data.startswith((b"\x1f\x8b", b"Rar!", b"7z\xbc\xaf", b"BZh")):
        raise Refused("archive")
    if data.startswith((b"%PDF", b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"{\\rtf")):
        raise Refused("unknown")
    if data[:2000].lstrip().lower().startswith((b"<html", b"<!doctype", b"<?xml", b"<table")):
        raise Refused("unknown")
    return rows_of_csv(data)


def send(rows: Iterable[Any], most: int) -> None:
    """All rows that are not empty, up to one more than `most`; then how many there were."""
    frame: list[Any] = []
    kept = 0
    for row in rows:
        if isinstance(row, dict):
            say(row)
            continue
        number, cells = row
        if len(cells) > _MAX_COLUMNS and any(cells[_MAX_COLUMNS:]):
            raise Refused("columns", most=_MAX_COLUMNS)
        while cells and not cells[-1]:
            cells.pop()
        if not any(cell not in {"", NUMBER, DATE} for cell in cells):
            continue
        kept += 1
        if kept > most:
            continue  # only counted
        frame.append((number, cells))
        if len(frame) == _FRAME:
            say(frame)
            frame = []
    if frame:
        say(frame)
    say({"end": kept})


def main() -> None:
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - knows no pathlib yet
    from child import limit  # type: ignore[import-not-found]  # its neighbour, found by the line above

    arguments = json.loads(sys.argv[2])
    limit(arguments["megabytes"], arguments["seconds"], _LARGEST_ANSWER)
    data = sys.stdin.buffer.read()
    try:
        send(rows_of(data), arguments["most"])
    except Refused as refused:
        say(refused.told)
    except (MemoryError, RecursionError):
        say({"refused": "heavy"})
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
