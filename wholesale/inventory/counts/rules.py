"""What numbers mean, which differences are large, what a file of a count says. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as filled_in
from decimal import Decimal
from typing import Any

from wholesale.kernel.numbers import latin_digits, ungrouped
from wholesale.kernel.words import N_

SCOPES = ("all", "category", "chosen")
STATES = ("counting", "checking", "posted", "cancelled")
TRANSITIONS = {
    ("counting", "checking"),
    ("checking", "counting"),
    ("checking", "posted"),
    ("counting", "cancelled"),
    ("checking", "cancelled"),
}
STATE_WORDS = {
    "counting": N_("being counted"),
    "checking": N_("being checked"),
    "posted": N_("posted"),
    "cancelled": N_("cancelled"),
}
REASONS = {
    "counted": N_("Not known"),
    "lost": N_("Lost or stolen"),
    "damaged": N_("Damaged, thrown away"),
    "found": N_("Found again"),
    "received_wrong": N_("More or fewer came than noted"),
    "shipped_wrong": N_("More or fewer were shipped than noted"),
    "mixed_up": N_("Mixed up with other goods"),
    "used": N_("Sample or own use"),
}
"""Why a count and the log differ; the first is what it is when nobody says."""

MAX_LINES = 5_000
PART = 200
"""Of the printed sheet, so many lines are a document: as many as one person counts, and made in a few seconds."""
MAX_PIECES = 10_000_000
MAX_PROBLEMS = 500
"""Of a file's mistakes, as many are kept to be shown."""
_LARGE_SHARE = Decimal("0.10")
_LARGE_PIECES = 5
_LONGEST = 40


class Unreadable(Exception):  # noqa: N818 - an answer about a number
    """What was given is no number of pieces; `code` is one of PROBLEMS."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


PROBLEMS = {
    "number": N_("This is no number."),
    "negative": N_("There cannot be fewer than none."),
    "fraction": N_("Only whole pieces are counted."),
    "large": N_("This is more than can be counted. Check the number."),
    "date": N_("The spreadsheet made a date of it. Type the number again as text."),
    "error": N_("The spreadsheet has an error here."),
    "no_sku": N_("There is a number, but no SKU: whose is it?"),
    "unknown": N_("This SKU is not known."),
    "not_here": N_("This SKU is not on the sheet of this count. Add it there, then send the file again."),
    "twice": N_("This SKU stands in several rows. Put them together in one: none of them was taken."),
    "ambiguous": N_("Several goods have this barcode. Give the SKU."),
}

_NUMBER, _DATE = "\x01", "\x02"
_EMPTY = {"", "-", "–", "—"}
_COMMA = re.compile(r"(\d+),(\d+)")


def pieces(text: str) -> int | None:
    """How many pieces are meant, in Latin or Bangla digits; None where nothing was given. Raises Unreadable.

    1,250 is a thousand and more, 12,0 and 12.0 are twelve, 12,5 is no number of pieces. The marks are those of
    `platform.files.tables`.
    """
    if text.startswith(_DATE):
        raise Unreadable("date")
    text = text.lstrip(_NUMBER)
    plain = latin_digits(text.strip()).replace("−", "-")
    plain = "".join(plain.split())
    if plain in _EMPTY:
        return None
    if plain.startswith("#"):
        raise Unreadable("error")
    negative = plain.startswith("-")
    plain = plain[1:] if plain[:1] in {"+", "-"} else plain
    whole, fraction = _parted(plain)
    if len(whole) > _LONGEST or (whole and int(whole) > MAX_PIECES):
        raise Unreadable("large")
    if fraction.strip("0"):
        raise Unreadable("fraction")
    if negative and int(whole):
        raise Unreadable("negative")
    return int(whole)


def _parted(plain: str) -> tuple[str, str]:
    """The digits before and behind the decimal sign, be it a point or a comma. Raises Unreadable."""
    try:
        text = ungrouped(plain)
    except ValueError:
        found = _COMMA.fullmatch(plain)
        if found is None:
            raise Unreadable("number") from None
        text = f"{found[1]}.{found[2]}"
    whole, _, fraction = text.partition(".")
    if not (whole + fraction).isascii() or not (whole.isdecimal() and (fraction.isdecimal() or not fraction)):
        raise Unreadable("number")
    return whole, fraction


def is_large(difference: int, expected: int) -> bool:
    """Whether somebody should count again: five pieces and more, and more than a tenth of what was expected."""
    return abs(difference) >= _LARGE_PIECES and abs(difference) > expected * _LARGE_SHARE


@dataclass(frozen=True, slots=True)
class Difference:
    """A line where counted and expected differ, at what a piece costs."""

    variant_id: int
    counted: int
    expected: int
    turns: int
    unit_cost: Decimal

    @property
    def pieces(self) -> int:
        return self.counted - self.expected

    @property
    def wants_second(self) -> bool:
        """It is large, and only one count says so."""
        return self.turns < 2 and is_large(self.pieces, self.expected)  # noqa: PLR2004 - a second count


def value(pieces: int, unit_cost: Decimal) -> Decimal:
    """What so many pieces more (or less) are worth at cost."""
    return (pieces * unit_cost).quantize(Decimal("0.01"))


def parts(lines: int) -> int:
    """In how many parts a sheet of so many lines is printed."""
    return max(-(-lines // PART), 1)


def number(year: int, sequence: int) -> str:
    """SC-2026-001."""
    return f"SC-{year}-{sequence:03d}"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a location has of a variant when a count is posted."""

    on_hand: int
    allocated: int


