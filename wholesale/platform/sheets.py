"""Tables for spreadsheet programs: lines of CSV and workbooks (XLSX), written row by row.

Our own writer and not a library's, which takes a minute for a hundred thousand rows: there is one kind of sheet here,
with a bold head that stays in sight, and cells that are text or numbers.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import IO
from xml.sax.saxutils import escape

from wholesale.kernel.money import Money, smallest_unit

FORMULA = ("=", "+", "-", "@", "\t", "\r")
_BOM = "\ufeff"
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_BATCH = 200
Cell = str | int | Decimal | Money | None


def harmless(text: str) -> str:
    """With an apostrophe before what a spreadsheet would take for a formula; and before one that stands there already.

    Taking one apostrophe off what begins like that gives the text back.
    """
    return f"'{text}" if text.startswith((*FORMULA, "'=", "'+", "'-", "'@", "'\t", "'\r", "''")) else text


def plain(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Money):  # with its currency's decimals; a unit price may have more
        unit = smallest_unit(cell.currency)
        return f"{cell.amount.quantize(unit):f}" if cell == cell.rounded() else f"{cell.amount.normalize():f}"
    if isinstance(cell, Decimal):
        return f"{cell.normalize():f}" if cell else "0"
    return str(cell) if isinstance(cell, int) else harmless(cell)


def csv_lines(rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """Comma-separated lines, some hundred at a time, with the mark by which Excel knows UTF-8."""
    text = io.StringIO()
    text.write(_BOM)
    writer = csv.writer(text, lineterminator="\r\n")
    for count, row in enumerate(rows, 1):
        writer.writerow([plain(cell) for cell in row])
        if count % _BATCH == 0:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


@dataclass(frozen=True)
class Sheet:
    """A sheet: its head in bold, then its rows. `text_columns` are formatted as text, so that zeros stay."""

    name: str
    head: Sequence[str]
    rows: Iterable[Sequence[Cell]]
    widths: Sequence[int] = ()
    text_columns: frozenset[int] = frozenset()


_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_STYLES = (
    f'{_XML}<styleSheet xmlns="{_MAIN}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border/></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs></styleSheet>'
)


def write_workbook(file: IO[bytes], sheets: Sequence[Sheet]) -> None:
    """A workbook of these sheets; of their rows no more than some hundred are in memory at a time."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as package:
        numbers = range(1, len(sheets) + 1)
        package.writestr(
            "[Content_Types].xml",
            f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
            f'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>'
            + "".join(
                f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_TYPE}.worksheet+xml"/>'
                for n in numbers
            )
            + "</Types>",
        )
        package.writestr("_rels/.rels", _relations([("officeDocument", "xl/workbook.xml")]))
        package.writestr(
            "xl/workbook.xml",
            f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}/relationships"><sheets>'
            + "".join(
                f'<sheet name="{_text(sheet.name[:31])}" sheetId="{n}" r:id="rId{n}"/>'
                for n, sheet in zip(numbers, sheets, strict=True)
            )
            + "</sheets></workbook>",
        )
        package.writestr(
            "xl/_rels/workbook.xml.rels",
            _relations([*(("worksheet", f"worksheets/sheet{n}.xml") for n in numbers), ("styles", "styles.xml")]),
        )
        package.writestr("xl/styles.xml", _STYLES)
        for number, sheet in zip(numbers, sheets, strict=True):
            with package.open(f"xl/worksheets/sheet{number}.xml", "w", force_zip64=True) as part:
                for piece in _pieces(sheet):
                    part.write(piece.encode())


def _relations(targets: Sequence[tuple[str, str]]) -> str:
    listed = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/relationships/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(targets, 1)
    )
    return f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{listed}</Relationships>'


def _pieces(sheet: Sheet) -> Iterator[str]:
    yield (
        f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
    )
    columns = "".join(
        f'<col min="{n}" max="{n}" width="{sheet.widths[n - 1] if n <= len(sheet.widths) else 14}" customWidth="1"'
        + (' style="2"/>' if n - 1 in sheet.text_columns else "/>")
        for n in range(1, len(sheet.head) + 1)
    )
    yield f"<cols>{columns}</cols><sheetData>"
    letters = [_letters(index) for index in range(max(len(sheet.head), 1))]
    yield _row(1, letters, sheet.head, ' s="1"', frozenset())
    batch: list[str] = []
    for number, row in enumerate(sheet.rows, 2):
        batch.append(_row(number, letters, row, "", sheet.text_columns))
        if len(batch) == _BATCH:
            yield "".join(batch)
            batch = []
    yield "".join(batch)
    yield "</sheetData></worksheet>"


def _row(number: int, letters: Sequence[str], row: Sequence[Cell], style: str, text_columns: frozenset[int]) -> str:
    cells = []
    for index, cell in enumerate(row):
        if cell is None or cell == "":
            continue
        where = f'<c r="{letters[index]}{number}"'
        if isinstance(cell, str):
            how = style or (' s="2"' if index in text_columns else "")
            cells.append(f'{where} t="inlineStr"{how}><is><t xml:space="preserve">{_text(harmless(cell))}</t></is></c>')
        else:
            cells.append(f"{where}><v>{plain(cell)}</v></c>")
    return f'<row r="{number}">{"".join(cells)}</row>'


def _text(text: str) -> str:
    return escape(_NOT_IN_XML.sub("", text), {'"': "&quot;"})


def _letters(index: int) -> str:
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(65 + rest) + name
    return name
