"""How invoices are numbered, what their amounts are in words, and how often a waiting page asks again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from wholesale.kernel.money import MINOR_DIGITS, Money

_JULY = 7
_HUNDRED = 100

# What one document may hold: half a minute of work on a slow machine (measured: 65 lines a second).
MAX_LINES = 1000

# A document that is not there after this long is asked for again by the sweep, and the page says that it is late.
LATE = timedelta(minutes=10)
_SOON = timedelta(minutes=1)


def fiscal_year(day: date) -> str:
    """The fiscal year of Bangladesh, July to June, as its papers write it: 2026-27."""
    first = day.year if day.month >= _JULY else day.year - 1
    return f"{first}-{(first + 1) % _HUNDRED:02d}"


def number(year: str, sequence: int) -> str:
    """The printed number, unique for its seller: INV-2026-27-00017."""
    return f"INV-{year}-{sequence:05d}"


def look_again_after(age: timedelta) -> int:
    """Seconds until a waiting page asks again: 2 at first, then less often, so that a forgotten tab costs little."""
    if age < _SOON:
        return 2
    return 10 if age < LATE else 60


# --- amounts in words -------------------------------------------------------------------------------------

# fmt: off
_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]
# fmt: on
_TENS = ["-", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_LAKH = ((10_000_000, "crore"), (100_000, "lakh"), (1000, "thousand"), (100, "hundred"))
_MILLION = ((1_000_000_000, "billion"), (1_000_000, "million"), (1000, "thousand"), (100, "hundred"))
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


def in_words(amount: Money) -> str:
    """The amount as invoices spell it: "Twelve lakh thirty-four thousand taka and fifty poisha only"."""
    name, small, scales = _NAMES[amount.currency]
    exact = amount.rounded().amount
    whole = int(exact)
    rest = int((exact - whole) * Decimal(10) ** MINOR_DIGITS[amount.currency])
    words = f"{' '.join(_spelled(whole, scales))} {name}"
    if rest:
        words += f" and {' '.join(_spelled(rest, scales))} {small}"
    return f"{words[0].upper()}{words[1:]} only"


def _spelled(value: int, scales: tuple[tuple[int, str], ...]) -> Iterator[str]:
    for size, name in scales:
        if value >= size:
            yield from _spelled(value // size, scales)
            yield name
            value %= size
            if value == 0:
                return
    if value < len(_ONES):
        yield _ONES[value]
    else:
        yield _TENS[value // 10] + (f"-{_ONES[value % 10]}" if value % 10 else "")
