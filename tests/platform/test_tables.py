"""Tables that strangers send: read by content, or refused in a sentence, whatever they are."""

from __future__ import annotations

import codecs
import io
import zipfile
from decimal import Decimal

import pytest

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.platform.files import tables
from wholesale.platform.files.tables import DATE, NUMBER
from wholesale.platform.sheets import Sheet, csv_lines, write_workbook

TEXT = "SKU;Name;Price\nA1;পাটের ব্যাগ;12,50\nA2;Café;3\n"
ROWS = [(1, ["SKU", "Name", "Price"]), (2, ["A1", "পাটের ব্যাগ", "12,50"]), (3, ["A2", "Café", "3"])]


def read(data: bytes, most: int = 1000) -> tuple[tables.Table, list[tables.Row]]:
    table, *parts = list(tables.read(data, most=most))
    assert isinstance(table, tables.Table)
    return table, [row for part in parts if isinstance(part, list) for row in part]


def refusal(data: bytes, most: int = 1000) -> str:
    with pytest.raises(DomainError) as refused:
        read(data, most)
    assert refused.value.field == "file"
    return str(refused.value)


# --- CSV --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (TEXT.encode(), "UTF-8"),
        (codecs.BOM_UTF8 + TEXT.encode(), "UTF-8"),
        (TEXT.encode("utf-16"), "UTF-16"),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "UTF-16"),
        (TEXT.replace("পাটের ব্যাগ", "Bag and more").encode("utf-16-le"), "UTF-16"),
        (TEXT.replace("পাটের ব্যাগ", "Bag and more").encode("utf-16-be"), "UTF-16"),
    ],
)
def test_encodings_are_found_out(data: bytes, encoding: str) -> None:
    table, rows = read(data)
    assert (table.encoding, table.delimiter) == (encoding, ";")
    assert [row[1][0] for row in rows] == ["SKU", "A1", "A2"]
    assert rows[2][1][1] == "Café"


def test_what_windows_wrote_is_read() -> None:
    table, rows = read("SKU,Name\nA1,Café “Dhaka” – €5\n".encode("cp1252"))
    assert table.encoding == "Windows-1252"
    assert rows[1][1][1] == "Café “Dhaka” – €5"


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_delimiters_are_found_out(sign: str) -> None:
    text = sign.join(["SKU", "Name", "Price"]) + "\n" + sign.join(["A1", '"Bowl, red; large"', "5"]) + "\n"
    table, rows = read(text.encode())
    assert table.delimiter == sign
    assert rows[1][1] == ["A1", "Bowl, red; large", "5"]


def test_excels_own_word_for_the_delimiter_is_believed() -> None:
    assert read(b"sep=;\nSKU;Name\nA1;a,b\n")[1] == [(2, ["SKU", "Name"]), (3, ["A1", "a,b"])]


def test_rows_keep_their_numbers_over_empty_ones_and_lines_within_cells() -> None:
    assert read(b'SKU,Name\n\n,,\nA1,"two\nlines"\nA2,x\n')[1] == [
        (1, ["SKU", "Name"]), (4, ["A1", "two\nlines"]), (6, ["A2", "x"]),
    ]  # fmt: skip


# --- XLSX -------------------------------------------------------------------------------------------------


def workbook(*rows: list[object]) -> bytes:
    file = io.BytesIO()
    write_workbook(file, [Sheet("Goods", ["SKU", "Name", "Price"], rows)])  # type: ignore[arg-type]  # as the test says
    return file.getvalue()


def test_a_workbook_is_read_with_marks_where_excel_keeps_numbers() -> None:
    table, rows = read(workbook(["00123", "Bowl", 12], [123, "=Bowl", 8901234567890]))
    assert (table.kind, table.sheet) == ("xlsx", "Goods")
    assert rows[1] == (2, ["00123", "Bowl", f"{NUMBER}12"])
    assert rows[2] == (3, [f"{NUMBER}123", "'=Bowl", f"{NUMBER}8901234567890"])


def package(sheet: str, **parts: str) -> bytes:
    """A workbook by hand, with what no program would write."""
    source = io.BytesIO(workbook(["A1", "x", 1]))
    out = io.BytesIO()
    with zipfile.ZipFile(source) as good, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bad:
        for name in good.namelist():
            bad.writestr(name, sheet if name.endswith("sheet1.xml") else good.read(name))
        for name, text in parts.items():
            bad.writestr(name, text)
    return out.getvalue()


MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
CELL = '<c r="{}" t="inlineStr"><is><t>{}</t></is></c>'


def sheet(*cells: tuple[str, str], more: str = "", before: str = "") -> str:
    rows = "".join(
        f'<row r="{"".join(filter(str.isdigit, place))}">{CELL.format(place, text)}</row>' for place, text in cells
    )
    return f"<worksheet {MAIN}>{before}<sheetData>{rows}</sheetData>{more}</worksheet>"


def test_merged_cells_and_dates_are_told() -> None:
    merged = sheet(("A1", "SKU"), ("B2", "Bags"), ("A4", "x"), more='<mergeCells><mergeCell ref="B2:B4"/></mergeCells>')
    table, rows = read(package(merged))
    assert table.merges == [[1, 2, 4]]
    assert rows[1] == (2, ["", "Bags"])


def test_a_dimension_that_is_a_lie_costs_nothing() -> None:
    lie = sheet(("A1", "SKU"), ("A2", "B1"), before='<dimension ref="A1:XFD1048576"/>')
    assert [row for _, row in read(package(lie))[1]] == [["SKU"], ["B1"]]


def test_a_cell_at_the_end_of_the_world_is_refused() -> None:
    assert "too large or too complicated" in refusal(package(sheet(("A1", "SKU"), ("XFD1048576", "x"))))


def test_many_columns_are_refused() -> None:
    assert "more than 200 columns" in refusal(package(sheet(("A1", "SKU"), ("ZZ2", "x"))))
    assert "more than 200 columns" in refusal(("SKU" + "," * 5000 + "x\nA1,b\n").encode())


def test_a_bomb_is_refused() -> None:
    assert "too large or too complicated" in refusal(package(sheet(("A1", "A" * 320_000_000))))


def test_entities_are_not_unpacked() -> None:
    bomb = f'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>{sheet(("A1", "&b;"))}'
    assert "damaged" in refusal(package(bomb))


def test_more_rows_than_are_taken_are_counted() -> None:
    assert refusal(b"SKU\n" + b"A1\n" * 60, most=50) == (
        "This file has 61 rows; at most 50 are read at once. Divide it into several files."
    )


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "There is nothing in this file."),
        (b" \n \n", "There is nothing in this file."),
        (OLE, "old kind (.xls)"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "locked with a password"),
        (b"PK\x03\x04 cut off", "damaged or cut off"),
        (workbook(["A1", "x", 1])[:-900], "damaged or cut off"),
        (package("<worksheet"), "damaged or cut off"),
        (b"%PDF-1.4 and more", "This is no table."),
        (b"\x89PNG\r\n\x1a\n", "This is no table."),
        (b"<html><table><tr><td>SKU</td></tr></table></html>", "This is no table."),
        (bytes(range(256)) * 20, "This is no table."),
        (b"\x1f\x8b\x08 gzip", "This file is packed."),
        (b'SKU,Name\nA1,"never closed\n' + b"A2,x\n" * 40_000, "From row 2 on, a quotation mark"),
    ],
)
def test_what_is_no_table_is_told_in_a_sentence(data: bytes, sentence: str) -> None:
    assert sentence in refusal(data)


def test_an_archive_and_another_programs_sheet_are_named() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("products.csv", "SKU\nA1\n")
    assert "This file is packed." in refusal(out.getvalue())
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    assert "spreadsheet of another kind" in refusal(out.getvalue())


def test_what_is_written_is_harmless_and_comes_back() -> None:
    cells = ["=1+1", "+1", "-1", "@x", "'=x", "''x", "'quoted'", "plain", "a\nb", 'say "x"', "<&>", "\ttab"]
    lines = "".join(csv_lines([cells])).lstrip("\ufeff")
    assert "'=1+1,'+1,'-1,'@x,''=x,'''x,'quoted',plain" in lines
    assert DATE not in lines


def test_money_is_written_with_its_currencys_decimals() -> None:
    cells = [
        Money(Decimal(54670), "BDT"), Money(Decimal(0), "BDT"), Money(Decimal("-1350.5"), "BDT"),
        Money(Decimal("0.1250"), "BDT"), Money(Decimal("1E+3"), "UGX"), Decimal("8.0"),
    ]  # fmt: skip
    assert "".join(csv_lines([cells])).lstrip("\ufeff").strip() == "54670.00,0.00,-1350.50,0.125,1000,8"
