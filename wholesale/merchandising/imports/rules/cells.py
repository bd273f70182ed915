"""How a cell is read: numbers as people write them, article numbers as spreadsheets spoil them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from dataclasses import field as filled_in
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any

from wholesale.catalog.rules.products import MOST_SPECIFICATIONS, UNITS, read_barcode
from wholesale.kernel.errors import DomainError
from wholesale.merchandising.imports.rules.columns import CLEAR, STATES, Field

NUMBER, DATE = "\x01", "\x02"
CLEARED: list[Any] = []
"""What a cell says that empties its field."""
MAX_WHOLE = 10_000_000
MAX_AMOUNT = Decimal(10) ** 12
_FINEST = 4
_ERRORS = {"#REF!", "#N/A", "#NAME?", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!", "#GETTING_DATA"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
_MONEY = re.compile(
    r"(?i)(?<![a-z])(?:bdt|tk\.?|taka|rs\.?|inr|usd|eur|gbp|ksh|kes|ush|ugx|tsh|tzs|rwf|rf)(?![a-z])|টাকা|[৳₹$€£¢]|/[-=]$"
)
_EXPONENT = re.compile(r"[+-]?\d+(?:[.,]\d+)?[eE][+-]?\d+")
_PLAIN = re.compile(r"\d+(?:\.\d+)?|\.\d+")
_WESTERN = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_LAKH = re.compile(r"\d{1,2}(?:,\d{2})*,\d{3}(?:\.\d+)?")
_COMMA = re.compile(r"\d*,\d+")
_UNIT_WORDS = {
    "piece": "pieces pc pcs pce ea each no nos number unit units psc পিস টি টা খানা",
    "set": "sets সেট",
    "pack": "packs packet packets pkt pkts pk package প্যাক প্যাকেট",
    "box": "boxes bx bxs বাক্স বক্স",
    "bundle": "bundles bdl bndl বান্ডিল আঁটি",
    "bag": "bags sack sacks ব্যাগ বস্তা",
    "carton": "cartons ctn ctns case cases কার্টন কার্টুন",
    "kg": "kgs kilo kilos kilogram kilograms kilogramme kilogrammes কেজি কিলো কিলোগ্রাম",
}
_UNITS = {
    unicodedata.normalize("NFC", word): unit for unit in UNITS for word in (unit, *_UNIT_WORDS.get(unit, "").split())
}
_YES = {"yes", "y", "true", "1", "offered", "হ্যাঁ"}
_NO = {"no", "n", "false", "0", "no longer", "না"}
_LONGEST_NAME, _LONGEST_VALUE = 60, 200
_LACKING = (7, 11, 12, 13)  # digits of a code without its first
_STATE_WORDS = {
    "active": "active", "yes": "active", "live": "active", "published": "active", "সক্রিয়": "active",
    "draft": "draft", "hidden": "draft", "খসড়া": "draft",
    "archived": "archived", "inactive": "archived", "discontinued": "archived", "আর্কাইভ": "archived",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a cell. `field` is None when it is the row as a whole."""

    row: int
    field: str | None
    code: str
    value: str = ""
    suggestion: str = ""
    values: dict[str, Any] = filled_in(default_factory=dict)
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """How the cells of a file are read: `category` and `country` give an answer or (code, suggestion)."""

    category: Callable[[str], int | tuple[str, str]]
    country: Callable[[str], str | tuple[str, str]]
    decimal_comma: bool = False


class Unreadable(Exception):  # noqa: N818 - an answer about a cell
    """A cell does not say what it should."""

    def __init__(self, code: str, suggestion: str = "", **values: Any) -> None:
        self.code, self.suggestion, self.values = code, suggestion, values
        super().__init__(code)


def shown(cell: str) -> str:
    """A cell as people see it, without the reader's marks."""
    return cell.removeprefix(NUMBER).removeprefix(DATE)


