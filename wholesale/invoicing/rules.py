"""How papers are numbered, what their amounts are in words, their tax per rate, and what a hash says. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from wholesale.kernel.money import MINOR_DIGITS, Money

_JANUARY = 1
_HUNDRED = 100

# What one document may hold. The transaction that renders may stand still for a minute; 500 lines take 9 s of
# processor time, which a machine under load may stretch fourfold.
MAX_LINES = 500

# A document that is not there after this long is asked for again by the sweep, and the page says that it is late.
LATE = timedelta(minutes=10)
_SOON = timedelta(minutes=1)


def fiscal_year(day: date, first_month: int) -> str:
    """The fiscal year that `day` is in, as papers write it: 2026-27, or 2026 where it is the calendar's."""
    if first_month == _JANUARY:
        return str(day.year)
    first = day.year if day.month >= first_month else day.year - 1
    return f"{first}-{(first + 1) % _HUNDRED:02d}"


def number(year: str, sequence: int) -> str:
    """The printed number of an invoice, unique for its seller: INV-2026-27-00017."""
    return f"INV-{year}-{sequence:05d}"


def note_number(year: str, sequence: int) -> str:
    """The printed number of a credit note, a series of its own: CN-2026-27-000017."""
    return f"CN-{year}-{sequence:06d}"


def look_again_after(age: timedelta) -> int:
    """Seconds until a waiting page asks again: 2 at first, then less often, so that a forgotten tab costs little."""
    if age < _SOON:
        return 2
    return 10 if age < LATE else 60


# --- tax ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Taxed:
    """Goods of one rate: what they cost without tax, and their tax."""

    name: str
    percent: Decimal
    net: Money
    tax: Money


def per_rate(lines: Iterable[Taxed], currency: str) -> list[Taxed]:
    """The lines added up by name and rate, the highest rate first."""
    sums: dict[tuple[Decimal, str], tuple[Money, Money]] = {}
    for line in lines:
        key = (-line.percent, line.name)
        net, tax = sums.get(key, (Money.zero(currency), Money.zero(currency)))
        sums[key] = net + line.net, tax + line.tax
    return [Taxed(name, -percent, *sums[percent, name]) for percent, name in sorted(sums)]


# --- what a hash says -------------------------------------------------------------------------------------------

_HASH = re.compile(r"[0-9a-f]{64}")


def typed_hash(text: str) -> str | None:
    """A SHA-256 as somebody typed or pasted it (capitals, spaces, colons); None when it is none."""
    small = re.sub(r"[\s:.-]", "", text).lower().removeprefix("sha256")
    return small if _HASH.fullmatch(small) else None


# --- amounts in words -------------------------------------------------------------------------------------

# fmt: off
_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]
# fmt: on
_TENS = ["-", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_LAKH = ((10_000_000, "crore"), (100_000, "lakh"), (1000, "thousand"), (100, "hundred"))
_MILLION = (
    (1_000_000_000_000, "trillion"),
    (1_000_000_000, "billion"),
    (1_000_000, "million"),
    (1000, "thousand"),
    (100, "hundred"),
)
_NAMES = {
    "BDT": ("taka", "poisha", _LAKH),
    "INR": ("rupees", "paise", _LAKH),
    "KES": ("Kenyan shillings", "cents", _MILLION),
    "TZS": ("Tanzanian shillings", "cents", _MILLION),
    "UGX": ("Ugandan shillings", "", _MILLION),
    "RWF": ("Rwandan francs", "", _MILLION),
    "USD": ("US dollars", "cents", _MILLION),
    "EUR": ("euros", "cents", _MILLION),
    "GBP": ("pounds", "pence", _MILLION),
}


# In Bangla every number up to 99 has a name of its own.
_BANGLA = (
    "শূন্য এক দুই তিন চার পাঁচ ছয় সাত আট নয় দশ এগারো বারো তেরো চৌদ্দ পনেরো ষোলো সতেরো আঠারো উনিশ"
    " বিশ একুশ বাইশ তেইশ চব্বিশ পঁচিশ ছাব্বিশ সাতাশ আটাশ ঊনত্রিশ"
    " ত্রিশ একত্রিশ বত্রিশ তেত্রিশ চৌত্রিশ পঁয়ত্রিশ ছত্রিশ সাঁইত্রিশ আটত্রিশ ঊনচল্লিশ"
    " চল্লিশ একচল্লিশ বিয়াল্লিশ তেতাল্লিশ চুয়াল্লিশ পঁয়তাল্লিশ ছেচল্লিশ সাতচল্লিশ আটচল্লিশ ঊনপঞ্চাশ"
    " পঞ্চাশ একান্ন বায়ান্ন তিপ্পান্ন চুয়ান্ন পঞ্চান্ন ছাপ্পান্ন সাতান্ন আটান্ন ঊনষাট"
    " ষাট একষট্টি বাষট্টি তেষট্টি চৌষট্টি পঁয়ষট্টি ছেষট্টি সাতষট্টি আটষট্টি ঊনসত্তর"
    " সত্তর একাত্তর বাহাত্তর তিয়াত্তর চুয়াত্তর পঁচাত্তর ছিয়াত্তর সাতাত্তর আটাত্তর ঊনআশি"
    " আশি একাশি বিরাশি তিরাশি চুরাশি পঁচাশি ছিয়াশি সাতাশি আটাশি ঊননব্বই"
    " নব্বই একানব্বই বিরানব্বই তিরানব্বই চুরানব্বই পঁচানব্বই ছিয়ানব্বই সাতানব্বই আটানব্বই নিরানব্বই"
)
_BANGLA_NUMBERS = _BANGLA.split()
_BANGLA_LAKH = ((10_000_000, "কোটি"), (100_000, "লাখ"), (1000, "হাজার"), (100, "শত"))


def in_words(amount: Money) -> str:
    """The amount as invoices spell it: "Twelve lakh thirty-four thousand taka and fifty poisha only"."""
    name, small, scales = _NAMES[amount.currency]
    whole, rest = _parts(amount)
    name = name.removesuffix("s") if whole == 1 else name
    small = small.removesuffix("s") if rest == 1 else small
    words = f"{' '.join(_spelled(whole, scales, _english))} {name}"
    if rest:
        words += f" and {' '.join(_spelled(rest, scales, _english))} {small}"
    return f"{words[0].upper()}{words[1:]} only"


def in_bangla_words(amount: Money) -> str:
    """The same in Bangla, for taka; empty for other currencies, whose papers do not need it."""
    if amount.currency != "BDT":
        return ""
    whole, rest = _parts(amount)
    words = f"{' '.join(_spelled(whole, _BANGLA_LAKH, _BANGLA_NUMBERS.__getitem__))} টাকা"
    if rest:
        words += f" {' '.join(_spelled(rest, _BANGLA_LAKH, _BANGLA_NUMBERS.__getitem__))} পয়সা"
    return f"{words} মাত্র"


def _parts(amount: Money) -> tuple[int, int]:
    exact = amount.rounded().amount
    whole = int(exact)
    return whole, int((exact - whole) * Decimal(10) ** MINOR_DIGITS[amount.currency])


def _spelled(value: int, scales: tuple[tuple[int, str], ...], below_hundred: Callable[[int], str]) -> Iterator[str]:
    for size, name in scales:
        if value >= size:
            yield from _spelled(value // size, scales, below_hundred)
            yield name
            value %= size
            if value == 0:
                return
    yield below_hundred(value)


def _english(value: int) -> str:
    if value < len(_ONES):
        return _ONES[value]
    return _TENS[value // 10] + (f"-{_ONES[value % 10]}" if value % 10 else "")