def settle(differences: Mapping[int, int], now: Mapping[int, Standing]) -> tuple[dict[int, int], dict[int, int]]:
    """Variant's id → difference: what can be posted, and for what cannot, how many pieces orders were promised.

    What moved between counting and posting is in `now` already, so that the difference alone is applied.
    """
    good: dict[int, int] = {}
    refused: dict[int, int] = {}
    for variant_id, difference in differences.items():
        there = now.get(variant_id, Standing(0, 0))
        if difference and there.on_hand + difference < there.allocated:
            refused[variant_id] = there.allocated
        elif there.on_hand + difference < 0:
            refused[variant_id] = 0
        elif difference:
            good[variant_id] = difference
    return good, refused


# --- a file -------------------------------------------------------------------------------------------------

_SKU_HEADS = {
    "sku",
    "article number (sku)",
    "article",
    "code",
    "item code",
    "product code",
    "এসকেইউ",
    "কোড",
    "পণ্যের কোড",
}
_BARCODE_HEADS = {"barcode", "ean", "gtin", "বারকোড"}
_COUNT_HEADS = {"counted", "count", "pieces", "quantity", "qty", "গোনা", "গণনা", "পরিমাণ"}
SHEET_HEAD = ("SKU", "Barcode", "Name", "Variant", "Place", "Unit", "Counted")
_TITLES = 15  # lines above the head, such as the shop's name


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a cell, by the row's number in the file."""

    row: int
    column: str
    value: str
    code: str

    def stored(self) -> dict[str, Any]:
        return {"row": self.row, "column": self.column, "value": self.value[:80], "code": self.code}


@dataclass(frozen=True, slots=True)
class Goods:
    """Of what a file may speak: the SKUs on the sheet, those of the seller besides, barcodes on the sheet."""

    sheet: Mapping[str, int]
    others: frozenset[str]
    barcodes: Mapping[str, tuple[int, ...]]


@dataclass(slots=True)
class Outcome:
    """What a file says: variant's id → pieces; how many rows were left empty; what is wrong."""

    counts: dict[int, int] = filled_in(default_factory=dict)
    empty: int = 0
    problems: list[Problem] = filled_in(default_factory=list)

    @property
    def wrong(self) -> int:
        return len({problem.row for problem in self.problems})


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column is what, and how the file calls it."""

    sku: int | None
    barcode: int | None
    counted: int
    names: Mapping[int, str]

    def name(self, at: int | None) -> str:
        return self.names.get(at, "") if at is not None else ""


def key(sku: str) -> str:
    """How SKUs are compared: in small letters, as one form of each letter, without spaces around."""
    return unicodedata.normalize("NFC", sku).strip().strip("'").lower()


def columns_of(rows: Sequence[tuple[int, Sequence[str]]]) -> tuple[Columns, int] | None:
    """The columns that the head names, and how many rows come before the goods; None when there is no such head."""
    for place, (_number, cells) in enumerate(rows[:_TITLES]):
        names = {at: cell.strip() for at, cell in enumerate(cells)}
        heads = {at: " ".join(name.casefold().split()) for at, name in names.items()}
        sku, barcode, counted = (
            next((at for at, head in heads.items() if head in wanted), None)
            for wanted in (_SKU_HEADS, _BARCODE_HEADS, _COUNT_HEADS)
        )
        if counted is not None and (sku is not None or barcode is not None):
            return Columns(sku, barcode, counted, names), place + 1
    return None


def read_rows(rows: Iterable[tuple[int, Sequence[str]]], columns: Columns, goods: Goods) -> Outcome:
    """What the rows of a file say. Each mistake is told by row, column and reason; what is right is taken."""
    outcome = Outcome()
    seen: dict[int, list[tuple[int, str]]] = {}
    found: dict[int, int] = {}
    for number, cells in rows:
        sku, barcode, given = (_cell(cells, at) for at in (columns.sku, columns.barcode, columns.counted))
        if not (sku or barcode or given):
            continue
        at, code, variant_id = _whose(sku, barcode, columns, goods)
        if variant_id is None:
            outcome.problems.append(Problem(number, columns.name(at), _shown(sku or barcode or given), code))
            continue
        try:
            count = pieces(given)
        except Unreadable as error:
            outcome.problems.append(Problem(number, columns.name(columns.counted), _shown(given), error.code))
            continue
        if count is None:
            outcome.empty += 1
            continue
        seen.setdefault(variant_id, []).append((number, _shown(sku or barcode)))
        found[variant_id] = count
        if len(seen[variant_id]) > 1:
            known = seen[variant_id]
            added = known if len(known) == 2 else known[-1:]  # noqa: PLR2004 - the first is told with the second
            outcome.problems += [Problem(row, columns.name(at), text, "twice") for row, text in added]
    outcome.counts = {variant_id: count for variant_id, count in found.items() if len(seen[variant_id]) == 1}
    outcome.problems.sort(key=lambda problem: problem.row)
    return outcome


def _cell(cells: Sequence[str], at: int | None) -> str:
    return cells[at].strip() if at is not None and at < len(cells) else ""


def _shown(cell: str) -> str:
    return cell.lstrip(_NUMBER + _DATE)


def _whose(sku: str, barcode: str, columns: Columns, goods: Goods) -> tuple[int | None, str, int | None]:
    """Where a row says which variant it is about (a column), what is wrong with that, and the variant."""
    bare_sku, bare_barcode = key(_shown(sku)), key(_shown(barcode))
    if bare_sku:
        known = goods.sheet.get(bare_sku)
        return columns.sku, "" if known else "not_here" if bare_sku in goods.others else "unknown", known
    if bare_barcode:
        found = goods.barcodes.get(bare_barcode, ())
        known = found[0] if len(found) == 1 else None
        return columns.barcode, "" if known else "ambiguous" if found else "unknown", known
    return columns.sku if columns.sku is not None else columns.barcode, "no_sku", None