def unquoted(text: str) -> str:
    """Without the apostrophe that the export puts before what a spreadsheet would take for a formula."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def read_cell(what: Field, cell: str, reading: Reading) -> Any:
    """The value of a cell that is not empty. Raises Unreadable."""
    if cell in _ERRORS:
        raise Unreadable("error")
    if what.clears and shown(cell).strip() == CLEAR:
        return CLEARED
    if what.kind in {"code", "barcode"}:
        code = _code(cell, what.longest)
        return code if what.kind == "code" else _barcode(code)
    if what.kind in {"text", "long"}:
        return _text(cell, what.longest)
    text = shown(cell).strip()
    if what.kind in _IN_WORDS:
        return _IN_WORDS[what.kind](text, reading)
    if cell.startswith(DATE):
        raise Unreadable("date")
    if what.kind in {"whole", "count"}:
        return whole(text, comma=reading.decimal_comma, least=1 if what.kind == "whole" else 0)
    signed = what.kind == "signed"
    return written(amount(unquoted(text), comma=reading.decimal_comma, signed=signed, zero=what.kind != "amount"))


def _code(cell: str, longest: int) -> str:
    if cell.startswith(DATE):
        raise Unreadable("date")
    text = unquoted(shown(cell)).strip()
    if _EXPONENT.fullmatch(text) and (cell.startswith(NUMBER) or "." in text or "," in text or "+" in text):
        raise Unreadable("exponent")
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    if len(text) > longest:
        raise Unreadable("long", most=longest)
    return text


def _barcode(text: str) -> str | None:
    """Plain digits. One that lacks the zero which a spreadsheet takes from the front is suggested with it."""
    try:
        return read_barcode(text)
    except DomainError as error:
        raise Unreadable(error.message, _with_zero(text)) from None


def _with_zero(text: str) -> str:
    try:
        return read_barcode(f"0{text}") or "" if len(text) in _LACKING else ""
    except DomainError:
        return ""


def _unit(text: str) -> str:
    word = unicodedata.normalize("NFC", " ".join(text.split())).casefold().rstrip(".")
    if word in _UNITS:
        return _UNITS[word]
    near = get_close_matches(word, _UNITS, 1)
    raise Unreadable("unit", _UNITS[near[0]] if near else "")


def _text(cell: str, longest: int) -> str:
    text = unicodedata.normalize("NFC", unquoted(shown(cell)))
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(text) > longest:
        raise Unreadable("long", most=longest)
    return text if longest > 1000 else " ".join(text.split())  # noqa: PLR2004 - only descriptions have lines


def _answer(found: Any) -> Any:
    if isinstance(found, tuple):
        raise Unreadable(*found)
    return found


def _yes_or_no(text: str) -> bool:
    word = unicodedata.normalize("NFC", text).casefold()
    if word not in _YES | _NO:
        raise Unreadable("yes_no")
    return word in _YES


def read_pairs(text: str) -> list[list[str]]:
    """Pairs of a name and a value: `Weight: 50 kg | Colour: brown`, or a line each. Raises Unreadable.

    A backslash takes their meaning from the signs in between, see `written_pairs`.
    """
    found: list[list[str]] = []
    names: set[str] = set()
    for part in _parts(unicodedata.normalize("NFC", text), "|\n"):
        if not part.strip():
            continue
        name, *value = _parts(part, ":", most=1)
        name, value = _plain_text(name, "|:"), [_plain_text(each, "|") for each in value]
        if not name or not value or not value[0]:
            raise Unreadable("pairs")
        if len(name) > _LONGEST_NAME or len(value[0]) > _LONGEST_VALUE:
            raise Unreadable("long", most=_LONGEST_NAME if len(name) > _LONGEST_NAME else _LONGEST_VALUE)
        if name.casefold() in names:
            raise Unreadable("pair_twice", name=name)
        names.add(name.casefold())
        found.append([name, value[0]])
    if not found:
        raise Unreadable("pairs")
    if len(found) > MOST_SPECIFICATIONS:
        raise Unreadable("too_many_pairs", most=MOST_SPECIFICATIONS)
    return found


def _parts(text: str, signs: str, most: int = 0) -> list[str]:
    """The text cut at these signs, but where a backslash stands before one."""
    return re.split(rf"(?<!\\)[{re.escape(signs)}]", text, maxsplit=most)


def _plain_text(text: str, signs: str) -> str:
    return " ".join(re.sub(rf"\\([{re.escape(signs)}])", r"\1", text).split())


def written_pairs(pairs: Iterable[Sequence[str]]) -> str:
    """Pairs as `read_pairs` reads them."""
    return " | ".join(f"{_escaped(name, '|:')}: {_escaped(value, '|')}" for name, value in pairs)


def _escaped(text: str, signs: str) -> str:
    plain = re.sub(rf"([{re.escape(signs)}])", r"\\\1", " ".join(text.split()))
    return f"{plain} " if plain.endswith("\\") else plain  # or it would take the meaning of what follows


def _state(text: str) -> str:
    word = unicodedata.normalize("NFC", text).casefold()
    if word in STATES:
        return word
    if word in _STATE_WORDS:
        return _STATE_WORDS[word]
    raise Unreadable("state")


def _latin(text: str) -> str:
    """In Latin digits, without currency signs and the spaces that people put between thousands."""
    if text.isascii() and text.isdecimal():  # nearly all of them
        return text
    digits = "".join(str(unicodedata.decimal(sign, sign)) for sign in text)
    return "".join(_MONEY.sub("", digits).split()).replace("'", "").replace("’", "").replace("−", "-")


def amount(text: str, *, comma: bool = False, signed: bool = False, zero: bool = False) -> Decimal:
    """An amount with at most four decimals. `comma`: it stands before the decimals, and points between thousands."""
    plain = _latin(text)
    sign = plain[:1] if plain[:1] in {"-", "+"} else ""
    plain = plain[len(sign) :]
    if _EXPONENT.fullmatch(plain):
        raise Unreadable("exponent")
    value = _decimal(plain, comma=comma)
    if sign == "-":
        value = -value
    if value < 0 and not signed:
        raise Unreadable("negative", written(-value))
    if value == 0 and not (zero or signed):
        raise Unreadable("zero")
    if abs(value) >= MAX_AMOUNT:
        raise Unreadable("too_large")
    if value != round(value, _FINEST):
        raise Unreadable("decimals", written(round(value, _FINEST)))
    return value


def _decimal(plain: str, *, comma: bool) -> Decimal:
    if comma:
        plain = plain.replace(".", "\0").replace(",", ".").replace("\0", ",")
    if not (_PLAIN.fullmatch(plain) or _WESTERN.fullmatch(plain) or _LAKH.fullmatch(plain)):
        other = plain.replace(",", ".")
        if _COMMA.fullmatch(plain) and _PLAIN.fullmatch(other):
            raise Unreadable("decimal_comma", written(Decimal(other)))
        digits = re.findall(r"\d+(?:\.\d+)?", plain.replace(",", ""))
        raise Unreadable("number", digits[0] if len(digits) == 1 else "")
    try:
        return Decimal(plain.replace(",", ""))
    except InvalidOperation:  # pragma: no cover - the patterns above leave nothing else
        raise Unreadable("number") from None


def whole(text: str, *, comma: bool = False, least: int = 0) -> int:
    """A whole number; 12.0 is one, 12.5 is not."""
    try:
        value = amount(text, comma=comma, zero=True)
    except Unreadable as error:
        if error.code == "decimal_comma":
            raise Unreadable("whole") from None
        raise
    if value != int(value):
        raise Unreadable("whole", str(int(value)))
    if value < least:
        raise Unreadable("zero")
    if value > MAX_WHOLE:
        raise Unreadable("too_large")
    return int(value)


def written(value: Decimal) -> str:
    """Without zeros at the end and without an exponent."""
    return f"{value.normalize():f}" if value else "0"


def read_percent(text: str) -> str:
    """So many per cent of a price, as "60%". Raises Unreadable."""
    value = amount(text)
    if value > 1000:  # noqa: PLR2004 - ten times the price is a mistake of typing
        raise Unreadable("too_large")
    return f"{written(value)}%"


_IN_WORDS: dict[str, Callable[[str, Reading], Any]] = {
    "category": lambda text, reading: _answer(reading.category(unquoted(text))),
    "country": lambda text, reading: _answer(reading.country(text)),
    "state": lambda text, _reading: _state(text),
    "unit": lambda text, _reading: _unit(text),
    "specifications": lambda text, _reading: read_pairs(unquoted(text)),
    "attributes": lambda text, _reading: read_pairs(unquoted(text)),
    "yes_no": lambda text, _reading: _yes_or_no(text),
}
PLAIN_READING = Reading(category=lambda _: ("category", ""), country=lambda _: ("country", ""))
"""For cells that are neither a category nor a country."""
