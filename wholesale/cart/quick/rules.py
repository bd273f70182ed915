"""Reading lines of SKU and quantity, finding what was meant, and which lines the cart can take. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from rapidfuzz import fuzz, process, utils

from wholesale.cart.rules import Item, Line, price
from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.kernel.numbers import ungrouped
from wholesale.pricing.rules import Offer

MAX_ROWS = 200
"""As many as a cart has lines."""
MAX_QUANTITY = 10_000_000
_LONGEST_SKU = 80
_LONGEST_QUANTITY = 40
_ALIKE = 60  # of 100: below, a guess helps nobody
_GUESSES = 3

# What people write for the columns, and behind a number.
_HEADS = frozenset({
    "sku", "code", "item", "item code", "product", "product code", "article", "barcode", "quantity", "qty", "pieces",
    "কোড", "পণ্য", "পণ্যের কোড", "পরিমাণ", "এসকেইউ",
})  # fmt: skip
_UNITS = r"(?:pcs?|pieces?|nos?|units?|sets?|packs?|box(?:es)?|টি|টা|পিস)\.?"
_NUMBER = re.compile(rf"^[x×*]?\s*(\d[\d,]*?)(?:\.0+)?\s*(?:{_UNITS})?$", re.IGNORECASE)
_TIMES_BEHIND = re.compile(
    rf"^(?P<sku>.+?)\s*(?:\s[x×*]|×|\*)\s*(?P<quantity>\d[\d,]*\s*(?:{_UNITS})?)$", re.IGNORECASE
)
_TIMES_BEFORE = re.compile(r"^(?P<quantity>\d[\d,]*)\s*[x×*]\s+(?P<sku>\S.*)$", re.IGNORECASE)
_GROUPED_BEHIND = re.compile(r"^(?P<sku>[^,;\t]+?)\s+(?:[x×*]\s*)?(?P<quantity>\d{1,3}(?:,\d{2,3})*,\d{3})$")
_BEHIND_SPACE = re.compile(rf"^(?P<sku>.+?)\s+(?P<quantity>[\d,]*\d\s*(?:{_UNITS})?)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """What somebody gave for one line. `variant_id`: which of several they chose; `quantity` stays as it was typed."""

    sku: str
    quantity: str
    variant_id: int | None = None

    @property
    def pieces(self) -> int | None:
        """The quantity as a number; None when it is none."""
        return pieces(self.quantity)


def pieces(text: str) -> int | None:
    """How many are meant, in Latin or Bangla digits; None when that is no whole number of at least one."""
    number = _number(text)
    return number if number is not None and 1 <= number <= MAX_QUANTITY else None


def no_quantity(text: str) -> DomainError:
    """Why `pieces` finds nothing in what was typed."""
    if (_number(text) or 0) > MAX_QUANTITY:
        return DomainError("Enter a whole number of at most {maximum}.", maximum=MAX_QUANTITY)
    return DomainError("Enter a whole number of at least {minimum}.", minimum=1)


def _number(text: str) -> int | None:
    found = _NUMBER.match(text.strip())
    if found is None:
        return None
    try:
        return int(ungrouped(found[1]))
    except ValueError:
        return None  # 1,5 is no whole number


def read(text: str) -> list[Row]:
    """The rows of a pasted text: one a line, the SKU and the quantity apart by comma, semicolon, tab, space or "x".

    Empty lines, comments (#) and a head are passed over. A line that cannot be read is a row without quantity.
    """
    rows: list[Row] = []
    for line in text.splitlines():
        bare = line.strip().strip("\ufeff").strip()
        if not bare or bare.startswith(("#", "//")):
            continue
        row = _read_line(bare)
        if rows or not _is_head(bare):
            rows.append(row)
    return rows


def read_cells(table: Iterable[Sequence[str]]) -> list[Row]:
    """The rows of a sheet: its first two columns, or the two that its head names; of one column, as if pasted."""
    rows: list[Row] = []
    sku_at, quantity_at, begun = 0, 1, False
    for cells in table:
        texts = [cell.strip() for cell in cells]
        if not any(texts) or texts[0].startswith("#"):
            continue
        if not begun and any(text.casefold() in _HEADS for text in texts):
            names = [text.casefold() for text in texts]
            sku_at = next((at for at, name in enumerate(names) if name in _HEADS and not _names_quantity(name)), 0)
            quantity_at = next((at for at, name in enumerate(names) if _names_quantity(name)), sku_at + 1)
        elif len(texts) == 1:
            rows.append(_read_line(texts[0]))
        else:
            sku, quantity = (texts[at] if at < len(texts) else "" for at in (sku_at, quantity_at))
            rows.append(_row(sku, quantity))
        begun = True
    return rows


def _names_quantity(name: str) -> bool:
    return name in {"quantity", "qty", "pieces", "পরিমাণ"}


def _is_head(line: str) -> bool:
    cells = [cell.strip(' "').casefold() for cell in re.split(r"[,;\t]", line)]
    return cells[0] in _HEADS or line.casefold() in {"sku quantity", "sku qty", "code quantity", "code qty"}


def _row(sku: str, quantity: str) -> Row:
    return Row(sku.strip().strip('"').strip()[:_LONGEST_SKU], quantity.strip().strip('"').strip()[:_LONGEST_QUANTITY])


def _read_line(line: str) -> Row:
    grouped = _GROUPED_BEHIND.match(line)  # its comma is no separator
    if grouped:
        return _row(grouped["sku"], grouped["quantity"])
    for separator in ("\t", ";", ","):
        if separator in line:
            sku, _, rest = line.partition(separator)
            return _row(sku, _first_number(rest, separator))
    for pattern in (_TIMES_BEFORE, _TIMES_BEHIND, _BEHIND_SPACE):
        found = pattern.match(line)
        if found:
            return _row(found["sku"], found["quantity"])
    return _row(line, "")


def _first_number(rest: str, separator: str) -> str:
    """The quantity of what stands behind the SKU: 1,000 is one number, 50,Jute bag is 50."""
    bare = rest.strip().strip('"').strip()
    if separator == "," and re.fullmatch(r"\d{1,3}(?:,\d{2,3})*,\d{3}", bare):
        return bare
    return bare.split(separator)[0]


def key(sku: str) -> str:
    """How SKUs are compared: in small letters, without spaces around."""
    return sku.strip().lower()


def merged(rows: Sequence[Row]) -> list[Row]:
    """The same SKU given twice counts once, with both quantities; rows with nothing in them are left out."""
    kept: list[Row] = []
    at: dict[tuple[str, int | None], int] = {}
    for row in rows:
        if not row.sku and not row.quantity:
            continue
        known = at.get((key(row.sku), row.variant_id))
        pieces = row.pieces
        first = kept[known].pieces if known is not None else None
        if known is not None and pieces is not None and first is not None:
            kept[known] = replace(kept[known], quantity=str(first + pieces))
            continue
        if pieces is not None and row.sku:
            at.setdefault((key(row.sku), row.variant_id), len(kept))
        kept.append(row)
    return kept


def check_number(rows: Sequence[Row], field: str) -> None:
    """Raise DomainError when there are more rows than a cart has lines."""
    if len(rows) > MAX_ROWS:
        raise DomainError(
            "These are {rows} lines. A cart holds at most {limit}: send them in parts.",
            field=field,
            rows=len(rows),
            limit=MAX_ROWS,
        )


def nearest(sku: str, known: Iterable[str]) -> list[str]:
    """Those of `known` that somebody who typed `sku` can have meant, the likeliest first."""
    found = process.extract(
        sku, set(known), scorer=fuzz.ratio, processor=utils.default_process, score_cutoff=_ALIKE, limit=_GUESSES
    )
    return [name for name, _score, _at in sorted(found, key=lambda each: (-each[1], each[0]))]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the goods that a SKU may mean. `unit_price`: of the row's quantity, or of the least that is sold."""

    variant_id: int
    sku: str
    name: str
    name_bn: str | None
    variant_name: str
    seller_name: str
    unit_price: Money | None


@dataclass(frozen=True, slots=True)
class Checked:
    """A row with its line as the cart would have it, or what is wrong and what could be meant.

    `held`: how many the cart holds of just this; `counted_with`: pieces of the product's other variants, in the cart
    or in this batch, that count together with it for the minimum and the tiers.
    """

    row: Row
    line: Line | None = None
    problem: DomainError | None = None
    choices: tuple[Choice, ...] = ()
    seller_name: str = ""
    held: int = 0
    counted_with: int = 0

    @property
    def is_good(self) -> bool:
        return self.problem is None and self.line is not None and self.line.quote is not None


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows found, priced and checked."""

    lines: tuple[Checked, ...] = ()

    @property
    def good(self) -> list[Checked]:
        return [line for line in self.lines if line.is_good]

    @property
    def bad(self) -> list[Checked]:
        return [line for line in self.lines if not line.is_good]

    @property
    def totals(self) -> list[Money]:
        """What the good lines cost, one amount per currency."""
        sums: dict[str, Money] = {}
        for checked in self.good:
            if checked.line is not None and checked.line.total is not None:
                total = checked.line.total
                sums[total.currency] = sums.get(total.currency, Money.zero(total.currency)) + total
        return [sums[currency] for currency in sorted(sums)]


def settle(wanted: Sequence[Item], held: Sequence[Item], offers: Mapping[int, Offer]) -> dict[int, Line]:
    """Each wanted item's line (by its id) as the cart will have it, priced together with what is `held` already.

    A line that cannot be ordered does not count for the others, for it will not be there.
    """
    done: dict[int, Line] = {}
    left = list(wanted)
    while left:
        own = {item.line_id for item in left}
        lines = {line.item.line_id: line for line in price([*left, *held], offers) if line.item.line_id in own}
        done |= lines
        kept = [item for item in left if lines[item.line_id].problem is None]
        if len(kept) == len(left):
            break
        left = kept
    return done


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was wanted of a variant, and what it was called and cost before."""

    variant_id: int
    sku: str
    name: str
    name_bn: str | None
    quantity: int
    seen_price: Money | None = None
