"""Reading a supplier's price list: CSV or Excel, by the names of its columns."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from werkzeug.datastructures import FileStorage

from wholesale.kernel.errors import DomainError, UnavailableError
from wholesale.kernel.numbers import ungrouped, without_powers
from wholesale.platform.files import tables
from wholesale.purchasing import rules
from wholesale.purchasing.rules import ListedItem, read_tiers

MOST_ROWS = 2000
_MOST_BYTES = 2 * 1024 * 1024
_TOLD = 5  # mistakes of one file
_HEADS = 10  # rows in which the names may stand

# What a column may be called; the first name of each is the one that we write.
COLUMNS = {
    "sku": ("sku", "your sku", "our sku", "item", "code"),
    "supplier_sku": ("their sku", "supplier sku", "supplier_sku", "article", "article number"),
    "cost": ("price", "cost", "unit cost", "unit price", "price of one"),
    "tiers": ("prices of more", "tiers", "price tiers"),
    "moq": ("minimum order", "moq", "minimum", "min qty"),
    "pack": ("in a pack", "pack", "pack size", "packing"),
    "lead_min": ("days at least", "lead min", "lead_min"),
    "lead_max": ("days at most", "lead time", "lead max", "lead_max", "lead time days"),
}
_BY_NAME = {name: field for field, names in COLUMNS.items() for name in names}


def price_list(upload: FileStorage) -> list[ListedItem]:
    """The rows of the file, all of them. Raises DomainError on `file`, naming the rows that are wrong."""
    rows = _rows(upload)
    number, head = _head(rows)
    if "sku" not in head:
        raise DomainError(
            "The first row must name the columns, one of them SKU. Download the table below to see how.", field="file"
        )
    found, wrong = [], []
    for row, cells in rows:
        if row <= number or not any(cells):
            continue
        values = {field: cells[place].strip() for field, place in head.items() if place < len(cells)}
        try:
            found.append(_listed(row, values))
        except (ValueError, InvalidOperation):
            wrong.append(row)
    if wrong:
        raise DomainError(
            "Rows {rows} hold something that is no number, price or SKU. Nothing was changed.",
            field="file",
            rows=", ".join(str(row) for row in wrong[:_TOLD]),
        )
    return found


def _head(rows: list[tuple[int, list[str]]]) -> tuple[int, dict[str, int]]:
    """The row that names the columns, and which column is what."""
    for number, cells in rows[:_HEADS]:
        head = {_BY_NAME[name]: place for place, cell in enumerate(cells) if (name := cell.strip().lower()) in _BY_NAME}
        if head:
            return number, head
    return 0, {}


def _rows(upload: FileStorage) -> list[tuple[int, list[str]]]:
    upload.stream.seek(0)  # a transaction that is tried again reads it a second time
    data = upload.stream.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise DomainError("This file is larger than {limit} MB.", field="file", limit=2)
    found: list[tuple[int, list[str]]] = []
    try:
        for part in tables.read(data, most=MOST_ROWS):
            if isinstance(part, list):
                found += [(row, [cell.lstrip(tables.NUMBER + tables.DATE) for cell in cells]) for row, cells in part]
    except UnavailableError as error:
        raise DomainError(error.message, field="file") from error
    return found


def _listed(row: int, values: dict[str, str]) -> ListedItem:
    sku = values.get("sku", "")
    if not sku or len(sku) > rules.LONGEST_SKU:
        raise ValueError(sku)
    return ListedItem(
        row=row,
        sku=sku,
        supplier_sku=values.get("supplier_sku", "")[: rules.LONGEST_SKU] or None,
        cost=_amount(values.get("cost", "")),
        tiers=read_tiers(values.get("tiers", "")) or None,
        moq=_whole(values.get("moq", ""), least=1, most=rules.MAX_PIECES),
        pack=_whole(values.get("pack", ""), least=1, most=rules.MAX_PIECES),
        lead_min=_whole(values.get("lead_min", ""), least=0, most=rules.MAX_LEAD_DAYS),
        lead_max=_whole(values.get("lead_max", ""), least=0, most=rules.MAX_LEAD_DAYS),
    )


def _whole(text: str, *, least: int, most: int) -> int | None:
    if not text:
        return None
    text = ungrouped(text).removesuffix(".0")
    number = int(text) if text.isdecimal() and len(text) <= len(str(most)) else -1
    if not least <= number <= most:
        raise ValueError(text)
    return number


def _amount(text: str) -> Decimal | None:
    if not text:
        return None
    amount = Decimal(without_powers(ungrouped(text)).lstrip("৳").strip())
    if not amount.is_finite() or not 0 <= amount < rules.LARGEST_COST or amount != round(amount, 4):
        raise ValueError(text)
    return amount
